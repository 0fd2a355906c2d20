"""The cost per active user on both engines: worked by hand, and UNKNOWN for every thing that may be missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from stackledger import money
from stackledger.errors import QuestionError, UnreachableError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges import plain
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import charges_between, deliver
from stackledger.ledger.engines.base import Edit, Engine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.per_user.answers import per_user
from stackledger.ledger.per_user.counts import KIND, read_counts
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.per_user.definition import Definition, Key, Llm, Part, Reason, Source
from stackledger.ledger.per_user.values import PerUserReply, PerUserRequest
from stackledger.ledger.prices.book import Line, Window
from stackledger.ledger.prices.book import Rate as Price
from stackledger.ledger.rates import Rate, Rates
from stackledger.ledger.reconcile.answers import ReconcileRequest, reconcile_bills
from tests.integration.ledger.building import NOON, Ledger, PriceList, event
from tests.integration.ledger.declaring import Opened, at

MONTH = "2026-03"
USD = money.PICO
CENT = Price(tuple(USD // 100 if name in ("input_uncached", "output") else 0 for name in BUCKETS))
PRICES = PriceList(models={"m1": Line("p", "m1", (Window(((0, CENT),)),))})
"""A cent for every token."""
EUR = Rates([Rate(date(2026, 3, 30), "EUR", "USD", Fraction(11, 10), "1.1")])


def calls() -> list[UsageEvent]:
    """30 units of alice, 15 of bob, 15 of nobody: 0.30, 0.15 and 0.15 USD, as `event` has tokens and half as many."""
    return [
        event(1, tokens=20, user="alice"),
        event(2, tokens=10, user="bob"),
        event(3, tokens=10, user=""),
        event(4, tokens=1000, user="carol", minutes=-44_640),  # in January
    ]


def bill(path: Path, *lines: str, kind: str = "infrastructure") -> list[Charge]:
    path.write_text("provider,from,to,amount,currency,invoice,category\n" + "\n".join(lines) + "\n")
    return identified(plain.charges(str(path), kind=kind))


HOSTING = "hosting,2026-03-01,2026-03-31,100.00,USD,r-3,usage"


@pytest.fixture
def whole(engine: Engine, tmp_path: Path) -> Opened:
    """A month that is known: calls and a bill for infrastructure."""
    Ledger(engine, PRICES).put(calls(), 1)
    deliver(engine, bill(tmp_path / "a.csv", HOSTING), at(2, 4))
    return opened(engine)


def opened(engine: Engine, *, rates: Rates | None = None, ask: Any = None, **definition: Any) -> Opened:
    declared = Declared(
        definition=Definition("UTC", **definition), rates=lambda: rates or Rates(), prometheus=ask
    )  # fmt: skip
    return Opened(engine, declared, at(5, 4))


def asked(ledger: Opened, month: str = MONTH, *, by_user: bool = False, **definition: Any) -> PerUserReply:
    if definition:
        known = ledger.declared.definition
        assert known is not None
        ledger.declared = replace(ledger.declared, definition=replace(known, **definition))
    return per_user(ledger, PerUserRequest(month, by_user))


def amounts(reply: PerUserReply) -> dict[str, str | None]:
    return {one.part: None if one.amount is None else money.exact(int(one.amount)) for one in reply.parts}


def reasons(reply: PerUserReply) -> set[Reason]:
    return {one.reason for one in reply.reasons}


def words(reply: PerUserReply) -> str:
    return "\n".join(one.words for one in reply.reasons)


def unknown(reply: PerUserReply) -> bool:
    """UNKNOWN shows no value at all."""
    shown = (reply.total, reply.per_user, reply.per_request, reply.per_thousand_tokens)
    of_parts = [one.per_user for one in reply.parts]
    return not reply.known and not any(one is not None for one in (*shown, *of_parts)) and reply.rows == []


def test_a_month_by_hand(whole: Opened) -> None:
    reply = asked(whole, by_user=True)
    assert reply.reasons == []
    assert amounts(reply) == {"llm_attributed": "0.45", "llm_allocated": "0.15", "infrastructure": "100.00"}
    assert (reply.users, reply.calls, reply.tokens) == (2, 3, 60)
    assert money.exact(int(reply.total or 0)) == "100.60"
    assert money.exact(int(reply.per_user or 0)) == "50.30"
    assert money.exact(int(reply.per_request or 0)) == "33.533333333333"
    assert money.exact(int(reply.per_thousand_tokens or 0)) == "1676.666666666667"
    for column in ("per_user", "per_request", "per_thousand_tokens"):
        assert sum(int(getattr(one, column)) for one in reply.parts) == int(getattr(reply, column))
    assert [(row.name, row.users, row.calls, row.total) for row in reply.rows] == [
        ("alice", 1, 1, str(money.parse("50.375"))), ("bob", 1, 1, str(money.parse("50.225"))),
    ]  # fmt: skip
    for part in (Part.LLM_ATTRIBUTED, Part.LLM_ALLOCATED, Part.INFRASTRUCTURE):
        (told,) = (int(one.amount or 0) for one in reply.parts if one.part == part)
        assert sum(int(row.parts[part]) for row in reply.rows) == told
    assert "users who made a call" in " ".join(reply.definition)
    assert "Month: 2026-03, days of UTC" in reply.definition[0]


def test_what_is_allocated_goes_by_the_declared_key(whole: Opened) -> None:
    reply = asked(whole, by_user=True, key=Key.LLM_COST)
    assert [money.exact(int(row.parts[Part.INFRASTRUCTURE])) for row in reply.rows] == [
        "66.666666666667", "33.333333333333",
    ]  # fmt: skip
    assert "by the estimated cost of their calls" in " ".join(reply.definition)


def test_no_definition_is_unknown(engine: Engine) -> None:
    reply = per_user(Opened(engine), PerUserRequest(MONTH))
    assert reasons(reply) == {Reason.NO_DEFINITION}
    assert "costs.per_user" in words(reply)
    assert unknown(reply)


def test_a_month_that_goes_on_shows_models_provisionally_and_no_value(whole: Opened) -> None:
    whole.at_us = at(31, 3)
    reply = asked(whole)
    assert reasons(reply) == {Reason.MONTH_NOT_OVER}
    assert reply.provisional
    assert unknown(reply)
    assert amounts(reply) == {"llm_attributed": "0.45", "llm_allocated": "0.15", "infrastructure": None}
    assert "2026-03-31 is its last day" in words(reply)


def test_events_that_wait_keep_it_unknown(whole: Opened) -> None:
    whole.backlog = (7, 6 * 86_400.0)
    reply = asked(whole)
    assert reasons(reply) == {Reason.EVENTS_WAIT}
    assert unknown(reply)
    whole.backlog = (7, 60.0)  # they came after the month
    assert asked(whole).known


def test_calls_without_a_price_keep_it_unknown(whole: Opened) -> None:
    Ledger(whole.engine, PRICES).put([event(9, model="new", user="alice")], 2)
    reply = asked(whole)
    assert reasons(reply) == {Reason.UNPRICED_CALLS}
    assert "1 call has no known price" in words(reply)
    assert unknown(reply)
    # a sum without the call is no amount of the part
    assert amounts(reply) == {"llm_attributed": None, "llm_allocated": None, "infrastructure": None}
    whole.at_us = at(31, 3)
    assert set(amounts(asked(whole)).values()) == {None}


def test_no_bill_or_one_that_is_not_final_keeps_it_unknown(engine: Engine, tmp_path: Path) -> None:
    Ledger(engine, PRICES).put(calls(), 1)
    ledger = opened(engine)
    assert reasons(asked(ledger)) == {Reason.NO_BILL}
    assert amounts(asked(ledger))["infrastructure"] is None
    assert asked(ledger, infrastructure=False).known
    # the days until the 20th, delivered on the 21st
    partial = "aws,2026-03-01,2026-03-20,50,USD,,usage"
    deliver(engine, bill(tmp_path / "a.csv", partial), at(21, 3))
    reply = asked(ledger, infrastructure=True)
    assert reasons(reply) == {Reason.BILL_NOT_FINAL}
    assert "infrastructure of aws/ is not final or not of the whole month" in words(reply)
    ledger.at_us = at(30, 4)  # long settled, but it was delivered before the month's end
    assert reasons(asked(ledger)) == {Reason.BILL_NOT_FINAL}
    full = bill(tmp_path / "a.csv", partial, "aws,2026-03-21,2026-03-28,7,USD,,usage")
    deliver(engine, full, at(2, 4))  # nothing was used on the last days
    assert asked(ledger).known
    ledger.at_us = at(9, 4)  # AWS restates for ten days
    assert reasons(asked(ledger)) == {Reason.BILL_NOT_FINAL}
    ledger.at_us = at(12, 4)
    reply = asked(ledger)
    assert amounts(reply)["infrastructure"] == "57.00"
    assert [(one.source, one.status) for one in reply.sources] == [("aws/", "final")]


def test_whoever_charged_the_month_before_is_missed_and_so_is_who_is_declared(whole: Opened, tmp_path: Path) -> None:
    deliver(whole.engine, bill(tmp_path / "b.csv", "google cloud,2026-02-01,2026-02-28,9,USD,i,usage"), at(2, 3))
    reply = asked(whole)
    assert reasons(reply) == {Reason.NO_BILL}
    assert "google/, which charged the month before" in words(reply)
    assert asked(whole, sources=("hosting",)).known  # who is declared takes the place of the guess
    allocation = bill(tmp_path / "c.csv", "opencost,2026-03-01,2026-03-31,80,USD,o,usage")
    deliver(whole.engine, allocation, at(2, 4))  # of the same machines
    reply = asked(whole, sources=("hosting",))
    assert (reply.known, amounts(reply)["infrastructure"]) == (True, "100.00")
    assert reply.notes == [
        "charges for infrastructure of opencost/ do not count: costs.per_user.sources does not name it"
    ]
    reply = asked(whole, sources=("hosting", "cdn/1"))
    assert "no charge of cdn/1 for 2026-03" in words(reply)
    assert unknown(reply)


def test_one_account_of_a_declared_provider_is_missed(whole: Opened, tmp_path: Path) -> None:
    def cloud(*lines: str) -> None:
        path = tmp_path / "cloud.csv"
        head = "provider,account,from,to,amount,currency,invoice,category\n"
        path.write_text(head + "".join(f"{line}\n" for line in lines))
        deliver(whole.engine, identified(plain.charges(str(path), kind="infrastructure")), at(2, 4))

    cloud("aws,111,2026-02-01,2026-02-28,9000,USD,f-1,usage", "aws,222,2026-03-01,2026-03-31,1000,USD,m-2,usage")
    reply = asked(whole, sources=("aws",))
    assert (reasons(reply), unknown(reply)) == ({Reason.NO_BILL}, True)
    assert "no infrastructure of aws/111, which charged the month before, for 2026-03" in words(reply)
    assert asked(whole, sources=("aws/222",)).known  # an account that does not count is not missed
    cloud("aws,111,2026-03-01,2026-03-31,0,USD,m-1,usage")
    assert asked(whole, sources=("aws",)).known  # it charges nothing, and says so


def test_who_billed_models_the_month_before_is_missed(whole: Opened, tmp_path: Path) -> None:
    lines = bill(tmp_path / "b.csv", "p,2026-03-01,2026-03-01,1.20,USD,i-1,usage", kind="bill")
    deliver(whole.engine, lines, at(2, 4))
    other = [one._replace(source="p/b") for one in
             bill(tmp_path / "c.csv", "p,2026-02-03,2026-02-03,7,USD,i-2,usage", kind="bill")]  # fmt: skip
    deliver(whole.engine, identified(other), at(2, 3))
    reply = asked(whole, llm=Llm.BILLED)
    assert (reasons(reply), unknown(reply)) == ({Reason.NO_BILL}, True)
    assert "no bill of p/b, which charged the month before, for 2026-03" in words(reply)
    assert asked(whole, llm=Llm.ESTIMATE).known


def test_no_users_is_unknown_not_a_division(engine: Engine, tmp_path: Path) -> None:
    deliver(engine, bill(tmp_path / "a.csv", HOSTING), at(2, 4))
    Ledger(engine, PRICES).put([event(1, user="")], 1)
    reply = asked(opened(engine))
    assert reasons(reply) == {Reason.NO_USERS}
    assert (reply.users, unknown(reply)) == (0, True)
    assert amounts(reply) == {"llm_attributed": "0.00", "llm_allocated": "0.15", "infrastructure": "100.00"}


def test_calls_that_are_no_longer_kept_are_unknown(whole: Opened) -> None:
    whole.engine.edit([Edit("UPDATE kept SET calls_from = ?", [at(20, 3) // 86_400_000_000])])
    reply = asked(whole, users=Source.IMPORTED)
    assert Reason.CALLS_NOT_KEPT in reasons(reply)
    assert unknown(reply)
    assert Reason.CALLS_NOT_KEPT in reasons(asked(whole, llm=Llm.BILLED))


def test_engineering_tax_and_longer_charges(whole: Opened, tmp_path: Path) -> None:
    """A contract of 90 days from 1 March counts 31 of them; wages in EUR by the rate of the month's last day."""
    more = bill(
        tmp_path / "b.csv", "support,2026-03-01,2026-05-29,900,USD,s-1,usage", "support,2026-03-01,,19,USD,s-1,tax"
    )
    wages = bill(tmp_path / "c.csv", "payroll,2026-03-01,2026-03-31,1000,EUR,,usage", kind="engineering")
    deliver(whole.engine, more, at(2, 4))
    deliver(whole.engine, wages, at(2, 4))
    reply = asked(whole, engineering=True)
    assert reasons(reply) == {Reason.NO_RATE}
    assert "engineering of payroll/: no rate of EUR to USD is known on 2026-03-31" in words(reply)
    assert amounts(reply)["engineering"] is None
    assert unknown(reply)
    whole.declared = replace(whole.declared, rates=lambda: EUR)
    reply = asked(whole, by_user=True)
    assert amounts(reply) == {
        "llm_attributed": "0.45", "llm_allocated": "0.15", "infrastructure": "429.00", "engineering": "1100.00",
    }  # fmt: skip
    (pay,) = (one for one in reply.sources if one.source == "payroll/")
    assert (pay.amount, pay.usd, pay.rates) == (
        str(money.parse("1000")), str(money.parse("1100")), ["1 EUR = 1.1 USD (2026-03-30)"],
    )  # fmt: skip
    assert sum(int(row.total) for row in reply.rows) == int(reply.total or 0)
    assert amounts(asked(whole, leave_out=("tax",)))["infrastructure"] == "410.00"
    late = opened(whole.engine, engineering=True, rates=Rates(EUR._pairs["EUR", "USD"], 0))
    assert "older than 0 days" in words(asked(late))


