"""Month close on both engines: the checklist, the statement that stays, and corrections with before, after and why."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackledger import money
from stackledger.errors import QuestionError, StorageError
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import charges_between, deliver
from stackledger.ledger.engines.base import Edit, Engine, Statement
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.per_user.definition import Definition, Llm, Source
from stackledger.ledger.prices.book import Line, Window
from stackledger.ledger.rates import Rate, Rates
from stackledger.ledger.reconcile.answers import Terms
from stackledger.ledger.reprice import reprice
from stackledger.ledger.statements.answers import CloseReply, CloseRequest, close_month
from stackledger.ledger.statements.facts import encoded
from stackledger.ledger.statements.store import statements
from stackledger.serve.costs.statement import printable
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger import declaring
from tests.integration.ledger.building import Ledger, flat_rate
from tests.integration.ledger.declaring import at


class Opened(declaring.Opened):
    """An open ledger that can close September."""

    def close(self, **more: Any) -> CloseReply:
        known = {
            "month": "2026-09", "zone": "UTC", "person": "anna", "role": "finance", "account": "tag.account",
            "unpriced": ("openai/old-model",), "bills": ("mistral",), "not_compared": ("EUR",),
            "tolerance_percent": "1",
        }  # fmt: skip
        return close_month(self, CloseRequest(**(known | more)))


@pytest.fixture
def opened(engine: Engine, tmp_path: Path) -> Opened:
    Ledger(engine, bills.prices()).put(bills.events(), 1)
    deliver(engine, identified(focus.charges(str(bills.write_focus(tmp_path / "bill.csv")))), 5)
    return Opened(engine)


def failed(reply: CloseReply) -> list[str]:
    return [one.name for one in reply.checks if not one.passed]


def test_each_line_of_the_checklist_keeps_the_month_open(opened: Opened) -> None:
    assert failed(opened.close(dry=True)) == []
    assert failed(opened.close(unpriced=(), bills=(), tolerance_percent="0.1")) == [
        "every call has a price", "every bill is there and final", "differences are explained",
    ]  # fmt: skip
    detail = {one.name: one.detail for one in opened.close(unpriced=(), bills=()).checks}
    assert "openai/old-model (2 calls)" in detail["every call has a price"]
    assert "mistral/m-1 (no bill, 0 of 1 days)" in detail["every bill is there and final"]
    opened.backlog = (3, 60 * 60 * 24 * 30.0)
    assert failed(opened.close()) == ["all that was accepted is in the ledger"]
    opened.backlog = (3, 60.0)  # what waits came after the month
    opened.at_us = at(30)
    assert failed(opened.close()) == [
        "the month is over", "all that was accepted is in the ledger", "every bill is there and final",
    ]  # fmt: skip
    assert statements(opened.engine, "2026-09", "UTC") == []
    with pytest.raises(QuestionError, match="signed by a person with a role"):
        opened.close(role="")
    with pytest.raises(QuestionError, match="not a month"):
        opened.close(month="September")


def test_a_statement_says_what_was_signed_and_by_whom(opened: Opened) -> None:
    reply = opened.close()
    assert (reply.number, reply.made) == (1, True)
    assert hashlib.sha256(reply.json.encode()).hexdigest() == reply.sha256
    told = json.loads(reply.json)
    assert told["signed"] == {"name": "anna", "role": "finance"}
    assert (told["zone"], told["book"], told["inbox"], told["delivery"]) == ("UTC", "book-1", 1, 1)
    assert told["accepted"] == {"unpriced": ["openai/old-model"], "bills": ["mistral"], "not_compared": ["EUR"]}
    (whole,) = opened.engine.query("SELECT sum(cost) FROM llm_call")
    assert money.parse(told["estimate"]["estimated_usd"]) == whole[0]
    known = [line["estimated_usd"] for line in told["estimate"]["lines"] if line["estimated_usd"] is not None]
    assert sum(map(money.parse, known)) == whole[0]
    (unknown,) = [line for line in told["estimate"]["lines"] if line["estimated_usd"] is None]
    assert (unknown["model"], unknown["calls"], unknown["unpriced_calls"]) == ("old-model", 2, 2)  # unknown is not 0
    assert told["estimate"]["unpriced_calls"] == 2
    assert all("pico_usd" in one or "unpriced" in one for one in told["estimate"]["rates"])
    table = list(csv.DictReader(io.StringIO(reply.csv)))
    amounts = [row["amount"] for row in table if row["side"] == "estimate"]
    assert sum(money.parse(amount) for amount in amounts if amount) == whole[0]
    assert amounts.count("") == 1
    again = opened.close()
    assert (again.number, again.made, again.sha256) == (1, False, reply.sha256)
    assert again.checks[0].passed


def test_lines_of_bills_that_are_not_compared_are_accepted_by_name_and_told(opened: Opened) -> None:
    """One in a currency without a rate; and one that runs into the next month, which is in no sum of bills."""
    stored = [one.charge for one in charges_between(opened.engine, "bill", at(1), at(1, 10))]
    tax = next(one for one in stored if one.billed == money.parse("7.77"))
    half = tax._replace(source="x", account="x", from_us=at(15), until_us=at(15, 10), row_id="half")
    deliver(opened.engine, [half], 6)
    for accepted, missing in (((), "EUR, longer"), (("EUR",), "longer"), (("longer",), "EUR")):
        (check,) = [one for one in opened.close(not_compared=accepted).checks if not one.passed]
        assert check.name == "every line of a bill is compared"
        assert check.detail.endswith(f"declare the rate, or --accept-not-compared each of {missing}")
    reply = opened.close(not_compared=("EUR", "longer"))
    told = json.loads(reply.json)
    left = {"lines_for_longer": 1, "lines_for_longer_usd": "7.77", "other_currencies": {"EUR": "9.00"}}
    assert told["not_compared"] == left
    assert told["accepted"]["not_compared"] == ["EUR", "longer"]
    assert not any(one["source"] == "x" for one in told["bills"])
    page = printable(told, reply.sha256)
    part = page.split("<h2>Not compared</h2>")[1].split("<h2>")[0]
    assert ('<data value="9.00">' in part, '<data value="7.77">' in part) == (True, True)
    assert "accepted without a comparison: longer" in page
    del told["not_compared"], told["accepted"]["not_compared"]  # as statements of before are
    assert "Not compared" not in printable(told, reply.sha256)


def test_a_statement_says_what_an_active_user_cost(opened: Opened, tmp_path: Path) -> None:
    """Prometheus is asked before it is made, so that the number is among the deliveries that it counts."""
    opened.declared = Declared(
        Definition("UTC", users=Source.PROMETHEUS, query="mau", infrastructure=False, llm=Llm.BILLED),
        Terms("tag.account"),
        prometheus=lambda _query, _at: 5.0,
    )
    told = json.loads(opened.close().json)
    ours = told["per_user"]
    assert (ours["active_users"], told["delivery"], ours["known"]) == (5, 2, False)
    assert {one["reason"] for one in ours["reasons"]} == {"no_rate", "no_bill", "unpriced_calls"}
    assert ours["calls"] == told["estimate"]["calls"]
    assert "Active users: Prometheus at the month's end: mau." in ours["definition"]
    assert told["converted"] == []


def test_bills_that_a_rate_converts_are_compared_and_stated_with_it(opened: Opened) -> None:
    rate = Rate(date(2026, 9, 1), "EUR", "USD", Fraction(2), "2")
    opened.declared = Declared(rates=lambda: Rates([rate], 40))
    told = json.loads(opened.close(tolerance_percent="10").json)
    assert told["converted"] == [
        {"currency": "EUR", "rate": "1 EUR = 2 USD (2026-09-01)", "amount": "9.00", "usd": "18.00"}
    ]
    assert "per_user" not in told


def test_what_changes_a_closed_month_becomes_numbered_corrections(opened: Opened, tmp_path: Path) -> None:
    """A vendor's price change backdated to the 14th, then late calls, then a bill restated twice."""
    engine = opened.engine
    first = opened.close()
    before = money.parse(json.loads(first.json)["estimate"]["estimated_usd"])

    prices = bills.prices()
    old = prices.models["gpt-y"].windows[0]
    raised = old.tiers[0][1].per_unit
    new = flat_rate(5_000_000).windows[0].tiers
    prices.models["gpt-y"] = Line("any", "gpt-y", (Window(old.tiers, None, at(16)), Window(new, at(16), None)))
    assert raised != new[0][1].per_unit
    prices.version = "book-2"
    done = reprice(
        engine, prices, from_us=at(1), until_us=at(1, 10), only_unpriced=False, cause="gpt-y backdated", made_us=9
    )
    assert done.changed == 4  # two calls on the 16th and two on the 17th, each with a request at 5 pico-USD x 10^6
    second = opened.close()
    told = json.loads(second.json)
    assert (second.number, second.made, told["corrects"]) == (2, True, {"number": 1, "sha256": first.sha256})
    (step,) = told["changes"]
    assert step["cause"] == "new price of 4 calls (correction 1: gpt-y backdated)"
    assert money.parse(step["before"]) == before
    assert money.parse(step["difference"]) == done.difference == money.parse("2") + 4 * 5_000_000
    assert step["after"] == told["estimate"]["estimated_usd"]

    late = [one for one in bills.events() if one.id == "0-0"]
    Ledger(engine, prices).put([type(late[0])(**_fields(late[0]) | {"id": "late"})], 2)
    third = json.loads(opened.close().json)
    assert [(one["cause"], one["difference"]) for one in third["changes"]] == [
        ("1 calls that came after the close", "4.32")  # 540,000 x 8
    ]
    assert third["changes"][0]["before"] == told["estimate"]["estimated_usd"]

    lines = identified(focus.charges(str(bills.write_focus(tmp_path / "a.csv", only="Anthropic"))))
    for amount in ("8.01", "6.50"):
        restated = [
            one._replace(billed=money.parse(amount), row_id=amount) if one.category == "tax" else one for one in lines
        ]
        deliver(engine, restated, 7)
    fourth = opened.close()
    told = json.loads(fourth.json)
    assert [(one["side"], one["source"], one["before"], one["after"], one["cause"]) for one in told["changes"]] == [
        ("bill", "anthropic/org", "28.17", "28.41", "the bill of anthropic/org restated (delivery 2)"),
        ("bill", "anthropic/org", "28.41", "26.90", "the bill of anthropic/org restated (delivery 3)"),
    ]
    assert [row["difference"] for row in csv.DictReader(io.StringIO(fourth.csv))] == ["0.24", "-1.51"]
    kept = statements(engine, "2026-09", "UTC")
    assert [one.number for one in kept] == [1, 2, 3, 4]
    assert kept[0].facts == first.json
    assert all(hashlib.sha256(one.facts.encode()).hexdigest() == one.sha256 for one in kept)
    assert opened.close().made is False


