"""What one sweep heard from the brokers, before it is merged with what is remembered. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stackledger.errors import TargetError
from stackledger.integrations.kafka.state import BrokerMemory
from stackledger.integrations.kafka.wire.messages.cluster import Metadata
from stackledger.integrations.kafka.wire.messages.groups import ListedGroup
from stackledger.integrations.kafka.wire.messages.quorum import Quorum

Offsets = dict[str, dict[int, int]]


class Members(NamedTuple):
    """A group's members, whatever its type."""

    state: str
    protocol: str
    total: int
    without_partitions: int
    by_topic: dict[str, int]
    """Members that have partitions of the topic."""
    assigned: dict[str, int]
    """Partitions of the topic that members have."""


class GroupAnswer(NamedTuple):
    """One group as its coordinator told it; None is what it could not tell."""

    listed: ListedGroup
    members: Members | None
    offsets: Offsets | None


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """Everything that one broker said. `groups` is None while the broker cannot list the groups that it coordinates."""

    high: Offsets
    low: Offsets
    stable: Offsets
    groups: Mapping[str, GroupAnswer] | None
    high_at: float = 0.0
    """Wall time at which the ends of the logs arrived."""


@dataclass(frozen=True, slots=True)
class QuorumAnswer:
    """The quorum; `quorum` is None where the cluster has none (ZooKeeper) or it could not be asked."""

    quorum: Quorum | None
    error: TargetError | None = None
    leader_missing: bool = False
    """The brokers answer but find no active controller."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One sweep of the fast lane."""

    at: float
    metadata: Metadata
    expected: Mapping[int, BrokerMemory]
    """Every broker that is alive, registered or holds replicas."""
    brokers: Mapping[int, BrokerAnswer]
    failed: Mapping[int, TargetError]
    quorum: QuorumAnswer
    facets: dict[str, TargetError | None] = field(default_factory=dict)