def test_what_is_billed_takes_the_place_of_the_estimate(whole: Opened, tmp_path: Path) -> None:
    reply = asked(whole, llm=Llm.BILLED)
    assert Reason.NO_BILL in reasons(reply)
    assert amounts(reply)["llm_attributed"] is None
    assert unknown(reply)
    lines = bill(tmp_path / "b.csv", "p,2026-03-01,2026-03-01,1.20,USD,i-1,usage", kind="bill")
    deliver(whole.engine, lines, at(2, 4))
    reply = asked(whole, by_user=True)
    # bills: 1.20 as the estimates 0.45 and 0.15 are
    assert amounts(reply) == {"llm_attributed": "0.90", "llm_allocated": "0.30", "infrastructure": "100.00"}
    assert [money.exact(int(row.parts[Part.LLM_ATTRIBUTED])) for row in reply.rows] == ["0.60", "0.30"]
    assert "models (as billed)" in " ".join(reply.definition)


def test_a_table_of_rates_that_cannot_be_read_hides_no_other_reason(whole: Opened, tmp_path: Path) -> None:
    def broken() -> Rates:
        raise QuestionError("rates.csv cannot be read")

    whole.declared = replace(whole.declared, rates=broken)
    assert asked(whole).known  # all of it is in USD
    assert reasons(asked(whole, llm=Llm.BILLED)) == {Reason.NO_BILL}
    wages = bill(tmp_path / "c.csv", "payroll,2026-03-01,2026-03-20,1000,EUR,,usage", kind="engineering")
    deliver(whole.engine, wages, at(2, 3))
    reply = asked(whole, llm=Llm.ESTIMATE, engineering=True)
    assert reasons(reply) == {Reason.NO_RATE, Reason.BILL_NOT_FINAL}
    assert "rates.csv cannot be read" in words(reply)


