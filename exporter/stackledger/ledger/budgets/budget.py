"""A budget as a plain value, and the calendar period that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from stackledger.ledger.periods import last_of_month

_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


class Cadence(StrEnum):
    """How long a budget's amount lasts. A week begins on Monday, a quarter in January, April, July and October."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Budget(msgspec.Struct, frozen=True):
    """`amount` is pico-USD for each period. `where` keeps the calls that have one of the values of every attribute.

    A hard budget refuses reservations that would exceed it; a soft one only tells.
    """

    name: str
    amount: int
    cadence: Cadence
    zone: str
    where: Mapping[str, tuple[str, ...]] = {}
    hard: bool = False

    def covers(self, attributes: Mapping[str, str]) -> bool:
        """Whether a call with these attributes counts; one that is not told has no value."""
        return all(attributes.get(name, "") in values for name, values in self.where.items())


def period_of(cadence: Cadence, day: date) -> tuple[date, date]:
    """First and last day of the period that a day is in."""
    if cadence is Cadence.DAY:
        return day, day
    if cadence is Cadence.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    months = _MONTHS[cadence]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, last_of_month(date(first.year, first.month + months - 1, 1))
