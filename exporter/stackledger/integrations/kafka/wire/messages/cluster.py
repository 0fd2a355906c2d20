"""What the cluster is made of: Metadata, DescribeCluster, DescribeQuorum, ListPartitionReassignments."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from uuid import UUID

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request

NO_LEADER = -1


class Broker(NamedTuple):
    """A broker as it advertises itself to clients."""

    id: int
    host: str
    port: int
    rack: str | None


class Partition(NamedTuple):
    """One partition; the first replica is the preferred leader."""

    error_code: int
    id: int
    leader: int
    """Broker id, -1 where there is none."""
    leader_epoch: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    offline: tuple[int, ...]


class Topic(NamedTuple):
    """One topic."""

    error_code: int
    id: UUID
    """Differs after the topic was deleted and made again under the same name; all zero where the broker has no ids."""
    is_internal: bool
    partitions: tuple[Partition, ...]


class Metadata(NamedTuple):
    """The cluster as one broker sees it."""

    brokers: dict[int, Broker]
    """Live brokers by id."""
    cluster_id: str | None
    controller_id: int
    """-1 where unknown. Under KRaft a broker names a random live broker here, never the active controller."""
    topics: dict[str, Topic]


class TopicsMemory:
    """The topics of the last answer. They seldom change, and comparing bytes is far cheaper than reading them.

    Brokers of one release spell the same topics alike; where they do not, the topics are only read again.
    """

    __slots__ = ("_spelt", "_topics")

    def __init__(self) -> None:
        self._spelt = b""
        self._topics: dict[str, Topic] = {}

    def read(self, reader: Reader) -> dict[str, Topic]:
        """The topics at the reader's position: the same object as before where nothing changed."""
        start = reader.position
        if self._spelt and reader.data[start:] == self._spelt:
            reader.take(reader.remaining)
        else:
            self._topics = _read_topics(reader)
            self._spelt = reader.data[start : reader.position]
        return self._topics


@dataclass(frozen=True, slots=True)
class MetadataRequest(Request[Metadata]):
    """Brokers, topics, leaders and replicas. `topics` None is all of them, empty is none; nothing gets created."""

    api_key: ClassVar[int] = 3
    name: ClassVar[str] = "Metadata"
    versions: ClassVar[tuple[int, ...]] = (11, 12)
    flexible_from: ClassVar[int] = 9

    topics: tuple[str, ...] | None = None
    memory: TopicsMemory | None = None

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions look the same
        """Write the body."""
        writer.count(None if self.topics is None else len(self.topics))
        for topic in self.topics or ():
            writer.raw(bytes(16))
            writer.string(topic)
            writer.tags()
        writer.boolean(False)  # noqa: FBT003 - a monitor must never create a topic
        writer.boolean(False)  # noqa: FBT003 - authorised operations cost the broker an ACL walk per topic
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> Metadata:  # noqa: ARG003 - both versions look the same
        """Read the answer."""
        return _read_metadata(reader, _read_topics)

    def answer(self, payload: bytes, version: int) -> Metadata:
        """The answer, its topics out of the memory where they are the same."""
        if self.memory is None:
            return self.decode(payload, version)
        reader = self.reader(payload, version)
        metadata = _read_metadata(reader, self.memory.read)
        reader.end()
        return metadata


def _read_metadata(reader: Reader, topics: Callable[[Reader], dict[str, Topic]]) -> Metadata:
    reader.int32()
    brokers = {broker.id: broker for broker in reader.array(_read_broker, 8)}
    return Metadata(brokers, reader.nullable_string(), reader.int32(), topics(reader))


def _read_topics(reader: Reader) -> dict[str, Topic]:
    """The topics and what ends the answer."""
    topics = {}
    for _ in range(reader.count(21)):
        error_code, name, topic_id, internal = reader.int16(), reader.string(), reader.uuid(), reader.boolean()
        topics[name] = Topic(error_code, topic_id, internal, _read_partitions(reader))
        reader.int32()
        reader.tags()
    reader.tags()
    return topics


def _read_broker(reader: Reader) -> Broker:
    broker = Broker(reader.int32(), reader.string(), reader.int32(), reader.nullable_string())
    reader.tags()
    return broker


def _read_partitions(reader: Reader) -> tuple[Partition, ...]:
    """All partitions of a topic. Mostly they all have the shape of the first, and then decode in one call."""
    count = reader.count(18)
    if not count:
        return ()
    first, start = _read_partition(reader), reader.position
    alike = _read_alike(reader, first, count - 1)
    if len(alike) < count - 1:
        reader.position = start
        alike = [_read_partition(reader) for _ in range(count - 1)]
    return (first, *alike)