def test_imported_counts_keep_their_history(whole: Opened, tmp_path: Path) -> None:
    engine, path = whole.engine, tmp_path / "users.csv"
    reply = asked(whole, users=Source.IMPORTED)
    assert reasons(reply) == {Reason.USERS_NOT_TOLD}
    assert "import --format users" in words(reply)
    for number, users in enumerate((10, 1, 4), start=2):
        path.write_text(f"month,users\n2026-03,{users}\n2026-02,7\n")
        assert deliver(engine, read_counts(str(path)), at(2, 4)).number == number
    reply = asked(whole, by_user=True)
    assert (reply.users, money.exact(int(reply.per_user or 0))) == (4, "25.15")
    assert "imported, users of delivery 4 at 2026-04-02T00:00:00+00:00" in reply.users_told
    assert [(row.name, row.users) for row in reply.rows] == [("alice", 1), ("bob", 1), ("", 2)]
    assert sum(int(row.total) for row in reply.rows) == int(reply.total or 0)
    assert deliver(engine, read_counts(str(path)), at(3, 4)).number == 0
    earlier = per_user(whole, PerUserRequest(MONTH), as_of=3)
    assert earlier.users == 1
    assert "2 users made a call, more than the 1 that count as active" in earlier.notes[0]
    assert len(charges_between(engine, KIND, at(1, 3), at(1, 4), as_of=2)) == 1
    path.write_text("month,users\n2026-03,0\n")
    deliver(engine, read_counts(str(path)), at(3, 4))
    assert reasons(asked(whole)) == {Reason.NO_USERS}


