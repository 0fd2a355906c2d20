"""The console's questions, each answered in one round trip: a month, the users of a month, one user's month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stackledger.errors import QuestionError
from stackledger.ledger.asking import (
    OverviewReply,
    OverviewRequest,
    PeopleReply,
    PeopleRequest,
    PersonReply,
    PersonRequest,
    Span,
    StateReply,
)
from stackledger.ledger.bills.asking import Share, SharesRequest
from stackledger.ledger.bills.shares import shares
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.explain import explain
from stackledger.ledger.periods import last_of_month, local_date, zone_named
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask, users_of
from stackledger.ledger.summary import calendar
from stackledger.ledger.views import (
    MODEL,
    Group,
    Row,
    Tally,
    capped,
    chart_span,
    less,
    month_view,
    pieces_of,
    reach,
    summed,
)

_MATCHES: Final = 500
"""Ids that hold what is looked for; of more, those first in the alphabet are shown."""

_NOBODY: Final = ("",)
Pseudonym = Callable[[str], str] | None


def overview(engine: Engine, request: OverviewRequest, now_us: int, state: StateReply) -> OverviewReply:
    """A month at a glance."""
    zone = zone_of(request.zone)
    today = local_date(now_us, zone)
    month = _month(request.month, today)
    around = calendar(now_us, zone)
    first, last = around["last_month"][0], around["month"][1]
    recent = pieces_of(engine, ("day", *MODEL), first, last, zone)
    pieces = recent if first <= month[0] and month[1] <= last else pieces_of(engine, ("day", *MODEL), *month, zone)
    groups = {
        name: capped(pieces_of(engine, (name,), *month, zone).rows(name), request.values)
        for name in ("team", "feature", "environment")
    }
    spans = []
    for name, (begin, end) in around.items():
        inside = recent.within(begin, end)
        spans.append(Span(name, begin, end, inside.tally(inside.total())))
    return OverviewReply(
        now_us=now_us,
        spans=spans,
        month=month_view(pieces, groups, month, today, models=request.models, values=request.values),
        reach=reach(engine, zone),
        users={one.name: one.users for one in state.periods},
        state=msgspec.structs.replace(state, periods=[]),
    )


def people(engine: Engine, request: PeopleRequest, now_us: int, pseudonym: Pseudonym) -> PeopleReply:
    """Which users cost most in a month."""
    zone = zone_of(request.zone)
    first, last = _month(request.month, local_date(now_us, zone))
    where: dict[str, tuple[str, ...]] = {}
    kept: list[str] = []
    names: tuple[str, ...] = ()
    if request.find:
        kept = _kept(engine, request.find, pseudonym)
        found = engine.query(
            "SELECT name FROM person WHERE strpos(lower(name), lower(?)) > 0 ORDER BY name LIMIT ?",
            [request.find, _MATCHES],
        )
        names = tuple(dict.fromkeys([*kept, *(name for (name,) in found)]))
        where["user"] = names
    users, nobody = Group([]), Tally()
    if names or not request.find:
        users, nobody = _dearest(engine, Question(("user",), first, last, zone, where), request.limit)
    return PeopleReply(
        now_us=now_us,
        first=first,
        last=last,
        users=users,
        nobody=nobody,
        exact=bool(kept),
        matches=len(names),
        hashed=pseudonym is not None,
        reach=reach(engine, zone),
    )


def _dearest(engine: Engine, question: Question, most: int) -> tuple[Group, Tally]:
    """The `most` users that cost most with all others in one, and the calls of nobody, who is none of them."""
    of_nobody = replace(question, by=(), where={"user": ("",)})
    # asked before the whole, of which it is taken away
    before = Tally()
    if not question.where:
        told_before = ask(engine, of_nobody)
        before = summed(told_before, told_before.lines)
    answer = ask(engine, question, top=most + 1)
    told = [line for line in answer.lines if line.keys != _NOBODY]
    alone = told[:most]
    others = summed(answer, [*told[most:], *([answer.rest] if answer.rest is not None else [])])
    listed = [line for line in answer.lines if line.keys == _NOBODY]
    nobody = summed(answer, listed) if listed else before
    rows = [Row(line.keys, summed(answer, [line])) for line in alone]
    if answer.rest is None:
        return Group(rows, len(told) - len(alone), others), nobody
    return Group(rows, users_of(engine, question) - len(alone), others if listed else less(others, nobody)), nobody


def person(engine: Engine, request: PersonRequest, now_us: int, pseudonym: Pseudonym) -> PersonReply:
    """One user's month."""
    zone = zone_of(request.zone)
    kept = _kept(engine, request.user, pseudonym)
    if not kept:
        return PersonReply(now_us, [], pseudonym is not None)
    today = local_date(now_us, zone)
    month = _month(request.month, today)
    shown = chart_span(month, today)
    first, last = min(month[0], shown[0]), max(month[1], shown[1])
    user = tuple(kept)
    pieces = pieces_of(engine, ("day", *MODEL, "feature", "team"), first, last, zone, user=user)
    inside = pieces.within(*month)
    groups = {name: capped(inside.rows(name), request.values) for name in ("feature", "team")}
    begin = _months_before(today, request.months - 1)
    by_month = pieces_of(engine, ("month",), begin, last_of_month(today), zone, user=user)
    told = {row.keys[0]: row for row in by_month.rows("month")}
    names = [f"{_months_before(today, back):%Y-%m}" for back in range(request.months)]
    return PersonReply(
        now_us=now_us,
        kept=kept,
        hashed=pseudonym is not None,
        month=month_view(pieces, groups, month, today, models=request.models, values=request.values),
        months=[told.get(name, Row((name,), Tally())) for name in names],
        explanation=explain(engine, Question((), *month, zone, {"user": user}), request.examples),
        reach=reach(engine, zone),
    )


def shares_of(engine: Engine, request: SharesRequest, pseudonym: Pseudonym) -> list[Share]:
    """One user's part of each bill."""
    return shares(engine, _kept(engine, request.user, pseudonym), request)


def zone_of(name: str) -> ZoneInfo:
    """The zone. Raises QuestionError when there is none of that name."""
    try:
        return zone_named(name)
    except ValueError as error:
        raise QuestionError(str(error)) from None


def _kept(engine: Engine, user: str, pseudonym: Pseudonym) -> list[str]:
    """Under which names the ledger has a user who is named as the application or as the ledger does."""
    names = [user] if pseudonym is None or not user else [user, pseudonym(user)]
    marks = ", ".join("?" for _ in names)
    rows = engine.query(f"SELECT name FROM person WHERE name <> '' AND name IN ({marks}) ORDER BY name", names)
    return [name for (name,) in rows]


def _month(day: date | None, today: date) -> tuple[date, date]:
    """First and last day of the month that is asked about."""
    first = (day or today).replace(day=1)
    return first, last_of_month(first)


def _months_before(day: date, count: int) -> date:
    first = day.replace(day=1)
    for _ in range(count):
        first = (first - timedelta(days=1)).replace(day=1)
    return first
