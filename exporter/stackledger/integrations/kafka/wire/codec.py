"""Kafka's wire encodings, read and written with bounds checks. Knows types and lengths, but no message.

Classic encodings have 16- or 32-bit lengths; flexible ones (KIP-482) have unsigned varints, where 0 is null and
n + 1 stands for n, and end each structure with tagged fields. A `Reader` or `Writer` is told once which of the two
its message uses. Whatever bytes a reader meets, the only exception that leaves it is `ProtocolError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from stackledger.errors import ProtocolError

T = TypeVar("T")

_INT8 = struct.Struct(">b")
_INT16 = struct.Struct(">h")
_UINT16 = struct.Struct(">H")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")
_FLOAT64 = struct.Struct(">d")

_VARINT_BITS = 35  # five bytes of seven bits hold 32
_ROWS_AT_ONCE = 64


@cache
def _repeated(row: str, times: int) -> struct.Struct:
    return struct.Struct(">" + row * times)


class Reader:
    """A cursor over the body of one answer; `what` names the answer in errors ("Metadata v12 answer")."""

    __slots__ = ("_end", "data", "flexible", "position", "what")

    def __init__(self, data: bytes, *, what: str, flexible: bool = False) -> None:
        self.data = data
        self.position = 0
        self.what = what
        self.flexible = flexible
        self._end = len(data)

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return self._end - self.position

    def fail(self, problem: str) -> NoReturn:
        """Raise ProtocolError that names the answer, the offset and `problem`."""
        raise ProtocolError(f"{self.what}: {problem} at byte {self.position} of {self._end}")

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start = self._advance(size)
        return self.data[start : start + size]

    def skip(self, known: bytes) -> bool:
        """Skip these bytes if they are what comes next, and tell whether they were."""
        if not self.data.startswith(known, self.position):
            return False
        self.position += len(known)
        return True

    def unpack(self, row: struct.Struct) -> tuple[Any, ...]:
        """One fixed row."""
        return row.unpack_from(self.data, self._advance(row.size))

    def rows(self, layout: str, count: int) -> Iterator[tuple[Any, ...]]:
        """`count` fixed rows of `layout` (a struct format), decoded lazily; the cursor is already behind them."""
        size = struct.calcsize(layout) * count
        start = self._advance(size)
        return struct.iter_unpack(layout, memoryview(self.data)[start : start + size])

    def flat(self, row: str, count: int) -> Sequence[Any]:
        """The values of `count` fixed rows, big-endian, one row after another: for columns, cheaper than `rows`."""
        if count <= _ROWS_AT_ONCE:
            layout = _repeated(row, count)
            return layout.unpack_from(self.data, self._advance(layout.size))
        values: list[Any] = []
        for start in range(0, count, _ROWS_AT_ONCE):
            values += self.flat(row, min(count - start, _ROWS_AT_ONCE))
        return values

    def int8(self) -> int:
        """A signed byte."""
        return int(_INT8.unpack_from(self.data, self._advance(1))[0])

    def boolean(self) -> bool:
        """A byte, true unless 0."""
        return self.data[self._advance(1)] != 0

    def int16(self) -> int:
        """A signed 16-bit integer."""
        return int(_INT16.unpack_from(self.data, self._advance(2))[0])

    def uint16(self) -> int:
        """An unsigned 16-bit integer."""
        return int(_UINT16.unpack_from(self.data, self._advance(2))[0])

    def int32(self) -> int:
        """A signed 32-bit integer."""
        return int(_INT32.unpack_from(self.data, self._advance(4))[0])

    def int64(self) -> int:
        """A signed 64-bit integer."""
        return int(_INT64.unpack_from(self.data, self._advance(8))[0])

    def float64(self) -> float:
        """A 64-bit float."""
        return float(_FLOAT64.unpack_from(self.data, self._advance(8))[0])

    def uuid(self) -> UUID:
        """A topic or directory id."""
        return UUID(bytes=self.take(16))

    def varint(self) -> int:
        """An unsigned varint of at most 32 bits."""
        value = shift = 0
        while (byte := self.data[self._advance(1)]) >= 0x80:  # noqa: PLR2004 - the continuation bit
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _VARINT_BITS:
                self.fail("a number is longer than 32 bits")
        return value | byte << shift

    def string(self) -> str:
        """Text that may not be null."""
        text = self.nullable_string()
        if text is None:
            self.fail("text is null where it may not be")
        return text

    def nullable_string(self) -> str | None:
        """Text or null."""
        size = self.varint() - 1 if self.flexible else self.int16()
        if size < 0:
            return None
        start = self._advance(size)
        try:
            return self.data[start : start + size].decode()
        except UnicodeDecodeError:
            self.fail("text is not UTF-8")

    def byte_string(self) -> bytes:
        """Bytes; null reads as empty."""
        size = self.varint() - 1 if self.flexible else self.int32()
        return self.take(max(size, 0))

    def count(self, row_size: int = 1) -> int:
        """The length of an array whose rows take at least `row_size` bytes; null reads as 0."""
        count = max(self.varint() - 1 if self.flexible else self.int32(), 0)
        if count * row_size > self.remaining:
            self.fail(f"{count} rows are announced, more than the answer can hold,")
        return count

    def array(self, item: Callable[[Reader], T], row_size: int = 1) -> tuple[T, ...]:
        """An array, each row read by `item`."""
        return tuple([item(self) for _ in range(self.count(row_size))])

    def int32_array(self) -> tuple[int, ...]:
        """An array of signed 32-bit integers."""
        count = self.count(4)
        start = self._advance(4 * count)
        return struct.unpack_from(f">{count}i", self.data, start)

    def string_array(self) -> tuple[str, ...]:
        """An array of texts."""
        return self.array(Reader.string)

    def tags(self) -> None:
        """Skip the tagged fields that end a structure; nothing in a classic message."""
        if self.flexible and self.data[self.position : self.position + 1] == b"\0":  # almost always there are none
            self.position += 1
            return
        for _ in self.tagged():
            pass

    def tagged(self) -> Iterator[tuple[int, Reader]]:
        """Each tagged field as (tag, reader of its bytes); nothing in a classic message."""
        if not self.flexible:
            return
        count = self.varint()
        if count * 2 > self.remaining:
            self.fail(f"{count} tagged fields are announced, more than the answer can hold,")
        for _ in range(count):
            tag, size = self.varint(), self.varint()
            yield tag, Reader(self.take(size), what=f"{self.what}, tag {tag}", flexible=True)

    def end(self) -> None:
        """Refuse bytes left over: they mean that the message was read with the wrong layout."""
        if self.remaining:
            self.fail(f"{self.remaining} bytes are left over")

    def _advance(self, size: int) -> int:
        start = self.position
        if size < 0 or start + size > self._end:
            self.fail(f"{size} bytes are announced, {self._end - start} are left")
        self.position = start + size
        return start


class Writer:
    """Builds the body of one request."""

    __slots__ = ("_parts", "flexible")

    def __init__(self, *, flexible: bool = False) -> None:
        self._parts = bytearray()
        self.flexible = flexible

    def getvalue(self) -> bytes:
        """The bytes written so far."""
        return bytes(self._parts)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._parts += data

    def int8(self, value: int) -> None:
        """A signed byte."""
        self._parts += _INT8.pack(value)

    def boolean(self, value: bool) -> None:  # noqa: FBT001 - the value to write
        """A byte, 1 or 0."""
        self._parts.append(value)

    def int16(self, value: int) -> None:
        """A signed 16-bit integer."""
        self._parts += _INT16.pack(value)

    def int32(self, value: int) -> None:
        """A signed 32-bit integer."""
        self._parts += _INT32.pack(value)

    def int64(self, value: int) -> None:
        """A signed 64-bit integer."""
        self._parts += _INT64.pack(value)

    def varint(self, value: int) -> None:
        """An unsigned varint."""
        while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
            self._parts.append(value & 0x7F | 0x80)
            value >>= 7
        self._parts.append(value)

    def string(self, text: str | None) -> None:
        """Text or null."""
        data = None if text is None else text.encode()
        if self.flexible:
            self.varint(0 if data is None else len(data) + 1)
        else:
            self.int16(-1 if data is None else len(data))
        self._parts += data or b""

    def byte_string(self, data: bytes) -> None:
        """Bytes."""
        if self.flexible:
            self.varint(len(data) + 1)
        else:
            self.int32(len(data))
        self._parts += data

    def count(self, count: int | None) -> None:
        """The length of an array, None for a null one; its rows follow."""
        if self.flexible:
            self.varint(0 if count is None else count + 1)
        else:
            self.int32(-1 if count is None else count)

    def strings(self, texts: Iterable[str]) -> None:
        """An array of texts."""
        texts = tuple(texts)
        self.count(len(texts))
        for text in texts:
            self.string(text)

    def int32s(self, values: Iterable[int]) -> None:
        """An array of signed 32-bit integers."""
        values = tuple(values)
        self.count(len(values))
        self._parts += struct.pack(f">{len(values)}i", *values)

    def tags(self) -> None:
        """No tagged fields; nothing in a classic message."""
        if self.flexible:
            self._parts.append(0)
