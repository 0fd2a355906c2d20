"""Building a line's windows: time is cut where anything may change, each cell is asked, and equal cells are joined.

The same walk compiles a source's conditions, works overrides in, and joins two books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final

from stackledger.ledger.prices.book import DAY_S, Rate, Tiers, Window, tier

BEGIN: Final = -(2**62)
"""Microseconds that stand for "always before"."""
END: Final = 2**62
"""Microseconds that stand for "ever after"."""

Ask = Callable[[int, int], Tiers | None]
"""The tiers in the period that begins at this microsecond, at this second of the day; None where there is no price."""

_Part = tuple[tuple[int, int] | None, Tiers]


def build(cuts: Iterable[int], day_cuts: Iterable[int], ask: Ask) -> tuple[Window, ...]:
    """Windows through time from the answers between `cuts` (microseconds) and `day_cuts` (seconds of the day)."""
    starts = [BEGIN, *sorted({cut for cut in cuts if BEGIN < cut < END})]
    seconds = sorted({0, *day_cuts})
    periods: list[tuple[int, int, list[_Part]]] = []
    for start, end in pairwise([*starts, END]):
        parts = _day([(second, ask(start, second)) for second in seconds])
        if periods and _same_parts(periods[-1][2], parts):
            periods[-1] = (periods[-1][0], end, periods[-1][2])
        else:
            periods.append((start, end, parts))
    return tuple(
        Window(tiers, None if start == BEGIN else start, None if end == END else end, day)
        for start, end, parts in periods
        for day, tiers in parts
    )


def midnight_us(day: date) -> int:
    """The first microsecond of a day of UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def cuts_of(windows: Iterable[Window]) -> Iterable[int]:
    """Every instant at which one of the windows begins or ends."""
    return (edge for window in windows for edge in (window.since_us, window.until_us) if edge is not None)


def day_cuts_of(windows: Iterable[Window]) -> Iterable[int]:
    """Every second of the day at which one of the windows begins or ends."""
    return (edge % DAY_S for window in windows if window.day_s is not None for edge in window.day_s)


def joined(sources: Sequence[Tiers], join: Callable[[Sequence[Rate]], Rate], more: Iterable[int] = ()) -> Tiers:
    """One rate from the rates of several sources, at every limit that any of them (or `more`) has."""
    limits = sorted({above for tiers in sources for above, _ in tiers[1:]} | set(more))
    return simplest(tuple((above, join([tier(tiers, above + 1) for tiers in sources])) for above in (-1, *limits)))


def simplest(tiers: Tiers) -> Tiers:
    """The tiers without those that change nothing; the first begins at 0."""
    kept = [(0, tiers[0][1])]
    for above, rate in tiers[1:]:
        if rate.per_unit != kept[-1][1].per_unit:
            kept.append((above, rate))
    return tuple(kept)


def same(one: Tiers | None, other: Tiers | None) -> bool:
    """Whether both price every call alike; what made a rate does not matter."""
    if one is None or other is None:
        return one is other
    return [(above, rate.per_unit) for above, rate in one] == [(above, rate.per_unit) for above, rate in other]


def _same_parts(one: list[_Part], other: list[_Part]) -> bool:
    return len(one) == len(other) and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(one, other, strict=True))


def _day(answers: list[tuple[int, Tiers | None]]) -> list[_Part]:
    """Parts of the day with equal neighbours joined, also over midnight."""
    runs: list[tuple[int, Tiers | None]] = []
    for second, tiers in answers:
        if not runs or not same(runs[-1][1], tiers):
            runs.append((second, tiers))
    if len(runs) > 1 and same(runs[0][1], runs[-1][1]):
        runs = runs[1:]  # the first run is the end of the last one
    if len(runs) == 1:
        return [] if runs[0][1] is None else [(None, runs[0][1])]
    ends = [*(second for second, _ in runs[1:]), runs[0][0]]
    return [
        ((second, end or DAY_S), tiers) for (second, tiers), end in zip(runs, ends, strict=True) if tiers is not None
    ]
