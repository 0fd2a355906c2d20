"""What fills kminion's families. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from stackledger import __version__
from stackledger.catalogue import metrics_of
from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka.answers import Answers
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.peers.kminion import metrics as m
from stackledger.integrations.kafka.peers.peer import Peer
from stackledger.integrations.kafka.probe.memory import ProbeMemory
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.state import BrokerMemory, GroupMemory, TopicConfig, TopicMemory
from stackledger.integrations.kafka.wire.connection import Traffic
from stackledger.integrations.kafka.wire.messages.cluster import Topic

_STABLE = "Stable"


class Kminion(Peer):
    """What kminion shows, under its names."""

    families: ClassVar = tuple(
        metric for metric in metrics_of(m) if not metric.node and metric is not m.TOPIC_LOG_DIR_SIZE
    )

    def cluster(self, part: Part, answers: Answers, *, complete: bool, release: str, controller: int) -> None:
        """The cluster as a whole."""
        part.add(m.EXPORTER_UP, float(complete), __version__)
        labels = (release, str(len(answers.metadata.brokers)), str(controller), answers.metadata.cluster_id or "")
        part.add(m.CLUSTER_INFO, 1, *labels)

    def broker(self, part: Part, broker_id: int, broker: BrokerMemory, *, is_controller: bool) -> None:
        """A live broker."""
        labels = (str(broker_id), broker.host, str(broker.port), broker.rack, "true" if is_controller else "false")
        part.add(m.BROKER_INFO, 1, *labels)

    def traffic(self, part: Part, traffic: Traffic) -> None:
        """What this program asked of the cluster."""
        part.add(m.REQUESTS_SENT, traffic.requests_sent)
        part.add(m.REQUESTS_RECEIVED, traffic.answers_received)
        part.add(m.SENT_BYTES, traffic.bytes_sent)
        part.add(m.RECEIVED_BYTES, traffic.bytes_received)

    def topic(self, part: Part, name: str, memory: TopicMemory, topic: Topic, config: TopicConfig | None) -> None:
        """A topic's facts and the sums of its water marks."""
        policy = config.cleanup_policy if config is not None else "N/A"
        factor = len(topic.partitions[0].replicas) if topic.partitions else -1
        part.add(m.TOPIC_INFO, 1, name, str(len(topic.partitions)), str(factor), policy)
        if memory.high:
            part.add(m.TOPIC_HIGH_WATER_MARK_SUM, sum(memory.high.values()), name)
        if memory.low:
            part.add(m.TOPIC_LOW_WATER_MARK_SUM, sum(memory.low.values()), name)

    def topic_partitions(self, part: Part, name: str, memory: TopicMemory, topic: Topic, keys: Keys) -> None:
        """A topic's water marks by partition."""
        del topic
        part.extend(m.PARTITION_HIGH_WATER_MARK, keys.rows("high", (name,), memory.high), memory.high.values())
        part.extend(m.PARTITION_LOW_WATER_MARK, keys.rows("low", (name,), memory.low), memory.low.values())

    def other_topics(self, part: Part, rest: Iterable[TopicMemory]) -> None:
        """The sums of the topics beyond the cap."""
        memories = list(rest)
        part.add(m.TOPIC_HIGH_WATER_MARK_SUM, sum(sum(memory.high.values()) for memory in memories), OTHER)
        part.add(m.TOPIC_LOW_WATER_MARK_SUM, sum(sum(memory.low.values()) for memory in memories), OTHER)

    def group(self, part: Part, name: str, group: GroupMemory) -> None:
        """A group's state and members."""
        protocol_type = group.protocol_type or ("" if group.group_type == "classic" else group.group_type)
        labels = (name, group.protocol, protocol_type, group.state, str(group.coordinator))
        part.add(m.GROUP_INFO, float(group.state == _STABLE), *labels)
        part.add(m.GROUP_MEMBERS, group.members, name)
        if group.empty_members:
            part.add(m.GROUP_EMPTY_MEMBERS, group.empty_members, name)
        for topic, count in group.topic_members.items():
            part.add(m.GROUP_TOPIC_MEMBERS, count, name, topic)
        for topic, count in group.assigned.items():
            part.add(m.GROUP_TOPIC_ASSIGNED, count, name, topic)

    def group_topics(self, part: Part, rows: Sequence[Key], offsets: Sequence[float], lags: Sequence[float]) -> None:
        """Commits and lag, summed over each topic."""
        part.extend(m.GROUP_TOPIC_OFFSET_SUM, rows, offsets)
        part.extend(m.GROUP_TOPIC_LAG, rows, lags)

    def group_partitions(
        self, part: Part, rows: Sequence[Key], commits: Sequence[float], lags: Sequence[float]
    ) -> None:
        """Lag by partition."""
        del commits
        part.extend(m.GROUP_TOPIC_PARTITION_LAG, rows, lags)

    def other_groups(self, part: Part, *, offsets: float, lags: float, members: float) -> None:
        """The sums of the groups beyond the cap."""
        part.add(m.GROUP_TOPIC_OFFSET_SUM, offsets, OTHER, OTHER)
        part.add(m.GROUP_TOPIC_LAG, lags, OTHER, OTHER)
        part.add(m.GROUP_MEMBERS, members, OTHER)

    def broker_disk(self, part: Part, broker_id: int, broker: BrokerMemory, size: int) -> None:
        """Bytes by broker."""
        part.add(m.BROKER_LOG_DIR_SIZE, size, str(broker_id), broker.host, str(broker.port), broker.rack)

    def topic_disk(self, part: Part, name: str, size: int) -> None:
        """Bytes by topic."""
        part.add(m.TOPIC_LOG_DIR_SIZE, size, name)

    def probe(self, part: Part, memory: ProbeMemory, in_flight: Mapping[int, int]) -> None:
        """The end-to-end test by partition. Nothing is committed, so there are no families of commits."""
        for partition_id, tally in memory.partitions.items():
            partition = str(partition_id)
            part.add(m.E2E_PRODUCED, tally.sent, partition)
            part.add(m.E2E_FAILED, sum(tally.failed.values()), partition)
            part.add(m.E2E_IN_FLIGHT, in_flight.get(partition_id, 0), partition)
            part.add(m.E2E_RECEIVED, tally.received - tally.stray.get("late", 0), partition)
            part.add(m.E2E_LOST, tally.lost, partition)
            for metric, times in ((m.E2E_PRODUCE, tally.produce), (m.E2E_ROUND_TRIP, tally.round_trip)):
                part.histogram(metric, partition, buckets=times.buckets, count=times.count, total=times.total)
