"""What a vendor's report says, in our units: integers of 1e-12, our buckets, UTC days. And the shape of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

import msgspec

from stackledger import money
from stackledger.errors import ProtocolError
from stackledger.ledger.buckets import Usage

OTHERS: Final = "(not listed)"
"""The words of the line that makes groups sum to the total where the vendor leaves some out."""
_MOST_DIGITS: Final = 30
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Billed:
    """What one day costs, pico-units of a currency. Credits are negative; what was not told is empty."""

    day: date
    account: str
    """Project or workspace."""
    words: str
    """The vendor's own for what was used."""
    amount: int
    currency: str
    model: str = ""
    bucket: str = ""
    tier: str = ""
    quantity: int | None = None
    """1e-12 of a unit; None where the line does not tell it."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one model used on one day. `usage.requests` is 0 where the vendor does not count calls."""

    day: date
    account: str
    model: str
    tier: str
    usage: Usage


V = TypeVar("V", Billed, Used)


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """One answer. `following` is the token of the next page, empty on the last."""

    values: list[V]
    following: str = ""


Asked = list[tuple[str, str]]
"""The parameters of a request."""


@dataclass(frozen=True, slots=True)
class Report(Generic[V]):
    """One kind of report: what to ask for some days, and how to read what comes. All of it pure."""

    name: str
    path: str
    most_days: int
    """Days that one request may span."""
    asked: Callable[[date, date, Sequence[str]], Asked]
    """From a day to another, the last excluded, of some accounts or, where none is named, of all."""
    read: Callable[[bytes], Page[V]]
    headers: Callable[[str], Mapping[str, str]]
    """Headers that show a key."""
    total: Report[V] | None = field(default=None)
    """The same without groups, where groups may leave something out."""


def pico(amount: object, per_unit: int = 1) -> int:
    """An amount as told, in pico-units; `per_unit` is how many of the told unit make one. Raises ProtocolError.

    Told as text or as a JSON number, it is read as the decimal that stands there. Finer than 1e-12 it is rounded.
    """
    try:
        value = Decimal(amount) if isinstance(amount, str) else amount
        if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > _MOST_DIGITS:
            raise ProtocolError("an amount is expected that somebody might pay")
        if value.adjusted() < -_MOST_DIGITS:
            return 0  # a float's rest, and a fraction of endless digits
        return money.rounded(Fraction(value) * money.PICO / per_unit)
    except (ArithmeticError, ValueError) as error:
        raise ProtocolError("an amount is no decimal") from error


def decoded(body: bytes, kind: Any) -> Any:
    """The page as its struct. Raises ProtocolError that repeats nothing of it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "the whole"
        raise ProtocolError(f"the report is not in the documented shape, at {where}") from None


def counted(**counts: int) -> Usage:
    """Usage in our buckets. Raises ProtocolError for a count below 0: parts that exceed their whole."""
    if min(counts.values()) < 0:
        raise ProtocolError("the report's counts contradict one another: a count is below 0, or parts exceed the whole")
    return Usage(**counts)


def day_of(moment: datetime | int) -> date:
    """The UTC day that begins then. Raises ProtocolError where none does."""
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ProtocolError("a bucket's time is told without a zone")
    try:
        told = moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    except (OverflowError, ValueError, OSError):
        raise ProtocolError("a bucket begins at no time that there is") from None
    if round(told.timestamp()) % _DAY_SECONDS:
        raise ProtocolError(f"a bucket begins at {told.isoformat()}: days of UTC were asked for")
    return told.date()
