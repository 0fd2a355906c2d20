"""What the calls of a month were, by user, read at one instant: so that whoever is counted also stands in the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from stackledger.errors import QuestionError
from stackledger.ledger.buckets import TOKENS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.per_user.arithmetic import UserUse
from stackledger.ledger.question import Answer, Question
from stackledger.ledger.report import ask


@dataclass(frozen=True, slots=True)
class Calls:
    """Estimated cost in pico-USD of calls with a user and without. `users` is None where single calls are not kept."""

    calls: int
    tokens: int
    unpriced: int
    cost: int
    without_user: int
    users: Sequence[UserUse] | None


def calls_of(engine: Engine, first: date, last: date, zone: ZoneInfo) -> Calls:
    """The calls of a month."""
    try:
        answer = ask(engine, Question(("user",), first, last, zone))
    except QuestionError:  # what is left of that time is sums, which have no users
        answer = ask(engine, Question((), first, last, zone))
        return _calls(answer, None)
    users = [UserUse(line.keys[0], line.events, line.cost) for line in answer.lines if line.keys != ("",)]
    return _calls(answer, users)


def _calls(answer: Answer, users: Sequence[UserUse] | None) -> Calls:
    tokens = [place for place, name in enumerate(answer.buckets) if name in TOKENS]
    lines = answer.lines
    return Calls(
        calls=sum(line.events for line in lines),
        tokens=sum(line.usage[place] for line in lines for place in tokens),
        unpriced=sum(line.unpriced for line in lines),
        cost=sum(line.cost for line in lines),
        without_user=sum(line.cost for line in lines if line.keys == ("",)),
        users=users,
    )
