"""The declaration: cheap to import, every alert with its runbook and panel, every query real PromQL."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import promql_parser
import pytest
from pydantic import ValidationError

from stackledger.integrations.postgres import POSTGRES
from stackledger.integrations.postgres.config import PostgresTarget
from stackledger.integrations.postgres.replication.lag import Sight, follow, remember
from stackledger.integrations.postgres.state import PostgresState
from stackledger.promql import RATE_INTERVAL

PANELS = [panel for board in POSTGRES.dashboards() for panel in board.panels]


def test_importing_the_declaration_loads_no_driver() -> None:
    code = "import sys, stackledger.integrations.postgres; print([m for m in sys.modules if m.startswith('psycopg')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_no_two_metrics_share_a_name() -> None:
    names = [metric.name for metric in POSTGRES.metrics]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("alert", POSTGRES.alerts(), ids=lambda alert: alert.name)
def test_an_alert_has_a_runbook_a_panel_and_a_cluster(alert) -> None:
    text = (POSTGRES.runbooks / f"{alert.name}.md").read_text()
    for heading in ("Meaning", "Impact", "Diagnosis", "Mitigation"):
        assert f"## {heading}\n" in text
    assert alert.panel in PANELS
    assert "cluster" in alert.condition.vector.labels
    promql_parser.parse(alert.condition.vector.text)


def test_every_runbook_belongs_to_an_alert() -> None:
    assert {path.stem for path in POSTGRES.runbooks.glob("*.md")} == {alert.name for alert in POSTGRES.alerts()}


def test_every_panel_asks_in_promql_for_what_is_declared() -> None:
    declared = set(POSTGRES.metrics)
    for panel in PANELS:
        for query in panel.queries:
            promql_parser.parse(query.expr.text.replace(RATE_INTERVAL, "5m"))
        assert {use.metric for use in panel.uses} <= declared
    open_panels = [panel for row in POSTGRES.dashboards()[0].rows if not row.collapsed for panel in row.panels]
    assert len(open_panels) <= 24


def test_nothing_of_ours_relies_on_the_peers_lag() -> None:
    uses = [use for panel in PANELS for use in panel.uses]
    uses += [use for alert in POSTGRES.alerts() for use in alert.condition.uses]
    assert not [use for use in uses if use.metric.name == "pg_replication_lag_seconds"]


def test_promises_name_a_panel_that_exists() -> None:
    assert [slo.name for slo in POSTGRES.slos()] == ["postgres-writable-primary", "postgres-commits"]
    assert all(slo.panel in PANELS for slo in POSTGRES.slos())


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes": ()},
        {"nodes": ("db1",)},
        {"nodes": ("db1:5432", "db1:5432")},
        {"nodes": ("db1:5432",), "sslmode": "maybe"},
        {"nodes": ("db1:5432",), "tables_top": 0},
        {"nodes": ("db1:5432",), "password": "in-the-clear"},
    ],
)
def test_settings_refuse_what_could_not_work(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        PostgresTarget(name="main", **wrong)
    assert "in-the-clear" not in str(refused.value)


def test_what_a_target_remembers_survives_a_checkpoint() -> None:
    state = PostgresState()
    follow(state.track, "7", 1.0, 10)
    state.standbys["s:1"] = remember(None, Sight(5, 5, "s", "s"), 1.0, 10)
    state.tables["s:1"] = [16_384]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=PostgresState) == state
    assert PostgresState().tables == {}


def reached_by(**settings: Any) -> PostgresTarget:
    return PostgresTarget.model_validate({"name": "main", "nodes": ["db1:5432"], **settings})


CA = {"ca_file": "/etc/ca.pem"}


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "prefer"),
        ({"sslmode": "require"}, "require"),
        ({"tls": {}}, "verify-full"),
        ({"tls": CA}, "verify-full"),
        ({"tls": {"verify": False}}, "require"),
        ({"tls": {"verify": False}, "sslmode": "require"}, "require"),
        ({"tls": CA, "sslmode": "verify-ca"}, "verify-ca"),
        ({"tls": {**CA, "server_name": "db"}}, "verify-full"),
    ],
)
def test_tls_is_verified_unless_it_says_otherwise(settings: dict[str, Any], mode: str) -> None:
    assert reached_by(**settings).effective_sslmode == mode


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tls": CA, "sslmode": "disable"}, "plain text"),
        ({"tls": CA, "sslmode": "prefer"}, "plain text"),
        ({"tls": {"verify": False}, "sslmode": "prefer"}, "plain text"),
        ({"tls": CA, "sslmode": "require"}, "checks no certificate"),
        ({"tls": {**CA, "verify": False}, "sslmode": "verify-full"}, "drop one of them"),
        ({"tls": {"verify": False, "server_name": "db"}}, "server_name"),
        ({"tls": {**CA, "server_name": "db"}, "sslmode": "verify-ca"}, "server_name"),
        ({"tls": {}, "sslmode": "verify-ca"}, "ca_file"),
    ],
)
def test_tls_that_would_check_less_than_it_says_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        reached_by(**settings)
