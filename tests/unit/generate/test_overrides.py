"""Overrides: every series is watched by exactly one piece, everything follows, and mistakes are all listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import yaml

from stackledger.errors import ConfigError
from stackledger.generate import render, resolve
from stackledger.generate.inputs import LabelMatch, Override
from stackledger.generate.overrides import meets
from stackledger.model import Severity
from tests.unit.generate.sample import MEMORY

BIG = LabelMatch("cluster", "big")


def _rules(files, name):
    groups = yaml.safe_load(files["alerts/rules/web.yaml"])["groups"]
    return [rule for group in groups for rule in group["rules"] if rule["alert"] == name]


def test_a_changed_threshold_shows_in_rule_panel_and_runbook(make):
    files = render(make(overrides=(Override("WebMemoryHigh", threshold=0.75, hold="9m"),)))
    (rule,) = _rules(files, "WebMemoryHigh")
    assert rule["expr"].endswith("> 0.75")
    assert rule["for"] == "9m"
    assert b'"value": 0.75' in files["dashboards/technical/web.json"]
    assert b'"value": 0.9\n' not in files["dashboards/technical/web.json"]
    assert b"> 0.75" in files["docs/runbooks/WebMemoryHigh.md"]
    assert b"WebMemoryHigh: an override changes its for and threshold" in files["alerts/tests/web_test.yaml"]


def test_an_override_for_one_cluster_leaves_the_others(make):
    files = render(make(overrides=(Override("WebMemoryHigh", matchers=(BIG,), threshold=0.97, team="big-team"),)))
    rest, big = _rules(files, "WebMemoryHigh")
    assert 'web_memory_used_bytes{cluster!="big"} / web_memory_limit_bytes{cluster!="big"}' in rest["expr"]
    assert 'web_memory_used_bytes{cluster="big"} / web_memory_limit_bytes{cluster="big"}' in big["expr"]
    assert (rest["expr"].endswith("> 0.9"), big["expr"].endswith("> 0.97")) == (True, True)
    assert (rest["labels"]["team"], big["labels"]["team"]) == ("capacity", "big-team")
    assert b"ticket-big-team" in files["alerts/alertmanager.yml"]


@pytest.mark.parametrize("cluster", ["big", "small", "beta"])
@pytest.mark.parametrize("instance", ["a:1", "b:1"])
def test_each_series_is_watched_by_exactly_one_piece(make, cluster, instance):
    overrides = (
        Override("WebMemoryHigh", matchers=(BIG, LabelMatch("instance", "a.*", "=~")), threshold=0.97),
        Override("WebMemoryHigh", matchers=(LabelMatch("cluster", "b.+", "=~"),), severity=Severity.PAGE),
        Override("WebMemoryHigh", matchers=(LabelMatch("instance", "b:1", "!="),), hold="1h"),
    )
    labels = {"cluster": cluster, "instance": instance}
    pieces = [alert.piece for alert in resolve(make(overrides=overrides)).alerts if alert.rule.name == "WebMemoryHigh"]
    watching = [piece for piece in pieces if all(meets(match, labels[match.label]) for match in piece.matchers)]
    assert len(watching) == 1
    rule = watching[0].rule
    assert rule.condition.threshold == (0.97 if labels == {"cluster": "big", "instance": "a:1"} else 0.9)
    assert rule.severity is (Severity.PAGE if cluster.startswith("b") else Severity.TICKET)
    assert rule.hold == ("1h" if instance != "b:1" else "5m")


@pytest.mark.parametrize("change", [{"enabled": False, "reason": "known"}, {"threshold": 0.8}])
def test_an_override_holds_through_its_last_day_and_is_a_mistake_from_the_next(make, change):
    """Neither is what was meant to end kept, nor does an alert change between two runs without a word."""
    one = Override("WebMemoryHigh", expires=date(2026, 11, 1), file="a.yaml", line=7, **change)
    last = render(make(overrides=(one,), today=date(2026, 11, 1)))
    assert last == render(make(overrides=(replace(one, expires=None),), today=date(2026, 11, 1)))
    assert last != render(make(today=date(2026, 11, 1)))
    with pytest.raises(ConfigError) as caught:
        render(make(overrides=(one,), today=date(2026, 11, 2)))
    told = "WebMemoryHigh: expired on 2026-11-01: remove it or renew it"
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"a.yaml:7: alerts.overrides: {told}"]


def test_who_only_looks_is_not_stopped_by_what_has_expired(make):
    over = Override("WebMemoryHigh", enabled=False, reason="known", expires=date(2026, 11, 1))
    inputs = make(overrides=(over, Override("WebNodeDown", hold="2m")), today=date(2026, 11, 2))
    rules = {alert.rule.name: alert.rule for alert in resolve(inputs.without_expired()).alerts}
    assert "WebMemoryHigh" in rules
    assert rules["WebNodeDown"].hold == "2m"


def test_every_mistake_is_listed_with_its_place(make):
    overrides = (
        Override("WebMemorHigh", path="alerts.overrides.0", file="a.yaml", line=7),
        Override("WebNodeDown", enabled=False, path="alerts.overrides.1", file="a.yaml", line=9),
        Override("WebNodeDown", hold="soon", path="alerts.overrides.2"),
        Override("WebNodeDown", matchers=(LabelMatch("colour", "red"),), path="alerts.overrides.3"),
        Override("WebNodeDown", matchers=(LabelMatch("cluster", "(", "=~"),), path="alerts.overrides.4"),
        Override("WebAnswersBudgetBurn", threshold=3, path="alerts.overrides.5"),
        Override("WebNodeDown", hold="1m1h", path="alerts.overrides.6"),
    )
    with pytest.raises(ConfigError) as caught:
        render(make(overrides=overrides))
    told = [str(mistake) for mistake in caught.value.mistakes]
    assert len(told) == 7
    assert told[0] == "a.yaml:7: alerts.overrides.0: there is no alert WebMemorHigh; did you mean WebMemoryHigh?"
    assert "reason" in told[1]
    assert "soon" in told[2]
    assert "colour" in told[3]
    assert "regular expression" in told[4]
    assert "objective" in told[5]
    assert "each unit once" in told[6]


def test_no_override_changes_nothing(make):
    assert render(make()) == render(make(overrides=(Override("WebMemoryHigh", threshold=0.9),)))


def test_the_panel_value_itself_is_untouched(make):
    resolved = resolve(make(overrides=(Override("WebMemoryHigh", threshold=0.5),)))
    assert any(alert.rule.panel is MEMORY for alert in resolved.alerts)
