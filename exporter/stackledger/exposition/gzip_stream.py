"""One gzip member out of separately compressed pieces, so that only changed pieces are compressed again.

Several concatenated members would be simpler, but many clients stop after the first. Pieces are raw deflate, each
ended with a full flush; the member's CRC-32 is combined from the pieces' (RFC 1952, and CRC arithmetic over GF(2)).
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from isal import isal_zlib

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_LAST_BLOCK = b"\x03\x00"  # an empty final deflate block
_POLYNOMIAL = 0xEDB88320  # CRC-32, reflected
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Compressed bytes with the CRC-32 and the length of what they hold."""

    data: bytes
    crc: int
    length: int


def compress(stretches: Iterable[bytes]) -> Piece:
    """A piece of a gzip member, about 1/7 the size of a page."""
    deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
    data, crc, length = [], 0, 0
    for body in stretches:
        data.append(deflate.compress(body))
        crc = isal_zlib.crc32(body, crc)
        length += len(body)
    data.append(deflate.flush(isal_zlib.Z_FULL_FLUSH))
    return Piece(b"".join(data), crc, length)


def merge(pieces: Sequence[Piece]) -> Piece:
    """Pieces one after another, as one piece."""
    crc = length = 0
    for piece in pieces:
        crc = _combine(crc, piece) if length else piece.crc
        length += piece.length
    return Piece(b"".join([piece.data for piece in pieces]), crc, length)


def member(pieces: Sequence[Piece]) -> bytes:
    """One complete gzip member."""
    whole = merge(pieces)
    return b"".join([_HEADER, whole.data, _LAST_BLOCK, struct.pack("<II", whole.crc, whole.length & 0xFFFFFFFF)])


def _combine(crc: int, piece: Piece) -> int:
    """CRC of what came before, followed by the piece: the first is shifted by the piece's length in bytes."""
    bits, shift = piece.length, 0
    while bits:
        if bits & 1:
            table = _shifts(shift)
            crc = table[0][crc & 255] ^ table[1][crc >> 8 & 255] ^ table[2][crc >> 16 & 255] ^ table[3][crc >> 24]
        bits >>= 1
        shift += 1
    return crc ^ piece.crc


@functools.cache
def _shifts(shift: int) -> tuple[array[int], ...]:
    """What a CRC becomes when 2^shift zero bytes follow, by each of its four bytes (it is linear in its bits)."""
    power = 1 << 23  # x^8: one byte
    for _ in range(shift):
        power = _multiply(power, power)
    bits = [_multiply(power, 1 << bit) for bit in range(32)]
    return tuple(array("L", [_sum(bits[8 * byte : 8 * byte + 8], value) for value in range(256)]) for byte in range(4))


def _sum(bits: Sequence[int], value: int) -> int:
    total = 0
    for index, contribution in enumerate(bits):
        if value >> index & 1:
            total ^= contribution
    return total


def _multiply(a: int, b: int) -> int:
    """Product of two polynomials over GF(2), modulo the CRC's, bits reflected."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product
