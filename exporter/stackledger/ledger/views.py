"""A month as a person wants to see it: the total, what it is made of, and each of its days. Exact, folded from lines.

Everything of one attribute in a view comes from one read, so its parts sum to its whole even while calls come in.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, chain, repeat
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from stackledger.ledger.buckets import TOKENS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import local_date
from stackledger.ledger.question import Answer, Line, Question
from stackledger.ledger.report import ask
from stackledger.ledger.rows import QUARTER_US

CHART_DAYS: Final = 31
MOST: Final = 100
"""Entries of a list whose length whoever sends usage decides; a page tells the others in one line."""
MODEL: Final = ("provider", "model")


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Some calls: what they cost (pico-USD in decimal digits), how many they are, how many have no price, tokens."""

    cost: str = "0"
    events: int = 0
    unpriced: int = 0
    tokens: int = 0


class Row(msgspec.Struct, frozen=True, array_like=True):
    """The calls that share these keys."""

    keys: tuple[str, ...]
    tally: Tally


class Group(msgspec.Struct, frozen=True):
    """The rows that cost most, and all others as one. All of them sum to the whole."""

    rows: list[Row]
    others: int = 0
    """How many rows are summed in `rest`."""
    rest: Tally = Tally()


class Day(msgspec.Struct, frozen=True, array_like=True):
    """A day, and what each of the chart's series cost in it: pico-USD in decimal digits, the last one all others."""

    day: date
    tally: Tally
    parts: tuple[str, ...]


class Chart(msgspec.Struct, frozen=True):
    """Every day of a span. `series` are the models that cost most in it; parts of days have one more, the others."""

    series: list[tuple[str, ...]]
    days: list[Day]


class Month(msgspec.Struct, frozen=True):
    """A calendar month. `units` counts by bucket; `unpriced` are the models with calls without a price, most first."""

    first: date
    last: date
    whole: Tally
    units: dict[str, int]
    groups: dict[str, Group]
    unpriced: Group
    chart: Chart


class Reach(msgspec.Struct, frozen=True):
    """From which day on there are calls (None: there are none), and when the newest quarter of an hour began."""

    oldest: date | None
    newest_us: int | None


class Piece(NamedTuple):
    """A line of an answer without its order: keys and sums."""

    keys: tuple[str, ...]
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The lines of an answer, to be folded by any of its attributes."""

    by: tuple[str, ...]
    buckets: tuple[str, ...]
    lines: Sequence[Piece]

    @classmethod
    def of(cls, answer: Answer) -> Pieces:
        """The lines of an answer."""
        lines = [Piece(one.keys, (one.events, one.unpriced, one.cost, *one.usage)) for one in answer.lines]
        return cls(answer.question.by, answer.buckets, lines)

    def within(self, first: date, last: date) -> Pieces:
        """Those of some days; the answer was by day."""
        place, low, high = self.by.index("day"), first.isoformat(), last.isoformat()
        return Pieces(self.by, self.buckets, [one for one in self.lines if low <= one.keys[place] <= high])

    def by_keys(self, *names: str) -> dict[tuple[str, ...], tuple[int, ...]]:
        """Sums by some of the attributes."""
        places = [self.by.index(name) for name in names]
        found: dict[tuple[str, ...], tuple[int, ...]] = {}
        for keys, sums in self.lines:
            key = tuple(keys[place] for place in places)
            known = found.get(key)
            found[key] = sums if known is None else tuple(map(operator.add, known, sums))
        return found

    def rows(self, *names: str) -> list[Row]:
        """One row for each of the attributes' values, highest cost first."""
        sums = self.by_keys(*names)
        return [Row(key, self.tally(sums[key])) for key in sorted(sums, key=lambda key: (-sums[key][2], key))]

    def tally(self, sums: Sequence[int]) -> Tally:
        """Sums as a tally."""
        tokens = sum(count for name, count in zip(self.buckets, sums[3:], strict=True) if name in TOKENS)
        return Tally(str(sums[2]), sums[0], sums[1], tokens)

    def total(self) -> tuple[int, ...]:
        """The sum of all lines."""
        return self.by_keys().get((), (0,) * (3 + len(self.buckets)))


