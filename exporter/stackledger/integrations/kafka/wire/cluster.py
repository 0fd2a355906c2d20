"""From bootstrap servers to every broker: addresses, open connections, reconnects. Keeps no task of its own.

A connection is made when a request needs it and kept until its broker leaves the cluster, its session expires, it fails
or its place is needed. Waiting is bounded by the caller, except for `refresh`, which moves on from a silent broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from stackledger.errors import ConnectError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.wire.connection import Address, Connection, Options, Traffic
from stackledger.integrations.kafka.wire.messages.cluster import Metadata, MetadataRequest, TopicsMemory
from stackledger.integrations.kafka.wire.messages.groups import ClassicGroup, DescribeGroupsRequest
from stackledger.integrations.kafka.wire.messages.offsets import (
    GroupOffsets,
    Isolation,
    ListOffsetsRequest,
    LogOffsets,
    OffsetFetchRequest,
    OffsetsMemory,
)
from stackledger.integrations.kafka.wire.request import LastAnswer, Request

A = TypeVar("A")

MAX_CONNECTIONS: Final = 128
ATTEMPT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class ClusterLimits:
    """Bounds of one cluster's client."""

    max_connections: int = MAX_CONNECTIONS
    """Open sockets; above it the idle connection that was used longest ago makes room."""
    attempt_seconds: float = ATTEMPT_SECONDS
    """How long `refresh` waits for one broker before it asks the next."""


class _Slot:
    """The place of one address: its connection, and who uses or makes it."""

    __slots__ = ("connection", "lock", "used", "users")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.lock = asyncio.Lock()
        self.users = 0
        self.used = 0


