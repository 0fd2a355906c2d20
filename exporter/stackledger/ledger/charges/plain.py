"""A bill as CSV in our own words, for vendors that send a PDF and for costs that no vendor bills.

Columns: provider, amount and day (or from and to, both included, UTC) are needed; account, model, unit (a bucket, as
`output`), sku, quantity, currency (USD), list_amount, category (usage), period (YYYY-MM), invoice, corrects (yes).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import Category, Charge, Kind
from stackledger.ledger.charges.names import meaning, sender
from stackledger.ledger.charges.reading import Row, RowError, collected
from stackledger.ledger.periods import last_of_month, month_named
from stackledger.ledger.prices.timeline import midnight_us

COLUMNS: Final = (
    "day", "from", "to", "provider", "account", "model", "unit", "sku", "quantity", "amount", "currency", "list_amount",
    "category", "period", "invoice", "corrects",
)  # fmt: skip
_CURRENCY_LETTERS: Final = 3


def charges(path: str, source: str = "", kind: str = "") -> Iterator[Charge]:
    """The lines of a file, not yet identified. Raises QuestionError with every row that is wrong."""
    yield from collected(path, _missing, lambda row: _charge(row, path, source, kind))


def _missing(columns: set[str]) -> list[str]:
    missing = [name for name in ("provider", "amount") if name not in columns]
    return missing if columns & {"day", "from"} else [*missing, "day or from"]


def _charge(row: Row, path: str, source: str, kind: str) -> Charge:
    unknown = [name for name in row.cells if name not in COLUMNS]
    if unknown:
        close = difflib.get_close_matches(unknown[0], COLUMNS, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"columns are {', '.join(COLUMNS)}"
        raise RowError(f"the column {unknown[0]!r} is unknown: {meant}")
    provider = sender(row.needed("provider"))
    first, last = _days(row)
    amount = row.pico("amount")
    if amount is None:
        raise RowError("amount is empty: every line needs it")
    model, unit = _model(row, provider)
    begin, end = _period(row, first)
    return Charge(
        kind=kind or Kind.BILL,
        source=source or f"{provider}/{row.text('account')}",
        file=Path(path).name,
        provider=provider,
        account=row.text("account"),
        from_us=midnight_us(first),
        until_us=midnight_us(last + timedelta(days=1)),
        period_from_us=midnight_us(begin),
        period_until_us=midnight_us(end + timedelta(days=1)),
        sku=row.text("sku"),
        model=model,
        unit=unit,
        quantity=row.pico("quantity"),
        billed=amount,
        effective=None,
        listed=row.pico("list_amount"),
        currency=_currency(row),
        category=_category(row),
        corrects=row.text("corrects").lower() in ("yes", "true", "1"),
        invoice=row.text("invoice"),
        row_id="",
    )


def _days(row: Row) -> tuple[date, date]:
    first = _date(row.needed("day", "from"))
    last = _date(row.text("to")) if row.text("to") else first
    if last < first:
        raise RowError(f"`to` {last} is before `from` {first}")
    return first, last


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RowError(f"{text!r} is no day: write YYYY-MM-DD") from None


def _period(row: Row, first: date) -> tuple[date, date]:
    if not row.text("period"):
        return first.replace(day=1), last_of_month(first)
    try:
        return month_named(row.text("period"))
    except ValueError as error:
        raise RowError(f"period: {error}") from None


def _model(row: Row, provider: str) -> tuple[str, str]:
    """Model and unit as told, else as the SKU's words mean them."""
    model, unit = row.text("model"), row.text("unit")
    if model and unit and unit not in BUCKETS:
        raise RowError(f"unit {unit!r} is no bucket: choose from {', '.join(BUCKETS)}")
    if model or not row.text("sku"):
        return model, unit
    found = meaning(provider, row.text("sku"))
    return (found.model, found.bucket) if found else ("", unit)


def _currency(row: Row) -> str:
    told = (row.text("currency") or "USD").upper()
    if len(told) != _CURRENCY_LETTERS or not told.isalpha():
        raise RowError(f"currency {told!r} is none: write its three letters, as EUR")
    return told


def _category(row: Row) -> str:
    told = row.text("category").lower() or Category.USAGE
    if told not in set(Category):
        raise RowError(f"category {told!r} is unknown: choose from {', '.join(Category)}")
    return told
