"""Panels of what administrators did."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.administration import metrics as m
from stackledger.integrations.kafka.administration.metrics import EntityType, Feature
from stackledger.integrations.kafka.labels import TopicName
from stackledger.model import ColumnStyle, Panel, Query, Style
from stackledger.promql import select

_C = Cluster.variable()

REASSIGNING = Panel(
    key="reassigning",
    title="Partitions on the move",
    queries=(Query(select(m.REASSIGNING, _C), "{{cluster}}"),),
    description="Partitions that are being reassigned. The number falls as copies catch up; one that stands for hours"
    " means that the copy is throttled below what is written, or that a new broker is down.",
)
REASSIGNING_TOPICS = Panel(
    key="reassigning-topics",
    title="Topics on the move",
    queries=(Query(select(m.TOPIC_REASSIGNING, _C).sum(Cluster, TopicName), "{{topic_name}}"),),
    description="Which topics the reassignment is about; empty when there is none. Their disks and network carry the"
    " copies beside the daily work.",
)
FEATURES = Panel(
    key="feature-levels",
    title="Feature levels",
    queries=(
        Query(select(m.FEATURE_LEVEL, _C).max(Cluster, Feature), "{{feature}}"),
        Query(select(m.FEATURE_SUPPORTED, _C).max(Cluster, Feature), "{{feature}}"),
    ),
    description="What the cluster has agreed on, and what all brokers could. A metadata.version that stays below after"
    " an upgrade was not finalized: new features are off until kafka-features.sh upgrade is run.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("feature", "Feature"),
        ColumnStyle("A", "Agreed on"),
        ColumnStyle("B", "Supported by all"),
    ),
)
RULES = Panel(
    key="quotas-and-acls",
    title="Quotas and access control entries",
    queries=(
        Query(select(m.QUOTAS, _C).sum(Cluster, EntityType), "quotas by {{entity_type}}"),
        Query(select(m.ACLS, _C), "access control entries"),
    ),
    description="A step down that nobody announced means that rules were deleted: clients are refused, or no longer"
    " held back. No entries are shown where the cluster has no authorizer.",
)
