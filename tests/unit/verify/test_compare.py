"""`verify` fails when a metric is renamed, a label is dropped, or a literal in one rule is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackledger import units
from stackledger.catalogue import Cluster, Kind, Label, Metric, Origin
from stackledger.model import AlertRule, Fires, Panel, Query, RuleTest, Severity, Silent
from stackledger.promql import above, select
from stackledger.promql.parse import parse
from stackledger.verify.compare import Verdict, compare
from stackledger.verify.uses import needed, needed_by_own_rules


class Role(Label):
    """Role (ROLE)."""


DOC = "Something (somewhere)."
LAG = Metric("db_lag_seconds", Kind.GAUGE, units.SECONDS, DOC, labels=(Role,), budget=9)
FAILOVERS = Metric("db_failovers_total", Kind.COUNTER, units.COUNT, DOC, conditional="a failover")
RECORDED = Metric("slo:db:ratio", Kind.GAUGE, units.RATIO, "recorded", origin=Origin.RECORDED)
PAGE = {"db_lag_seconds": [{"role": "standby", "cluster": "a"}, {"role": "primary", "cluster": "a"}]}


def alert(expr: Any) -> AlertRule:
    panel = Panel("lag", "Lag", (Query(select(LAG)),), "Lag of the standbys: high is bad.")
    tests = (RuleTest("t", {}, (Fires("1m", ({},)), Silent("0m"))),)
    return AlertRule("Lagging", above(expr, 1), "1m", Severity.PAGE, "x", "y", panel, tests)


def verdicts(expr: Any, page: Any = PAGE, recorded: Any = None) -> list[Verdict]:
    return [finding.verdict for finding in compare(needed([], [alert(expr)], []), page, recorded).findings]


def test_a_use_that_exists_in_name_labels_and_values_is_present() -> None:
    coverage = compare(needed([], [alert(select(LAG, Role.eq("standby"), Cluster.variable()))], []), PAGE, None)
    assert coverage.ratio == 1.0
    assert [finding.verdict for finding in coverage.findings] == [Verdict.PRESENT]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"db_replication_lag_seconds": PAGE["db_lag_seconds"]}, "no such series"),
        ({"db_lag_seconds": [{"cluster": "a"}]}, "the series lack the label role"),
        ({"db_lag_seconds": [{"role": "replica", "cluster": "a"}]}, "no series has role='standby'"),
        ({"db_lag_seconds": []}, "no such series"),
        ({}, "no such series"),
    ],
    ids=["renamed", "label dropped", "literal changed", "help without sample", "empty page"],
)
def test_what_is_missing_is_told_with_the_place_that_uses_it(page: Any, reason: str) -> None:
    coverage = compare(needed([], [alert(select(LAG, Role.eq("standby")))], []), page, None)
    (finding,) = coverage.findings
    assert (finding.verdict, finding.reason) == (Verdict.MISSING, reason)
    assert finding.needed.where == "alert Lagging"
    assert coverage.ratio < 1.0


def test_two_literals_must_meet_in_one_series() -> None:
    page = {"db_lag_seconds": [{"role": "standby", "cluster": "a"}, {"role": "primary", "cluster": "b"}]}
    assert verdicts(select(LAG, Role.eq("standby"), Cluster.eq("b")), page) == [Verdict.MISSING]


def test_conditional_uses_are_told_and_never_counted() -> None:
    coverage = compare(needed([], [alert(select(FAILOVERS).increase("5m"))], []), PAGE, None)
    assert [finding.verdict for finding in coverage.findings] == [Verdict.CONDITIONAL]
    assert coverage.ratio == 1.0
    present = compare(needed([], [alert(select(FAILOVERS).increase("5m"))], []), {"db_failovers_total": [{}]}, None)
    assert [finding.verdict for finding in present.findings] == [Verdict.PRESENT]


def test_a_dropped_label_is_missing_even_for_what_is_conditional() -> None:
    events = Metric("db_events_total", Kind.COUNTER, units.COUNT, DOC, labels=(Role,), budget=9, conditional="an event")
    use = select(events, Role.eq("standby")).increase("5m")
    assert verdicts(use, {}) == [Verdict.CONDITIONAL]
    assert verdicts(use, {"db_events_total": [{"role": "primary"}]}) == [Verdict.CONDITIONAL]
    assert verdicts(use, {"db_events_total": [{"cluster": "a"}]}) == [Verdict.MISSING]


def test_recorded_series_are_looked_for_in_prometheus_only() -> None:
    assert verdicts(select(RECORDED), {"slo:db:ratio": [{}]}, {}) == [Verdict.MISSING]
    assert verdicts(select(RECORDED), {}, {"slo:db:ratio": [{}]}) == [Verdict.PRESENT]
    assert verdicts(select(RECORDED), {}, None) == [Verdict.CONDITIONAL]


def test_guards_and_both_sides_of_an_operator_are_uses() -> None:
    rule = alert(select(LAG) / select(LAG, Role.eq("standby")))
    guarded = replace(rule, condition=rule.condition.where(above(select(FAILOVERS), 0), on=(Cluster,)))
    assert len(needed([], [guarded], [])) == 3


def test_own_rules_of_a_user_count_like_ours() -> None:
    known = {"db_lag_seconds": LAG}
    uses = parse('max(db_lag_seconds{role="replica"}) > 3', known)
    (finding,) = compare(needed_by_own_rules([("Mine", uses)]), PAGE, None).findings
    assert (finding.verdict, finding.needed.where) == (Verdict.MISSING, "own rule Mine")
