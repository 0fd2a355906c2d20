"""Disks and settings: DescribeLogDirs, DescribeConfigs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request

_ERROR_FROM = 3
_VOLUME_FROM = 4


class LogDir(NamedTuple):
    """One log directory of the asked broker."""

    error_code: int
    """KAFKA_STORAGE_ERROR where the directory has failed; its sizes are then unknown."""
    path: str
    sizes: dict[str, dict[int, int]]
    """Topic, partition: bytes of its segments here."""
    lags: dict[str, dict[int, int]]
    """Topic, partition: records behind the high watermark (behind the live replica where `futures` has it)."""
    futures: dict[str, dict[int, int]]
    """Topic, partition: bytes of a copy that is being moved into this directory; it is not in `sizes`."""
    total_bytes: int
    """Size of the volume; -1 where unknown (always before Kafka 3.3)."""
    usable_bytes: int
    """What the broker may still write on the volume; -1 where unknown."""


class LogDirs(NamedTuple):
    """The answer to DescribeLogDirs."""

    error_code: int
    dirs: tuple[LogDir, ...]


@dataclass(frozen=True, slots=True)
class DescribeLogDirsRequest(Request[LogDirs]):
    """Every log directory of the asked broker with every partition in it."""

    api_key: ClassVar[int] = 35
    name: ClassVar[str] = "DescribeLogDirs"
    versions: ClassVar[tuple[int, ...]] = (2, 3, 4)
    flexible_from: ClassVar[int] = 2

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - every version asks the same
        """Write the body."""
        writer.count(None)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> LogDirs:
        """Read the answer."""
        reader.int32()
        error_code = reader.int16() if version >= _ERROR_FROM else 0
        dirs = reader.array(lambda row: _read_dir(row, version), 5)
        reader.tags()
        return LogDirs(error_code, dirs)


def _read_dir(reader: Reader, version: int) -> LogDir:
    error_code, path = reader.int16(), reader.string()
    found = LogDir(error_code, path, {}, {}, {}, -1, -1)
    for _ in range(reader.count(3)):
        topic = reader.string()
        _read_partitions(reader, topic, found)
        reader.tags()
    total, usable = (reader.int64(), reader.int64()) if version >= _VOLUME_FROM else (-1, -1)
    reader.tags()
    return found._replace(total_bytes=total, usable_bytes=usable)


def _read_partitions(reader: Reader, topic: str, found: LogDir) -> None:
    """Rows are 22 bytes wide as long as nobody adds a tagged field; that is checked on every row."""
    count = reader.count(22)
    start = reader.position
    rows = list(reader.rows(">iqqBB", count))
    if any(row[4] for row in rows):
        reader.position = start
        rows = [_read_partition(reader) for _ in range(count)]
    live = [row for row in rows if not row[3]]
    if live:
        found.sizes[topic] = {row[0]: row[1] for row in live}
        found.lags[topic] = {row[0]: row[2] for row in live}
    if len(live) < count:
        found.futures[topic] = {row[0]: row[1] for row in rows if row[3]}


def _read_partition(reader: Reader) -> tuple[int, int, int, bool, int]:
    row = (reader.int32(), reader.int64(), reader.int64(), reader.boolean(), 0)
    reader.tags()
    return row


class ResourceType(IntEnum):
    """What a configuration belongs to."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ConfigSource(IntEnum):
    """Where a value was set, in the broker's numbering."""

    UNKNOWN = 0
    TOPIC = 1
    DYNAMIC_BROKER = 2
    DYNAMIC_DEFAULT_BROKER = 3
    STATIC_BROKER = 4
    DEFAULT = 5
    DYNAMIC_BROKER_LOGGER = 6
    CLIENT_METRICS = 7
    GROUP = 8


class ConfigEntry(NamedTuple):
    """One effective setting."""

    value: str | None
    """None where it has no value or is sensitive."""
    source: int
    """A `ConfigSource` number."""
    sensitive: bool


class ResourceConfig(NamedTuple):
    """The settings of one resource."""

    error_code: int
    error_message: str | None
    resource_type: int
    resource: str
    entries: dict[str, ConfigEntry]


@dataclass(frozen=True, slots=True)
class DescribeConfigsRequest(Request[tuple[ResourceConfig, ...]]):
    """Effective settings of resources of one type. Any broker answers for topics; a broker answers for itself only."""

    api_key: ClassVar[int] = 32
    name: ClassVar[str] = "DescribeConfigs"
    versions: ClassVar[tuple[int, ...]] = (4,)
    flexible_from: ClassVar[int] = 4

    resource_type: ResourceType
    resources: Iterable[str]
    keys: tuple[str, ...] | None = None
    """Only these settings; None for all."""

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        resources = tuple(self.resources)
        writer.count(len(resources))
        for resource in resources:
            writer.int8(self.resource_type)
            writer.string(resource)
            if self.keys is None:
                writer.count(None)
            else:
                writer.strings(self.keys)
            writer.tags()
        writer.boolean(False)  # noqa: FBT003 - no synonyms
        writer.boolean(False)  # noqa: FBT003 - no documentation
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> tuple[ResourceConfig, ...]:  # noqa: ARG003 - one version
        """Read the answer."""
        reader.int32()
        resources = reader.array(_read_resource, 7)
        reader.tags()
        return resources


def _read_resource(reader: Reader) -> ResourceConfig:
    error_code, message = reader.int16(), reader.nullable_string()
    resource_type, resource = reader.int8(), reader.string()
    entries = dict(reader.array(_read_entry, 9))
    reader.tags()
    return ResourceConfig(error_code, message, resource_type, resource, entries)


def _read_entry(reader: Reader) -> tuple[str, ConfigEntry]:
    key, value = reader.string(), reader.nullable_string()
    reader.boolean()
    source, sensitive = reader.int8(), reader.boolean()
    reader.array(_skip_synonym, 4)
    reader.int8()
    reader.nullable_string()
    reader.tags()
    return key, ConfigEntry(value, source, sensitive)


def _skip_synonym(reader: Reader) -> None:
    reader.string()
    reader.nullable_string()
    reader.int8()
    reader.tags()
