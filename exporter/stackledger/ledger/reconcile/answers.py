"""What can be asked about bills beside estimates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from stackledger.errors import QuestionError
from stackledger.ledger.asked import Open
from stackledger.ledger.attributes import ATTRIBUTES, TAG
from stackledger.ledger.charges.charge import Kind
from stackledger.ledger.charges.names import sender
from stackledger.ledger.charges.store import charges_between
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import zone_named
from stackledger.ledger.rates import Rates
from stackledger.ledger.reconcile.compare import Span, reconcile
from stackledger.ledger.reconcile.currencies import Converted, in_usd
from stackledger.ledger.reconcile.estimates import EPOCH, estimates
from stackledger.ledger.reconcile.values import AccountSum, Cause, Compared, Reconciliation
from stackledger.ledger.rows import DAY_US
from stackledger.ledger.used import Close


class ReconcileRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days are UTC, as bills are, and inclusive.

    `account` is the attribute of a call that names the bill's account; `zones` those of providers whose days are not
    UTC's; `settle_days` after how many days a provider's bill is final.
    """

    first: date
    last: date
    account: str = ""
    settle_days: dict[str, float] = {}
    zones: dict[str, str] = {}


class AccountTold(msgspec.Struct, frozen=True):
    """A provider's account. Amounts are pico-USD in decimal digits; `billed - estimated` is the sum of `causes`."""

    provider: str
    account: str
    status: str
    estimated: str
    billed: str
    causes: dict[str, str]
    usage_billed: str
    covered: str
    days_billed: int
    days_used: int
    unexplained: str = "0"
    """What is unexplained on its lines, each without its sign: amounts of both signs must not hide one another."""


class LineTold(msgspec.Struct, frozen=True):
    """A line of the comparison; both days are included. Units are 1e-12 of a unit; None where the bill tells none.

    `where` keeps the calls of ours that the line is about, in the days of `zone`; empty where there are none.
    """

    provider: str
    account: str
    first: date
    last: date
    model: str
    unit: str
    estimated_units: str
    billed_units: str | None
    estimated: str
    billed: str
    causes: dict[str, str]
    where: dict[str, tuple[str, ...]] = {}
    zone: str = "UTC"


class ReconcileReply(msgspec.Struct, frozen=True):
    """The comparison. What is in a currency without a known rate, or for more time than was asked, is not compared."""

    accounts: list[AccountTold]
    lines: list[LineTold]
    other_currencies: dict[str, str]
    longer_lines: int
    longer_amount: str
    converted: list[Converted] = []
    """What was compared in USD, with the rates."""


def reconcile_bills(ledger: Open, request: ReconcileRequest) -> ReconcileReply:
    """Compare bills with estimates. Raises QuestionError for what cannot be asked. Changes nothing."""
    terms = Terms(request.account, request.settle_days, request.zones)
    rates = ledger.declared.rates()
    found = reconciled(ledger.engine, request.first, request.last, ledger.now_us(), terms, rates=rates)
    return told(ledger.engine, found, terms)


def told(engine: Engine, found: Reconciliation, terms: Terms) -> ReconcileReply:
    """A comparison as it goes over the socket."""
    senders: dict[str, list[str]] = defaultdict(list)
    for (name,) in engine.query("SELECT DISTINCT provider FROM context ORDER BY provider"):
        senders[sender(name)].append(name)
    zones = {sender(provider): zone for provider, zone in terms.zones.items()}
    unexplained: Counter[tuple[str, str]] = Counter()
    for line in found.lines:
        unexplained[line.provider, line.account] += abs(line.causes.get(Cause.UNEXPLAINED, 0))
    return ReconcileReply(
        accounts=[_account(one, unexplained[one.provider, one.account]) for one in found.accounts],
        lines=[
            _line(one, _where(one, senders[one.provider], terms.account), zones.get(one.provider, "UTC"))
            for one in found.lines
        ],
        other_currencies={name: str(amount) for name, amount in found.other_currencies.items()},
        longer_lines=found.longer_lines,
        longer_amount=str(found.longer_amount),
        converted=list(found.converted),
    )


class Terms(NamedTuple):
    """How bills are to be read: see ReconcileRequest."""

    account: str = ""
    settle_days: Mapping[str, float] = {}
    zones: Mapping[str, str] = {}


def reconciled(
    engine: Engine,
    first: date,
    last: date,
    now_us: int,
    terms: Terms,
    *,
    as_of: int | None = None,
    rates: Rates | None = None,
    close: Close | None = None,
) -> Reconciliation:
    """The comparison of these days, both included, with bills as they were after a delivery, or are now.

    The calls are those that `close` counts, or all that there are now.
    """
    account = terms.account
    known = account in ATTRIBUTES and account != "user"
    if account and not known and not (account.startswith(TAG) and len(account) > len(TAG)):
        raise QuestionError(f"no call has an attribute {account!r} that could be an account: tag.NAME, or api_key")
    if last < first:
        raise QuestionError(f"the last day, {last}, is before the first, {first}")
    try:
        zones = {sender(provider): zone_named(zone) for provider, zone in terms.zones.items()}
    except ValueError as error:
        raise QuestionError(str(error)) from None
    begin, end = (first - EPOCH).days, (last - EPOCH).days + 1
    ours = estimates(engine, begin - 1, end + 1, account, zones, close=close)
    stored = charges_between(engine, Kind.BILL, (begin - 1) * DAY_US, (end + 1) * DAY_US, as_of=as_of)
    bills = in_usd((one.charge for one in stored), rates or Rates(), (begin, end))
    span = Span(begin, end, now_us, terms.settle_days, by_account=bool(account), steps=bills.steps)
    return reconcile(ours, bills.charges, span)._replace(converted=bills.converted)


def differing(lines: Iterable[LineTold]) -> list[LineTold]:
    """The lines that differ, the largest cause first."""
    return sorted((one for one in lines if one.causes), key=lambda one: -max(abs(int(v)) for v in one.causes.values()))


def coverage(one: AccountTold) -> str | None:
    """Percent with one decimal, rounded down: 100 means all of it. None where no usage is billed."""
    billed, covered = int(one.usage_billed), int(one.covered)
    if billed <= 0:
        return None
    tenths = covered * 1000 // billed
    return f"{tenths // 10}.{tenths % 10}"


def _account(one: AccountSum, unexplained: int) -> AccountTold:
    return AccountTold(
        one.provider, one.account, one.status, str(one.estimated), str(one.billed), _causes(one.causes),
        str(one.usage_billed), str(one.covered), one.days_billed, one.days_used, str(unexplained),
    )  # fmt: skip


def _where(one: Compared, senders: Sequence[str], account: str) -> dict[str, tuple[str, ...]]:
    """Which calls are on our side of a line."""
    if not one.est_units:
        return {}
    found = {"provider": tuple(senders), "model": one.models}
    return {name: values for name, values in found.items() if values} | ({account: (one.account,)} if account else {})


def _line(one: Compared, where: dict[str, tuple[str, ...]], zone: str) -> LineTold:
    return LineTold(
        one.provider, one.account, EPOCH + timedelta(one.first_day), EPOCH + timedelta(one.until_day - 1), one.model,
        one.unit, str(one.est_units), None if one.bill_units is None else str(one.bill_units), str(one.estimated),
        str(one.billed), _causes(one.causes), where, zone,
    )  # fmt: skip


def _causes(causes: Mapping[Cause, int]) -> dict[str, str]:
    return {str(cause): str(causes[cause]) for cause in Cause if causes.get(cause)}