def test_prometheus_is_asked_once_and_its_answer_stays(whole: Opened) -> None:
    questions: list[tuple[str, float]] = []
    answers: list[float | Exception] = [UnreachableError("Prometheus at x does not answer"), 2.5, 8.0]

    def ask(query: str, at_s: float) -> float:
        questions.append((query, at_s))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ledger = opened(whole.engine, users=Source.PROMETHEUS, query="max_over_time(mau[$month])", ask=ask)
    ledger.at_us = at(31, 3)
    assert "asked once 2026-03 is over" in words(asked(ledger))
    assert questions == []
    ledger.at_us = at(5, 4)
    reply = asked(ledger)
    assert (reasons(reply), unknown(reply)) == ({Reason.USERS_NOT_TOLD}, True)
    assert "does not answer" in words(reply)
    assert "which is no number of users" in words(asked(ledger))
    reply = asked(ledger)
    assert (reply.users, money.exact(int(reply.per_user or 0))) == (8, "12.575")
    assert questions == [("max_over_time(mau[2678400s])", at(1, 4) / 1e6 - 0.001)] * 3
    assert asked(ledger).users == 8  # from the ledger: nobody is asked again
    assert len(questions) == 3
    answers.append(9.0)
    assert asked(ledger, query="other").users == 9
    assert "nobody knows where Prometheus is" in words(asked(opened(whole.engine, users=Source.PROMETHEUS, query="q")))


