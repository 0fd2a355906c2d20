"""What a vendor's reports say, as lines of a bill.

A report of costs tells amounts, one of usage tells units, and a line of a bill needs both. Amounts are of costs alone.
Units are those that the line of costs tells itself; else lines that mean the same model, kind of unit and service tier
become one, and the units of the usage report stand on it, once (`units.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from stackledger.ledger.charges.charge import Category, Charge, Kind
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.periods import last_of_month
from stackledger.ledger.prices.timeline import midnight_us
from stackledger.ledger.pulls.units import Place, units_of
from stackledger.ledger.pulls.values import OTHERS, Billed, Used


class Bill(NamedTuple):
    """Whose lines they are."""

    kind: Kind
    source: str
    provider: str
    file: str
    """Where they come from, for people."""


def bill_lines(bill: Bill, costs: Sequence[Billed], used: Sequence[Used]) -> list[Charge]:
    """The lines of a month's bill, identified."""
    alike: dict[Place, list[Billed]] = defaultdict(list)
    for one in costs:
        alike[one.day, one.account, one.model, one.bucket, one.tier, one.currency].append(one)
    without = {
        place: lines[0]
        for place, lines in alike.items()
        if lines[0].bucket and all(one.quantity is None for one in lines)
    }
    units = units_of(without, used, {(one.day, one.account, one.model) for one in costs})
    found: list[Summed] = []
    for place, lines in alike.items():
        found += [summed(lines)._replace(quantity=units.get(place))] if place in without else _by_words(lines)
    return identified(line_of(bill, *_month(one.day), one) for one in found)


def line_of(bill: Bill, begin: date, end: date, one: Billed | Summed) -> Charge:
    """A line in the billing period from one day to another, the last excluded."""
    credit = one.amount < 0 and one.words != OTHERS
    return Charge(
        kind=bill.kind,
        source=bill.source,
        file=bill.file,
        provider=bill.provider,
        account=one.account,
        from_us=midnight_us(one.day),
        until_us=midnight_us(one.day + timedelta(days=1)),
        period_from_us=midnight_us(begin),
        period_until_us=midnight_us(end),
        sku=one.words,
        model=one.model,
        unit=one.bucket,
        quantity=one.quantity,
        billed=one.amount,
        effective=None,
        listed=None,
        currency=one.currency,
        category=Category.CREDIT if credit else Category.USAGE,
        corrects=False,
        invoice="",
        row_id="",
    )


def _month(day: date) -> tuple[date, date]:
    return day.replace(day=1), last_of_month(day) + timedelta(days=1)


class Summed(NamedTuple):
    """Several lines as one."""

    day: date
    account: str
    words: str
    amount: int
    currency: str
    model: str
    bucket: str
    quantity: int | None


def summed(lines: Sequence[Billed]) -> Summed:
    """One line for all; its units are known where all of theirs are."""
    first = lines[0]
    words = " + ".join(sorted({one.words for one in lines}))
    told = [one.quantity for one in lines if one.quantity is not None]
    quantity = sum(told) if len(told) == len(lines) else None
    amount = sum(one.amount for one in lines)
    return Summed(first.day, first.account, words, amount, first.currency, first.model, first.bucket, quantity)


def _by_words(lines: Iterable[Billed]) -> list[Summed]:
    """One line for the same words: a vendor may tell a group in several."""
    found: dict[str, list[Billed]] = defaultdict(list)
    for one in lines:
        found[one.words].append(one)
    return [summed(same) for same in found.values()]
