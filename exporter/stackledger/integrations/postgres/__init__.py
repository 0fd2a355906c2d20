"""PostgreSQL: a primary and its streaming standbys, read by SQL on every node, over one connection each.

Owns the declaration. What is read in one sweep of all members is shared by the facets `core` and `replication`.
"""

from __future__ import annotations

from pathlib import Path

from stackledger.catalogue import metrics_of
from stackledger.collect.integration import Integration, Opening, Source
from stackledger.integrations.postgres.config import PostgresTarget
from stackledger.integrations.postgres.core import metrics as core
from stackledger.integrations.postgres.core.settings import SETTINGS
from stackledger.integrations.postgres.core.table_metrics import METRICS as TABLES
from stackledger.integrations.postgres.replication import metrics as replication
from stackledger.integrations.postgres.state import PostgresState
from stackledger.model import SLO, AlertRule, Dashboard


def _open(opening: Opening[PostgresTarget, PostgresState]) -> Source:
    from stackledger.integrations.postgres.collector import PostgresSource

    return PostgresSource(opening)


def _dashboards() -> tuple[Dashboard, ...]:
    from stackledger.integrations.postgres.dashboard import dashboards

    return dashboards()


def _alerts() -> tuple[AlertRule, ...]:
    from stackledger.integrations.postgres.alerts import alerts

    return alerts()


def _slos() -> tuple[SLO, ...]:
    from stackledger.integrations.postgres.slos import slos

    return slos()


POSTGRES: Integration[PostgresTarget, PostgresState] = Integration(
    name="postgres",
    title="PostgreSQL",
    settings=PostgresTarget,
    metrics=(*metrics_of(core), *TABLES, *SETTINGS.values(), *metrics_of(replication)),
    open=_open,
    folder=Path(__file__).parent,
    state=PostgresState,
    up=core.UP,
    job="postgres",
    slow=True,
    slow_interval_seconds=60.0,
    addresses="nodes",
    dashboards=_dashboards,
    alerts=_alerts,
    slos=_slos,
)
