"""Every alert of Kafka, facet by facet."""

from __future__ import annotations

from stackledger.integrations.kafka.administration.alerts import administration_alerts
from stackledger.integrations.kafka.cluster.alerts import cluster_alerts
from stackledger.integrations.kafka.groups.alerts import group_alerts
from stackledger.integrations.kafka.probe.alerts import probe_alerts
from stackledger.integrations.kafka.storage.alerts import storage_alerts
from stackledger.integrations.kafka.topics.alerts import topic_alerts
from stackledger.integrations.kafka.transactions.alerts import transaction_alerts
from stackledger.model import AlertRule


def alerts() -> tuple[AlertRule, ...]:
    """Every alert of the integration."""
    return (
        *cluster_alerts(),
        *topic_alerts(),
        *storage_alerts(),
        *transaction_alerts(),
        *administration_alerts(),
        *group_alerts(),
        *probe_alerts(),
    )
