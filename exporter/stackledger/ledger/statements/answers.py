"""Closing a month, and correcting a closed one: what can be asked."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from fractions import Fraction

import msgspec

from stackledger import money
from stackledger.errors import QuestionError
from stackledger.ledger.asked import Open
from stackledger.ledger.charges.store import last_delivery
from stackledger.ledger.engines.base import Engine, Statement
from stackledger.ledger.periods import Period, month_named, whole, zone_named
from stackledger.ledger.reconcile.answers import Terms, reconciled
from stackledger.ledger.reconcile.estimates import EPOCH
from stackledger.ledger.reconcile.values import Reconciliation
from stackledger.ledger.statements import checks, facts
from stackledger.ledger.statements.changes import Between, Step, bill_steps, estimate_steps
from stackledger.ledger.statements.checks import Check
from stackledger.ledger.statements.per_user import per_user_facts, prepare
from stackledger.ledger.statements.store import closed_with, frontier, instant, statements


class CloseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Close "YYYY-MM" of a zone, or state what changed it since. With `dry` nothing is stored.

    `person` and `role` sign; `unpriced` (provider/model), `bills` (provider or provider/account) and `not_compared` (a
    currency, or `longer` for lines of more days than the month) are accepted by name; the others say how bills are to
    be read.
    """

    month: str
    zone: str
    person: str = ""
    role: str = ""
    unpriced: tuple[str, ...] = ()
    bills: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    tolerance_percent: str = "1"
    account: str = ""
    settle_days: dict[str, float] = {}
    zones: dict[str, str] = {}
    dry: bool = False


class Stated(msgspec.Struct, frozen=True):
    """A statement as it was signed: `sha256` is the hash of `json`."""

    month: str
    number: int
    sha256: str
    json: str


class StatementRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for one statement of "YYYY-MM" of a zone."""

    month: str
    zone: str
    number: int


class CloseReply(msgspec.Struct, frozen=True):
    """`number` is that of the latest statement, 0 where the month is open; `made` whether it was made now.

    `json` is the statement, `sha256` its hash, `csv` its lines as a table; `all` are the month's statements in order.
    """

    checks: list[Check]
    number: int
    made: bool
    sha256: str = ""
    json: str = ""
    csv: str = ""
    all: list[Stated] = []


def statement_of(ledger: Open, request: StatementRequest) -> Stated:
    """As it was signed. Raises QuestionError where there is none of that number, StorageError for a changed one."""
    for one in statements(ledger.engine, request.month, request.zone):
        if one.number == request.number:
            return _stated(one)
    raise QuestionError(f"{request.month} of {request.zone} has no statement {request.number}")


def close_month(ledger: Open, request: CloseRequest) -> CloseReply:
    """Check, and where all is well, state. Raises QuestionError for what cannot be asked."""
    try:
        first, last = month_named(request.month)
        month = whole(first, last, zone_named(request.zone))
    except ValueError as error:
        raise QuestionError(str(error)) from None
    if not request.dry and not (request.person and request.role):
        raise QuestionError("a statement is signed by a person with a role: give a token that has one")
    earlier = statements(ledger.engine, request.month, request.zone)
    reply = _correct(ledger, request, month, earlier[-1]) if earlier else _close(ledger, request, month, (first, last))
    every = [_stated(one) for one in earlier]
    if reply.made:
        every.append(Stated(request.month, reply.number, reply.sha256, reply.json))
    return msgspec.structs.replace(reply, all=every)


def _stated(one: Statement) -> Stated:
    return Stated(one.month, one.number, one.sha256, one.facts)


def _close(ledger: Open, request: CloseRequest, month: Period, days: tuple[date, date]) -> CloseReply:
    engine = ledger.engine
    now_us = ledger.now_us()
    ready = [  # before it is decided which calls count: what waits now may be applied meanwhile
        checks.period_over(Period(request.month, month.from_us, month.until_us), now_us),
        checks.applied(month, now_us, *ledger.waiting()),
    ]
    prepare(ledger, request.month)
    until, delivery = frontier(engine), last_delivery(engine)
    terms = Terms(request.account, request.settle_days, request.zones)
    found = reconciled(engine, *days, now_us, terms, as_of=delivery, rates=ledger.declared.rates(), close=until)
    ours = facts.estimate(engine, month, until)
    checklist = [*ready, *_checks(request, found, _unpriced(ours))]
    if request.dry or not all(one.passed for one in checklist):
        return CloseReply(checklist, 0, made=False)
    told = _head(request, month, 1, now_us) | {
        "inbox": until.inbox,
        "topic": until.topic,
        "correction": until.correction,
        "delivery": delivery,
        "book": ledger.book(),
        "accepted": {
            "unpriced": sorted(request.unpriced),
            "bills": sorted(request.bills),
            "not_compared": sorted(request.not_compared),
        },
        "checks": [msgspec.to_builtins(one) for one in checklist],
        "estimate": ours,
        "bills": facts.bills(facts.bill_sums(engine, *_days(days), as_of=delivery)),
        "reconciliation": facts.accounts(found.accounts),
        "converted": facts.converted(found.converted),
        "not_compared": facts.not_compared(found),
        **per_user_facts(ledger, request.month, delivery, ours["calls"]),
    }
    reply = _stored(engine, request, told, "month closed", now_us)
    return msgspec.structs.replace(reply, checks=checklist)


def _checks(request: CloseRequest, found: Reconciliation, unpriced: list[tuple[str, int]]) -> list[Check]:
    return [
        checks.priced(unpriced, set(request.unpriced)),
        checks.billed(found.accounts, set(request.bills)),
        checks.compared(found, set(request.not_compared)),
        checks.explained(found, Fraction(request.tolerance_percent)),
    ]


def _unpriced(ours: facts.Facts) -> list[tuple[str, int]]:
    calls: Counter[str] = Counter()
    for line in ours["lines"]:
        if line["unpriced_calls"]:
            calls[f"{line['provider']}/{line['model']}"] += line["unpriced_calls"]
    return sorted(calls.items())


def _correct(ledger: Open, request: CloseRequest, month: Period, last: Statement) -> CloseReply:
    """A statement of what changed since the last one; none where nothing did."""
    engine = ledger.engine
    now_us = ledger.now_us()
    before = json.loads(last.facts)
    then, now = closed_with(last), frontier(engine)
    days = _days(month_named(request.month))
    after = facts.estimate(engine, month, now)
    totals = [money.parse(one["estimated_usd"]) for one in (before["estimate"], after)]
    prepare(ledger, request.month)
    delivery = last_delivery(engine)
    steps = [
        *estimate_steps(engine, month, Between(then, now, *totals)),
        *bill_steps(engine, days, (last.delivery, delivery)),
    ]
    if not steps or request.dry:
        text, digest = last.facts, last.sha256
        unsaved = [Check("nothing changed since the last statement", not steps, "; ".join(_words(steps)))]
        return CloseReply(unsaved, last.number, made=False, sha256=digest, json=text, csv=facts.table(before))
    told = _head(request, month, last.number + 1, now_us) | {
        "corrects": {"number": last.number, "sha256": last.sha256},
        "inbox": now.inbox,
        "topic": now.topic,
        "correction": now.correction,
        "delivery": delivery,
        "book": ledger.book(),
        "estimate": after,
        "bills": facts.bills(facts.bill_sums(engine, *days, as_of=delivery)),
        "changes": [
            {
                "side": one.side,
                "source": one.source,
                "currency": one.currency,
                "before": money.exact(one.before),
                "after": money.exact(one.after),
                "difference": money.exact(one.after - one.before),
                "cause": one.cause,
            }
            for one in steps
        ],
        **per_user_facts(ledger, request.month, delivery, after["calls"]),
    }
    return _stored(engine, request, told, "; ".join(one.cause for one in steps), now_us)


def _words(steps: list[Step]) -> list[str]:
    return [f"{one.cause}: {money.exact(one.after - one.before)} {one.currency}" for one in steps]


def _head(request: CloseRequest, month: Period, number: int, now_us: int) -> facts.Facts:
    return {
        "format": 1,
        "number": number,
        "month": request.month,
        "zone": request.zone,
        "from": instant(month.from_us),
        "until": instant(month.until_us),
        "made": instant(now_us),
        "signed": {"name": request.person, "role": request.role},
    }


def _stored(engine: Engine, request: CloseRequest, told: facts.Facts, cause: str, now_us: int) -> CloseReply:
    if frontier(engine).correction != told["correction"]:  # what an active user cost is asked of the ledger as it is
        raise QuestionError(f"prices of {request.month} changed while its statement was made: close it again")
    text, digest = facts.encoded(told | {"cause": cause})
    statement = Statement(
        told["number"], request.month, request.zone, now_us, request.person, request.role, cause, told["delivery"],
        digest, text,
    )  # fmt: skip
    engine.state_month(statement)
    return CloseReply([], statement.number, made=True, sha256=digest, json=text, csv=facts.table(told))


def _days(days: tuple[date, date]) -> tuple[int, int]:
    """As days since 1970, the last excluded."""
    first, last = days
    return (first - EPOCH).days, (last - EPOCH).days + 1
