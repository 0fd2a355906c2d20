"""The KRaft quorum: DescribeQuorum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from uuid import UUID

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request

METADATA_TOPIC = "__cluster_metadata"
_TIMESTAMPS_FROM = 1
_DIRECTORIES_FROM = 2


class QuorumReplica(NamedTuple):
    """A voter or an observer of the metadata log."""

    id: int
    directory_id: UUID | None
    log_end_offset: int
    """-1 where the leader does not know it."""
    last_fetch_ms: int
    """Milliseconds since 1970 UTC of its last fetch; -1 where unknown (always before Kafka 3.3)."""
    last_caught_up_ms: int
    """Milliseconds since 1970 UTC when it last had the whole log; -1 where unknown."""


class Quorum(NamedTuple):
    """The metadata quorum as its leader sees it."""

    error_code: int
    error_message: str | None
    leader_id: int
    """-1 where there is none."""
    leader_epoch: int
    high_watermark: int
    voters: tuple[QuorumReplica, ...]
    observers: tuple[QuorumReplica, ...]


@dataclass(frozen=True, slots=True)
class DescribeQuorumRequest(Request[Quorum]):
    """Leader, epoch, voters and observers of the metadata log. Any broker forwards it to the leader."""

    api_key: ClassVar[int] = 55
    name: ClassVar[str] = "DescribeQuorum"
    versions: ClassVar[tuple[int, ...]] = (0, 1, 2)
    flexible_from: ClassVar[int] = 0

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - every version asks the same
        """Write the body."""
        writer.count(1)
        writer.string(METADATA_TOPIC)
        writer.count(1)
        writer.int32(0)
        for _ in range(3):  # the partition, the topic, the request
            writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> Quorum:
        """Read the answer: its one partition, or the error that stands in its place."""
        error_code = reader.int16()
        message = reader.nullable_string() if version >= _DIRECTORIES_FROM else None
        quorum = Quorum(error_code, message, -1, -1, -1, (), ())
        for _ in range(reader.count(3)):
            reader.string()
            for found in reader.array(lambda row: _read_partition(row, version), 19):
                quorum = found if not error_code else quorum
            reader.tags()
        if version >= _DIRECTORIES_FROM:
            reader.array(_skip_node, 6)
        reader.tags()
        return quorum


def _read_partition(reader: Reader, version: int) -> Quorum:
    reader.int32()
    error_code = reader.int16()
    message = reader.nullable_string() if version >= _DIRECTORIES_FROM else None
    leader, epoch, high_watermark = reader.int32(), reader.int32(), reader.int64()
    voters = reader.array(lambda row: _read_replica(row, version), 13)
    observers = reader.array(lambda row: _read_replica(row, version), 13)
    reader.tags()
    return Quorum(error_code, message, leader, epoch, high_watermark, voters, observers)


def _read_replica(reader: Reader, version: int) -> QuorumReplica:
    replica_id = reader.int32()
    directory = reader.uuid() if version >= _DIRECTORIES_FROM else None
    end = reader.int64()
    fetched, caught_up = (reader.int64(), reader.int64()) if version >= _TIMESTAMPS_FROM else (-1, -1)
    reader.tags()
    return QuorumReplica(replica_id, directory, end, fetched, caught_up)


def _skip_node(reader: Reader) -> None:
    reader.int32()
    reader.array(_skip_listener, 5)
    reader.tags()


def _skip_listener(reader: Reader) -> None:
    reader.string()
    reader.string()
    reader.uint16()
    reader.tags()
