"""The metrics of brokers, partitions as a whole, and the KRaft quorum."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Metric, drop_after
from stackledger.integrations.kafka import labels as of

UP = Metric(
    "stackledger_kafka_broker_up",
    Kind.GAUGE,
    units.STATE,
    "1 if the broker could be read, 0 if it is registered or holds replicas but could not (own sweep).",
)
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

# -- who they are, and what we ask of them -----------------------------------------------------------------------------

CLUSTER_INFO = Metric(
    "stackledger_kafka_cluster_info",
    Kind.INFO,
    units.STATE,
    "Always 1; the cluster's release and id (Metadata, ApiVersions).",
    labels=(of.ClusterVersion, of.ClusterId),
    budget=2,
    node=False,
)
BROKER_INFO = Metric(
    "stackledger_kafka_broker_info",
    Kind.INFO,
    units.STATE,
    "Always 1; the broker's id, rack and whether it is the controller (Metadata, DescribeQuorum).",
    labels=(of.BrokerId, of.RackId, of.IsController),
    budget=2,
)
REQUESTS = Metric(
    "stackledger_kafka_requests_total",
    Kind.COUNTER,
    units.COUNT,
    "Requests that this program sent to the cluster since it opened the target (own wire client).",
    node=False,
)
