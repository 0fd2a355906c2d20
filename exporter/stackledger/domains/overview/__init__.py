"""The first board that anybody opens: whether anything is broken, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.collect.integration import Domain

if TYPE_CHECKING:
    from stackledger.model import Dashboard


def _dashboards(enabled: tuple[str, ...]) -> tuple[Dashboard, ...]:
    from stackledger.domains.overview import dashboard

    return dashboard.dashboards(enabled)


OVERVIEW = Domain(
    name="overview",
    title="Overview",
    folder=Path(__file__).parent,
    dashboards=_dashboards,
)
