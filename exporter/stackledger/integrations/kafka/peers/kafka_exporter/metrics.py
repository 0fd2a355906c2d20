"""kafka_exporter's families: its names, labels and zeros.

Deviation, for soundness: members of KIP-848 and share groups are counted too, which it shows as 0.
"""

from __future__ import annotations

from typing import Final

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Label, Metric

_PEER: Final = "kafka_exporter"
_CHOSEN: Final = "names: kafka_exporter"


class Topic(Label):
    """Topic, as Metadata names it; `other` for what is beyond max_topics."""

    bounded = False
    cap = 5_001


class Partition(Label):
    """Partition number, from 0."""

    bounded = False
    cap = 20_000


class Consumergroup(Label):
    """Group, as ListGroups names it; `other` for what is beyond max_groups."""

    bounded = False
    cap = 1_001


class Id(Label):
    """node.id of the broker."""


class Address(Label):
    """host:port that the broker advertises."""


BROKERS = Metric(
    "kafka_brokers",
    Kind.GAUGE,
    units.COUNT,
    "Brokers that are alive to the cluster (Metadata).",
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
BROKER_INFO = Metric(
    "kafka_broker_info",
    Kind.GAUGE,
    units.STATE,
    "Always 1; the broker's id and address (Metadata).",
    labels=(Id, Address),
    budget=2,
    compat=_PEER,
    conditional=_CHOSEN,
)
TOPIC_PARTITIONS = Metric(
    "kafka_topic_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic (Metadata).",
    labels=(Topic,),
    budget=6_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
CURRENT_OFFSET = Metric(
    "kafka_topic_partition_current_offset",
    Kind.GAUGE,
    units.COUNT,
    "High watermark of the partition, the last good one of a silent broker (ListOffsets latest).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
OLDEST_OFFSET = Metric(
    "kafka_topic_partition_oldest_offset",
    Kind.GAUGE,
    units.COUNT,
    "First offset of the partition, the last good one of a silent broker (ListOffsets earliest).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
LEADER = Metric(
    "kafka_topic_partition_leader",
    Kind.GAUGE,
    units.STATE,
    "node.id of the partition's leader, -1 without one (Metadata).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
REPLICAS = Metric(
    "kafka_topic_partition_replicas",
    Kind.GAUGE,
    units.COUNT,
    "Replicas of the partition (Metadata).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
IN_SYNC = Metric(
    "kafka_topic_partition_in_sync_replica",
    Kind.GAUGE,
    units.COUNT,
    "Replicas of the partition that are in sync (Metadata).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
IS_PREFERRED = Metric(
    "kafka_topic_partition_leader_is_preferred",
    Kind.GAUGE,
    units.STATE,
    "1 if the partition's first replica leads it, else 0 (Metadata).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
UNDER_REPLICATED = Metric(
    "kafka_topic_partition_under_replicated_partition",
    Kind.GAUGE,
    units.STATE,
    "1 if fewer replicas than wanted are in sync, else 0 (Metadata).",
    labels=(Topic, Partition),
    budget=100_000,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
GROUP_OFFSET = Metric(
    "kafka_consumergroup_current_offset",
    Kind.GAUGE,
    units.COUNT,
    "Committed offset of the group in the partition (OffsetFetch).",
    labels=(Consumergroup, Topic, Partition),
    budget=200_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
GROUP_OFFSET_SUM = Metric(
    "kafka_consumergroup_current_offset_sum",
    Kind.GAUGE,
    units.COUNT,
    "Sum of the group's committed offsets in the topic (OffsetFetch).",
    labels=(Consumergroup, Topic),
    budget=20_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
GROUP_LAG = Metric(
    "kafka_consumergroup_lag",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the group's commit and the partition's high watermark (OffsetFetch, ListOffsets).",
    labels=(Consumergroup, Topic, Partition),
    budget=200_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
GROUP_LAG_SUM = Metric(
    "kafka_consumergroup_lag_sum",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the group's commits and the high watermarks, summed over the topic (OffsetFetch, ListOffsets).",
    labels=(Consumergroup, Topic),
    budget=20_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
    conditional=_CHOSEN,
)
GROUP_MEMBERS = Metric(
    "kafka_consumergroup_members",
    Kind.GAUGE,
    units.COUNT,
    "Members of the group, classic, KIP-848 or share (DescribeGroups, ConsumerGroupDescribe, ShareGroupDescribe).",
    labels=(Consumergroup,),
    budget=1_100,
    node=False,
    compat=_PEER,
    conditional=_CHOSEN,
)
