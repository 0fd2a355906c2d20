"""Numbers of active users that are told from outside, in the ledger with their history.

They are kept among the charges, as lines of a kind of their own without an amount: each delivery replaces the one
before of the same month, which stays and is marked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from stackledger.ledger.charges.charge import Category, Charge
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import charges_between
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.per_user.definition import Source
from stackledger.ledger.periods import month_named
from stackledger.ledger.small_table import read_table
from stackledger.money import PICO

KIND: Final = "users"
COLUMNS: Final = ("month", "users")
MOST: Final = 10**11
"""More people than there are: above it, it is a mistake."""


class Count(NamedTuple):
    """How many users a month had, as a delivery told."""

    users: int
    delivery: int
    imported_us: int


def counted(engine: Engine, source: Source, month: tuple[date, date], query: str, as_of: int | None) -> Count | None:
    """The number in force; None where nobody told it, or only by another expression."""
    begin, end = _span(*month)
    for one in charges_between(engine, KIND, begin, end, as_of=as_of):
        line = one.charge
        if (line.source, line.sku, line.from_us, line.until_us) == (source, query, begin, end):
            return Count((line.quantity or 0) // PICO, one.delivery, one.imported_us)
    return None


def line_of(source: Source, month: tuple[date, date], users: int, *, query: str = "", file: str = "") -> Charge:
    """A number of users as it is kept, not yet identified."""
    begin, end = _span(*month)
    return Charge(
        kind=KIND,
        source=source,
        file=file,
        provider="",
        account="",
        from_us=begin,
        until_us=end,
        period_from_us=begin,
        period_until_us=end,
        sku=query,
        model="",
        unit="users",
        quantity=users * PICO,
        billed=0,
        effective=None,
        listed=None,
        currency="",
        category=Category.USAGE,
        corrects=False,
        invoice="",
        row_id="",
    )


def read_counts(path: str) -> list[Charge]:
    """The lines of a CSV file: month,users. Raises QuestionError with every line that is wrong."""
    known: set[date] = set()

    def made(cells: dict[str, str]) -> Charge:
        month = month_named(cells["month"])
        if month[0] in known:
            raise ValueError(f"{cells['month']} has another line: keep one")
        known.add(month[0])
        return line_of(Source.IMPORTED, month, users_named(cells["users"]), file=Path(path).name)

    return identified(read_table(Path(path), COLUMNS, made))


def users_named(text: str) -> int:
    """A number of users. Raises ValueError with what is expected."""
    if not (text.isascii() and text.isdigit()) or int(text) >= MOST:
        raise ValueError(f"users {text!r} is no number of people: write digits alone")
    return int(text)


def _span(first: date, last: date) -> tuple[int, int]:
    """The month in microseconds of UTC, the end excluded."""

    def at(day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000

    return at(first), at(last + timedelta(days=1))
