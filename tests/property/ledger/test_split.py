"""Whatever the two sides are, the causes sum to the difference exactly, and a shift between days sums to nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.reconcile.compare import Span, reconcile
from stackledger.ledger.reconcile.split import Ground, split
from stackledger.ledger.reconcile.values import Cause, Cell, Estimate
from stackledger.ledger.rows import DAY_US
from stackledger.money import PICO

UNITS = st.integers(0, 10**9)
AMOUNT = st.integers(-(10**14), 10**16)
MODELS = ("gpt-x", "gpt-x-2026-01-01", "gpt-y", "")
BUCKETS = ("input_uncached", "cache_read", "output", "reasoning", "tokens", "")


@st.composite
def lines(draw: st.DrawFn) -> Charge:
    first = draw(st.integers(0, 12)) * DAY_US + draw(st.sampled_from((0, 0, 7 * 3_600_000_000)))
    days = draw(st.sampled_from((1, 1, 1, 3, 12)))
    return Charge(
        "bill", "s", "f", draw(st.sampled_from(("openai", "aws"))), draw(st.sampled_from(("a", "b"))), first,
        first + days * DAY_US, 0, 30 * DAY_US, draw(st.sampled_from(("", "words"))), draw(st.sampled_from(MODELS)),
        draw(st.sampled_from(BUCKETS)), draw(st.none() | UNITS.map(lambda n: n * PICO // 7)), draw(AMOUNT), None,
        draw(st.none() | AMOUNT), draw(st.sampled_from(("USD", "USD", "USD", "EUR"))),
        draw(st.sampled_from(("usage", "usage", "usage", "tax", "credit", "adjustment", "purchase"))),
        corrects=draw(st.booleans()), invoice="", row_id="",
    )  # fmt: skip


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    units = draw(UNITS)
    unpriced = draw(st.integers(0, units))
    cost = draw(st.integers(0, 10**16)) if units > unpriced else 0
    return Estimate(
        draw(st.sampled_from(("openai", "aws", "mistral"))), draw(st.sampled_from(("a", "b"))),
        draw(st.integers(0, 14)), draw(st.sampled_from(MODELS[:3])), draw(st.sampled_from(BUCKETS[:4])),
        units, unpriced, cost,
    )  # fmt: skip


@given(
    ours=st.lists(estimates(), max_size=20),
    bill=st.lists(lines(), max_size=20),
    by_account=st.booleans(),
    now=st.integers(0, 60),
)
def test_causes_sum_to_the_difference_and_nothing_is_lost(
    *, ours: list[Estimate], bill: list[Charge], by_account: bool, now: int
) -> None:
    if not by_account:
        ours = [one._replace(account="") for one in ours]
    found = reconcile(ours, bill, Span(-30, 60, now * DAY_US, by_account=by_account))
    for line in found.lines:
        assert line.billed - line.estimated == sum(line.causes.values())
    for one in found.accounts:
        assert one.billed - one.estimated == sum(one.causes.values())
    assert sum(line.estimated for line in found.lines) == sum(one.cost for one in ours)
    assert sum(line.billed for line in found.lines) == sum(one.billed for one in bill if one.currency == "USD")
    assert sum(found.other_currencies.values()) == sum(one.billed for one in bill if one.currency == "EUR")
    assert sum(line.causes.get(Cause.DAY_BOUNDARY, 0) for line in found.lines) == 0


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=12), st.data())
def test_days_that_begin_elsewhere_are_a_boundary_and_nothing_else(days: list[int], data: st.DataObject) -> None:
    """Each day gives some of its units to the next one, as where the vendor's day begins earlier."""
    rate = data.draw(st.integers(1, 10**7))
    given_on = [data.draw(st.integers(0, units)) for units in days[:-1]] + [0]
    came = [0, *given_on[:-1]]
    cells = [
        Cell(
            day, day + 1, units * PICO, units * PICO, units * rate, 1, (units - left + arrived) * PICO,
            (units - left + arrived) * rate, (units - left + arrived) * rate,
        )
        for day, (units, left, arrived) in enumerate(zip(days, given_on, came, strict=True))
    ]  # fmt: skip
    known = frozenset(range(len(days)))
    split(cells, Ground(sent=True, days=known, open_days=frozenset(), quantum=1))
    changes = [left != arrived for left, arrived in zip(given_on, came, strict=True)]
    if all(changes):  # a day that gives as much as it gets cannot be told from one that gives nothing
        assert {cause for cell in cells for cause in cell.causes} <= {Cause.DAY_BOUNDARY}
    assert all(cell.rest == 0 for cell in cells)