def capped(rows: Sequence[Row], most: int) -> Group:
    """The first `most` rows, and the others in one."""
    others = rows[most:]
    return Group(list(rows[:most]), len(others), added(one.tally for one in others))


def added(tallies: Iterable[Tally]) -> Tally:
    """Their sum."""
    every = list(tallies)
    cost = sum(int(one.cost) for one in every)
    events, unpriced = sum(one.events for one in every), sum(one.unpriced for one in every)
    return Tally(str(cost), events, unpriced, sum(one.tokens for one in every))


def less(whole: Tally, part: Tally) -> Tally:
    """What is left of the whole."""
    return Tally(
        str(int(whole.cost) - int(part.cost)),
        whole.events - part.events,
        whole.unpriced - part.unpriced,
        whole.tokens - part.tokens,
    )


def summed(answer: Answer, lines: Sequence[Line]) -> Tally:
    """Some lines of an answer as one: for the many of which few are shown."""
    tokens = [place for place, name in enumerate(answer.buckets) if name in TOKENS]
    return Tally(
        str(sum(line.cost for line in lines)),
        sum(line.events for line in lines),
        sum(line.unpriced for line in lines),
        sum(line.usage[place] for line in lines for place in tokens),
    )


def month_view(
    pieces: Pieces, groups: Mapping[str, Group], month: tuple[date, date], today: date, *, models: int, values: int
) -> Month:
    """A month from lines by day, provider and model; `groups` are those that the lines do not tell."""
    first, last = month
    inside = pieces.within(first, last)
    total = inside.total()
    by_model = inside.rows(*MODEL)
    unpriced = sorted((row for row in by_model if row.tally.unpriced), key=lambda row: -row.tally.unpriced)
    units = {name: count for name, count in zip(pieces.buckets, total[3:], strict=True) if count}
    return Month(
        first=first,
        last=last,
        whole=inside.tally(total),
        units=units,
        groups={"model": capped(by_model, values), **groups},
        unpriced=capped(unpriced, MOST),
        chart=_chart(pieces, *chart_span(month, today), models),
    )


def chart_span(month: tuple[date, date], today: date) -> tuple[date, date]:
    """The days that are drawn: those of the month, and for the current one the last 31."""
    first, last = month
    return (today - timedelta(days=CHART_DAYS - 1), today) if first <= today <= last else month


def _chart(pieces: Pieces, first: date, last: date, models: int) -> Chart:
    shown = pieces.within(first, last)
    series = [row.keys for row in shown.rows(*MODEL)[:models] if int(row.tally.cost)]
    place = {keys: number for number, keys in enumerate(series)}
    parts: dict[str, list[int]] = {}
    for (day, *model), sums in shown.by_keys("day", *MODEL).items():
        costs = parts.setdefault(day, [0] * (len(series) + 1))
        costs[place.get(tuple(model), len(series))] += sums[2]
    tallies = {day: shown.tally(sums) for (day,), sums in shown.by_keys("day").items()}
    nothing = [0] * (len(series) + 1)
    days = accumulate(chain([first], repeat(timedelta(days=1), (last - first).days)), operator.add)
    return Chart(
        series,
        [
            Day(day, tallies.get(name, Tally()), tuple(map(str, parts.get(name, nothing))))
            for day in days
            for name in [day.isoformat()]
        ],
    )


def pieces_of(
    engine: Engine, by: tuple[str, ...], first: date, last: date, zone: ZoneInfo, **where: tuple[str, ...]
) -> Pieces:
    """The answer to a question, to be folded."""
    return Pieces.of(ask(engine, Question(by, first, last, zone, where)))


def reach(engine: Engine, zone: ZoneInfo) -> Reach:
    """Which days there are calls of."""
    ((oldest, newest),) = engine.query("SELECT min(quarter), max(quarter) FROM quarter WHERE events > 0")
    if oldest is None:
        return Reach(None, None)
    return Reach(local_date(int(oldest) * QUARTER_US, zone), int(newest) * QUARTER_US)
