"""The declaration as the rest of the program uses it: cheap to import, complete, and proven by promtool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from pydantic import ValidationError

from lab import programs
from stackledger.integrations.redis import REDIS
from stackledger.integrations.redis.config import RedisTarget
from stackledger.model import EventRatio, Fires, Severity
from stackledger.promql import RATE_INTERVAL


def test_the_declaration_imports_no_driver_and_no_board() -> None:
    program = "import sys, stackledger.integrations.redis; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"redis", "hiredis"} & set(loaded)
    assert "stackledger.integrations.redis.dashboard" not in loaded


def test_names_are_unique() -> None:
    names = [metric.name for metric in REDIS.metrics]
    assert len(names) == len(set(names))
    assert REDIS.up in REDIS.metrics


def test_alerts_boards_and_promises_use_declared_metrics_only() -> None:
    declared = set(REDIS.metrics)
    (board,) = REDIS.dashboards()
    uses = [*board.uses, *(use for alert in REDIS.alerts() for use in alert.condition.uses)]
    for slo in REDIS.slos():
        vectors = (slo.sli.bad, slo.sli.total) if isinstance(slo.sli, EventRatio) else (slo.sli.bad, slo.sli.known)
        uses += [use for vector in vectors for use in vector.uses]
    assert {use.metric for use in uses} <= declared


def test_every_query_is_promql() -> None:
    (board,) = REDIS.dashboards()
    texts = [query.expr.text for panel in board.panels for query in panel.queries]
    texts += [str(alert.condition) for alert in REDIS.alerts()]
    for text in texts:
        promql_parser.parse(text.replace(RATE_INTERVAL, "5m"))


def test_every_alert_has_a_runbook_a_panel_and_keeps_its_cluster() -> None:
    (board,) = REDIS.dashboards()
    alerts = REDIS.alerts()
    assert {path.stem for path in REDIS.runbooks.glob("*.md")} == {alert.name for alert in alerts}
    for alert in alerts:
        text = (REDIS.runbooks / f"{alert.name}.md").read_text()
        assert all(f"## {part}" in text for part in ("Meaning", "Impact", "Diagnosis", "Mitigation")), alert.name
        assert alert.panel in board.panels, alert.name
        assert "cluster" in alert.condition.value.labels, alert.name
        assert set(alert.inhibits) <= {other.name for other in alerts}, alert.name


def test_open_panels_are_few() -> None:
    (board,) = REDIS.dashboards()
    assert sum(len(row.panels) for row in board.rows if not row.collapsed) <= 24


def test_a_killed_master_is_one_page() -> None:
    """Of what fires for it, all but one is a ticket or silenced by that one."""
    alerts = {alert.name: alert for alert in REDIS.alerts()}
    fires = {"RedisMasterDown", "RedisNodeDown", "RedisShardWithoutReplica", "RedisReplicationBroken"}
    pages = {name for name in fires if alerts[name].severity is Severity.PAGE}
    assert pages == {"RedisMasterDown"}
    assert fires - pages <= set(alerts["RedisMasterDown"].inhibits)


def test_promtool_agrees_with_the_cases(tmp_path: Path) -> None:
    try:
        promtool = programs.find("promtool")
    except programs.ProgramMissingError as missing:
        pytest.skip(str(missing))
    rules = [
        {"alert": alert.name, "expr": str(alert.condition), "for": alert.hold, "labels": {}} for alert in REDIS.alerts()
    ]
    group = {"name": "redis", "interval": "15s", "rules": rules}
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [group]}))
    cases = [case(alert.name, test) for alert in REDIS.alerts() for test in alert.tests]
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": cases}
    (tmp_path / "tests.yaml").write_text(json.dumps(tests))
    command = [promtool, "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def case(name: str, test: Any) -> dict[str, Any]:
    fixed = {"alertname": name, "alertstate": "firing"}
    return {
        "name": test.title,
        "interval": test.interval,
        "input_series": [{"series": series, "values": values} for series, values in test.series.items()],
        "promql_expr_test": [
            {
                "expr": f"ALERTS{spelt(fixed)}",
                "eval_time": expect.at,
                "exp_samples": [
                    {"labels": f"ALERTS{spelt({**labels, **fixed})}", "value": 1}
                    for labels in (expect.labels if isinstance(expect, Fires) else ())
                ],
            }
            for expect in test.expect
        ],
    }


def spelt(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": ["no-port"]}, "seeds"),
        ({"seeds": ["a:1"], "password": "plain"}, "password"),
        ({"seeds": ["a:1"], "passwrod": {"env": "X"}}, "passwrod"),
        ({"seeds": ["a:1"], "max_commands": 0}, "max_commands"),
    ],
)
def test_bad_settings_are_refused_by_name(settings: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RedisTarget.model_validate({"name": "cache", **settings})
    assert {str(error["loc"][0]) for error in caught.value.errors()} == {path}
