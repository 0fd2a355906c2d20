"""The base of every peer: what a sweep tells, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from stackledger.catalogue import Metric
from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka.answers import Answers
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.probe.memory import ProbeMemory
from stackledger.integrations.kafka.state import BrokerMemory, GroupMemory, TopicConfig, TopicMemory
from stackledger.integrations.kafka.wire.connection import Traffic
from stackledger.integrations.kafka.wire.messages.cluster import Topic


class Peer:
    """What a sweep tells, offered piece by piece; a peer takes what it has a name for. This one takes nothing."""

    families: ClassVar[tuple[Metric[Any], ...]] = ()
    """Its families of topics and groups, which every sweep of the fast lane reads."""

    def cluster(self, part: Part, answers: Answers, *, complete: bool, release: str, controller: int) -> None:
        """The cluster as a whole."""

    def broker(self, part: Part, broker_id: int, broker: BrokerMemory, *, is_controller: bool) -> None:
        """A live broker; `part` is its own."""

    def traffic(self, part: Part, traffic: Traffic) -> None:
        """What this program asked of the cluster."""

    def topic(self, part: Part, name: str, memory: TopicMemory, topic: Topic, config: TopicConfig | None) -> None:
        """A topic that is shown by name."""

    def topic_partitions(self, part: Part, name: str, memory: TopicMemory, topic: Topic, keys: Keys) -> None:
        """The partitions of a topic whose partitions are shown."""

    def other_topics(self, part: Part, rest: Iterable[TopicMemory]) -> None:
        """The topics beyond the cap; there is at least one."""

    def group(self, part: Part, name: str, group: GroupMemory) -> None:
        """A group that is shown by name."""

    def group_topics(self, part: Part, rows: Sequence[Key], offsets: Sequence[float], lags: Sequence[float]) -> None:
        """(group, topic) with the sums of its commits and of its lag."""

    def group_partitions(
        self, part: Part, rows: Sequence[Key], commits: Sequence[float], lags: Sequence[float]
    ) -> None:
        """(group, topic, partition) with its commit and its lag."""

    def other_groups(self, part: Part, *, offsets: float, lags: float, members: float) -> None:
        """The groups beyond the cap, in one sum; there is at least one."""

    def broker_disk(self, part: Part, broker_id: int, broker: BrokerMemory, size: int) -> None:
        """Bytes in all log directories of a broker; `part` is its own."""

    def topic_disk(self, part: Part, name: str, size: int) -> None:
        """Bytes of a topic on all brokers."""

    def probe(self, part: Part, memory: ProbeMemory, in_flight: Mapping[int, int]) -> None:
        """What the end-to-end probe counted, where it is on; `in_flight` is by partition of its topic."""
