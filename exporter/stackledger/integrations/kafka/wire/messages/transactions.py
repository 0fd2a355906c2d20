"""Transactions: ListTransactions (who has one open), DescribeProducers (which partition it holds back)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request

_DURATION_FROM = 1


class Transaction(NamedTuple):
    """One transactional id."""

    transactional_id: str
    producer_id: int
    state: str
    """`Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`, ..."""


class TransactionList(NamedTuple):
    """The answer to ListTransactions."""

    error_code: int
    unknown_states: tuple[str, ...]
    """States of the filter that the broker does not know."""
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class ListTransactionsRequest(Request[TransactionList]):
    """The transactional ids that the asked broker coordinates. Kafka 3.0 and later.

    `older_than_ms` keeps those that have run longer; brokers before Kafka 3.8 cannot filter and send all.
    """

    api_key: ClassVar[int] = 66
    name: ClassVar[str] = "ListTransactions"
    versions: ClassVar[tuple[int, ...]] = (0, 1)
    flexible_from: ClassVar[int] = 0

    states: tuple[str, ...] = ()
    older_than_ms: int = -1

    def write(self, writer: Writer, version: int) -> None:
        """Write the body."""
        writer.strings(self.states)
        writer.count(0)
        if version >= _DURATION_FROM:
            writer.int64(self.older_than_ms)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> TransactionList:  # noqa: ARG003 - both answers look the same
        """Read the answer."""
        reader.int32()
        answer = TransactionList(reader.int16(), reader.string_array(), reader.array(_read_transaction, 11))
        reader.tags()
        return answer


def _read_transaction(reader: Reader) -> Transaction:
    transaction = Transaction(reader.string(), reader.int64(), reader.string())
    reader.tags()
    return transaction


class ProducerState(NamedTuple):
    """An idempotent or transactional producer that the partition's leader remembers."""

    producer_id: int
    producer_epoch: int
    last_sequence: int
    last_timestamp_ms: int
    """Milliseconds since 1970 UTC of its last batch; -1 where unknown."""
    coordinator_epoch: int
    transaction_start: int
    """First offset of its open transaction; -1 where it has none."""


class PartitionProducers(NamedTuple):
    """The producers of one partition."""

    error_code: int
    error_message: str | None
    producers: tuple[ProducerState, ...]


@dataclass(frozen=True, slots=True)
class DescribeProducersRequest(Request[dict[str, dict[int, PartitionProducers]]]):
    """Producers by topic and partition, to be sent to the partitions' leader."""

    api_key: ClassVar[int] = 61
    name: ClassVar[str] = "DescribeProducers"
    versions: ClassVar[tuple[int, ...]] = (0,)
    flexible_from: ClassVar[int] = 0

    partitions: Mapping[str, Iterable[int]]

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.count(len(self.partitions))
        for topic, indexes in self.partitions.items():
            writer.string(topic)
            writer.int32s(indexes)
            writer.tags()
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, dict[int, PartitionProducers]]:  # noqa: ARG003 - one
        """Read the answer."""
        reader.int32()
        topics = {}
        for _ in range(reader.count(3)):
            topic = reader.string()
            topics[topic] = dict(reader.array(_read_partition, 9))
            reader.tags()
        reader.tags()
        return topics


def _read_partition(reader: Reader) -> tuple[int, PartitionProducers]:
    index, error_code, message = reader.int32(), reader.int16(), reader.nullable_string()
    producers = reader.array(_read_producer, 37)
    reader.tags()
    return index, PartitionProducers(error_code, message, producers)


def _read_producer(reader: Reader) -> ProducerState:
    producer_id, epoch, sequence = reader.int64(), reader.int32(), reader.int32()
    timestamp, coordinator_epoch, start = reader.int64(), reader.int32(), reader.int64()
    reader.tags()
    return ProducerState(producer_id, epoch, sequence, timestamp, coordinator_epoch, start)
