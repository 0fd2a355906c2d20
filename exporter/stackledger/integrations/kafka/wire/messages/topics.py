"""Making room: CreateTopics, CreatePartitions. For a topic of our own; a monitor touches no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request


class Outcome(NamedTuple):
    """What became of one topic."""

    error_code: int
    error_message: str | None


@dataclass(frozen=True, slots=True)
class CreateTopicsRequest(Request[dict[str, Outcome]]):
    """One topic with exactly these replicas by partition. A broker that is not the controller passes it on (KRaft)."""

    api_key: ClassVar[int] = 19
    name: ClassVar[str] = "CreateTopics"
    versions: ClassVar[tuple[int, ...]] = (5,)
    flexible_from: ClassVar[int] = 5

    topic: str
    replicas: tuple[tuple[int, ...], ...]
    """By partition, the preferred leader first."""
    configs: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int = 10_000

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.count(1)
        writer.string(self.topic)
        writer.int32(-1)  # the number of partitions follows from the assignment,
        writer.int16(-1)  # and so does the replication factor
        writer.count(len(self.replicas))
        for partition, brokers in enumerate(self.replicas):
            writer.int32(partition)
            writer.int32s(brokers)
            writer.tags()
        writer.count(len(self.configs))
        for key, value in self.configs.items():
            writer.string(key)
            writer.string(value)
            writer.tags()
        writer.tags()
        writer.int32(self.timeout_ms)
        writer.boolean(False)  # noqa: FBT003 - do it, not only check it
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, Outcome]:  # noqa: ARG003 - one version
        """Read the answer."""
        reader.int32()
        outcomes = dict(reader.array(_read_created, 12))
        reader.tags()
        return outcomes


def _read_created(reader: Reader) -> tuple[str, Outcome]:
    name, outcome = reader.string(), Outcome(reader.int16(), reader.nullable_string())
    reader.int32()
    reader.int16()
    for _ in range(reader.count(6)):  # the settings that the topic got
        reader.string()
        reader.nullable_string()
        reader.boolean()
        reader.int8()
        reader.boolean()
        reader.tags()
    reader.tags()
    return name, outcome


@dataclass(frozen=True, slots=True)
class CreatePartitionsRequest(Request[dict[str, Outcome]]):
    """More partitions for one topic: `count` in the end, the new ones with exactly these replicas."""

    api_key: ClassVar[int] = 37
    name: ClassVar[str] = "CreatePartitions"
    versions: ClassVar[tuple[int, ...]] = (2, 3)
    flexible_from: ClassVar[int] = 2

    topic: str
    count: int
    replicas: tuple[tuple[int, ...], ...]
    """By new partition, the preferred leader first."""
    timeout_ms: int = 10_000

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions look the same
        """Write the body."""
        writer.count(1)
        writer.string(self.topic)
        writer.int32(self.count)
        writer.count(len(self.replicas))
        for brokers in self.replicas:
            writer.int32s(brokers)
            writer.tags()
        writer.tags()
        writer.int32(self.timeout_ms)
        writer.boolean(False)  # noqa: FBT003 - do it, not only check it
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, Outcome]:  # noqa: ARG003 - both versions look the same
        """Read the answer."""
        reader.int32()
        outcomes = dict(reader.array(_read_outcome, 5))
        reader.tags()
        return outcomes


def _read_outcome(reader: Reader) -> tuple[str, Outcome]:
    row = reader.string(), Outcome(reader.int16(), reader.nullable_string())
    reader.tags()
    return row
