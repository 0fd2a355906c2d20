"""The metrics of consumer groups: lag in records and seconds, verdicts, what retention takes from them."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Metric
from stackledger.integrations.kafka import labels as of

GROUPS = Metric(
    "stackledger_kafka_groups",
    Kind.GAUGE,
    units.COUNT,
    "Groups of the type, excluded ones not counted (ListGroups).",
    labels=(of.GroupType,),
    budget=10,
    node=False,
)
GROUPS_HELD = Metric(
    "stackledger_kafka_groups_held",
    Kind.GAUGE,
    units.COUNT,
    "Groups whose coordinator is silent, so that their last good commits are shown (own sweep).",
    node=False,
)
OTHER_GROUPS = Metric(
    "stackledger_kafka_other_groups",
    Kind.GAUGE,
    units.COUNT,
    "Groups beyond max_groups, summed under the name other (own sweep).",
    node=False,
)
RECORDS_CONSUMED = Metric(
    "stackledger_kafka_consumer_group_topic_records_consumed_total",
    Kind.COUNTER,
    units.COUNT,
    "Offsets by which the group's commits went forward in the topic since they were first seen (OffsetFetch).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
GROUP_INFO = Metric(
    "stackledger_kafka_consumer_group_info",
    Kind.INFO,
    units.STATE,
    "Always 1; the group's type, state, assignor and coordinator (ListGroups, DescribeGroups, ConsumerGroupDescribe).",
    labels=(of.GroupId, of.GroupType, of.State, of.Protocol, of.CoordinatorId),
    budget=1_100,
    node=False,
)
GROUP_MEMBERS = Metric(
    "stackledger_kafka_consumer_group_members",
    Kind.GAUGE,
    units.COUNT,
    "Members of the group, classic, KIP-848 or share (DescribeGroups, ConsumerGroupDescribe, ShareGroupDescribe).",
    labels=(of.GroupId,),
    budget=1_100,
    node=False,
)
LAG = Metric(
    "stackledger_kafka_consumer_group_topic_lag",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the group's commits and the high watermarks, summed over the topic (OffsetFetch, ListOffsets).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
WORST_PARTITION_LAG = Metric(
    "stackledger_kafka_consumer_group_topic_worst_partition_lag",
    Kind.GAUGE,
    units.COUNT,
    "Lag of the partition in which the group is furthest behind in the topic (OffsetFetch, ListOffsets).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
WORST_PARTITION = Metric(
    "stackledger_kafka_consumer_group_topic_worst_partition_id",
    Kind.GAUGE,
    units.STATE,
    "Number of the partition in which the group is furthest behind, -1 while it is behind in none (OffsetFetch).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
PARTITION_LAG_SECONDS = Metric(
    "stackledger_kafka_consumer_group_topic_partition_lag_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Age of the oldest record that the group has not committed in the partition (ListOffsets history).",
    labels=(of.GroupId, of.TopicName, of.PartitionId),
    budget=200_000,
    node=False,
    missing=HOLD,
    conditional="partition_seconds: true",
)
LAST_COMMIT = Metric(
    "stackledger_kafka_consumer_group_topic_last_commit_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the group's commits in the topic were last seen to change; absent until they do (OffsetFetch, own sweep).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
    conditional="a commit since the service watches",
)
ASSIGNED = Metric(
    "stackledger_kafka_consumer_group_topic_assigned_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic that live members of the group have been given (DescribeGroups, ConsumerGroupDescribe).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
)
LAG_SECONDS = Metric(
    "stackledger_kafka_consumer_group_topic_lag_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Age of the oldest record that the group has not committed in the topic (ListOffsets history).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
LAG_DOUBT = Metric(
    "stackledger_kafka_consumer_group_topic_lag_doubt_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "By how much the seconds of lag may be wrong either way; see the method (ListOffsets history).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
LAG_METHOD = Metric(
    "stackledger_kafka_consumer_group_topic_lag_method_info",
    Kind.INFO,
    units.STATE,
    "Always 1; whether the seconds of lag are read in the history, extrapolated or a lower bound (own sweep).",
    labels=(of.GroupId, of.TopicName, of.Method),
    budget=20_000,
    node=False,
    missing=HOLD,
)
VERDICT = Metric(
    "stackledger_kafka_consumer_group_topic_verdict",
    Kind.GAUGE,
    units.STATE,
    "0 ok, 1 rewound, 2 stalled (members, no progress), 3 stopped (no members), with lag (OffsetFetch, ListOffsets).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
VERDICT_INFO = Metric(
    "stackledger_kafka_consumer_group_topic_verdict_info",
    Kind.INFO,
    units.STATE,
    "Always 1; the verdict on the group in words, with its reason (OffsetFetch, ListOffsets, DescribeGroups).",
    labels=(of.GroupId, of.TopicName, of.Verdict, of.Reason),
    budget=20_000,
    node=False,
    missing=HOLD,
)
LOST_RECORDS = Metric(
    "stackledger_kafka_consumer_group_topic_lost_records",
    Kind.GAUGE,
    units.COUNT,
    "Offsets that were deleted before the group committed them (OffsetFetch, ListOffsets earliest).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
RETENTION_HEADROOM = Metric(
    "stackledger_kafka_consumer_group_topic_retention_headroom_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Seconds until retention.ms reaches the oldest record that the group has not committed (DescribeConfigs).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
)
HEADROOM_RECORDS = Metric(
    "stackledger_kafka_consumer_group_topic_headroom_records",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the start of the log and the group's commit, least of the partitions with lag (ListOffsets).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
    conditional="a group with lag",
)
STABLE_LAG = Metric(
    "stackledger_kafka_consumer_group_topic_stable_lag",
    Kind.GAUGE,
    units.COUNT,
    "Lag up to the last stable offset, all that a read_committed consumer can get (ListOffsets read_committed).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
    conditional="stable_offsets: true",
)
