"""All alerts of the family, those that hurt users first."""

from __future__ import annotations

from stackledger.integrations.postgres.core.alerts import alerts as core
from stackledger.integrations.postgres.replication.alerts import alerts as replication
from stackledger.model import AlertRule


def alerts() -> tuple[AlertRule, ...]:
    """Replication's and the single servers'."""
    return (*replication(), *core())
