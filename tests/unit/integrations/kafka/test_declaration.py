"""The declaration: cheap to import, every alert with a runbook, every query parses, every metric is of use."""

from __future__ import annotations

import subprocess
import sys

import promql_parser
import pytest

from stackledger.integrations.kafka import KAFKA
from stackledger.model import AlertRule
from stackledger.promql import RATE_INTERVAL

ALERTS = KAFKA.alerts()
BOARDS = KAFKA.dashboards()


def test_importing_the_declaration_costs_no_client_and_no_board() -> None:
    code = "import sys, stackledger.integrations.kafka; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("stackledger.integrations.kafka.") for name in done.stdout.split()}
    opened = {"wire", "collector", "view", "dashboard", "alerts", "slos", "groups.dashboard", "confluent_kafka"}
    assert not loaded & opened


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_its_runbook_its_cluster_and_a_panel(alert: AlertRule) -> None:
    text = (KAFKA.runbooks / f"{alert.name}.md").read_text()
    for heading in ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert heading in text
    assert "cluster" in alert.condition.value.labels
    assert any(alert.panel in board.panels for board in BOARDS)
    promql_parser.parse(str(alert.condition))


def test_no_runbook_without_alert() -> None:
    assert {path.stem for path in KAFKA.runbooks.glob("*.md")} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_parses_and_few_panels_are_open(board: object) -> None:
    (dashboard,) = [known for known in BOARDS if known is board]
    for panel in dashboard.panels:
        for query in panel.queries:
            promql_parser.parse(query.expr.text.replace(RATE_INTERVAL, "5m"))
    assert sum(len(row.panels) for row in dashboard.rows if not row.collapsed) <= 24


def test_slos_stand_on_declared_metrics() -> None:
    declared = set(KAFKA.metrics)
    for slo in KAFKA.slos():
        assert {use.metric for use in slo.panel.uses} <= declared
