"""A producer that does what no well-behaved client does: write into a transaction that its coordinator knows not.

Such a write, late after the transaction's end, is how hanging transactions come about in the field. It speaks the
protocol by the wire client's own codec; brokers take it only with transaction.partition.verification.enable=false.
"""

from __future__ import annotations

import asyncio
import struct
import time
from dataclasses import dataclass
from typing import ClassVar

from confluent_kafka import Producer

from lab.kafka import KafkaCluster
from stackledger.clock import SystemClock
from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.connection import Address, Connection, Options
from stackledger.integrations.kafka.wire.request import Request

TRANSACTIONAL = 0x10
_CASTAGNOLI = 0x82F63B78


@dataclass(frozen=True, slots=True)
class InitProducerId(Request[tuple[int, ...]]):
    """A producer id for the transactional id; the answer is (error, producer id, epoch)."""

    api_key: ClassVar[int] = 22
    name: ClassVar[str] = "InitProducerId"
    versions: ClassVar[tuple[int, ...]] = (1,)

    transactional_id: str

    def write(self, writer: Writer, version: int) -> None:
        writer.string(self.transactional_id)
        writer.int32(60_000)

    @classmethod
    def read(cls, reader: Reader, version: int) -> tuple[int, ...]:
        reader.int32()
        return reader.int16(), reader.int64(), reader.int16()


@dataclass(frozen=True, slots=True)
class Produce(Request[tuple[int, ...]]):
    """One batch to one partition; the answer is its error code."""

    api_key: ClassVar[int] = 0
    name: ClassVar[str] = "Produce"
    versions: ClassVar[tuple[int, ...]] = (8,)

    transactional_id: str
    topic: str
    partition: int
    batch: bytes

    def write(self, writer: Writer, version: int) -> None:
        writer.string(self.transactional_id)
        writer.int16(-1)
        writer.int32(10_000)
        writer.count(1)
        writer.string(self.topic)
        writer.count(1)
        writer.int32(self.partition)
        writer.byte_string(self.batch)

    @classmethod
    def read(cls, reader: Reader, version: int) -> tuple[int, ...]:
        reader.count()
        reader.string()
        reader.count()
        reader.int32()
        code = reader.int16()
        reader.int64()
        reader.int64()
        reader.int64()
        for _ in range(reader.count()):
            reader.int32()
            reader.nullable_string()
        reader.nullable_string()
        reader.int32()
        return (code,)


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum, bit by bit: a batch is small."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(producer_id: int, epoch: int) -> bytes:
    """One record in a batch of format 2 that says it is part of a transaction."""
    value = b"late"
    record = bytes([0, 0, 0, 1, len(value) << 1]) + value + b"\0"  # attributes, deltas, no key, value, no headers
    now = int(time.time() * 1000)
    head = struct.pack(">hiqqqhii", TRANSACTIONAL, 0, now, now, producer_id, epoch, 0, 1)
    body = head + bytes([len(record) << 1]) + record
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, crc32c(body)) + body


def leave_hanging(cluster: KafkaCluster, topic: str, *, transactional_id: str) -> int:
    """Write one such record to partition 0; the producer's id."""
    usual = Producer(cluster.client_settings() | {"transactional.id": transactional_id})
    usual.init_transactions(60)  # brokers make the topic of transactions when a client looks for its coordinator
    return asyncio.run(_leave_hanging(cluster.bootstrap, topic, transactional_id))


async def _leave_hanging(bootstrap: str, topic: str, transactional_id: str) -> int:
    """Coordinator and leader are found by asking everybody."""
    code, producer_id, epoch = await _first_good(bootstrap, InitProducerId(transactional_id))
    assert code == 0, f"InitProducerId: error {code}"
    code, *_ = await _first_good(bootstrap, Produce(transactional_id, topic, 0, batch(producer_id, epoch)))
    assert code == 0, f"Produce: error {code}"
    return producer_id


async def _first_good(bootstrap: str, request: Request[tuple[int, ...]]) -> tuple[int, ...]:
    answer: tuple[int, ...] = (-1,)
    for _ in range(50):  # coordinators may be loading at first
        for address in bootstrap.split(","):
            host, port = address.rsplit(":", 1)
            connection = await Connection.open(Address(host, int(port)), Options(SystemClock()))
            try:
                answer = await connection.request(request)
            finally:
                await connection.close()
            if answer[0] == 0:
                return answer
        await asyncio.sleep(0.2)
    return answer
