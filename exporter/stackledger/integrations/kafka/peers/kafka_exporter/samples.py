"""What fills kafka_exporter's families. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from stackledger.catalogue import metrics_of
from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka.answers import Answers
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.peers.kafka_exporter import metrics as m
from stackledger.integrations.kafka.peers.peer import Peer
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.state import BrokerMemory, GroupMemory, TopicConfig, TopicMemory
from stackledger.integrations.kafka.wire.connection import Traffic
from stackledger.integrations.kafka.wire.messages.cluster import Topic as TopicAnswer


class KafkaExporter(Peer):
    """What kafka_exporter shows, under its names."""

    families: ClassVar = tuple(metric for metric in metrics_of(m) if not metric.node)

    def cluster(self, part: Part, answers: Answers, *, complete: bool, release: str, controller: int) -> None:
        """The cluster as a whole."""
        del complete, release, controller
        part.add(m.BROKERS, len(answers.metadata.brokers))

    def broker(self, part: Part, broker_id: int, broker: BrokerMemory, *, is_controller: bool) -> None:
        """A live broker."""
        del is_controller
        part.add(m.BROKER_INFO, 1, str(broker_id), f"{broker.host}:{broker.port}")

    def traffic(self, part: Part, traffic: Traffic) -> None:
        """It does not tell."""

    def topic(self, part: Part, name: str, memory: TopicMemory, topic: TopicAnswer, config: TopicConfig | None) -> None:
        """How many partitions a topic has."""
        del memory, config
        part.add(m.TOPIC_PARTITIONS, len(topic.partitions), name)

    def topic_partitions(self, part: Part, name: str, memory: TopicMemory, topic: TopicAnswer, keys: Keys) -> None:
        """Offsets, leader and replicas by partition."""
        part.extend(m.CURRENT_OFFSET, keys.rows("high", (name,), memory.high), memory.high.values())
        part.extend(m.OLDEST_OFFSET, keys.rows("low", (name,), memory.low), memory.low.values())
        rows = keys.rows("all", (name,), [partition.id for partition in topic.partitions])
        replicas = [len(partition.replicas) for partition in topic.partitions]
        in_sync = [len(partition.in_sync) for partition in topic.partitions]
        part.extend(m.LEADER, rows, [partition.leader for partition in topic.partitions])
        part.extend(m.REPLICAS, rows, replicas)
        part.extend(m.IN_SYNC, rows, in_sync)
        preferred = [float(partition.leader in partition.replicas[:1]) for partition in topic.partitions]
        part.extend(m.IS_PREFERRED, rows, preferred)
        lacking = [float(have < want) for have, want in zip(in_sync, replicas, strict=True)]
        part.extend(m.UNDER_REPLICATED, rows, lacking)

    def other_topics(self, part: Part, rest: Iterable[TopicMemory]) -> None:
        """How many partitions the topics beyond the cap have."""
        part.add(m.TOPIC_PARTITIONS, sum(len(memory.in_sync) for memory in rest), OTHER)

    def group(self, part: Part, name: str, group: GroupMemory) -> None:
        """A group's members."""
        part.add(m.GROUP_MEMBERS, group.members, name)

    def group_topics(self, part: Part, rows: Sequence[Key], offsets: Sequence[float], lags: Sequence[float]) -> None:
        """Commits and lag, summed over each topic."""
        part.extend(m.GROUP_OFFSET_SUM, rows, offsets)
        part.extend(m.GROUP_LAG_SUM, rows, lags)

    def group_partitions(
        self, part: Part, rows: Sequence[Key], commits: Sequence[float], lags: Sequence[float]
    ) -> None:
        """Commits and lag by partition."""
        part.extend(m.GROUP_OFFSET, rows, commits)
        part.extend(m.GROUP_LAG, rows, lags)

    def other_groups(self, part: Part, *, offsets: float, lags: float, members: float) -> None:
        """The sums of the groups beyond the cap."""
        part.add(m.GROUP_OFFSET_SUM, offsets, OTHER, OTHER)
        part.add(m.GROUP_LAG_SUM, lags, OTHER, OTHER)
        part.add(m.GROUP_MEMBERS, members, OTHER)
