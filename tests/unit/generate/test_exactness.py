"""Budgets from the rules against truth counted by hand, on the traffic that makes common generators lie."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import yaml

from stackledger.generate import render

_GOOD = 'web_requests_total{cluster="c",code="200"}'
_BAD = 'web_requests_total{cluster="c",code="500"}'


# Events of each 30 s step: (steps, good, bad). None: the series does not exist yet.
@pytest.mark.parametrize(
    ("title", "history"),
    [
        # A busy hour with failures, quiet and clean otherwise: a mean of ratios would call it harmless.
        ("failures in the busy hour", [(480, 300, 0), (120, 29_700, 300), (360, 300, 0)]),
        # The other way round: a mean of ratios would call it a disaster.
        ("failures in the quiet hours", [(480, 297, 3), (120, 30_000, 0), (360, 297, 3)]),
        # Traffic stops for twenty minutes: a ratio of nothing would stay NaN for the rest of the window.
        ("no traffic for a while", [(480, 998, 2), (40, 0, 0), (440, 998, 2)]),
        # The failing series is born late: what is missing before counts as none.
        ("first failure late", [(480, 1000, None), (40, 900, 100), (440, 1000, 0)]),
    ],
)
def test_the_budget_counts_events(make, judge, title, history):
    inputs = make()
    section = inputs.sections[0]
    answers = replace(section.slos[0], window_days=1, objective=Decimal(99))
    files = render(replace(inputs, sections=(replace(section, slos=(answers,)),)))
    good, bad = (_values(history, which) for which in (1, 2))
    good_events, bad_events = int(good.split()[-1]), int(bad.split()[-1])
    truth = 1 - bad_events / (good_events + bad_events) / 0.01
    at = "8h"
    left = 'slo:budget_remaining:ratio{slo="web-answers"}'
    case = {
        "rule_files": ["../../slo/rules/web-answers.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "name": title,
                "interval": "30s",
                "input_series": [{"series": _GOOD, "values": good}, {"series": _BAD, "values": bad}],
                "promql_expr_test": [
                    {
                        "expr": f"abs({left} - {truth!r}) < bool 0.02",
                        "eval_time": at,
                        "exp_samples": [{"labels": '{cluster="c", slo="web-answers"}', "value": 1}],
                    }
                ],
            }
        ],
    }
    files["alerts/tests/exact_test.yaml"] = yaml.safe_dump(case).encode()
    judge(files, "promtool", "test", "rules", "alerts/tests/exact_test.yaml")


def _values(history, which: int) -> str:
    """The counter after each step, in promtool's notation."""
    values, count = ["0" if history[0][which] is not None else "_"], 0
    for step in history:
        for _ in range(step[0]):
            count += step[which] or 0
            values.append("_" if step[which] is None else str(count))
    return " ".join(values)


def test_no_traffic_at_all_says_nothing(make, judge):
    files = render(make())
    case = {
        "rule_files": ["../../slo/rules/web-answers.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": _GOOD, "values": "5x60"}],
                "promql_expr_test": [
                    {"expr": "slo:burn_rate:ratio", "eval_time": "20m", "exp_samples": []},
                    {"expr": "slo:budget_remaining:ratio", "eval_time": "20m", "exp_samples": []},
                ],
            }
        ],
    }
    files["alerts/tests/idle_test.yaml"] = yaml.safe_dump(case).encode()
    judge(files, "promtool", "test", "rules", "alerts/tests/idle_test.yaml")
