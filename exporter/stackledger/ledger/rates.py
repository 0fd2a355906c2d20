"""Dated rates between currencies: which one held on a day, and what an amount was worth by it.

A rate holds from its day until the next line of its pair, and no longer than a stated age: beyond that, and where there
is none, an amount's worth is unknown. Rates are rational numbers; an amount is rounded once, half to even, at 1e-12.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from stackledger.ledger.small_table import read_table
from stackledger.money import USD, rounded

COLUMNS: Final = ("day", "from", "to", "rate")
LONGEST_AGE_DAYS: Final = 7
_LETTERS: Final = 3
_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
"""Decimal would also take 1_08.32, which may be a wrong 1.0832."""
_SMALLEST: Final = Decimal("1e-12")
"""No two currencies are further apart."""


class Rate(NamedTuple):
    """From this day on, one unit of `source` is worth `value` units of `target`. `text` is the rate as it was given."""

    day: date
    source: str
    target: str
    value: Fraction
    text: str

    def __str__(self) -> str:
        """As people read it: `1 EUR = 1.0832 USD (2026-10-30)`."""
        return f"1 {self.source} = {self.text} {self.target} ({self.day})"


class Worth(NamedTuple):
    """An amount and what it is worth in USD, both in pico-units, with the rate; None where it already was in USD."""

    amount: int
    currency: str
    usd: int
    rate: Rate | None


class Rates:
    """A table of rates. `longest_age_days` is how many days after its own a rate still holds."""

    def __init__(self, rates: Iterable[Rate] = (), longest_age_days: int = LONGEST_AGE_DAYS) -> None:
        self._age = longest_age_days
        self._pairs: dict[tuple[str, str], list[Rate]] = defaultdict(list)
        for one in sorted(rates):
            self._pairs[one.source, one.target].append(one)

    @property
    def lines(self) -> tuple[Rate, ...]:
        """The whole table."""
        return tuple(one for pair in self._pairs.values() for one in pair)

    def usd(self, amount: int, currency: str, day: date) -> int | None:
        """Pico-USD of an amount on a day; None where no rate that still holds is known."""
        found = self.worth(amount, currency, day)
        return None if found is None else found.usd

    def worth(self, amount: int, currency: str, day: date) -> Worth | None:
        """The same with the rate that was applied."""
        if currency == USD:
            return Worth(amount, USD, amount, None)
        rate = self._rate(currency, day)
        if rate is None or (day - rate.day).days > self._age:
            return None
        value = rate.value if rate.target == USD else 1 / rate.value
        return Worth(amount, currency, rounded(amount * value), rate)

    def why_not(self, currency: str, day: date) -> str:
        """Why an amount in a currency has no known worth on a day, in words."""
        rate = self._rate(currency, day)
        if rate is None:
            return f"no rate of {currency} to {USD} is known on {day}"
        return f"the last rate of {currency} before {day} is of {rate.day}, older than {self._age} days"

    def _rate(self, currency: str, day: date) -> Rate | None:
        """The latest of either direction up to a day; of the same day the direct one."""
        direct, inverse = self._latest(currency, USD, day), self._latest(USD, currency, day)
        if direct is None or (inverse is not None and inverse.day > direct.day):
            return inverse
        return direct

    def _latest(self, source: str, target: str, day: date) -> Rate | None:
        known = self._pairs.get((source, target), [])
        place = bisect_right(known, day, key=lambda one: one.day)
        return known[place - 1] if place else None


def read_rates(path: Path) -> list[Rate]:
    """The lines of a table in CSV: day,from,to,rate. Raises QuestionError with every line that is wrong."""
    known: set[tuple[date, str, str]] = set()

    def made(cells: dict[str, str]) -> Rate:
        one = _rate_of(cells)
        if one[:3] in known:
            raise ValueError(f"{one.source} to {one.target} has another line of {one.day}: keep one")
        known.add(one[:3])
        return one

    return read_table(path, COLUMNS, made)


def _rate_of(cells: dict[str, str]) -> Rate:
    """A line. Raises ValueError with what is expected."""
    text = cells["rate"]
    try:
        day = date.fromisoformat(cells["day"])
    except ValueError:
        raise ValueError(f"{cells['day']!r} is no day: write YYYY-MM-DD") from None
    source, target = _currency(cells["from"]), _currency(cells["to"])
    if (source == USD) == (target == USD):
        raise ValueError(f"{source} to {target}: one of the two is {USD}, as amounts are shown in it")
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"rate {text!r} is no decimal: write digits with a point, as 1.0832")
    value = Decimal(text)
    if not _SMALLEST <= value <= 1 / _SMALLEST:
        raise ValueError(f"rate {text!r} is none: a rate is above 0")
    return Rate(day, source, target, Fraction(value), text)


def _currency(text: str) -> str:
    code = text.upper()
    if len(code) != _LETTERS or not (code.isascii() and code.isalpha()):
        raise ValueError(f"{text!r} is no currency: write its three letters, as EUR")
    return code
