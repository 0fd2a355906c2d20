"""What calls to models cost: the ledger's series, boards and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.catalogue import metrics_of
from stackledger.clients.settings import LocalPath, TargetSettings
from stackledger.collect.integration import Domain, Integration, Kept, NoState, Opening, Source
from stackledger.domains.cost import metrics, per_user_metrics
from stackledger.domains.cost.config import CostSettings
from stackledger.ledger.wire import SOCKET

if TYPE_CHECKING:
    from stackledger.model import AlertRule, Dashboard


class LedgerTarget(TargetSettings):
    """The ledger of this service."""

    socket: LocalPath
    """Where the process that holds it answers."""


def _open(opening: Opening[LedgerTarget, NoState]) -> Source:
    from stackledger.domains.cost.collector import LedgerSource

    return LedgerSource(opening.settings.socket, opening.clock)


def _dashboards() -> tuple[Dashboard, ...]:
    from stackledger.domains.cost import dashboard

    return dashboard.dashboards()


def _alerts() -> tuple[AlertRule, ...]:
    from stackledger.domains.cost import alerts

    return alerts.alerts()


def _target(_settings: CostSettings, data_dir: Path) -> LedgerTarget:
    return LedgerTarget(name="ledger", socket=data_dir / SOCKET)


COST = Domain(
    name="costs",
    title="Cost",
    folder=Path(__file__).parent,
    kept=Kept(
        settings=CostSettings,
        target=_target,
        reader=Integration(
            name="costs",
            title="Cost",
            settings=LedgerTarget,
            metrics=(*metrics_of(metrics), *metrics_of(per_user_metrics)),
            open=_open,
            folder=Path(__file__).parent,
            state=NoState,
            dashboards=_dashboards,
            alerts=_alerts,
        ),
    ),
)
