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

Group = tuple[tuple[str, str], ...]
"""What a line is of: pairs of the vendor's names and values, sorted; without those that were not told."""

OTHERS: Final[Group] = (("group", "(not listed)"),)
"""The line that makes groups sum to the total where the vendor leaves some out."""


_MOST_DIGITS: Final = 30


@dataclass(frozen=True, slots=True)
class BilledCost:
    """What one day costs, pico-units of a currency. Credits are negative."""

    vendor: str
    day: date
    group: Group
    amount: int
    currency: str

    @property
    def key(self) -> tuple[str, date, Group, str]:
        """What tells it from others of its report."""
        return self.vendor, self.day, self.group, self.currency


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """What was used in a span of time. `usage.requests` is 0 where the vendor does not count calls."""

    vendor: str
    from_us: int
    until_us: int
    group: Group
    usage: Usage


V = TypeVar("V", BilledCost, BilledUsage)


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """One answer. `following` is the token of the next page, empty on the last."""

    values: list[V]
    following: str = ""


@dataclass(frozen=True, slots=True)
class Report(Generic[V]):
    """One kind of report: what to ask for some days, and how to read what comes. All of it pure."""

    name: str
    path: str
    most_days: int
    """Days that one request may span."""
    asked: Callable[[date, date], list[tuple[str, str]]]
    """The parameters of a request from a day to another, the last excluded."""
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
        if not isinstance(value, Decimal) or not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            raise ProtocolError("an amount is expected that somebody might pay")
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


def following(has_more: bool, token: str | None) -> str:  # noqa: FBT001 - the two fields of every page
    """The next page's token. Raises ProtocolError where there is more and no way to it."""
    if has_more and not token:
        raise ProtocolError("the report says that there is more, and not where")
    return token or "" if has_more else ""


def group_of(line: Any, names: Sequence[str]) -> Group:
    """The fields by which a line was grouped; one that is null was not told, or is the vendor's default."""
    told = ((name, getattr(line, name)) for name in sorted(names))
    return tuple(
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in told
        if value not in (None, "")
    )


def day_of(seconds: int) -> date:
    """The UTC day that begins at this second. Raises ProtocolError where none does."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if seconds % 86_400:
        raise ProtocolError(f"a bucket begins at {moment.isoformat()}: days of UTC were asked for")
    return moment.date()
