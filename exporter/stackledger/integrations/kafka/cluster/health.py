"""The health of partitions as Metadata tells it. Pure: leaders, replicas in sync, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

from stackledger.integrations.kafka.state import TopicConfig
from stackledger.integrations.kafka.wire.messages.cluster import Partition, Topic


@dataclass(slots=True)
class Health:
    """Counts over all partitions; `unhealthy` is by (topic, problem)."""

    partitions: int = 0
    offline: int = 0
    under_min_isr: int | None = None
    at_min_isr: int | None = None
    under_replicated: int = 0
    non_preferred: int = 0
    unhealthy: Counter[tuple[str, str]] = field(default_factory=Counter)
    leaders: Counter[int] = field(default_factory=Counter)
    replicas: Counter[int] = field(default_factory=Counter)


class HealthMemory:
    """The last count, good for as long as neither the topics nor the settings of any changed."""

    def __init__(self) -> None:
        self._made_of: tuple[Mapping[str, Topic], list[int | None]] | None = None
        self._health = Health()

    def of(self, topics: Mapping[str, Topic], configs: Mapping[str, TopicConfig]) -> Health:
        """`health_of`, counted anew only where it must be: unchanged Metadata gives the same object of topics."""
        minima = [config.min_in_sync if (config := configs.get(name)) else None for name in topics]
        if self._made_of is None or self._made_of[0] is not topics or self._made_of[1] != minima:
            self._health, self._made_of = health_of(topics, configs), (topics, minima)
        return self._health


def health_of(topics: Mapping[str, Topic], configs: Mapping[str, TopicConfig]) -> Health:
    """Count. The min ISR counts stay None unless the setting of every topic is known: a part of them would mislead."""
    health = Health()
    if topics.keys() <= configs.keys():
        health.under_min_isr = health.at_min_isr = 0
    for name, topic in topics.items():
        minimum = config.min_in_sync if (config := configs.get(name)) else None
        for partition in topic.partitions:
            _count(health, name, partition, minimum)
    everything = [partition for topic in topics.values() for partition in topic.partitions]
    health.partitions = len(everything)
    health.leaders = Counter(partition.leader for partition in everything if partition.leader >= 0)
    health.replicas = Counter(chain.from_iterable(partition.replicas for partition in everything))
    return health


def _count(health: Health, name: str, partition: Partition, minimum: int | None) -> None:
    replicas, in_sync, leader = partition.replicas, len(partition.in_sync), partition.leader
    if leader < 0:
        health.offline += 1
        health.unhealthy[name, "offline"] += 1
    elif replicas and leader != replicas[0]:
        health.non_preferred += 1
        health.unhealthy[name, "non_preferred_leader"] += 1
    if in_sync < len(replicas):
        health.under_replicated += 1
        health.unhealthy[name, "under_replicated"] += 1
    if minimum is not None:
        _count_isr(health, name, in_sync if leader >= 0 else 0, min(minimum, len(replicas)))


def _count_isr(health: Health, name: str, in_sync: int, minimum: int) -> None:
    """A topic with fewer replicas than min.insync.replicas is held to what it has, as the brokers do."""
    if in_sync < minimum:
        health.unhealthy[name, "under_min_isr"] += 1
        if health.under_min_isr is not None:
            health.under_min_isr += 1
    elif in_sync == minimum and health.at_min_isr is not None:
        health.at_min_isr += 1


def isr_changes(before: list[int], after: list[int]) -> tuple[int, int]:
    """Partitions whose ISR shrank, and whose ISR grew; new partitions count as neither."""
    if before == after:
        return 0, 0
    pairs = list(zip(before, after, strict=False))
    return sum(new < old for old, new in pairs), sum(new > old for old, new in pairs)
