"""The metrics of Kafka. Names that begin with kminion_ are kminion's, its labels and zeros too; the others are ours."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Metric, drop_after
from stackledger.integrations.kafka import labels as of

_PEER = "kminion"

# -- kminion's families: brokers and the cluster -----------------------------------------------------------------------

UP = Metric(
    "stackledger_kafka_broker_up",
    Kind.GAUGE,
    units.STATE,
    "1 if the broker could be read, 0 if it is registered or holds replicas but could not (own sweep).",
)
EXPORTER_UP = Metric(
    "kminion_exporter_up",
    Kind.GAUGE,
    units.STATE,
    "1 if the last read of the cluster was complete, 0 if a part of it failed (own sweep).",
    labels=(of.Version,),
    budget=2,
    node=False,
    compat=_PEER,
)
CLUSTER_INFO = Metric(
    "kminion_kafka_cluster_info",
    Kind.GAUGE,
    units.STATE,
    "Always 1; the cluster's release, size, controller and id (Metadata, ApiVersions, DescribeQuorum).",
    labels=(of.ClusterVersion, of.BrokerCount, of.ControllerId, of.ClusterId),
    budget=2,
    node=False,
    compat=_PEER,
)
BROKER_INFO = Metric(
    "kminion_kafka_broker_info",
    Kind.GAUGE,
    units.STATE,
    "Always 1; the broker's address, rack and whether it is the controller (Metadata, DescribeQuorum).",
    labels=(of.BrokerId, of.Address, of.Port, of.RackId, of.IsController),
    budget=2,
    compat=_PEER,
)
BROKER_LOG_DIR_SIZE = Metric(
    "kminion_kafka_broker_log_dir_size_total_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes of all partitions in the broker's log directories (DescribeLogDirs).",
    labels=(of.BrokerId, of.Address, of.Port, of.RackId),
    budget=2,
    missing=HOLD,
    compat=_PEER,
)
REQUESTS_SENT = Metric(
    "kminion_kafka_requests_sent_total",
    Kind.COUNTER,
    units.COUNT,
    "Requests that this program sent to the cluster since it opened the target (own wire client).",
    node=False,
    compat=_PEER,
)
REQUESTS_RECEIVED = Metric(
    "kminion_kafka_requests_received_total",
    Kind.COUNTER,
    units.COUNT,
    "Answers that this program got from the cluster since it opened the target (own wire client).",
    node=False,
    compat=_PEER,
)
SENT_BYTES = Metric(
    "kminion_kafka_sent_bytes",
    Kind.COUNTER,
    units.BYTES,
    "Bytes that this program sent to the cluster since it opened the target (own wire client).",
    node=False,
    compat=_PEER,
)
RECEIVED_BYTES = Metric(
    "kminion_kafka_received_bytes",
    Kind.COUNTER,
    units.BYTES,
    "Bytes that this program got from the cluster since it opened the target (own wire client).",
    node=False,
    compat=_PEER,
)

# -- kminion's families: topics ----------------------------------------------------------------------------------------

TOPIC_INFO = Metric(
    "kminion_kafka_topic_info",
    Kind.GAUGE,
    units.STATE,
    "Always 1; the topic's partitions, replication factor and cleanup policy (Metadata, DescribeConfigs).",
    labels=(of.TopicName, of.PartitionCount, of.ReplicationFactor, of.CleanupPolicy),
    budget=6_000,
    node=False,
    compat=_PEER,
)
TOPIC_HIGH_WATER_MARK_SUM = Metric(
    "kminion_kafka_topic_high_water_mark_sum",
    Kind.GAUGE,
    units.COUNT,
    "Sum of the high watermarks of the topic's partitions, the last good ones of a silent broker (ListOffsets latest).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
TOPIC_LOW_WATER_MARK_SUM = Metric(
    "kminion_kafka_topic_low_water_mark_sum",
    Kind.GAUGE,
    units.COUNT,
    "Sum of the first offsets of the topic's partitions, the last good ones of a silent broker (ListOffsets earliest).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
PARTITION_HIGH_WATER_MARK = Metric(
    "kminion_kafka_topic_partition_high_water_mark",
    Kind.GAUGE,
    units.COUNT,
    "High watermark of the partition, the last good one of a silent broker (ListOffsets latest).",
    labels=(of.TopicName, of.PartitionId),
    budget=100_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
PARTITION_LOW_WATER_MARK = Metric(
    "kminion_kafka_topic_partition_low_water_mark",
    Kind.GAUGE,
    units.COUNT,
    "First offset of the partition, the last good one of a silent broker (ListOffsets earliest).",
    labels=(of.TopicName, of.PartitionId),
    budget=100_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
TOPIC_LOG_DIR_SIZE = Metric(
    "kminion_kafka_topic_log_dir_size_total_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes of the topic's partitions on all brokers, replicas counted, last good ones held (DescribeLogDirs).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)

# -- kminion's families: groups ----------------------------------------------------------------------------------------

GROUP_INFO = Metric(
    "kminion_kafka_consumer_group_info",
    Kind.GAUGE,
    units.STATE,
    "1 if the group is stable, else 0; its assignor, type, state and coordinator (ListGroups, DescribeGroups).",
    labels=(of.GroupId, of.Protocol, of.ProtocolType, of.State, of.CoordinatorId),
    budget=1_100,
    node=False,
    compat=_PEER,
)
GROUP_MEMBERS = Metric(
    "kminion_kafka_consumer_group_members",
    Kind.GAUGE,
    units.COUNT,
    "Members of the group, classic, KIP-848 or share (DescribeGroups, ConsumerGroupDescribe, ShareGroupDescribe).",
    labels=(of.GroupId,),
    budget=1_100,
    node=False,
    compat=_PEER,
)
GROUP_EMPTY_MEMBERS = Metric(
    "kminion_kafka_consumer_group_empty_members",
    Kind.GAUGE,
    units.COUNT,
    "Members of the group that have no partition; only where there are some (DescribeGroups, ConsumerGroupDescribe).",
    labels=(of.GroupId,),
    budget=1_100,
    node=False,
    conditional="a group with more members than partitions",
    compat=_PEER,
)
GROUP_TOPIC_MEMBERS = Metric(
    "kminion_kafka_consumer_group_topic_members",
    Kind.GAUGE,
    units.COUNT,
    "Members of the group that have partitions of the topic (DescribeGroups, ConsumerGroupDescribe).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    compat=_PEER,
)
GROUP_TOPIC_ASSIGNED = Metric(
    "kminion_kafka_consumer_group_topic_assigned_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic that members of the group have (DescribeGroups, ConsumerGroupDescribe).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    compat=_PEER,
)
GROUP_TOPIC_OFFSET_SUM = Metric(
    "kminion_kafka_consumer_group_topic_offset_sum",
    Kind.GAUGE,
    units.COUNT,
    "Sum of the group's committed offsets in the topic (OffsetFetch).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
GROUP_TOPIC_LAG = Metric(
    "kminion_kafka_consumer_group_topic_lag",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the group's commits and the high watermarks, summed over the topic (OffsetFetch, ListOffsets).",
    labels=(of.GroupId, of.TopicName),
    budget=20_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)
GROUP_TOPIC_PARTITION_LAG = Metric(
    "kminion_kafka_consumer_group_topic_partition_lag",
    Kind.GAUGE,
    units.COUNT,
    "Offsets between the group's commit and the partition's high watermark (OffsetFetch, ListOffsets).",
    labels=(of.GroupId, of.TopicName, of.PartitionId),
    budget=200_000,
    node=False,
    missing=HOLD,
    compat=_PEER,
)

# -- ours: brokers and partitions --------------------------------------------------------------------------------------

BROKERS = Metric(
    "stackledger_kafka_brokers",
    Kind.GAUGE,
    units.COUNT,
    "Brokers that are alive to the cluster (Metadata).",
    node=False,
)
BROKERS_EXPECTED = Metric(
    "stackledger_kafka_brokers_expected",
    Kind.GAUGE,
    units.COUNT,
    "Brokers that are alive, or registered, or hold replicas (Metadata, DescribeCluster).",
    node=False,
)
BROKER_LEADERS = Metric(
    "stackledger_kafka_broker_leaders",
    Kind.GAUGE,
    units.COUNT,
    "Partitions that the broker leads (Metadata).",
)
BROKER_REPLICAS = Metric(
    "stackledger_kafka_broker_replicas",
    Kind.GAUGE,
    units.COUNT,
    "Replicas that the broker is to hold (Metadata).",
)
PARTITIONS = Metric(
    "stackledger_kafka_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of all topics, internal ones included (Metadata).",
    node=False,
)
OFFLINE = Metric(
    "stackledger_kafka_offline_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions without a leader: nobody can read or write them (Metadata).",
    node=False,
)
UNDER_MIN_ISR = Metric(
    "stackledger_kafka_under_min_isr_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions with fewer replicas in sync than min.insync.replicas: acks=all is refused (Metadata, DescribeConfigs).",
    node=False,
)
AT_MIN_ISR = Metric(
    "stackledger_kafka_at_min_isr_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions with exactly min.insync.replicas in sync: one more loss stops writers (Metadata, DescribeConfigs).",
    node=False,
)
UNDER_REPLICATED = Metric(
    "stackledger_kafka_under_replicated_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions with fewer replicas in sync than replicas (Metadata).",
    node=False,
)
NON_PREFERRED = Metric(
    "stackledger_kafka_non_preferred_leader_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions that another broker than their first replica leads (Metadata).",
    node=False,
)
TOPIC_UNHEALTHY = Metric(
    "stackledger_kafka_topic_unhealthy_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic that have the problem; only topics that have it (Metadata, DescribeConfigs).",
    labels=(of.TopicName, of.Problem),
    budget=404,
    node=False,
    missing=drop_after(1),
    conditional="a partition that lost a replica or its preferred leader",
)
ISR_SHRINKS = Metric(
    "stackledger_kafka_isr_shrinks_total",
    Kind.COUNTER,
    units.COUNT,
    "Partitions seen with fewer replicas in sync than in the sweep before (Metadata).",
    node=False,
)
ISR_EXPANDS = Metric(
    "stackledger_kafka_isr_expands_total",
    Kind.COUNTER,
    units.COUNT,
    "Partitions seen with more replicas in sync than in the sweep before (Metadata).",
    node=False,
)

# -- ours: the quorum --------------------------------------------------------------------------------------------------

QUORUM_HAS_LEADER = Metric(
    "stackledger_kafka_quorum_has_leader",
    Kind.GAUGE,
    units.STATE,
    "1 if the cluster has an active controller, 0 if none is known or reachable for the brokers (DescribeQuorum).",
    node=False,
)
QUORUM_LEADER = Metric(
    "stackledger_kafka_quorum_leader_id",
    Kind.GAUGE,
    units.STATE,
    "node.id of the active controller, -1 without one (DescribeQuorum).",
    node=False,
)
QUORUM_EPOCH = Metric(
    "stackledger_kafka_quorum_leader_epoch",
    Kind.GAUGE,
    units.STATE,
    "Epoch of the active controller; rises with every election (DescribeQuorum).",
    node=False,
)
QUORUM_VOTERS = Metric(
    "stackledger_kafka_quorum_voters",
    Kind.GAUGE,
    units.COUNT,
    "Members of the quorum that have a vote (DescribeQuorum).",
    node=False,
)
QUORUM_REPLICA_LAG = Metric(
    "stackledger_kafka_quorum_replica_lag",
    Kind.GAUGE,
    units.COUNT,
    "Records of the metadata log that the member is behind the leader (DescribeQuorum).",
    labels=(of.ReplicaId, of.Role),
    budget=1_000,
    node=False,
)
QUORUM_CAUGHT_UP_AGE = Metric(
    "stackledger_kafka_quorum_replica_caught_up_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Seconds since the member last had the whole metadata log, by the leader's clock (DescribeQuorum).",
    labels=(of.ReplicaId, of.Role),
    budget=1_000,
    node=False,
)

# -- ours: how complete the reading is ---------------------------------------------------------------------------------

OFFSETS_COMPLETENESS = Metric(
    "stackledger_kafka_offsets_completeness_ratio",
    Kind.GAUGE,
    units.RATIO,
    "Share of the partitions whose offsets are of this sweep; the others show their last good ones (own sweep).",
    node=False,
)
OFFSETS_AGE = Metric(
    "stackledger_kafka_offsets_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Age of the oldest offset that is shown (own sweep).",
    node=False,
)
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
OTHER_TOPICS = Metric(
    "stackledger_kafka_other_topics",
    Kind.GAUGE,
    units.COUNT,
    "Topics beyond max_topics, summed under the name other (own sweep).",
    node=False,
)
OTHER_GROUPS = Metric(
    "stackledger_kafka_other_groups",
    Kind.GAUGE,
    units.COUNT,
    "Groups beyond max_groups, summed under the name other (own sweep).",
    node=False,
)

# -- ours: throughput --------------------------------------------------------------------------------------------------

RECORDS_PRODUCED = Metric(
    "stackledger_kafka_topic_records_produced_total",
    Kind.COUNTER,
    units.COUNT,
    "Offsets appended to the topic since it was first seen; never falls while the topic's id stays (ListOffsets).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
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

# -- ours: groups ------------------------------------------------------------------------------------------------------

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
OPEN_TRANSACTION_RECORDS = Metric(
    "stackledger_kafka_topic_open_transaction_records",
    Kind.GAUGE,
    units.COUNT,
    "Offsets of the topic that an open transaction holds back (ListOffsets read_committed).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
    conditional="stable_offsets: true",
)

# -- ours: disks -------------------------------------------------------------------------------------------------------

LOG_DIR_SIZE = Metric(
    "stackledger_kafka_log_dir_size_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes of the partitions in the log directory (DescribeLogDirs).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
LOG_DIR_CAPACITY = Metric(
    "stackledger_kafka_log_dir_volume_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Size of the volume that the log directory is on (DescribeLogDirs total_bytes).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
LOG_DIR_USABLE = Metric(
    "stackledger_kafka_log_dir_usable_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes that the broker may still write on the log directory's volume (DescribeLogDirs usable_bytes).",
    labels=(of.LogDir,),
    budget=64,
)
LOG_DIR_FAILED = Metric(
    "stackledger_kafka_log_dir_failed",
    Kind.GAUGE,
    units.STATE,
    "1 if the broker has given the log directory up after a disk error (DescribeLogDirs error_code).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
