"""Calls that came by a topic in closed months: in the statement, in its corrections, in the export."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.focus.answers import FocusLine, FocusRequest, focus_day
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.per_user.definition import Definition, Llm, Source
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.statements.answers import CloseRequest, close_month
from stackledger.ledger.statements.facts import Facts
from stackledger.serve.costs.statement import printable
from tests.integration.ledger.building import Ledger, event
from tests.integration.ledger.declaring import Opened, at, first_statement

PER_USER = Declared(Definition("UTC", users=Source.LEDGER, infrastructure=False, llm=Llm.ESTIMATE))


def close(engine: Engine) -> Facts:
    """March, of which no bill came."""
    request = CloseRequest("2026-03", "UTC", "anna", "finance", bills=("p",))
    reply = close_month(Opened(engine, PER_USER, at(20, 4)), request)
    assert reply.made, reply.checks
    facts: Facts = json.loads(reply.json)
    return facts


def exported(engine: Engine) -> list[FocusLine]:
    """All of March."""
    days = [date(2026, 3, 1) + timedelta(n) for n in range(31)]
    return [line for day in days for line in focus_day(Opened(engine), FocusRequest(day, "UTC")).lines]


def reported(engine: Engine) -> int:
    """March in pico-USD."""
    (whole,) = ask(engine, Question((), date(2026, 3, 1), date(2026, 3, 31), ZoneInfo("UTC"))).lines
    return whole.cost


def cost(lines: list[FocusLine], *, correction: bool) -> int:
    return sum(int(line.cost) for line in lines if line.correction == correction)


def test_a_statement_counts_them_and_a_correction_those_that_come_later(open_engine: Callable[[], Engine]) -> None:
    engine = open_engine()
    ledger = Ledger(engine)
    ledger.put([event(1)], 1)
    ledger.by_topic([event(2), event(3)], 1)
    signed = reported(engine)
    first = close(engine)
    assert (first["estimate"]["calls"], money.parse(first["estimate"]["estimated_usd"])) == (3, signed)
    assert first["per_user"]["calls"] == 3
    assert (first["inbox"], first["topic"]) == (1, 1)
    assert "inbox 1, Kafka 1, correction 0, delivery 0" in printable(first, "")

    engine.close()
    engine = open_engine()  # the numbers go on after a start
    ledger = Ledger(engine)
    ledger.by_topic([event(4), event(2)], 2)  # the second is the same call again
    ledger.by_topic([event(5)], 3)
    ledger.put([event(6)], 2)
    second = close(engine)
    (step,) = second["changes"]
    assert step["cause"] == "3 calls that came after the close"
    assert (step["before"], step["after"]) == (first["estimate"]["estimated_usd"], money.exact(reported(engine)))
    lines = exported(engine)
    assert cost(lines, correction=False) == signed
    assert cost(lines, correction=True) == money.parse(step["difference"]) > 0
    assert cost(lines, correction=False) + cost(lines, correction=True) == reported(engine)


def test_a_statement_from_before_they_were_counted_stays_as_it_is(engine: Engine) -> None:
    """It says nothing of topics: their calls are a correction, and the export begins with what it said."""
    ledger = Ledger(engine)
    ledger.put([event(1)], 1)
    signed = reported(engine)
    estimate = {"estimated_usd": money.exact(signed)}
    engine.state_month(first_statement("2026-03", at(2, 4), inbox=1, correction=0, estimate=estimate))
    ledger.by_topic([event(2)], 1)
    assert cost(exported(engine), correction=False) == signed
    (step,) = close(engine)["changes"]
    assert step["cause"] == "1 calls that came after the close, or by Kafka"
    assert step["after"] == money.exact(reported(engine))
    assert cost(exported(engine), correction=True) == money.parse(step["difference"]) > 0
