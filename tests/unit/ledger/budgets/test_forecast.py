from __future__ import annotations

from datetime import date, timedelta

import pytest

from stackledger.ledger.budgets.budget import Cadence, period_of
from stackledger.ledger.budgets.forecast import days_left, deviation, forecast

TODAY = date(2026, 11, 27)  # a Friday


def _days(count: int, cost=lambda day: 10.0) -> dict[date, float]:
    return {day: cost(day) for n in range(1, count + 1) for day in [TODAY - timedelta(days=n)]}


def test_even_days_end_where_they_lead_without_doubt():
    told = forecast(_days(40), spent=260.0, today=TODAY, last=date(2026, 11, 30))
    assert told is not None
    assert (told.expected, told.low, told.high) == pytest.approx((300.0, 300.0, 300.0))


def test_weekends_are_expected_to_be_weekends():
    days = _days(42, lambda day: 2.0 if day.weekday() >= 5 else 10.0)
    told = forecast(days, spent=200.0, today=TODAY, last=date(2026, 11, 30))
    assert told is not None
    assert told.expected == pytest.approx(200 + 10 + 2 + 2 + 10)


def test_scattered_days_widen_the_interval_and_it_never_goes_below_what_is_spent():
    days = _days(42, lambda day: 50.0 if day.toordinal() % 3 == 0 else 1.0)
    told = forecast(days, spent=100.0, today=TODAY, last=date(2026, 11, 28))
    assert told is not None
    assert told.low >= 100.0
    assert told.high - told.low > 20


def test_the_interval_holds_the_end_about_nine_times_in_ten():
    import random

    chance = random.Random(3)
    inside = 0
    for _ in range(400):
        days = {TODAY - timedelta(days=n): chance.gauss(100, 15) for n in range(1, 43)}
        days[TODAY] = 0.0
        told = forecast(days, spent=0.0, today=TODAY, last=TODAY + timedelta(days=13))
        assert told is not None
        inside += told.low <= sum(chance.gauss(100, 15) for _ in range(14)) <= told.high
    assert 0.82 <= inside / 400 <= 0.97


def test_with_less_than_three_days_nothing_is_said():
    assert forecast(_days(2), spent=20.0, today=TODAY, last=date(2026, 11, 30)) is None


def test_on_the_last_day_only_what_is_left_of_it_is_expected():
    days = _days(42) | {TODAY: 4.0}
    told = forecast(days, spent=264.0, today=TODAY, last=TODAY)
    assert told is not None
    assert told.expected == pytest.approx(270.0)


@pytest.mark.parametrize(("remaining", "left"), [(100.0, 10.0), (0.0, 0.0), (-5.0, 0.0)])
def test_the_rest_lasts_as_long_as_the_last_week_says(remaining, left):
    assert days_left(remaining, _days(7), TODAY) == pytest.approx(left)


def test_where_nothing_is_spent_the_rest_lasts_for_a_time_nobody_knows():
    assert days_left(100.0, {}, TODAY) is None


def test_a_day_is_compared_with_the_same_weekday():
    days = _days(42, lambda day: 2.0 if day.weekday() >= 5 else 10.0)
    sunday, monday = date(2026, 11, 22), date(2026, 11, 23)
    assert deviation(days, sunday) == pytest.approx(0.0)
    assert deviation(days | {sunday: 10.0}, sunday) > 4
    assert deviation(days | {monday: 10.5}, monday) < 4


def test_one_wild_day_among_those_compared_with_hides_nothing():
    days = _days(42) | {date(2026, 11, 9): 500.0}
    assert deviation(days | {date(2026, 11, 23): 30.0}, date(2026, 11, 23)) > 4


def test_a_day_without_three_like_it_is_not_judged():
    assert deviation(_days(15), TODAY - timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("cadence", "first", "last"),
    [
        (Cadence.DAY, date(2026, 11, 27), date(2026, 11, 27)),
        (Cadence.WEEK, date(2026, 11, 23), date(2026, 11, 29)),
        (Cadence.MONTH, date(2026, 11, 1), date(2026, 11, 30)),
        (Cadence.QUARTER, date(2026, 10, 1), date(2026, 12, 31)),
        (Cadence.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_day_is_in_its_period(cadence, first, last):
    assert period_of(cadence, TODAY) == (first, last)