def _read_alike(reader: Reader, first: Partition, count: int) -> list[Partition]:
    """`count` partitions with as many replicas, in sync and offline, as `first`; fewer where the bytes differ."""
    replicas, in_sync, offline = len(first.replicas), len(first.in_sync), len(first.offline)
    layout = f">hiiiB{replicas}iB{in_sync}iB{offline}iB"
    if replicas + in_sync + offline >= 0x7F or struct.calcsize(layout) * count > reader.remaining:  # noqa: PLR2004 - one byte of length each
        return []
    a = 5 + replicas
    b = a + 1 + in_sync
    return [
        Partition(row[0], row[1], row[2], row[3], row[5:a], row[a + 1 : b], row[b + 1 : -1])
        for row in reader.rows(layout, count)
        if row[4] == replicas + 1 and row[a] == in_sync + 1 and row[b] == offline + 1 and not row[-1]
    ]


def _read_partition(reader: Reader) -> Partition:
    error_code, partition_id, leader, epoch = reader.int16(), reader.int32(), reader.int32(), reader.int32()
    replicas, in_sync, offline = reader.int32_array(), reader.int32_array(), reader.int32_array()
    reader.tags()
    return Partition(error_code, partition_id, leader, epoch, replicas, in_sync, offline)


class DescribedBroker(NamedTuple):
    """A broker as the controller has registered it."""

    id: int
    host: str
    port: int
    rack: str | None
    is_fenced: bool | None
    """Registered, but not allowed to serve; None where the broker is older than Kafka 4.0."""


class ClusterDescription(NamedTuple):
    """The answer to DescribeCluster."""

    error_code: int
    error_message: str | None
    cluster_id: str
    controller_id: int
    brokers: tuple[DescribedBroker, ...]


@dataclass(frozen=True, slots=True)
class DescribeClusterRequest(Request[ClusterDescription]):
    """Registered brokers, the fenced ones included from Kafka 4.0 on."""

    api_key: ClassVar[int] = 60
    name: ClassVar[str] = "DescribeCluster"
    versions: ClassVar[tuple[int, ...]] = (0, 1, 2)
    flexible_from: ClassVar[int] = 0

    def write(self, writer: Writer, version: int) -> None:
        """Write the body."""
        writer.boolean(False)  # noqa: FBT003 - authorised operations are not wanted
        if version >= 1:
            writer.int8(1)  # the brokers, not the controllers
        if version >= 2:  # noqa: PLR2004 - version 2 asks for fenced brokers
            writer.boolean(True)  # noqa: FBT003 - the value to write
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> ClusterDescription:
        """Read the answer."""
        reader.int32()
        error_code, message = reader.int16(), reader.nullable_string()
        if version >= 1:
            reader.int8()
        cluster_id, controller_id = reader.string(), reader.int32()
        brokers = reader.array(lambda row: _read_described_broker(row, version), 11)
        reader.int32()
        reader.tags()
        return ClusterDescription(error_code, message, cluster_id, controller_id, brokers)


def _read_described_broker(reader: Reader, version: int) -> DescribedBroker:
    broker_id, host, port, rack = reader.int32(), reader.string(), reader.int32(), reader.nullable_string()
    fenced = reader.boolean() if version >= 2 else None  # noqa: PLR2004 - version 2 has the field
    reader.tags()
    return DescribedBroker(broker_id, host, port, rack, fenced)


class Reassignment(NamedTuple):
    """A partition on the move."""

    replicas: tuple[int, ...]
    adding: tuple[int, ...]
    removing: tuple[int, ...]


class Reassignments(NamedTuple):
    """The answer to ListPartitionReassignments."""

    error_code: int
    error_message: str | None
    topics: dict[str, dict[int, Reassignment]]


@dataclass(frozen=True, slots=True)
class ListPartitionReassignmentsRequest(Request[Reassignments]):
    """Reassignments in progress in the whole cluster; `timeout_ms` is the broker's own patience."""

    api_key: ClassVar[int] = 46
    name: ClassVar[str] = "ListPartitionReassignments"
    versions: ClassVar[tuple[int, ...]] = (0,)
    flexible_from: ClassVar[int] = 0

    timeout_ms: int = 10_000

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.int32(self.timeout_ms)
        writer.count(None)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> Reassignments:  # noqa: ARG003 - one version
        """Read the answer."""
        reader.int32()
        error_code, message = reader.int16(), reader.nullable_string()
        topics = {}
        for _ in range(reader.count(3)):
            name = reader.string()
            topics[name] = dict(reader.array(_read_reassignment, 8))
            reader.tags()
        reader.tags()
        return Reassignments(error_code, message, topics)


def _read_reassignment(reader: Reader) -> tuple[int, Reassignment]:
    index = reader.int32()
    moving = Reassignment(reader.int32_array(), reader.int32_array(), reader.int32_array())
    reader.tags()
    return index, moving
