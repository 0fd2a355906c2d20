"""The ledger at a glance, for the page: sums of a few calendar periods by the attributes that have few values.

Computed here, in finance's zone and exactly; the page shows what was computed last and never waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import last_of_month, local_date
from stackledger.ledger.question import Answer, Line, Question
from stackledger.ledger.report import ask, users_of

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "team": ("team",),
    "feature": ("feature",),
    "model": ("provider", "model"),
    "environment": ("environment",),
}
"""What costs are shown by, each with its attributes."""
OTHER: Final = "other"  # as `report.ask` calls the rest


class Amount(msgspec.Struct, frozen=True, array_like=True):
    """What calls with these keys cost: pico-USD in decimal digits."""

    keys: tuple[str, ...]
    cost: str
    events: int
    unpriced: int


class PeriodSummary(msgspec.Struct, frozen=True):
    """One calendar period. `tokens` counts units by bucket; `users` is how many made a call."""

    name: str
    first: date
    last: date
    cost: str
    events: int
    unpriced: int
    tokens: dict[str, int]
    users: int
    groups: dict[str, list[Amount]]
    top_users: list[Amount]
    """Those that cost most, and `other`; empty where users have no series."""


def calendar(now_us: int, zone: ZoneInfo) -> dict[str, tuple[date, date]]:
    """The periods that are shown: first and last day of each."""
    today = local_date(now_us, zone)
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "month": (first, last_of_month(today)),
        "last_month": (before.replace(day=1), before),
    }


def summarise(
    engine: Engine,
    now_us: int,
    zone: ZoneInfo,
    *,
    values: int,
    users: int = 0,
    pseudonym: Callable[[str], str] | None = None,
) -> list[PeriodSummary]:
    """Every period. At most `values` values of an attribute and `users` users stand alone; the rest is `other`.

    `pseudonym` makes of a user's id what leaves the ledger.
    """
    found = []
    for name, (first, last) in calendar(now_us, zone).items():
        whole = ask(engine, Question((), first, last, zone))
        (total,) = whole.lines
        found.append(
            PeriodSummary(
                name=name,
                first=first,
                last=last,
                cost=str(total.cost),
                events=total.events,
                unpriced=total.unpriced,
                tokens=dict(zip(whole.buckets, total.usage, strict=True)),
                users=users_of(engine, Question((), first, last, zone)),
                groups={
                    group: _amounts(ask(engine, Question(by, first, last, zone), values), None)
                    for group, by in GROUPS.items()
                },
                top_users=_amounts(ask(engine, Question(("user",), first, last, zone), users), pseudonym)
                if users
                else [],
            )
        )
    return found


class Summaries:
    """What `compute` told last, told again until the ledger or the calendar in `zone` changes.

    Owns what is shown. A read may go to a server that is a little behind the one that is written to: so what is
    computed after a change is computed once more before it is taken to stay. One thread at a time asks.
    """

    def __init__(self, engine: Engine, zone: ZoneInfo, compute: Callable[[int], list[PeriodSummary]]) -> None:
        self._engine = engine
        self._zone = zone
        self._compute = compute
        self._told: list[PeriodSummary] = []
        self._of: list[object] = []
        """What the last two computations were of."""

    def at(self, now_us: int) -> list[PeriodSummary]:
        """The periods as of now. Raises what `compute` raises."""
        of = (self._engine.changes, calendar(now_us, self._zone))
        if self._of != [of, of]:
            self._told = self._compute(now_us)
            self._of = [*self._of[-1:], of]
        return self._told


def _amounts(answer: Answer, pseudonym: Callable[[str], str] | None) -> list[Amount]:
    """The lines, and what is beyond them as `other`, so that the sum stays exact.

    `pseudonym` makes of a key what may leave the ledger; calls of nobody stay with nobody.
    """
    lines, rest = list(answer.lines), answer.rest
    if rest is not None:  # a value that is called "other" joins them: no two series may have the same labels
        others = [line for line in lines if OTHER in line.keys]
        lines = [line for line in lines if OTHER not in line.keys]
        joined = [rest, *others]
        rest = Line(
            rest.keys,
            sum(line.events for line in joined),
            sum(line.unpriced for line in joined),
            sum(line.cost for line in joined),
            rest.usage,
        )
    told = [
        Amount(
            tuple(key and pseudonym(key) for key in line.keys) if pseudonym is not None else line.keys,
            str(line.cost),
            line.events,
            line.unpriced,
        )
        for line in lines
    ]
    return told if rest is None else [*told, Amount(rest.keys, str(rest.cost), rest.events, rest.unpriced)]