def test_bills_in_another_currency_are_compared_by_a_rate_that_is_told(whole: Opened, tmp_path: Path) -> None:
    lines = bill(tmp_path / "b.csv", "p,2026-03-01,2026-03-01,1.00,EUR,i-1,usage", kind="bill")
    deliver(whole.engine, lines, at(2, 4))
    request = ReconcileRequest(date(2026, 3, 1), date(2026, 3, 31))
    told = reconcile_bills(whole, request)
    assert told.other_currencies == {"EUR": str(USD)}
    assert [one.billed for one in told.accounts] == ["0"]
    rate = Rates([Rate(date(2026, 2, 27), "EUR", "USD", Fraction(3, 5), "0.6")])
    whole.declared = replace(whole.declared, rates=lambda: rate)
    told = reconcile_bills(whole, request)
    assert (told.other_currencies, [one.billed for one in told.accounts]) == ({}, [str(money.parse("0.6"))])
    assert [(one.currency, one.rate, one.amount, one.usd) for one in told.converted] == [
        ("EUR", "1 EUR = 0.6 USD (2026-02-27)", str(USD), str(money.parse("0.60")))
    ]
    assert told.accounts[0].causes == {}
    # a vendor that rounds to cents of a euro may be off by half of one: 1.01 EUR are 0.601657 USD, ours are 0.60
    odd = Rates([Rate(date(2026, 2, 27), "EUR", "USD", Fraction("0.5957"), "0.5957")])
    whole.declared = replace(whole.declared, rates=lambda: odd)
    deliver(whole.engine, bill(tmp_path / "b.csv", "p,2026-03-01,2026-03-01,1.01,EUR,i-1,usage", kind="bill"), at(2, 4))
    (account,) = reconcile_bills(whole, request).accounts
    assert account.causes == {"rounding": str(money.parse("0.001657"))}


def test_the_month_is_that_of_the_zone(whole: Opened) -> None:
    """A call at 23:30 UTC on the last day is of April in Berlin."""
    new_years = [event(20, minutes=30 * 1440 + 690, user="dave")]
    Ledger(whole.engine, PRICES).put(new_years, 2)
    assert NOON + timedelta(minutes=30 * 1440 + 690) == NOON.replace(day=31, hour=23, minute=30)
    assert asked(whole).users == 3
    assert asked(whole, zone="Europe/Berlin").users == 2
