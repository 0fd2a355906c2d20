"""Recordings: one rule per series, everything an alert reads is recorded, and no ratio is ever averaged."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from stackledger.catalogue import Origin
from stackledger.model import Fires
from stackledger.slo import names
from stackledger.slo.alerts import alert_name, burn_alerts
from stackledger.slo.recording import budget_recordings, burn_recordings
from tests.unit.generate.sample import ANSWERS, AVAILABLE, Code

CASES = [
    replace(slo, objective=Decimal(objective), window_days=days)
    for slo in (ANSWERS, AVAILABLE)
    for objective in ("80", "99", "99.9")
    for days in (1, 3, 7, 28, 30, 90)
]


def _recorded(slo):
    return [*burn_recordings(slo), *budget_recordings(slo)]


@pytest.mark.parametrize("slo", CASES, ids=lambda slo: f"{slo.name}-{slo.objective}-{slo.window_days}d")
def test_each_series_has_one_rule_and_each_that_is_read_has_one(slo):
    series = [(r.metric.name, tuple(sorted(r.labels.items()))) for r in _recorded(slo)]
    assert len(set(series)) == len(series)
    read = [use for rule in burn_alerts(slo) for use in rule.condition.uses]
    read += [use for r in _recorded(slo) for use in r.expr.uses if use.metric.origin is Origin.RECORDED]
    for use in read:
        wanted = {matcher.label.name: matcher.value for matcher in use.matchers}
        assert any(name == use.sample and wanted.items() <= dict(labels).items() for name, labels in series), use


def test_every_recorded_name_is_in_the_list():
    declared = {metric.name for metric in names.ALL}
    assert {r.metric.name for slo in CASES for r in _recorded(slo)} == declared


def test_no_mean_of_ratios():
    for slo in CASES:
        for recording in _recorded(slo):
            assert "avg_over_time" not in recording.expr.text


def test_an_slo_by_another_label_records_that_label():
    by_code = replace(ANSWERS, by=(*ANSWERS.by, Code))
    assert all(recording.metric.has_label(Code) for recording in burn_recordings(by_code))
    (fires, *_) = (expect for expect in burn_alerts(by_code)[0].tests[0].expect if isinstance(expect, Fires))
    assert fires.labels[0] == {"cluster": "promised", "code": "500", "slo": "web-answers", "window": "1h"}


def test_the_tiers_of_an_slo_share_a_name():
    rules = burn_alerts(ANSWERS)
    assert {rule.name for rule in rules} == {alert_name(ANSWERS)} == {"WebAnswersBudgetBurn"}
    assert len({rule.labels["tier"] for rule in rules}) == len(rules) == 4
