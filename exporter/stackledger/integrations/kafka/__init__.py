"""Kafka: brokers, partitions, topics, consumer groups with lag in records and seconds, the KRaft quorum, disks.

Owns the declaration. Importing it costs no protocol client and no board.
"""

from __future__ import annotations

from pathlib import Path

from stackledger.catalogue import metrics_of
from stackledger.collect.integration import Integration, Opening, Source
from stackledger.integrations.kafka.administration import metrics as of_administration
from stackledger.integrations.kafka.cluster import metrics as of_cluster
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.groups import metrics as of_groups
from stackledger.integrations.kafka.peers.kafka_exporter import metrics as of_kafka_exporter
from stackledger.integrations.kafka.peers.kminion import metrics as of_kminion
from stackledger.integrations.kafka.probe import metrics as of_probe
from stackledger.integrations.kafka.state import KafkaState
from stackledger.integrations.kafka.storage import metrics as of_storage
from stackledger.integrations.kafka.topics import metrics as of_topics
from stackledger.integrations.kafka.transactions import metrics as of_transactions
from stackledger.model import SLO, AlertRule, Dashboard


def _open(opening: Opening[KafkaTarget, KafkaState]) -> Source:
    from stackledger.integrations.kafka.collector import KafkaSource

    return KafkaSource(opening)


def _dashboards() -> tuple[Dashboard, ...]:
    from stackledger.integrations.kafka.dashboard import dashboards

    return dashboards()


def _alerts() -> tuple[AlertRule, ...]:
    from stackledger.integrations.kafka.alerts import alerts

    return alerts()


def _slos() -> tuple[SLO, ...]:
    from stackledger.integrations.kafka.slos import slos

    return slos()


_METRICS = (
    of_cluster,
    of_topics,
    of_groups,
    of_storage,
    of_transactions,
    of_administration,
    of_probe,
    of_kminion,
    of_kafka_exporter,
)

KAFKA: Integration[KafkaTarget, KafkaState] = Integration(
    name="kafka",
    title="Kafka",
    settings=KafkaTarget,
    metrics=tuple(metric for module in _METRICS for metric in metrics_of(module)),
    open=_open,
    folder=Path(__file__).parent,
    state=KafkaState,
    up=of_cluster.UP,
    job="kafka",
    slow=True,
    addresses="bootstrap",
    dashboards=_dashboards,
    alerts=_alerts,
    slos=_slos,
)
