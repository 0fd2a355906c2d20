"""Days and months in finance's zone, as ranges of instants that touch and never overlap.

A day begins at its local midnight; where a change of the clocks skips that minute, at the change itself. So a day may
have 23, 24 or 25 hours (or none, where a zone skipped a whole date), and the days of a range sum to the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_YEARS: Final = range(1970, MAXYEAR)
"""Days are counted from 1970, and every month has another one after it."""


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant (inclusive) to another (exclusive), in microseconds since 1970-01-01 UTC."""

    label: str
    from_us: int
    until_us: int


def zone_named(name: str) -> ZoneInfo:
    """An IANA zone. Raises ValueError with a remedy when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}: use an IANA name such as Europe/Berlin or UTC") from None


def midnight(day: date, zone: ZoneInfo) -> int:
    """When the day begins there, in microseconds."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000_000


def whole(first: date, last: date, zone: ZoneInfo) -> Period:
    """From the beginning of the first day to the end of the last."""
    return Period(f"{first}/{last}", midnight(first, zone), midnight(last + timedelta(days=1), zone))


def days(first: date, last: date, zone: ZoneInfo) -> Iterator[Period]:
    """Every day from the first to the last, both included."""
    day = first
    while day <= last:
        yield Period(day.isoformat(), midnight(day, zone), midnight(day + timedelta(days=1), zone))
        day += timedelta(days=1)


def months(first: date, last: date, zone: ZoneInfo) -> Iterator[Period]:
    """Every month that the range touches, cut to the range."""
    begin = first
    while begin <= last:
        end = min(last_of_month(begin), last)
        yield Period(f"{begin:%Y-%m}", midnight(begin, zone), midnight(end + timedelta(days=1), zone))
        begin = end + timedelta(days=1)


def last_of_month(day: date) -> date:
    """The last day of the day's month."""
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return following - timedelta(days=1)


def month_named(text: str) -> tuple[date, date]:
    """First and last day of "YYYY-MM". Raises ValueError with what is expected."""
    expected = f"{text!r} is not a month: write YYYY-MM, for instance 2026-10"
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ValueError(expected) from None
    if first.year not in _YEARS:
        raise ValueError(expected)
    return first, last_of_month(first)


def local_date(at_us: int, zone: ZoneInfo) -> date:
    """The date there at an instant."""
    return datetime.fromtimestamp(at_us / 1e6, zone).date()
