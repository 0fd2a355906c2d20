"""docs/coverage.md names only what exists and is drawn where it says, and leaves no alert and no metric of ours out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stackledger.collect.integration import Integration
from stackledger.domains.self import SELF
from stackledger.integrations.kafka import KAFKA
from stackledger.integrations.redis import REDIS

TEXT = (Path(__file__).parents[3] / "docs" / "coverage.md").read_text()
SETTINGS = {"partition_seconds", "stable_offsets", "key_patterns"}
# What tells of the reading itself, or sums what has no name of its own.
OWN = re.compile(r"_(requests_total|brokers|brokers_expected|partitions|broker_replicas|groups|other_\w+|\w*_info)$")
every = pytest.mark.parametrize("integration", [KAFKA, REDIS], ids=lambda one: one.name)


def section(integration: Integration[Any, Any]) -> str:
    return TEXT.split(f"## {integration.name.capitalize()}\n")[1].split("\n## ")[0]


def rows(integration: Integration[Any, Any]) -> list[list[str]]:
    lines = [line for line in section(integration).splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(text: str) -> set[str]:
    return set(re.findall(r"`([A-Za-z_]+)`", text)) - SETTINGS


@every
def test_every_name_exists(integration: Integration[Any, Any]) -> None:
    alerts = {alert.name for alert in (*integration.alerts(), *SELF.alerts(("kafka", "redis")))}
    metrics = {metric.name for metric in integration.metrics}
    for _, told, _, by in rows(integration):
        assert named(told) <= metrics
        assert named(by) <= alerts


@every
def test_no_alert_is_left_out(integration: Integration[Any, Any]) -> None:
    assert {alert.name for alert in integration.alerts()} <= named(section(integration))


@every
def test_no_metric_of_ours_is_left_out(integration: Integration[Any, Any]) -> None:
    ours = {metric.name for metric in integration.metrics if not metric.compat}
    assert not {name for name in ours - named(section(integration)) if not OWN.search(name)}


@every
def test_what_is_said_to_be_drawn_is_drawn_there(integration: Integration[Any, Any]) -> None:
    drawn: dict[str, set[str]] = {}
    for board in integration.dashboards():
        for row in board.rows:
            uses = {use.metric.name for panel in row.panels for use in panel.uses}
            drawn.setdefault(row.title, set()).update(uses)
    missing: set[tuple[str, str]] = set()
    for _, metrics, where, _ in rows(integration):
        if "own boards" in where or "not drawn" in where:
            continue
        places = {title for title in drawn if title in where}
        assert places, where
        shown = set().union(*(drawn[place] for place in places))
        missing |= {(where, name) for name in named(metrics) - shown}
    assert not missing
