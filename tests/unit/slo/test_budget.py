"""Budgets in words and in seconds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from stackledger.slo import budget, policy


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (2592, "43 min 12 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (90_061, "1 d 1 h"),
        (-61, "-1 min 1 s"),
    ],
)
def test_durations_show_their_two_largest_units(seconds, words):
    assert budget.duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("left", "events", "words"),
    [
        (1, None, "43 min 12 s of 43 min 12 s left"),
        (Fraction(1, 2), None, "21 min 36 s of 43 min 12 s left"),
        (Fraction(-1, 10), None, "overspent by 4 min 19 s of 43 min 12 s"),
        (Fraction(3, 5), 2_000_000, "1,200 of 2,000 failures left"),
        (-1, 2_000_000, "overspent by 2,000 of 2,000 failures"),
    ],
)
def test_a_budget_in_words(left, events, words):
    assert budget.budget_in_words(left, Decimal("0.001"), 30, events=events) == words


def test_no_events_say_nothing():
    assert budget.burn_rate(0, 0, Decimal("0.001")) is None
    assert budget.remaining(0, 0, Decimal("0.001")) is None


def test_a_budget_that_is_gone_lasts_no_longer_and_one_that_is_not_used_for_ever():
    assert budget.seconds_to_exhaustion(Fraction(-1, 2), Fraction(3), 30) == 0
    assert budget.seconds_to_exhaustion(Fraction(1), Fraction(0), 30) is None
    assert budget.seconds_to_exhaustion(Fraction(1), Fraction(1), 30) == 30 * 86_400


def test_a_total_outage_is_paged_after_the_textbook_52_seconds():
    page = policy(Decimal("99.9"), 30).tiers[0]
    assert budget.seconds_to_fire(page, Fraction(1), Decimal("0.001")) == Fraction("51.84")
    assert budget.seconds_to_fire(page, Fraction(144, 10_000), Decimal("0.001")) is None
