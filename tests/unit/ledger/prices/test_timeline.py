"""Windows built from answers say the same as the answers, for every instant and second."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import DAY_S, Tiers, tier, tiers_at
from tests.unit.ledger.prices.samples import rate

CUTS = (10, 20, 30)
SECONDS = (0, 1800, 40_000, 59_400)
ANSWERS = st.lists(
    st.lists(st.none() | st.integers(1, 2), min_size=4, max_size=4), min_size=len(CUTS) + 1, max_size=len(CUTS) + 1
)


@given(ANSWERS)
def test_every_cell_keeps_its_answer_and_equal_neighbours_are_joined(answers: list[list[int | None]]) -> None:
    def ask(start: int, second: int) -> Tiers | None:
        price = answers[sum(cut <= start for cut in CUTS)][sum(cut <= second for cut in SECONDS) - 1]
        return None if price is None else ((0, rate(output=price)),)

    windows = timeline.build(CUTS, SECONDS, ask)
    for at_us in (timeline.BEGIN, 9, 10, 19, 20, 29, 30, timeline.END - 1):
        for second in {0, DAY_S - 1, *(cut + by for cut in SECONDS[1:] for by in (-1, 0))}:
            assert timeline.same(tiers_at(windows, at_us, second), ask(at_us, second))
            assert sum(window.holds(at_us, second) for window in windows) <= 1
    whole_day = [window for window in windows if window.day_s is None]
    for one, other in pairwise(whole_day):
        assert one.until_us != other.since_us or not timeline.same(one.tiers, other.tiers)


def test_joining_tiers_asks_at_every_limit_of_each() -> None:
    one: Tiers = ((0, rate(output=1)), (100, rate(output=2)))
    other: Tiers = ((0, rate(output=10)), (50, rate(output=20)), (100, rate(output=20)))
    both = timeline.joined([one, other], lambda rates: rate(output=sum(r.per_unit[4] or 0 for r in rates)))
    assert [(above, tier(both, above + 1).per_unit[4]) for above, _ in both] == [(0, 11), (50, 21), (100, 22)]


def test_a_tier_that_changes_nothing_is_dropped() -> None:
    assert timeline.simplest(((-1, rate(output=1)), (5, rate("other", output=1)))) == ((0, rate(output=1)),)
