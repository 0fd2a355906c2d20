"""The closed formulas against a history that is walked second by second."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.slo import budget, budget_of, policy

objectives = st.sampled_from([Decimal(text) for text in ("90", "95", "99", "99.5", "99.9", "99.95", "99.99")])


def _first_second_above(limit: Fraction, ratio: Fraction, long: int) -> int | None:
    """Walk: a clean past, then `ratio` of each second's events is bad; the second at which the window exceeds."""
    bad = Fraction(0)
    for second in range(1, long + 2):
        bad = ratio * min(second, long)
        if bad / long > limit:
            return second
    return None


@settings(deadline=None, max_examples=40)
@given(objective=objectives, ratio=st.integers(1, 1000), index=st.integers(0, 1))
def test_detection_time_is_where_the_walk_crosses(objective, ratio, index):
    plan = policy(objective, 30)
    if index >= len(plan.tiers):
        return
    tier, share = plan.tiers[index], Fraction(ratio, 1000)
    walked = _first_second_above(Fraction(tier.factor) * Fraction(plan.budget), share, tier.long_seconds)
    formula = budget.seconds_to_fire(tier, share, plan.budget)
    if walked is None:
        assert formula is None
    else:
        assert formula is not None
        assert walked - 1 <= formula <= walked


@given(objective=objectives, parts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), min_size=1))
def test_budgets_depend_on_sums_not_on_how_traffic_is_cut(objective, parts):
    """Every event weighs the same: the same events in one piece give the same budget."""
    bad = sum(min(b, t) for b, t in parts)
    total = sum(t for _, t in parts)
    whole = budget.remaining(bad, total, budget_of(objective))
    tenfold = budget.remaining(bad * 10, total * 10, budget_of(objective))
    assert whole == tenfold
    if total:
        by_events = 1 - Fraction(bad) / (Fraction(budget_of(objective)) * total)
        assert whole == by_events


@given(
    objective=objectives,
    left=st.fractions(min_value=0, max_value=1),
    burn=st.fractions(min_value=Fraction(1, 100), max_value=100),
    days=st.integers(1, 90),
)
def test_after_the_time_to_exhaustion_nothing_is_left(objective, left, burn, days):
    seconds = budget.seconds_to_exhaustion(left, burn, days)
    assert seconds is not None
    assert left - burn * seconds / (days * 86_400) == 0 or left == 0


@given(left=st.fractions(min_value=-3, max_value=1), objective=objectives, days=st.integers(1, 90))
def test_words_always_name_the_whole_budget(left, objective, days):
    words = budget.budget_in_words(left, budget_of(objective), days)
    whole = budget.duration_in_words(budget.allowed_seconds(budget_of(objective), days))
    assert whole in words
    assert words.startswith("overspent") == (left < 0)


def test_the_walk_can_disagree():
    """A guard of the guard: a wrong factor is noticed."""
    assert _first_second_above(Fraction(1, 2), Fraction(1), 100) == 51
