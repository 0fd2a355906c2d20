"""What is asked about a month and its bills, and what is replied."""

from __future__ import annotations

from datetime import date

import msgspec

from stackledger.ledger.reconcile.answers import ReconcileReply
from stackledger.ledger.views import Reach, Tally


class BillsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a month of `zone` beside its bills; `month` is any of its days, None the last month that is over.

    `account`, `settle_days` and `zones` say how bills are to be read, as in ReconcileRequest; `lines` is how many of
    the lines that differ are told, those that differ most.
    """

    zone: str
    month: date | None = None
    account: str = ""
    settle_days: dict[str, float] = {}
    zones: dict[str, str] = {}
    lines: int = 40


class StatementTold(msgspec.Struct, frozen=True):
    """A statement of the month: the close, and from number 2 on corrections of it."""

    number: int
    made_us: int
    signed: str
    role: str
    cause: str
    sha256: str


class MonthBills(msgspec.Struct, frozen=True):
    """A month as it was compared at `now_us`: the days of `comparison` are UTC's, or those of `zones`.

    `differing` counts the lines that differ, of which `comparison` has some. `refused` says why nothing could be
    compared, `broken` why the statements cannot be trusted; both are empty where all is well.
    """

    now_us: int
    first: date
    last: date
    comparison: ReconcileReply
    differing: int
    statements: list[StatementTold]
    reach: Reach
    refused: str = ""
    broken: str = ""


class BillsReply(msgspec.Struct, frozen=True):
    """The comparison that is there; None before the first. `pending` tells that a newer one is being made."""

    first: date
    bills: MonthBills | None
    pending: bool


class SharesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a user's part of each bill: `user` as in PersonRequest, the rest as in BillsRequest."""

    user: str
    first: date
    last: date
    account: str = ""
    zones: dict[str, str] = {}


class Share(msgspec.Struct, frozen=True):
    """What the user's calls of a provider and account cost on the days of its bill."""

    provider: str
    account: str
    tally: Tally
