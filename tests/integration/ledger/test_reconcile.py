"""Proof (k): every planted difference is attributed to its cause and amount, on both engines, in integers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stackledger import money
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import charges_between, deliver
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.reconcile.answers import Terms, reconciled
from stackledger.ledger.reconcile.compare import Span, reconcile
from stackledger.ledger.reconcile.estimates import EPOCH, estimates
from stackledger.ledger.reconcile.values import Reconciliation
from stackledger.ledger.rows import DAY_US
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger.building import Ledger, event

FIRST = date(2026, 9, 1).toordinal() - date(1970, 1, 1).toordinal()
LATER = (FIRST + 60) * DAY_US


def compared(
    engine: Engine, *, first: int = FIRST, until: int = FIRST + 30, account: str = "tag.account"
) -> Reconciliation:
    ours = estimates(engine, first - 1, until + 1, account)
    stored = charges_between(engine, "bill", (first - 1) * DAY_US, (until + 1) * DAY_US)
    return reconcile(ours, [one.charge for one in stored], Span(first, until, LATER, by_account=bool(account)))


@pytest.fixture
def billed(engine: Engine, tmp_path: Path) -> Engine:
    Ledger(engine, bills.prices()).put(bills.events(), 1)
    deliver(engine, identified(focus.charges(str(bills.write_focus(tmp_path / "bill.csv")))), 5)
    return engine


def sums(found: Reconciliation) -> None:
    for line in found.lines:
        assert line.billed - line.estimated == sum(line.causes.values()), line
    for one in found.accounts:
        assert one.billed - one.estimated == sum(one.causes.values()), one
    assert sum(one.billed for one in found.accounts) == sum(line.billed for line in found.lines)


def test_each_planted_difference_has_its_cause_and_amount(billed: Engine) -> None:
    found = compared(billed)
    told = {
        (line.provider, line.account, line.model, line.unit, line.first_day - FIRST + 1): {
            str(cause): amount for cause, amount in line.causes.items()
        }
        for line in found.lines
        if line.causes
    }
    wanted = {
        key: {cause: money.parse(amount) for cause, amount in causes.items()} for key, causes in bills.EXPECTED.items()
    }
    assert told == wanted
    assert len({cause for causes in told.values() for cause in causes}) >= 12
    sums(found)
    assert found.other_currencies == {"EUR": money.parse("9")}
    planted = sum(money.parse(one[5]) for one in bills.LINES if one[3] not in bills.IN_EURO)
    assert sum(line.billed for line in found.lines) == planted


def test_coverage_and_status(billed: Engine) -> None:
    accounts = {(one.provider, one.account): one for one in compared(billed).accounts}
    a = accounts["openai", "proj-a"]
    assert (a.covered, a.usage_billed) == (money.parse("15"), money.parse("17.42"))  # 2 missing, 0.42 unknown
    assert (a.days_billed, a.days_used, a.status) == (4, 4, "final")
    assert accounts["openai", "proj-zzz"].covered == 0
    assert accounts["mistral", "m-1"].status == "no bill"
    ours = estimates(billed, FIRST - 1, FIRST + 31, "tag.account")
    stored = [one.charge for one in charges_between(billed, "bill", 0, LATER)]

    def status(now: int, **settle: float) -> str:
        found = reconcile(ours, stored, Span(FIRST, FIRST + 30, now * DAY_US, settle, by_account=True))
        return next(one.status for one in found.accounts if one.provider == "aws")

    early = reconcile(ours, stored, Span(FIRST + 4, FIRST + 5, (FIRST + 5) * DAY_US, by_account=True))
    (one,) = [line for line in early.lines if line.unit == "input_uncached" and line.account == "proj-a"]
    assert dict(one.causes) == {"not_billed": money.parse("-1")}  # duplicates only once the bill no longer changes
    assert status(FIRST + 39) == "provisional"
    assert status(FIRST + 40) == "final"
    assert status(FIRST + 40, aws=20) == "provisional"


def test_without_accounts_a_providers_accounts_are_one_and_the_sums_stay(billed: Engine) -> None:
    found = compared(billed, account="")
    sums(found)
    assert {one.account for one in found.accounts} == {""}
    whole = compared(billed)
    for side in ("billed", "estimated"):
        assert sum(getattr(one, side) for one in found.accounts) == sum(getattr(one, side) for one in whole.accounts)


def test_a_part_of_a_month_leaves_the_lines_of_the_month_out_and_says_so(billed: Engine) -> None:
    found = compared(billed, first=FIRST + 9, until=FIRST + 10)
    sums(found)
    assert {(line.provider, line.first_day) for line in found.lines} == {("aws", FIRST + 9)}
    assert found.longer_lines == 5
    boundary = [amount for line in found.lines for amount in line.causes.values()]
    assert boundary == [money.parse("-0.3")]  # seen by the day after, which was not asked about


def test_what_is_for_the_month_before_or_after_is_no_line_of_this_one(billed: Engine) -> None:
    """Lines of a whole month touch the day before, which is read as well; one that runs into this month is told."""
    for first, until in ((FIRST + 30, FIRST + 61), (FIRST - 30, FIRST)):
        found = compared(billed, first=first, until=until)
        assert (found.longer_lines, found.longer_amount, found.other_currencies) == (0, 0, {})
    found = compared(billed, first=FIRST + 29, until=FIRST + 60)
    assert found.longer_lines == 5
    (tax,) = (
        one.charge for one in charges_between(billed, "bill", 0, LATER) if one.charge.billed == money.parse("7.77")
    )
    euro = reconcile([], [tax._replace(currency="EUR")], Span(FIRST + 9, FIRST + 10, LATER))
    assert euro.other_currencies == {"EUR": money.parse("7.77")}  # of the whole month, not compared either


def test_the_comparison_changes_no_estimate(billed: Engine) -> None:
    before = Ledger(billed).state()
    compared(billed)
    assert Ledger(billed).state() == before


def test_a_bill_restated_twice_is_compared_as_it_is_in_force(billed: Engine, tmp_path: Path) -> None:
    lines = identified(focus.charges(str(bills.write_focus(tmp_path / "a.csv", only="Anthropic"))))

    def without_tax(amount: str) -> list[Charge]:
        return [
            one._replace(billed=money.parse(amount), row_id=amount) if one.category == "tax" else one for one in lines
        ]

    def tax() -> int:
        return sum(one.causes.get("tax", 0) for one in compared(billed).accounts)  # type: ignore[call-overload]

    assert tax() == money.parse("7.77")
    assert deliver(billed, without_tax("8.01"), 6).superseded == 1
    assert tax() == money.parse("8.01")
    assert deliver(billed, without_tax("6.50"), 7).superseded == 1
    assert tax() == money.parse("6.50")
    sums(compared(billed))
    second = [one.charge for one in charges_between(billed, "bill", 0, LATER, as_of=2)]
    assert [one.billed for one in second if one.category == "tax"] == [money.parse("9"), money.parse("8.01")]


def test_a_bill_of_one_amount_is_compared_with_everything(engine: Engine, open_engine: Callable[[], Engine]) -> None:
    Ledger(engine, bills.prices()).put(bills.events(), 1)
    ours = sum(one.cost for one in estimates(engine, FIRST, FIRST + 30) if one.provider == "openai")
    total = Charge(
        "bill", "openai/", "invoice.csv", "openai", "", FIRST * DAY_US, (FIRST + 30) * DAY_US, FIRST * DAY_US,
        (FIRST + 30) * DAY_US, "", "", "", None, ours + money.parse("3.01"), None, None, "USD", "usage", corrects=False,
        invoice="INV-1", row_id="1",
    )  # fmt: skip
    deliver(engine, [total], 5)
    found = compared(engine, account="")
    sums(found)
    (line,) = [one for one in found.lines if one.provider == "openai"]
    assert dict(line.causes) == {"unexplained": money.parse("3.01")}


def _us(day: date) -> int:
    return (day - EPOCH).days * DAY_US


def test_a_vendor_whose_days_are_of_another_zone(engine: Engine) -> None:
    """Calls in each hour of ten days, billed by days of Los Angeles, which the bill calls UTC."""
    calls = [
        event(hour, minutes=60 * hour, tokens=100 + hour % 24, provider="azure", model="m1") for hour in range(240)
    ]
    Ledger(engine).put(calls, 1)
    zone = ZoneInfo("America/Los_Angeles")
    days: dict[date, int] = {}
    for one in calls:
        day = one.time.astimezone(zone).date()
        days[day] = days.get(day, 0) + one.usage.input_uncached
    lines = [
        Charge(
            "bill",
            "azure/1",
            "a.csv",
            "azure",
            "1",
            _us(day),
            _us(day) + DAY_US,
            _us(date(2026, 3, 1)),
            _us(date(2026, 4, 1)),
            "w",
            "m1",
            "input_uncached",
            tokens * money.PICO,
            tokens * 8,
            None,
            None,
            "USD",
            "usage",
            corrects=False,
            invoice="",
            row_id=f"{day}",
        )
        for day, tokens in days.items()
    ]
    deliver(engine, lines, 5)
    first = date(2026, 3, 1).toordinal() - EPOCH.toordinal()
    terms = Terms(zones={"azure": "America/Los_Angeles"})
    found = reconciled(engine, date(2026, 3, 1), date(2026, 3, 11), LATER, terms)
    sums(found)
    assert not any(line.causes for line in found.lines if line.unit == "input_uncached")
    in_utc = compared(engine, first=first, until=first + 11, account="")
    sums(in_utc)
    assert sum(bool(line.causes) for line in in_utc.lines if line.unit == "input_uncached") >= 2
