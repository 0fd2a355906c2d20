"""A thermometer that is a file: the smallest integration there can be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from stackledger.integrations.thermometer import metrics

from stackledger.catalogue import metrics_of
from stackledger.clients.settings import LocalPath, TargetSettings
from stackledger.collect.integration import Integration, NoState, Opening, Source

if TYPE_CHECKING:
    from stackledger.model import AlertRule, Dashboard


class ThermometerTarget(TargetSettings):
    """A file with one number."""

    file: LocalPath = Field()
    """Where the number is."""


def _open(opening: Opening[ThermometerTarget, NoState]) -> Source:
    from stackledger.integrations.thermometer.collector import Thermometer

    return Thermometer(opening)


def _dashboards() -> tuple[Dashboard, ...]:
    from stackledger.integrations.thermometer.board import dashboards

    return dashboards()


def _alerts() -> tuple[AlertRule, ...]:
    from stackledger.integrations.thermometer.board import alerts

    return alerts()


THERMOMETER = Integration(
    name="thermometer",
    title="Thermometer",
    settings=ThermometerTarget,
    metrics=metrics_of(metrics),
    open=_open,
    folder=Path(__file__).parent,
    state=NoState,
    dashboards=_dashboards,
    alerts=_alerts,
)
