"""The console's questions, each answered in one round trip: a month, the users of a month, one user's month."""

from __future__ import annotations

from collections.abc import Callable
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
from stackledger.ledger.report import Answer, Question, ask
from stackledger.ledger.summary import calendar
from stackledger.ledger.views import (
    MODEL,
    Group,
    Row,
    Tally,
    capped,
    chart_span,
    month_view,
    pieces_of,
    reach,
    summed,
)

_MATCHES: Final = 500
"""Ids that hold what is looked for; of more, those first in the alphabet are shown."""

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
    question = Question(("user",), first, last, zone, where)
    answer = Answer(question, (), ()) if request.find and not names else ask(engine, question)
    told = [line for line in answer.lines if line.keys != ("",)]
    alone, others = told[: request.limit], told[request.limit :]
    return PeopleReply(
        now_us=now_us,
        first=first,
        last=last,
        users=Group([Row(line.keys, summed(answer, [line])) for line in alone], len(others), summed(answer, others)),
        nobody=summed(answer, [line for line in answer.lines if line.keys == ("",)]),
        exact=bool(kept),
        matches=len(names),
        hashed=pseudonym is not None,
        reach=reach(engine, zone),
    )


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
