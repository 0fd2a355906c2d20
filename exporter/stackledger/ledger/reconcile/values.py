"""What is compared, and what a comparison says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from stackledger.ledger.reconcile.currencies import Converted

ALL_MODELS: Final = "(all models)"
"""A bill's line that names neither a model nor anything else that was used."""


class Cause(StrEnum):
    """Why a bill differs from the estimate. Each amount is billed minus estimated."""

    MISSING = "missing"
    DUPLICATES = "duplicates"
    PRICE = "price"
    UNPRICED = "unpriced"
    DISCOUNT = "discount"
    DAY_BOUNDARY = "day_boundary"
    ROUNDING = "rounding"
    CREDITS = "credits"
    TAX = "tax"
    NOT_OURS = "not_ours"
    FEES = "fees"
    ADJUSTMENTS = "adjustments"
    NOT_BILLED = "not_billed"
    UNEXPLAINED = "unexplained"


WORDS: Final[Mapping[Cause, str]] = {
    Cause.MISSING: "Billed, but no call of ours tells of it (missing events)",
    Cause.DUPLICATES: "Ours, beyond what the bill has (duplicates)",
    Cause.PRICE: "Another price than ours",
    Cause.UNPRICED: "Calls of ours whose price is not known",
    Cause.DISCOUNT: "Discount from the list price",
    Cause.DAY_BOUNDARY: "Moved between neighbouring days (day boundary, time zone)",
    Cause.ROUNDING: "Rounding of the bill",
    Cause.CREDITS: "Credits and refunds",
    Cause.TAX: "Tax",
    Cause.NOT_OURS: "Not ours: nobody sent calls of this account or model",
    Cause.FEES: "Purchases and fees that no call causes",
    Cause.ADJUSTMENTS: "Adjustments by the vendor",
    Cause.NOT_BILLED: "Ours, not (yet) on a bill",
    Cause.UNEXPLAINED: "Unexplained",
}


class Estimate(NamedTuple):
    """What we think a day's units cost. `unpriced` of the units have no known price; units are whole ones."""

    provider: str
    account: str
    day: int
    model: str
    unit: str
    units: int
    unpriced: int
    cost: int


class Key(NamedTuple):
    """What is compared with one another through time."""

    provider: str
    account: str
    model: str
    unit: str


@dataclass(slots=True)
class Cell:
    """One key in one period: days since 1970 UTC, the last excluded. Units are 1e-12 of a unit, as amounts are."""

    first: int
    until: int
    est_units: int = 0
    est_priced: int = 0
    """Units of ours that have a known price."""
    est_cost: int = 0
    lines: int = 0
    """Lines of the bill."""
    bill_units: int | None = 0
    """None where a line does not tell its units."""
    billed: int = 0
    listed: int = 0
    """The amount at list price, where a line tells it, else what is billed."""
    causes: dict[Cause, int] = field(default_factory=dict)

    @property
    def more(self) -> int:
        """Units billed beyond ours."""
        return (self.bill_units or 0) - self.est_units

    def put(self, cause: Cause, amount: int) -> None:
        """Add to a cause."""
        if amount:
            self.causes[cause] = self.causes.get(cause, 0) + amount

    @property
    def rest(self) -> int:
        """What no cause has told of the difference yet."""
        return self.billed - self.est_cost - sum(self.causes.values())


class Compared(NamedTuple):
    """A line of the comparison: `billed - estimated` is the sum of `causes`."""

    provider: str
    account: str
    first_day: int
    until_day: int
    model: str
    unit: str
    est_units: int
    bill_units: int | None
    estimated: int
    billed: int
    causes: Mapping[Cause, int]
    models: tuple[str, ...] = ()
    """Our names of the model; none where the line is for any model."""


class AccountSum(NamedTuple):
    """All lines of a provider and account."""

    provider: str
    account: str
    estimated: int
    billed: int
    causes: Mapping[Cause, int]
    usage_billed: int
    covered: int
    """Of what is billed for usage, what our calls account for."""
    days_billed: int
    days_used: int
    """Days on which we have calls, and those of them that a bill covers."""
    status: str


class Reconciliation(NamedTuple):
    """The answer. Lines in a currency without a rate, or for more time than was asked, are not compared, but told."""

    lines: Sequence[Compared]
    accounts: Sequence[AccountSum]
    other_currencies: Mapping[str, int]
    longer_lines: int
    longer_amount: int
    converted: Sequence[Converted] = ()
