"""The service's own health: whether it sees its targets, is current and quick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.catalogue import metrics_of
from stackledger.collect import metrics as collect_metrics
from stackledger.collect.integration import Domain
from stackledger.domains.self import metrics

if TYPE_CHECKING:
    from stackledger.model import AlertRule, Dashboard


def _dashboards(_enabled: tuple[str, ...]) -> tuple[Dashboard, ...]:
    from stackledger.domains.self import dashboard

    return dashboard.dashboards()


def _alerts(_enabled: tuple[str, ...]) -> tuple[AlertRule, ...]:
    from stackledger.domains.self import alerts

    return alerts.alerts()


SELF = Domain(
    name="self",
    title="stackledger itself",
    folder=Path(__file__).parent,
    metrics=metrics_of(collect_metrics) + metrics_of(metrics),
    dashboards=_dashboards,
    alerts=_alerts,
)
