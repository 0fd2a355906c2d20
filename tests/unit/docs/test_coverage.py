"""docs/coverage.md names only what exists and is drawn where it says, and leaves no alert and no metric of ours out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stackledger import registry
from stackledger.collect.integration import Integration
from stackledger.integrations.kafka import KAFKA

TEXT = (Path(__file__).parents[3] / "docs" / "coverage.md").read_text()
SECTIONS = {KAFKA: TEXT.split("## Kafka")[1].split("\n## ")[0]}
NAMES = {name: set(re.findall(r"`([A-Za-z_]+)`", section)) for name, section in SECTIONS.items()}
# What tells of the reading itself, or sums what has no name of its own.
OWN = re.compile(r"_(requests_total|brokers|brokers_expected|partitions|broker_replicas|groups|other_\w+|\w*_info)$")


def declared(integration: Integration) -> tuple[set[str], set[str]]:  # type: ignore[type-arg]
    """Metrics and alerts."""
    everything = (alert for one in (*registry.INTEGRATIONS, registry.DOMAINS[0]) for alert in _alerts(one))
    return {metric.name for metric in integration.metrics}, {alert.name for alert in everything}


def _alerts(one: object) -> tuple[object, ...]:
    return one.alerts() if isinstance(one, Integration) else one.alerts(("kafka", "redis"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("integration", SECTIONS, ids=lambda one: one.name)
def test_every_name_exists(integration: Integration) -> None:  # type: ignore[type-arg]
    metrics, alerts = declared(integration)
    settings = {"partition_seconds", "stable_offsets"}
    assert NAMES[integration] - metrics - alerts - settings == set()


@pytest.mark.parametrize("integration", SECTIONS, ids=lambda one: one.name)
def test_no_alert_is_left_out(integration: Integration) -> None:  # type: ignore[type-arg]
    assert {alert.name for alert in integration.alerts()} <= NAMES[integration]


@pytest.mark.parametrize("integration", SECTIONS, ids=lambda one: one.name)
def test_no_metric_of_ours_is_left_out(integration: Integration) -> None:  # type: ignore[type-arg]
    ours = {metric.name for metric in integration.metrics if not metric.compat}
    left = {name for name in ours - NAMES[integration] if not OWN.search(name)}
    assert not left


def rows(integration: Integration) -> list[list[str]]:  # type: ignore[type-arg]
    lines = [line for line in SECTIONS[integration].splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("integration", SECTIONS, ids=lambda one: one.name)
def test_what_is_said_to_be_drawn_is_drawn_there(integration: Integration) -> None:  # type: ignore[type-arg]
    drawn: dict[str, set[str]] = {}
    for board in integration.dashboards():
        for row in board.rows:
            uses = {use.metric.name for panel in row.panels for use in panel.uses}
            drawn.setdefault(row.title, set()).update(uses)
    missing: set[tuple[str, str]] = set()
    for _, metrics, where, _ in rows(integration):
        if "own boards" in where or "not drawn" in where:
            continue
        places = [place.strip() for place in where.split(",")]
        assert set(places) <= drawn.keys(), where
        shown = set().union(*(drawn[place] for place in places))
        missing |= {(where, name) for name in set(re.findall(r"`(\w+)`", metrics)) - shown}
    assert not missing
