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

TICKETS = {"RedisNodeDown", "RedisShardWithoutReplica"}
# One master of 3 + 3 is killed, its replica serves at once, and it stays away; the cluster never forgets it.
FAILOVER = {
    'redis_up{cluster="cache",instance="10.0.0.1:6379"}': "1 1 0x180",
    'redis_up{cluster="cache",instance="10.0.0.4:6379"}': "1x182",
    'stackledger_redis_node_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0 0 1x180",
    'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="slave"}': "0 0 stale",
    'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="master"}': "_ _ 0x180",
    'stackledger_redis_slots_uncovered{cluster="cache"}': "0x182",
    'stackledger_redis_shard_replicas{cluster="cache",shard="0-5460"}': "1 1 0x180",
    'stackledger_redis_shard_replicas{cluster="cache",shard="5461-10922"}': "1x182",
}


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
    """Of what fires for it only one pages. It silences its short-lived effects, not the loss of protection."""
    alerts = {alert.name: alert for alert in REDIS.alerts()}
    fires = {"RedisMasterDown", *TICKETS, "RedisReplicationBroken"}
    pages = {name for name in fires if alerts[name].severity is Severity.PAGE}
    assert pages == {"RedisMasterDown"}
    assert fires - pages - set(alerts["RedisMasterDown"].inhibits) == {"RedisShardWithoutReplica"}


@pytest.mark.parametrize("page", ["RedisSentinelMasterDown", "RedisServerMasterDown"])
def test_one_of_several_masters_of_a_target_silences_no_ticket_about_the_nodes_of_another(page: str) -> None:
    (alert,) = (alert for alert in REDIS.alerts() if alert.name == page)
    assert not {"RedisNodeDown", "RedisReplicationBroken"} & set(alert.inhibits)


@pytest.mark.parametrize(
    ("at", "firing"),
    [
        ("45s", {"RedisMasterDown"}),
        ("5m", {"RedisMasterDown", *TICKETS}),
        ("15m", TICKETS),
        ("40m", TICKETS),
    ],
)
def test_after_a_good_failover_the_page_ends_and_the_tickets_stay(at: str, firing: set[str], tmp_path: Path) -> None:
    fired = {
        "expr": "count by (alertname) (ALERTS{alertstate='firing'})",
        "eval_time": at,
        "exp_samples": [{"labels": spelt({"alertname": name}), "value": 1} for name in sorted(firing)],
    }
    failover = {"name": "a failover", "interval": "15s", "promql_expr_test": [fired]}
    failover["input_series"] = [{"series": series, "values": values} for series, values in FAILOVER.items()]
    judged(tmp_path, [failover])
    silenced = {name for alert in REDIS.alerts() if alert.name in firing for name in alert.inhibits}
    assert "RedisShardWithoutReplica" not in silenced
    if "RedisMasterDown" not in firing:
        assert not silenced & TICKETS


def test_promtool_agrees_with_the_cases(tmp_path: Path) -> None:
    judged(tmp_path, [case(alert.name, test) for alert in REDIS.alerts() for test in alert.tests])


def judged(folder: Path, cases: list[dict[str, Any]]) -> None:
    """Let promtool judge the cases against all our rules."""
    try:
        promtool = programs.find("promtool")
    except programs.ProgramMissingError as missing:
        pytest.skip(str(missing))
    rules = [
        {"alert": alert.name, "expr": str(alert.condition), "for": alert.hold, "labels": {}} for alert in REDIS.alerts()
    ]
    group = {"name": "redis", "interval": "15s", "rules": rules}
    (folder / "rules.yaml").write_text(json.dumps({"groups": [group]}))
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": cases}
    (folder / "tests.yaml").write_text(json.dumps(tests))
    command = [promtool, "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
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
