"""What is remembered of a cluster between sweeps: last good offsets, counters, history, group progress.

Bounded by what the cluster has: topics and groups that are gone are forgotten. Owns the shapes, not the rules.
"""

from __future__ import annotations

import msgspec

from stackledger.collect.integration import State
from stackledger.integrations.kafka.probe.memory import ProbeMemory


class BrokerMemory(msgspec.Struct):
    """Where a broker was when it was last alive."""

    host: str
    port: int
    rack: str


class TopicConfig(msgspec.Struct, frozen=True):
    """The settings of a topic that change what its numbers mean."""

    cleanup_policy: str
    min_in_sync: int
    retention_ms: int
    """-1 for no limit."""
    retention_bytes: int = -1
    """Of each partition; -1 for no limit."""
    max_message_bytes: int = -1
    """-1 where it is not known."""
    unclean_election: bool = False
    """Whether a replica that is not in sync may lead when no other is left, at the price of records."""


class TopicMemory(msgspec.Struct):
    """A topic's last good offsets by partition, and what was counted of it.

    `high` and `low` are replaced when they change, never changed in place: who keeps something that follows from them
    need only look whether they are still the same objects. So are a group's commits.
    """

    id: str
    high: dict[int, int] = msgspec.field(default_factory=dict)
    low: dict[int, int] = msgspec.field(default_factory=dict)
    stable: dict[int, int] = msgspec.field(default_factory=dict)
    held: dict[int, float] = msgspec.field(default_factory=dict)
    """Partitions that the last sweep could not read, with the time of their last good reading (0: never)."""
    peak: dict[int, int] = msgspec.field(default_factory=dict)
    """Highest high watermark seen, from which new records are counted."""
    produced: int = 0
    in_sync: list[int] = msgspec.field(default_factory=list)
    markers: dict[int, int] = msgspec.field(default_factory=dict)
    """Partitions whose last offset is the end of a transaction, with the high watermark at which that was learnt."""
    markers_asked: dict[int, int] = msgspec.field(default_factory=dict)
    """Partitions whose leader was asked about that, with the high watermark at which it was."""
    counted: int = 0
    """How much of `produced` is in the state's `other_produced`."""
    missed: int = 0
    """Answers in a row that did not list it."""

    def ends(self) -> dict[int, int]:
        """The offset from which on a consumer has nothing to read: the high watermark, or a marker right before it."""
        if not self.markers:
            return self.high
        marked = self.markers.get
        return {index: offset - (marked(index) == offset) for index, offset in self.high.items()}


class Departed(msgspec.Struct):
    """A topic that Metadata no longer lists. It may come back: a broker that has just started may not know all yet."""

    at: float
    memory: TopicMemory


class GroupTopic(msgspec.Struct):
    """A group's commits in one topic."""

    topic_id: str
    committed: dict[int, int] = msgspec.field(default_factory=dict)
    consumed: int = 0
    waiting: dict[int, float] = msgspec.field(default_factory=dict)
    """Partitions with lag: since when the commit has not moved."""
    rewound_at: float = 0.0
    counted: int = 0
    """How much of `consumed` is in the state's `other_consumed`."""
    committed_at: float = 0.0
    """When a commit was last seen to change; 0 while none has since the group was first seen."""
    lag: int = -1
    """Offsets between the commits and the ends when its coordinator last told; -1 before that."""


class GroupMemory(msgspec.Struct):
    """A group as its coordinator last described it."""

    coordinator: int
    group_type: str = "classic"
    state: str = ""
    protocol: str = ""
    protocol_type: str = ""
    members: int | None = None
    empty_members: int = 0
    topic_members: dict[str, int] = msgspec.field(default_factory=dict)
    assigned: dict[str, int] = msgspec.field(default_factory=dict)
    topics: dict[str, GroupTopic] = msgspec.field(default_factory=dict)
    held: bool = False
    missed: int = 0
    """Sweeps in a row in which no broker listed it."""
    verdicts: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)


class HistoryPoint(msgspec.Struct):
    """High watermarks of all topics at one moment: 64-bit integers by partition, -1 where they were not read."""

    at: float
    high: dict[str, bytes]


class Reading(msgspec.Struct, frozen=True):
    """What one complete sweep counted in the whole cluster."""

    at: float
    """Mean time of the answers that told the ends of the logs."""
    produced: int
    consumed: int
    lag: int


class OpenMemory(msgspec.Struct):
    """An open transaction in one partition, as the slow lane saw it."""

    first_seen: float
    topic: str = ""
    partition: int = 0
    producer_id: int = 0
    start_offset: int = 0
    orphaned: int = 0
    """Reads in a row in which no coordinator knew of it."""


class KafkaState(State):
    """Everything that is remembered of one cluster."""

    cluster_id: str = ""
    listed: bool = False
    """Whether a list of topics was seen before: only then is an unknown topic a new one."""
    swept_at: float = 0.0
    brokers: dict[int, BrokerMemory] = msgspec.field(default_factory=dict)
    topics: dict[str, TopicMemory] = msgspec.field(default_factory=dict)
    departed: dict[str, Departed] = msgspec.field(default_factory=dict)
    """By topic id."""
    groups: dict[str, GroupMemory] = msgspec.field(default_factory=dict)
    configs: dict[str, TopicConfig] = msgspec.field(default_factory=dict)
    history: list[HistoryPoint] = msgspec.field(default_factory=list)
    isr_shrinks: int = 0
    isr_expands: int = 0
    shown_topics: list[str] = msgspec.field(default_factory=list)
    shown_groups: list[str] = msgspec.field(default_factory=list)
    other_produced: int = 0
    other_consumed: int = 0
    log_dir_sizes: dict[int, dict[str, int]] = msgspec.field(default_factory=dict)
    """Broker, topic: bytes, as of the last good DescribeLogDirs."""
    open_transactions: dict[str, OpenMemory] = msgspec.field(default_factory=dict)
    """By topic, partition, producer and first offset."""
    total_produced: int = 0
    """Records appended to all shown topics since the cluster is watched; a topic that goes takes none away."""
    total_consumed: int = 0
    lag_shift: int = 0
    """Lag that came and went with groups and topics, not with their work: it is no growth."""
    readings: list[Reading] = msgspec.field(default_factory=list)
    """Of the window that the throughput is judged by."""
    probe: ProbeMemory = msgspec.field(default_factory=ProbeMemory)
