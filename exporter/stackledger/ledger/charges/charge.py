"""One line of what somebody charges, and how deliveries of such lines are kept.

Amounts and quantities are integers of 1e-12, in the line's own currency and unit. A line is never changed or deleted:
when a bill is delivered again, what is no longer on it is marked with the number of the delivery that replaced it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """What is charged."""

    BILL = "bill"
    INFRASTRUCTURE = "infrastructure"
    ENGINEERING = "engineering"


class Category(StrEnum):
    """Why it is charged."""

    USAGE = "usage"
    PURCHASE = "purchase"
    CREDIT = "credit"
    TAX = "tax"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    ROUNDING = "rounding"


class Charge(NamedTuple):
    """One line of a bill."""

    kind: str
    source: str
    """Whose deliveries replace one another: by default provider and billing account."""
    file: str
    provider: str
    account: str
    from_us: int
    until_us: int
    """The time that is charged for: microseconds UTC, the end excluded."""
    period_from_us: int
    period_until_us: int
    """The billing period that the line stands in."""
    sku: str
    """The line's own words for what was used: SKU, meter and description."""
    model: str
    unit: str
    """The bucket where it is known, else the bill's own unit."""
    quantity: int | None
    billed: int
    effective: int | None
    listed: int | None
    currency: str
    category: str
    corrects: bool
    """Whether the line corrects a billing period that was invoiced before."""
    invoice: str
    row_id: str
    """Hash of the line's content and its place among equal lines: the same line delivered again is the same."""


CHARGE_FIELDS: Final[tuple[str, ...]] = Charge._fields
WIDE_FIELDS: Final = frozenset({"quantity", "billed", "effective", "listed"})
"""Columns that may be beyond 64 bits."""


class Stored(NamedTuple):
    """A charge in the ledger: its number, and the delivery that brought it."""

    id: int
    delivery: int
    imported_us: int
    charge: Charge


class Change(NamedTuple):
    """What one delivery changes: `after` is the last delivery that it was worked out against."""

    after: int
    added: tuple[Charge, ...]
    superseded: tuple[int, ...]
    imported_us: int
