"""The metrics of what administrators did, read in the slow lane."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric, drop_after
from stackledger.integrations.kafka import labels as of


class Feature(Label):
    """Name of a feature, for instance metadata.version or transaction.version."""


class EntityType(Label):
    """Whom a quota binds: `user`, `client-id`, `ip`, or two of them joined by +."""


REASSIGNING = Metric(
    "stackledger_kafka_reassigning_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions that are being moved to other brokers (ListPartitionReassignments).",
    node=False,
)
TOPIC_REASSIGNING = Metric(
    "stackledger_kafka_topic_reassigning_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic that are being moved; only topics that have some (ListPartitionReassignments).",
    labels=(of.TopicName,),
    budget=101,
    node=False,
    missing=drop_after(1),
    conditional="a reassignment under way",
)
FEATURE_LEVEL = Metric(
    "stackledger_kafka_feature_level",
    Kind.GAUGE,
    units.STATE,
    "Level of the feature that the cluster has agreed on (ApiVersions finalized features).",
    labels=(Feature,),
    budget=64,
    node=False,
)
FEATURE_SUPPORTED = Metric(
    "stackledger_kafka_feature_level_supported",
    Kind.GAUGE,
    units.STATE,
    "Highest level of the feature that every broker's software supports (ApiVersions supported features).",
    labels=(Feature,),
    budget=64,
    node=False,
)
QUOTAS = Metric(
    "stackledger_kafka_client_quotas",
    Kind.GAUGE,
    units.COUNT,
    "Client quotas that are set, by whom they bind; 0 for users where there are none (DescribeClientQuotas).",
    labels=(EntityType,),
    budget=8,
    node=False,
)
ACLS = Metric(
    "stackledger_kafka_acls",
    Kind.GAUGE,
    units.COUNT,
    "Access control entries; absent where the cluster has no authorizer (DescribeAcls).",
    node=False,
    conditional="an authorizer",
)