def test_a_statement_that_somebody_changed_is_noticed(opened: Opened) -> None:
    told = opened.close()
    digest = hashlib.sha256(b"{}").hexdigest()
    opened.engine.state_month(Statement(2, "2026-09", "UTC", 1, "eve", "none", "forged", 1, digest, told.json))
    with pytest.raises(StorageError, match="statement 2 of 2026-09 is not as it was signed"):
        opened.close()


def test_what_stands_beside_a_statement_is_what_was_signed(opened: Opened) -> None:
    engine = opened.engine
    opened.close()
    Ledger(engine, bills.prices()).put([msgspec.structs.replace(bills.events()[0], id="late")], 2)
    first, second = statements(engine, "2026-09", "UTC") if opened.close().made else []
    known = "UPDATE statement SET {0} = ? WHERE number = ? AND month = '2026-09'"
    others = {"signed": "the CFO", "role": "board", "delivery": 99, "cause": "x", "made": 2, "sha256": first.sha256}
    for column, other in others.items():
        engine.edit([Edit(known.format(column), [other, 2])])
        with pytest.raises(StorageError, match="statement 2 of 2026-09 is not as it was signed"):
            statements(engine, "2026-09", "UTC")
        engine.edit([Edit(known.format(column), [getattr(second, column), 2])])
    assert statements(engine, "2026-09", "UTC") == [first, second]
    text, digest = encoded(json.loads(first.facts) | {"book": "another"})  # whole in itself, but not what was corrected
    engine.edit([Edit(known.format("facts"), [text, 1]), Edit(known.format("sha256"), [digest, 1])])
    with pytest.raises(StorageError, match="statement 2 of 2026-09 is not as it was signed"):
        statements(engine, "2026-09", "UTC")
    engine.edit([Edit("DELETE FROM statement WHERE number = 1")])
    with pytest.raises(StorageError, match="statement 1 of 2026-09 is not as it was signed"):
        statements(engine, "2026-09", "UTC")


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__struct_fields__}
