"""Bodies as they arrive: decompressed up to a limit. What is wrong with a body as a whole is told here."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import Final

from isal import isal_zlib

from stackledger.errors import StackledgerError

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW_DEFLATE: Final = -zlib.MAX_WBITS
_STEP: Final = 1 << 20
_MEMBERS: Final = 256
"""Members of one gzip body: what follows a member is copied, so thousands of empty ones would cost a sender nothing."""


class Fault(StrEnum):
    """What is wrong with a whole body. The HTTP status that says so is in the comment."""

    MALFORMED = "malformed"  # 400
    TOO_LARGE = "too_large"  # 413
    UNSUPPORTED = "unsupported"  # 415: an encoding or a type that is not read here


class BodyError(StackledgerError):
    """A body of which no event can be read; the message says what to send instead, and holds none of the body."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def decompress(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body without its Content-Encoding, at most `limit` bytes of it: a small body may hold gigabytes."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        if len(body) > limit:
            raise _too_large(limit)
        return body
    if name in {"gzip", "x-gzip"}:
        return _inflate(body, _GZIP, name, limit)
    if name == "deflate":
        # RFC 9110 means the zlib format, but senders of bare deflate are common: zlib's first byte tells them apart.
        zlib_format = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
        return _inflate(body, _ZLIB if zlib_format else _RAW_DEFLATE, name, limit)
    raise BodyError(Fault.UNSUPPORTED, "This Content-Encoding is not read here: send gzip, deflate or none.")


def _inflate(body: bytes, bits: int, name: str, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, members, rest = 0, 0, body
    try:
        while rest:  # a gzip body may be several members
            stream = isal_zlib.decompressobj(bits)
            while not stream.eof:
                piece: bytes = stream.decompress(rest, min(_STEP, limit - size + 1))
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
                rest = stream.unconsumed_tail
                if not piece and not rest and not stream.eof:
                    raise BodyError(Fault.MALFORMED, f"The {name} body ends in the middle: send it whole.")
            rest, members = stream.unused_data, members + 1
            if rest and members == _MEMBERS:
                raise BodyError(Fault.MALFORMED, f"The body has more than {_MEMBERS} {name} members: send it as one.")
    except isal_zlib.IsalError:  # type: ignore[misc]  # the stub declares an instance
        raise BodyError(Fault.MALFORMED, f"The body is not valid {name}: check its Content-Encoding.") from None
    return b"".join(pieces)


def _too_large(limit: int) -> BodyError:
    return BodyError(Fault.TOO_LARGE, f"The body is above {limit:,} bytes once decompressed: send smaller batches.")
