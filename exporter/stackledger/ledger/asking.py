"""What is asked of a ledger and what it replies: plain structs, the same in one process and over a socket."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from stackledger.ledger.buckets import Usage
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.explain import Explanation
from stackledger.ledger.per_user.values import PerUserReply
from stackledger.ledger.pulls.asking import PullStatus
from stackledger.ledger.summary import PeriodSummary
from stackledger.ledger.views import Group, Month, Reach, Row, Tally


class ReportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in plain values: days are inclusive."""

    by: tuple[str, ...]
    first: date
    last: date
    zone: str
    where: dict[str, tuple[str, ...]] = {}


class ReportLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line; `cost` is pico-USD in decimal digits, as JSON's numbers end at 2^53."""

    keys: tuple[str, ...]
    events: int
    unpriced: int
    cost: str
    usage: tuple[int, ...]


class ReportReply(msgspec.Struct, frozen=True):
    """The lines, highest cost first."""

    buckets: tuple[str, ...]
    lines: list[ReportLine]


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask what a total is made of: days are inclusive, `examples` is how many calls are shown."""

    first: date
    last: date
    zone: str
    where: dict[str, tuple[str, ...]] = {}
    examples: int = 20


class RepriceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price calls again: days are inclusive. With `dry` nothing is stored."""

    first: date
    last: date
    zone: str
    only_unpriced: bool = True
    cause: str = "repriced"
    dry: bool = False


class RepriceReply(msgspec.Struct, frozen=True):
    """What changed. `difference` is pico-USD in decimal digits; `number` is that of the correction, 0 for none."""

    calls: int
    changed: int
    newly_priced: int
    difference: str
    number: int
    book: str


class CompareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask what this month's calls would cost with the price book in a file on the ledger's machine."""

    book: str


class ComparedLine(msgspec.Struct, frozen=True, array_like=True):
    """A model whose cost would move. Costs are pico-USD in decimal digits."""

    provider: str
    model: str
    calls: int
    before: str
    after: str
    unpriced_before: int
    unpriced_after: int


class CompareReply(msgspec.Struct, frozen=True):
    """The month so far with the book in force and with the other one."""

    before: str
    after: str
    lines: list[ComparedLine]


class ReserveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set an amount aside before a call. Give `usd`, or the `model` and the most that it may use.

    `id` is the caller's own and makes asking again harmless; `attributes` are those that the event will have.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    attributes: dict[str, str] = {}
    usd: str = ""
    provider: str = ""
    model: str = ""
    usage: Usage | None = None
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 600.0


class SettleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The call was made; its event has number `seq` in the inbox."""

    id: str
    event: UsageEvent
    seq: int


class ReleaseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The call was not made."""

    id: str


class Settled(msgspec.Struct, frozen=True):
    """What the call cost, pico-USD in decimal digits; None where no price is known."""

    cost: str | None


class Refusals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for the latest refusals."""

    limit: int = 100


class RefusedLine(msgspec.Struct, frozen=True, array_like=True):
    """One event that was not taken. `received_us` is microseconds UTC."""

    received_us: int
    source: str
    id: str
    reason: str
    detail: str


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request without parameters."""


class StateReply(msgspec.Struct, frozen=True):
    """How the ledger's process is, and the periods that are shown."""

    periods: list[PeriodSummary] = []
    budgets: list[BudgetStatus] = []
    outcomes: dict[str, int] = {}
    refused: dict[str, int] = {}
    waiting: int = 0
    waiting_age_seconds: float = 0.0
    size_bytes: int = 0
    applying: bool = True
    book: str = ""
    book_age_seconds: float = 0.0
    per_user: PerUserReply | None = None
    """The closed month's cost per active user; None until it was computed first."""
    pulls: list[PullStatus] = []


class OverviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a month at a glance; `month` is any of its days, None the current one. At most `values` rows a group."""

    zone: str
    month: date | None = None
    values: int = 12
    models: int = 5


class Span(msgspec.Struct, frozen=True):
    """A calendar period as of now: today, yesterday, month, last_month."""

    name: str
    first: date
    last: date
    tally: Tally


class OverviewReply(msgspec.Struct, frozen=True):
    """A month, the periods around today, and how current it is. `users` counts who made a call, by period."""

    now_us: int
    spans: list[Span]
    month: Month
    reach: Reach
    users: dict[str, int]
    state: StateReply
    """Without its periods."""


class PeopleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask which users cost most in a month, of all or of those whose id holds `find`."""

    zone: str
    month: date | None = None
    find: str = ""
    limit: int = 50


class PeopleReply(msgspec.Struct, frozen=True):
    """`users` are the calls with a user, by it; calls of nobody are `nobody`. `exact` tells that `find` is a user's id.

    `hashed` tells that the ledger keeps hashes; `matches` counts the ids that hold `find`.
    """

    now_us: int
    first: date
    last: date
    users: Group
    nobody: Tally
    exact: bool
    matches: int
    hashed: bool
    reach: Reach


class PersonRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a user's month; `user` is the id as the application knows it, or as the ledger keeps it."""

    user: str
    zone: str
    month: date | None = None
    values: int = 20
    models: int = 5
    months: int = 12
    examples: int = 10


class PersonReply(msgspec.Struct, frozen=True):
    """A user's month and the months up to now. `kept` is under which names the ledger has it: none for a stranger."""

    now_us: int
    kept: list[str]
    hashed: bool
    month: Month | None = None
    months: list[Row] = []
    explanation: Explanation | None = None
    reach: Reach = Reach(None, None)
