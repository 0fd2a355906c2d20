"""The requests that open a connection: ApiVersions, SaslHandshake, SaslAuthenticate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request, VersionRange

_SUPPORTED_FEATURES_TAG = 0
_FEATURES_EPOCH_TAG = 1
_FINALIZED_FEATURES_TAG = 2
_FLEXIBLE_BODY_FROM = 3


class ApiVersions(NamedTuple):
    """What a broker offers."""

    error_code: int
    apis: dict[int, VersionRange]
    """By API key."""
    finalized_features: dict[str, VersionRange]
    """The cluster's feature levels by name, such as metadata.version; empty before Kafka 2.7."""
    features_epoch: int
    """Rises with every change of a feature level; -1 where unknown."""
    supported_features: dict[str, VersionRange] = {}  # noqa: RUF012 - a named tuple's default is never written to
    """The levels that this broker's software can work at, by name; empty before Kafka 2.7."""


@dataclass(frozen=True, slots=True)
class ApiVersionsRequest(Request[ApiVersions]):
    """Which APIs and versions the broker accepts. Allowed before authentication."""

    api_key: ClassVar[int] = 18
    name: ClassVar[str] = "ApiVersions"
    versions: ClassVar[tuple[int, ...]] = (0, 3, 4)
    flexible_from: ClassVar[int] = _FLEXIBLE_BODY_FROM

    software: str = "stackledger"
    software_version: str = "0"

    def write(self, writer: Writer, version: int) -> None:
        """Write the body."""
        if version >= _FLEXIBLE_BODY_FROM:
            writer.string(self.software)
            writer.string(self.software_version)
            writer.tags()

    @classmethod
    def _read_header(cls, reader: Reader) -> None:
        """Nothing: this answer's header never has tags, so that a client can read it before it knows any version."""

    @classmethod
    def read(cls, reader: Reader, version: int) -> ApiVersions:
        """Read the answer. A broker that refuses the version answers as version 0, whatever was asked (KIP-511)."""
        error_code = reader.int16()
        if error_code:
            reader.flexible = False
        apis = {}
        for _ in range(reader.count(6)):
            key, oldest, newest = reader.int16(), reader.int16(), reader.int16()
            apis[key] = VersionRange(oldest, newest)
            reader.tags()
        finalized: dict[str, VersionRange] = {}
        supported: dict[str, VersionRange] = {}
        epoch = -1
        if version > 0 and not error_code:
            reader.int32()
            for tag, content in reader.tagged():
                if tag == _FEATURES_EPOCH_TAG:
                    epoch = content.int64()
                elif tag == _FINALIZED_FEATURES_TAG:
                    finalized = _read_features(content, newest_first=True)
                elif tag == _SUPPORTED_FEATURES_TAG:
                    supported = _read_features(content, newest_first=False)
        return ApiVersions(error_code, apis, finalized, epoch, supported)


def _read_features(reader: Reader, *, newest_first: bool) -> dict[str, VersionRange]:
    features = {}
    for _ in range(reader.count(6)):
        name, one, other = reader.string(), reader.int16(), reader.int16()
        features[name] = VersionRange(other, one) if newest_first else VersionRange(one, other)
        reader.tags()
    return features


class SaslHandshake(NamedTuple):
    """Whether the broker accepts the mechanism."""

    error_code: int
    mechanisms: tuple[str, ...]
    """What this listener offers."""


@dataclass(frozen=True, slots=True)
class SaslHandshakeRequest(Request[SaslHandshake]):
    """Name the mechanism that follows."""

    api_key: ClassVar[int] = 17
    name: ClassVar[str] = "SaslHandshake"
    versions: ClassVar[tuple[int, ...]] = (1,)

    mechanism: str

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.string(self.mechanism)

    @classmethod
    def read(cls, reader: Reader, version: int) -> SaslHandshake:  # noqa: ARG003 - one version
        """Read the answer."""
        return SaslHandshake(reader.int16(), reader.string_array())


class SaslAuthenticate(NamedTuple):
    """One step of the exchange."""

    error_code: int
    error_message: str | None
    data: bytes
    session_lifetime_ms: int
    """Milliseconds until the broker wants a new authentication; 0 for never."""


@dataclass(frozen=True, slots=True)
class SaslAuthenticateRequest(Request[SaslAuthenticate]):
    """Carry one message of the mechanism. Its repr keeps the message out: it may hold a password."""

    api_key: ClassVar[int] = 36
    name: ClassVar[str] = "SaslAuthenticate"
    versions: ClassVar[tuple[int, ...]] = (2,)
    flexible_from: ClassVar[int] = 2

    data: bytes = field(repr=False)

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.byte_string(self.data)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> SaslAuthenticate:  # noqa: ARG003 - one version
        """Read the answer."""
        answer = SaslAuthenticate(reader.int16(), reader.nullable_string(), reader.byte_string(), reader.int64())
        reader.tags()
        return answer
