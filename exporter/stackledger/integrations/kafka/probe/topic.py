"""The probe's own topic: one partition led by each broker. Owns its making; never moves a replica or a leader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.kafka.asking import REFUSED, within
from stackledger.integrations.kafka.probe.config import SEGMENT_BYTES, ProbeSettings
from stackledger.integrations.kafka.probe.ledger import MISSING_SECONDS
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.cluster import NO_LEADER, Metadata, Topic
from stackledger.integrations.kafka.wire.messages.topics import CreatePartitionsRequest, CreateTopicsRequest, Outcome
from stackledger.integrations.kafka.wire.request import Request

_REPLICAS: Final = 3
_AGAIN_SECONDS: Final = 30.0
_MOST_PARTITIONS_PER_BROKER: Final = 2
_RACED: Final = frozenset({ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.INVALID_PARTITIONS})
"""Another of us was faster."""
CONFIGS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": str(int(MISSING_SECONDS * 1000)),
    "segment.ms": str(int(MISSING_SECONDS * 500)),
    "segment.bytes": str(SEGMENT_BYTES),
}

Replicas = tuple[tuple[int, ...], ...]


def places_of(topic: Topic) -> dict[int, int]:
    """By partition: the broker that leads it, or should while nobody does."""
    return {
        partition.id: partition.replicas[0] if partition.leader == NO_LEADER else partition.leader
        for partition in topic.partitions
        if partition.replicas
    }


def led_by_none(topic: Topic, brokers: Iterable[int]) -> list[int]:
    """Brokers that are no partition's preferred leader: their own way of writing would not be probed."""
    preferred = {partition.replicas[0] for partition in topic.partitions if partition.replicas}
    return sorted(set(brokers) - preferred)


def spread(leaders: Iterable[int], brokers: Collection[int], factor: int) -> Replicas:
    """Replicas for one new partition by leader: the leader, then the brokers that follow it."""
    ring = sorted(brokers)
    found = []
    for leader in leaders:
        at = ring.index(leader)
        found.append(tuple((ring[at:] + ring[:at])[: min(factor, len(ring))]))
    return tuple(found)


def command(topic: str, replicas: Replicas) -> str:
    """What a person runs where we may not create the topic."""
    assignment = ",".join(":".join(map(str, row)) for row in replicas)
    configs = " ".join(f"--config {key}={value}" for key, value in CONFIGS.items())
    words = f"--create --topic {topic} --replica-assignment {assignment} {configs}"
    return f"kafka-topics.sh --bootstrap-server HOST:9092 {words}"


class TopicKeeper:
    """Compares the topic with the brokers after each sweep, and makes what is missing, apart from the sweep."""

    def __init__(self, settings: ProbeSettings, clock: Clock, connect: Callable[[], Cluster]) -> None:
        """`connect` makes a client with connections of its own: making a topic must not hold up a sweep."""
        self.trouble: TargetError | None = None
        self._settings = settings
        self._clock = clock
        self._connect = connect
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0

    def keep(self, metadata: Metadata) -> None:
        """Take note of the topic as it is; returns at once."""
        topic = metadata.topics.get(self._settings.topic)
        missing = led_by_none(topic, metadata.brokers) if topic is not None else sorted(metadata.brokers)
        if not missing:
            self.trouble, self._next = None, 0.0
            return
        factor = self._settings.replication_factor or _REPLICAS
        if topic is not None and topic.partitions:
            factor = len(topic.partitions[0].replicas)
        replicas = spread(missing, metadata.brokers, factor)
        if self._refused(metadata, topic, replicas) or (self._task is not None and not self._task.done()):
            return
        if self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + _AGAIN_SECONDS
            self._task = asyncio.get_running_loop().create_task(self._make(metadata, topic, replicas))

    async def close(self) -> None:
        """Give up what is under way."""
        task, self._task, self._next = self._task, None, 0.0
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _refused(self, metadata: Metadata, topic: Topic | None, replicas: Replicas) -> bool:
        """Whether it is not ours to make; then `trouble` says whose and how."""
        name = self._settings.topic
        if topic is None:
            if not self._settings.create:
                how = command(name, replicas)
                self.trouble = TargetError(f"there is no topic {name}, or we may not describe it; create it: {how}")
            return not self._settings.create
        brokers = ", ".join(str(row[0]) for row in replicas)
        lacking = f"brokers {brokers} are not probed: no partition of {name} prefers them as leader"
        if not self._settings.create:
            self.trouble = TargetError(f"{lacking}; add one with kafka-topics.sh --alter --replica-assignment")
        elif len(topic.partitions) >= _MOST_PARTITIONS_PER_BROKER * len(metadata.brokers):
            self.trouble = TargetError(f"{lacking}, and it has many already; move them (kafka-reassign-partitions.sh)")
        else:
            return False
        return True

    async def _make(self, metadata: Metadata, topic: Topic | None, replicas: Replicas) -> None:
        name, timeout = self._settings.topic, self._settings.timeout_seconds
        request: Request[dict[str, Outcome]]
        if topic is None:
            request = CreateTopicsRequest(name, replicas, CONFIGS, timeout_ms=int(timeout * 1000))
        else:
            count = len(topic.partitions) + len(replicas)
            request = CreatePartitionsRequest(name, count, replicas, timeout_ms=int(timeout * 1000))
        what = f"{request.name} of {name}"
        answer = await within(self._clock, timeout, what, self._ask(metadata.controller_id, request))
        if isinstance(answer, TargetError):
            self.trouble = answer
            return
        right = "Create" if topic is None else "Alter"
        self.trouble = _judged(answer[name], what, right, command(name, replicas)) if name in answer else None

    async def _ask(self, controller_id: int, request: Request[dict[str, Outcome]]) -> Mapping[str, Outcome]:
        client = self._connect()
        try:
            metadata = await client.refresh()
            broker_id = controller_id if controller_id in metadata.brokers else min(metadata.brokers, default=-1)
            return await client.request(broker_id, request)
        finally:
            await client.close()


def _judged(outcome: Outcome, what: str, right: str, how: str) -> TargetError | None:
    code, message = outcome
    if not code or code in _RACED:
        return None
    text = f"{what}: {error_name(code)}"
    if code in REFUSED:
        return AuthError(f"{text}; grant {right} on the topic (grants/acls.md), or let an administrator do it: {how}")
    return ProtocolError(f"{text}: {message}" if message else text)
