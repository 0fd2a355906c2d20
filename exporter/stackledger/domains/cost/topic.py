"""From the settings of a topic to its reader. The client is imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stackledger.clock import Clock
from stackledger.domains.cost.config import CostSettings
from stackledger.integrations.kafka.probe.clients import security_conf

if TYPE_CHECKING:
    from stackledger.domains.cost.opening import OpenLedger
    from stackledger.ledger.topic.reader import TopicReader


def open_topic(settings: CostSettings, ledger: OpenLedger, clock: Clock) -> TopicReader | None:
    """The reader of the configured topic; None where there is none. Raises AuthError for a secret that is not there."""
    if settings.kafka is None:
        return None
    from stackledger.ledger.topic.reader import TopicReader  # noqa: PLC0415 - a driver

    kafka = settings.kafka
    conf = {
        "bootstrap.servers": ",".join(kafka.bootstrap),
        "client.id": "stackledger-ledger",
        "group.id": kafka.group,
        "reconnect.backoff.max.ms": 5000,
        "socket.keepalive.enable": True,
    } | security_conf(kafka.tls, kafka.sasl, clock)
    body_bytes = settings.inbox.body_mib << 20
    return TopicReader(conf, kafka.topic, ledger.engine, ledger.applier, clock, body_bytes=body_bytes)
