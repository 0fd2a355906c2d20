"""The labels of Kafka's metrics."""

from __future__ import annotations

from stackledger.catalogue import Label


class TopicName(Label):
    """Topic, as Metadata names it; `other` for what is beyond max_topics."""

    bounded = False
    cap = 5_001


class PartitionId(Label):
    """Partition number, from 0."""

    bounded = False
    cap = 20_000


class GroupId(Label):
    """Group, as ListGroups names it; `other` for what is beyond max_groups."""

    bounded = False
    cap = 1_001


class BrokerId(Label):
    """node.id of the broker."""


class Address(Label):
    """Host that the broker advertises."""


class Port(Label):
    """Port that the broker advertises."""


class RackId(Label):
    """broker.rack, empty without one."""


class IsController(Label):
    """Whether the broker is the active controller."""

    values = ("true", "false")


class ClusterVersion(Label):
    """Release, from the finalized metadata.version."""


class BrokerCount(Label):
    """Number of live brokers."""


class ControllerId(Label):
    """node.id of the active controller, -1 without one."""


class ClusterId(Label):
    """The cluster's own id."""


class PartitionCount(Label):
    """Number of partitions."""


class ReplicationFactor(Label):
    """Number of replicas of partition 0."""


class CleanupPolicy(Label):
    """cleanup.policy of the topic, N/A where it could not be read."""


class Protocol(Label):
    """Assignor that the members agreed on."""


class ProtocolType(Label):
    """`consumer`, `connect`, `share`, ...; empty for a group that only commits."""


class State(Label):
    """State of the group: Stable, Empty, PreparingRebalance, ..."""


class CoordinatorId(Label):
    """node.id of the group's coordinator."""


class Version(Label):
    """Version of this program."""


class Problem(Label):
    """What is wrong with the partitions."""

    values = ("offline", "under_min_isr", "under_replicated", "non_preferred_leader")


class GroupType(Label):
    """`classic`, `consumer` (KIP-848), `share` or `streams`."""


class ReplicaId(Label):
    """node.id of the quorum's member."""


class Role(Label):
    """Whether the member has a vote."""

    values = ("voter", "observer")


class LogDir(Label):
    """Path of a log directory (log.dirs)."""


class Method(Label):
    """How the seconds of lag were found."""

    values = ("caught_up", "history", "extrapolated", "at_least")


class Verdict(Label):
    """The verdict in words."""

    values = ("ok", "rewound", "stalled", "stopped")


class Reason(Label):
    """Why the verdict is what it is."""

    values = ("caught_up", "progressing", "waiting", "went_back", "no_progress", "rebalancing", "no_members")
