"""What a request is: its API, the versions that we can speak, its header, and the type of its answer.

A message class states only its fields; which version is spoken is the connection's choice, made by `negotiate`.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, NamedTuple, TypeVar

from stackledger.errors import ProtocolError
from stackledger.integrations.kafka.wire.codec import Reader, Writer

A = TypeVar("A")

_HEADER = struct.Struct(">hhi")
_NO_FLEXIBLE_VERSION = 1 << 15


class UnsupportedApiError(ProtocolError):
    """The broker does not offer this API in any version that we can speak: too old, or the feature is off."""


class VersionRange(NamedTuple):
    """The oldest and the newest version of an API that a broker accepts."""

    oldest: int
    newest: int


class LastAnswer(Generic[A]):
    """The last answer to a request that is sent again and again: the same bytes need not be read again.

    Whoever gets an answer out of it gets the same object as before and must not change it.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[bytes, int, A] | None = None

    def of(self, payload: bytes, version: int, read: Callable[[bytes, int], A]) -> A:
        """What the payload means."""
        known = self._known
        if known is None or known[0] != payload or known[1] != version:
            known = self._known = payload, version, read(payload, version)
        return known[2]


class Request(ABC, Generic[A]):
    """One question to a broker; `A` is the type of its answer. Instances are immutable and may be sent again."""

    __slots__ = ()

    api_key: ClassVar[int]
    name: ClassVar[str]
    versions: ClassVar[tuple[int, ...]]
    """Versions that we can speak, newest last."""
    flexible_from: ClassVar[int] = _NO_FLEXIBLE_VERSION

    @abstractmethod
    def write(self, writer: Writer, version: int) -> None:
        """Write the body."""

    @classmethod
    @abstractmethod
    def read(cls, reader: Reader, version: int) -> A:
        """Read the answer's body; ProtocolError where the bytes do not make sense."""

    @classmethod
    def is_flexible(cls, version: int) -> bool:
        """Whether this version uses the flexible encodings."""
        return version >= cls.flexible_from

    def encode(self, version: int, *, correlation_id: int, client_id: str) -> bytes:
        """The whole frame, its length prefix included."""
        head = Writer()
        head.raw(_HEADER.pack(self.api_key, version, correlation_id))
        head.string(client_id)  # classic in every header version
        body = Writer(flexible=self.is_flexible(version))
        body.tags()
        self.write(body, version)
        payload = head.getvalue() + body.getvalue()
        return struct.pack(">i", len(payload)) + payload

    @classmethod
    def decode(cls, payload: bytes, version: int) -> A:
        """The answer from a frame's payload behind the correlation id; ProtocolError for anything malformed."""
        reader = cls.reader(payload, version)
        answer = cls.read(reader, version)
        reader.end()
        return answer

    @classmethod
    def reader(cls, payload: bytes, version: int) -> Reader:
        """A reader of the answer's body."""
        reader = Reader(payload, what=f"{cls.name} v{version} answer", flexible=cls.is_flexible(version))
        cls._read_header(reader)
        return reader

    def answer(self, payload: bytes, version: int) -> A:
        """`decode`, for a request that may remember something of the answer before."""
        return self.decode(payload, version)

    @classmethod
    def _read_header(cls, reader: Reader) -> None:
        reader.tags()


def negotiate(request: type[Request[A]], offered: Mapping[int, VersionRange]) -> int | None:
    """The newest version of `request` that both sides speak, or None."""
    have = offered.get(request.api_key)
    if have is None:
        return None
    return max((v for v in request.versions if have.oldest <= v <= have.newest), default=None)
