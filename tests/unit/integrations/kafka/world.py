"""Hand-made answers of a small cluster: topics with partitions on brokers 1 to 3, and what each broker says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from stackledger.errors import ReadTimeoutError
from stackledger.integrations.kafka.answers import Answers, BrokerAnswer, GroupAnswer, Members, Offsets, QuorumAnswer
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.merge import merge
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState
from stackledger.integrations.kafka.wire.messages.cluster import Broker, Metadata, Partition, Topic
from stackledger.integrations.kafka.wire.messages.groups import ListedGroup

BROKERS = (1, 2, 3)


def topic(number: int, leaders: Sequence[int], *, in_sync: Sequence[int] = BROKERS) -> Topic:
    """A topic whose id is `number`, one partition for each of `leaders` (-1: none), three replicas each."""
    partitions = tuple(Partition(0, i, leader, 0, BROKERS, tuple(in_sync), ()) for i, leader in enumerate(leaders))
    return Topic(0, UUID(int=number), is_internal=False, partitions=partitions)


def group(name: str, offsets: Offsets | None, *, members: int = 1) -> GroupAnswer:
    """A classic group with commits; None where the coordinator could not tell them."""
    state = "Stable" if members else "Empty"
    read = dict.fromkeys(offsets or {}, members) if members else {}
    described = Members(state, "range", members, 0, read, read)
    return GroupAnswer(ListedGroup(name, "consumer", state, "classic"), described, offsets)


@dataclass
class World:
    """What the cluster is; `sweep` reads it at `now`, without the `silent` brokers."""

    topics: dict[str, Topic]
    high: dict[str, dict[int, int]]
    groups: dict[int, list[GroupAnswer] | None] = field(default_factory=dict)
    low: dict[str, dict[int, int]] = field(default_factory=dict)
    state: KafkaState = field(default_factory=KafkaState)
    now: float = 1_000.0
    cluster_id: str = "lab"

    def sweep(self, *, silent: Sequence[int] = (), later: float = 10.0, stuck_after: float = 30.0) -> KafkaState:
        self.now += later
        live = {key: Broker(key, f"b{key}", 9092, None) for key in BROKERS}
        expected = {key: BrokerMemory(f"b{key}", 9092, "") for key in BROKERS}
        answers = Answers(
            self.now,
            Metadata(live, self.cluster_id, 1, self.topics),
            expected,
            {key: self._answer(key) for key in BROKERS if key not in silent},
            {key: ReadTimeoutError("silent") for key in silent},
            QuorumAnswer(None),
        )
        merge(self.state, answers, filters=Filters(), stuck_after=stuck_after, window=3_600.0)
        return self.state

    def _answer(self, broker: int) -> BrokerAnswer:
        groups = self.groups.get(broker, [])
        told = None if groups is None else {answer.listed.group_id: answer for answer in groups}
        return BrokerAnswer(self._led(broker, self.high), self._led(broker, self.low), {}, told, self.now)

    def _led(self, broker: int, offsets: Mapping[str, dict[int, int]]) -> Offsets:
        led: Offsets = {}
        for name, by_partition in offsets.items():
            if name in self.topics:
                mine = {p.id for p in self.topics[name].partitions if p.leader == broker}
                led[name] = {index: offset for index, offset in by_partition.items() if index in mine}
        return led
