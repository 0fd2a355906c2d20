"""How a budget goes: what is spent and set aside of it, where it leads, who spends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from stackledger.ledger.budgets.budget import Budget, period_of
from stackledger.ledger.budgets.forecast import days_left, deviation, forecast
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import local_date, midnight, zone_named
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.money import to_float

_HISTORY = timedelta(days=43)
_CONTRIBUTORS = 3
_CONTRIBUTING = ("team", "model", "feature")
_DAY_SECONDS = 86_400


class Contributor(msgspec.Struct, frozen=True, array_like=True):
    """A value of an attribute that spends much of a budget; `cost` is pico-USD in decimal digits."""

    attribute: str
    value: str
    cost: str


class BudgetStatus(msgspec.Struct, frozen=True):
    """One budget in its current period. Exact amounts are pico-USD in decimal digits; estimates are USD or None."""

    name: str
    hard: bool
    cadence: str
    first: date
    last: date
    amount: str
    spent: str
    held: str
    unpriced: int
    elapsed: float
    """Share of the period that is over, 0 to 1."""
    expected: float | None
    low: float | None
    high: float | None
    lasts_seconds: float | None
    deviation: float | None
    contributors: list[Contributor]


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger has of a budget's period."""

    spent: int
    unpriced: int
    days: dict[date, float]


def status_of(engine: Engine, budget: Budget, held: int, now_us: int) -> BudgetStatus:
    """The budget now. `held` is what is set aside and not in the ledger's sums."""
    zone = zone_named(budget.zone)
    today = local_date(now_us, zone)
    first, last = period_of(budget.cadence, today)
    (whole,) = ask(engine, Question((), first, last, zone, budget.where)).lines
    begin = min(first, today - _HISTORY)
    by_day = ask(engine, Question(("day",), begin, today, zone, budget.where)).lines
    days = {date.fromisoformat(line.keys[0]): to_float(line.cost) for line in by_day}
    if days:  # a day without any call between days with calls cost nothing
        days = {day: days.get(day, 0.0) for day in _each(min(days), today)}
    told = forecast(days, spent=to_float(whole.cost), today=today, last=last)
    left = days_left(to_float(budget.amount - whole.cost - held), days, today)
    begin_us, end_us = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    return BudgetStatus(
        name=budget.name,
        hard=budget.hard,
        cadence=budget.cadence,
        first=first,
        last=last,
        amount=str(budget.amount),
        spent=str(whole.cost),
        held=str(held),
        unpriced=whole.unpriced,
        elapsed=(now_us - begin_us) / (end_us - begin_us),
        expected=told.expected if told else None,
        low=told.low if told else None,
        high=told.high if told else None,
        lasts_seconds=left * _DAY_SECONDS if left is not None else None,
        deviation=deviation(days, today - timedelta(days=1)),
        contributors=_contributors(engine, budget, first, last),
    )


def spent_in(engine: Engine, budget: Budget, period: str) -> tuple[int, int]:
    """Pico-USD of the period that begins on this day, and the inbox number up to which it counts at least."""
    through = engine.progress()  # asked first: what is applied in between counts twice rather than not at all
    first, last = period_of(budget.cadence, date.fromisoformat(period))
    (whole,) = ask(engine, Question((), first, last, zone_named(budget.zone), budget.where)).lines
    return whole.cost, through


def _each(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _contributors(engine: Engine, budget: Budget, first: date, last: date) -> list[Contributor]:
    zone = zone_named(budget.zone)
    return [
        Contributor(attribute, line.keys[0], str(line.cost))
        for attribute in _CONTRIBUTING
        for line in ask(engine, Question((attribute,), first, last, zone, budget.where), _CONTRIBUTORS).lines
        if line.cost
    ]
