"""Tiers: the textbook numbers for 30 days, honest ones elsewhere, and none that could never fire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stackledger.model import Severity
from stackledger.slo import budget_of, policy


def test_thirty_days_have_the_textbook_factors():
    plan = policy(Decimal("99.9"), 30)
    assert [(t.name, t.long, t.short, t.factor) for t in plan.tiers] == [
        ("page_fast", "1h", "5m", Decimal("14.4")),
        ("page_slow", "6h", "30m", Decimal(6)),
        ("ticket_fast", "1d", "2h", Decimal(3)),
        ("ticket_slow", "3d", "6h", Decimal(1)),
    ]
    assert plan.notes == ()


@pytest.mark.parametrize("days", [1, 2, 7, 14, 28, 30, 31, 90, 365])
@pytest.mark.parametrize("objective", ["50", "80", "90", "93.06", "99", "99.95", "99.999"])
def test_every_tier_can_fire_and_means_a_broken_promise(objective, days):
    plan = policy(Decimal(objective), days)
    for tier in plan.tiers:
        assert tier.factor * plan.budget < 1, "with every event bad it must fire"
        assert tier.factor >= 1, "below 1 the window ends inside the objective"
        assert tier.long_seconds <= days * 86_400
        spent = tier.factor * tier.long_seconds / (days * 86_400)
        assert abs(spent - tier.share) < Decimal("0.0001"), "the stated share is what a steady burn spends"


@pytest.mark.parametrize(("objective", "days"), [("80", 30), ("99.9", 28), ("99.9", 7), ("99", 1)])
def test_what_is_left_out_or_changed_is_said(objective, days):
    plan = policy(Decimal(objective), days)
    names = {"page_fast", "page_slow", "ticket_fast", "ticket_slow"}
    for name in names - {tier.name for tier in plan.tiers}:
        assert any(note.startswith(f"{name} is left out") for note in plan.notes)
    assert plan.notes


def test_no_two_tiers_of_a_severity_fire_at_the_same_burn_rate():
    plan = policy(Decimal("99.9"), 7)
    pairs = [(tier.severity, tier.factor) for tier in plan.tiers]
    assert len(set(pairs)) == len(pairs)
    assert plan.tiers[-1].severity is Severity.TICKET


@pytest.mark.parametrize(
    ("objective", "budget"), [("99.9", "0.001"), ("99.99", "0.0001"), ("99.95", "0.0005"), ("90", "0.1")]
)
def test_the_budget_is_an_exact_decimal(objective, budget):
    assert str(budget_of(Decimal(objective))) == budget
