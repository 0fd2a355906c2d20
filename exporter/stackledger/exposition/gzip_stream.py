"""One gzip member out of separately compressed pieces, so that only changed pieces are compressed again.

Several concatenated members would be simpler, but many clients stop after the first. Pieces are raw deflate, each
ended with a full flush; the member's CRC-32 is combined from the pieces' (RFC 1952, and CRC arithmetic over GF(2)).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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


def compress(body: bytes) -> Piece:
    """A piece of a gzip member, about 1/7 the size of a page."""
    deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
    data = deflate.compress(body) + deflate.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(data, isal_zlib.crc32(body), len(body))


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
    power, bits = 1 << 31, piece.length
    for square in _SQUARES:
        if not bits:
            break
        if bits & 1:
            power = _multiply(square, power)
        bits >>= 1
    return _multiply(power, crc) ^ piece.crc


def _multiply(a: int, b: int) -> int:
    """Product of two polynomials over GF(2), modulo the CRC's, bits reflected."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares() -> tuple[int, ...]:
    """x^8, x^16, x^32 ...: the shift by 1, 2, 4 ... bytes, for lengths up to 2^40."""
    value, powers = 1 << 23, []
    for _ in range(40):
        powers.append(value)
        value = _multiply(value, value)
    return tuple(powers)


_SQUARES = _squares()
