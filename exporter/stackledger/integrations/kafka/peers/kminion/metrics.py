"""kminion's families: its names, labels and zeros."""

from __future__ import annotations

from typing import Final

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Metric
from stackledger.integrations.kafka import labels as of

_PEER = "kminion"
_PROBE: Final = "the end-to-end probe (`probe: {}` in the target's settings)"

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
E2E_PRODUCED = Metric(
    "kminion_end_to_end_messages_produced_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages that the end-to-end probe tried to send to the partition (own producer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_FAILED = Metric(
    "kminion_end_to_end_messages_produced_failed_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages of the end-to-end probe that were not acknowledged within the timeout (own producer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_IN_FLIGHT = Metric(
    "kminion_end_to_end_messages_produced_in_flight",
    Kind.GAUGE,
    units.COUNT,
    "Messages of the end-to-end probe that were neither acknowledged nor refused yet (own producer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_RECEIVED = Metric(
    "kminion_end_to_end_messages_received_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages of the end-to-end probe that were read again within the timeout (own consumer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_LOST = Metric(
    "kminion_end_to_end_messages_lost_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages of the end-to-end probe that were acknowledged but not read within the timeout (own consumer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_PRODUCE = Metric(
    "kminion_end_to_end_produce_latency_seconds",
    Kind.HISTOGRAM,
    units.SECONDS,
    "From sending a message of the end-to-end probe to its acknowledgement (own producer, acks=all).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
E2E_ROUND_TRIP = Metric(
    "kminion_end_to_end_roundtrip_latency_seconds",
    Kind.HISTOGRAM,
    units.SECONDS,
    "From sending a message of the end-to-end probe to reading it (own producer and consumer).",
    labels=(of.PartitionId,),
    budget=400,
    node=False,
    conditional=_PROBE,
    compat=_PEER,
)