class Cluster:
    """The brokers of one cluster and at most one connection to each."""

    def __init__(self, bootstrap: Sequence[Address], options: Options, *, limits: ClusterLimits | None = None) -> None:
        if not bootstrap:
            raise ValueError("a cluster needs at least one bootstrap server")
        self._bootstrap = tuple(bootstrap)
        self._options = options
        self._limits = limits or ClusterLimits()
        self._brokers: dict[int, Address] = {}
        self._slots: dict[Address, _Slot] = {}
        self._retired: list[Connection] = []
        self._failed: dict[Address, float] = {}
        self._topics = TopicsMemory()
        self._ends: dict[tuple[int, object], OffsetsMemory[LogOffsets]] = {}
        """By broker and what it is asked."""
        self._commits: dict[tuple[int, object], OffsetsMemory[dict[str, GroupOffsets]]] = {}
        self._described: dict[tuple[int, object], LastAnswer[dict[str, ClassicGroup]]] = {}
        self._freed = asyncio.Event()
        self._uses = 0
        self._opening = 0
        self._closed = False

    @property
    def traffic(self) -> Traffic:
        """Requests, answers and bytes since the start, over all connections."""
        return self._options.traffic

    @property
    def brokers(self) -> dict[int, Address]:
        """Live brokers by id, as of the last `refresh`."""
        return dict(self._brokers)

    @property
    def open_connections(self) -> int:
        """Sockets in use or kept for the next request."""
        kept = sum(slot.connection is not None for slot in self._slots.values())
        return kept + len(self._retired) + self._opening

    async def refresh(self, topics: tuple[str, ...] | None = None) -> Metadata:
        """Metadata from the first broker that answers; learns new brokers and forgets those that left.

        The broker that failed last is asked last, bootstrap servers only when no known broker answers. When none
        answers: ConnectError, or the only kind of error that there was.
        """
        errors: list[TargetError] = []
        for address in self._candidates():
            try:
                async with self._options.clock.timeout(self._limits.attempt_seconds):
                    metadata = await self._request(address, MetadataRequest(topics, self._topics))
            except TimeoutError:
                errors.append(
                    ReadTimeoutError(f"broker {address} gave no Metadata in {self._limits.attempt_seconds} s")
                )
            except TargetError as error:
                errors.append(error)
            else:
                self._failed.pop(address, None)
                self._learn(metadata)
                return metadata
            self._failed[address] = self._options.clock.monotonic()
        if len(errors) == 1:
            raise errors[0]
        kinds = {type(error) for error in errors}  # a wrong password stays one, however many brokers refuse it
        kind = kinds.pop() if len(kinds) == 1 else ConnectError
        raise kind("no broker answers: " + "; ".join(map(str, errors))) from errors[-1]

    async def request(self, broker_id: int, request: Request[A]) -> A:
        """The answer of one broker; ConnectError where `refresh` has not seen it. Errors as in `Connection.request`."""
        return await self._request(self._address(broker_id), request)

    async def version_of(self, broker_id: int, request: type[Request[A]]) -> int | None:
        """The version that `request` is sent with to this broker, None where it lacks the API. Connects if needed."""
        address = self._address(broker_id)
        return (await self._connection(self._slot(address), address)).version_of(request)

    async def list_offsets(
        self,
        broker_id: int,
        partitions: Mapping[str, Iterable[int]],
        timestamp: int,
        isolation: Isolation = Isolation.READ_UNCOMMITTED,
    ) -> LogOffsets:
        """Offsets of partitions that this broker leads; what has not changed is the same object as last time."""
        memory = self._ends.setdefault((broker_id, (timestamp, isolation)), OffsetsMemory())
        return await self.request(broker_id, ListOffsetsRequest(partitions, timestamp, isolation, memory))

    async def fetch_offsets(
        self, broker_id: int, groups: tuple[str, ...], *, require_stable: bool = False
    ) -> dict[str, GroupOffsets]:
        """The commits of all `groups`, which this broker coordinates: one request, before Kafka 3.0 one per group.

        What has not changed is the same object as last time.
        """
        if not groups:
            return {}
        memory = self._commits.setdefault((broker_id, require_stable), OffsetsMemory())
        whole = OffsetFetchRequest(groups, require_stable, memory)
        version = await self.version_of(broker_id, OffsetFetchRequest)
        parts = whole.split(version) if version is not None else (whole,)
        answers = await asyncio.gather(*(self.request(broker_id, part) for part in parts))
        if len(answers) == 1 and "" not in answers[0]:
            return answers[0]
        return {part.groups[0]: answer[""] for part, answer in zip(parts, answers, strict=True)}

    async def describe_groups(self, broker_id: int, groups: tuple[str, ...]) -> dict[str, ClassicGroup]:
        """Classic groups that this broker coordinates; the same object as last time where nothing changed."""
        memory = self._described.setdefault((broker_id, "classic"), LastAnswer())
        return await self.request(broker_id, DescribeGroupsRequest(groups, memory))

    async def close(self) -> None:
        """Close every connection; nothing of this object remains open. Later requests get ConnectError."""
        self._closed = True
        connections = [slot.connection for slot in self._slots.values() if slot.connection is not None]
        connections += self._retired
        self._slots.clear()
        self._retired.clear()
        self._freed.set()
        await asyncio.gather(*(connection.close() for connection in connections))

    def _address(self, broker_id: int) -> Address:
        address = self._brokers.get(broker_id)
        if address is None:
            raise ConnectError(f"broker {broker_id} is not in the cluster's metadata: it is down or has been removed")
        return address

    def _candidates(self) -> list[Address]:
        known = list(self._brokers.values())
        known.sort(key=lambda address: (self._failed.get(address, -1.0), not self._is_open(address)))
        return list(dict.fromkeys([*known, *self._bootstrap]))

    def _is_open(self, address: Address) -> bool:
        slot = self._slots.get(address)
        return slot is not None and slot.connection is not None and slot.connection.usable

    def _learn(self, metadata: Metadata) -> None:
        if not metadata.brokers:  # a broker that is just starting knows nobody yet: no reason to forget anybody
            return
        self._brokers = {broker.id: Address(broker.host, broker.port) for broker in metadata.brokers.values()}
        alive = set(self._brokers.values())
        for address in [address for address in self._slots if address not in alive]:
            slot = self._slots[address]
            if slot.users == 0:
                self._drop(slot)
                del self._slots[address]
        memories: tuple[dict[tuple[int, object], Any], ...] = (self._ends, self._commits, self._described)
        for memory in memories:
            for key in [key for key in memory if key[0] not in self._brokers]:
                del memory[key]
        keep = alive | set(self._bootstrap)
        self._failed = {address: at for address, at in self._failed.items() if address in keep}

    def _slot(self, address: Address) -> _Slot:
        return self._slots.setdefault(address, _Slot())

    async def _request(self, address: Address, request: Request[A]) -> A:
        slot = self._slot(address)
        slot.users += 1
        try:
            kept = self._is_open(address)
            connection = await self._connection(slot, address)
            try:
                return await connection.request(request)
            except ConnectError:
                if not kept or connection.usable or self._closed:
                    raise
            # The broker had closed a kept connection, as it does when idle: that says nothing about the broker yet.
            return await (await self._connection(slot, address)).request(request)
        finally:
            slot.users -= 1
            self._reap()
            self._freed.set()

    async def _connection(self, slot: _Slot, address: Address) -> Connection:
        async with slot.lock:  # whoever comes second uses what the first has opened
            self._refuse_if_closed(address)
            self._uses += 1
            slot.used = self._uses
            if slot.connection is not None and slot.connection.usable:
                return slot.connection
            self._drop(slot)
            await self._make_room()
            self._opening += 1
            try:
                connection = await Connection.open(address, self._options)
            finally:
                self._opening -= 1
            try:
                self._refuse_if_closed(address)
            except ConnectError:
                await connection.close()
                raise
            slot.connection = connection
            return connection

    def _refuse_if_closed(self, address: Address) -> None:
        if self._closed:
            raise ConnectError(f"broker {address}: the client is closed")

    async def _make_room(self) -> None:
        while self.open_connections >= self._limits.max_connections and not self._closed:
            idle = [slot for slot in self._slots.values() if slot.connection is not None and slot.users == 0]
            if idle:
                self._drop(min(idle, key=lambda slot: slot.used))
                continue
            self._freed.clear()
            await self._freed.wait()

    def _drop(self, slot: _Slot) -> None:
        """Give up a connection. One whose session expires while answers are due stays until they have come."""
        connection, slot.connection = slot.connection, None
        if connection is not None:
            self._retired.append(connection)
            self._reap()

    def _reap(self) -> None:
        busy = [connection for connection in self._retired if connection.in_flight]
        for connection in self._retired:
            if not connection.in_flight:
                connection.abort()
        self._retired = busy
