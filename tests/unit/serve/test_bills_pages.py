"""What the pages of bills say where there is no comparison, no bill, more than fits, or something that is not well."""

from __future__ import annotations

import html
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from stackledger import money
from stackledger.ledger.bills.asking import BillsReply, MonthBills, Share, StatementTold
from stackledger.ledger.reconcile.answers import AccountTold, LineTold, ReconcileReply
from stackledger.ledger.views import Reach, Tally
from stackledger.serve.costs.bills import Seen, bills_section, person_card
from stackledger.serve.costs.bills_page import bills_page

ZONE = ZoneInfo("UTC")
FIRST = date(2026, 10, 1)
AT = round(datetime(2026, 11, 3, 9, 30, tzinfo=UTC).timestamp() * 1e6)
HOSTILE = "<script>x</script>"


def account(provider: str, estimated: str, billed: str, **more: Any) -> AccountTold:
    told = {"account": "", "status": "final", "causes": {}, "days_billed": 31, "days_used": 31} | more
    both = {"estimated": str(money.parse(estimated)), "billed": str(money.parse(billed))}
    return AccountTold(provider=provider, usage_billed=both["billed"], covered=both["billed"], **both, **told)


def seen(*accounts: AccountTold, pending: bool = False, euros: str = "", longer: int = 0, **more: Any) -> Seen:
    other = {"EUR": str(money.parse(euros))} if euros else {}
    comparison = ReconcileReply(list(accounts), [], other, longer, "5000000000000")
    told = {"differing": 0, "statements": [], "reach": Reach(FIRST, None)} | more
    month = MonthBills(AT, FIRST, date(2026, 10, 31), comparison, **told)
    return Seen(BillsReply(FIRST, month, pending), Fraction(1))


def test_while_it_is_compared_the_page_says_so_and_asks_again() -> None:
    waiting = Seen(BillsReply(FIRST, None, pending=True), Fraction(1))
    assert "are being compared with our estimates" in bills_section(waiting, ZONE)
    page = bills_page(waiting, ZONE)
    assert 'http-equiv="refresh"' in page
    assert "being compared" in page
    assert "Not known" in person_card(waiting, [], "alice")
    nobody = Seen(None, Fraction(1))
    assert "not to be had at the moment" in bills_section(nobody, ZONE)
    assert 'http-equiv="refresh"' not in bills_page(nobody, ZONE)
    assert "Compared at 2026-11-03 09:30" in bills_section(seen(pending=True), ZONE)  # the last one there was


def test_without_a_bill_nothing_matches() -> None:
    none = seen(account("openai", "10", "0", status="no bill", days_billed=0))
    assert "No bill yet." in bills_section(none, ZONE)
    shares = [Share("openai", "", Tally(str(money.parse("4")), 2))]
    assert "No bill yet" in person_card(none, shares, "alice")
    page = bills_page(none, ZONE)
    assert "No bill for 31 days with calls." in page
    assert "There is no bill." in page
    assert "Nothing was compared." in page
    assert 'id="card-billed"' not in page
    assert 'id="card-estimated"' in page


@pytest.mark.parametrize(
    ("accounts", "head"),
    [
        ((account("openai", "10", "10"), account("aws", "5", "5")), "Yes"),
        ((account("openai", "10", "10"), account("aws", "5", "5", status="provisional")), "In part"),
        ((account("openai", "10", "12", unexplained=str(money.parse("2"))),), "Not yet"),
    ],
)
def test_a_users_card_counts_what_is_final_and_fits(accounts: tuple[AccountTold, ...], head: str) -> None:
    shares = [Share(one.provider, "", Tally(str(money.parse("2")), 3)) for one in accounts]
    assert f">{head}</div>" in person_card(seen(*accounts), shares, "alice")
    unpriced = [Share("openai", "", Tally(str(money.parse("2")), 3, 1)), *shares[1:]]
    assert ">Yes</div>" not in person_card(seen(*accounts), unpriced, "alice")  # a call without a price is unknown


def test_a_provider_that_nobody_bills_stands_with_our_estimate() -> None:
    shares = [Share("openai", "", Tally(str(money.parse("2")), 3)), Share("groq", "", Tally("0", 3, 3))]
    card = person_card(seen(account("openai", "10", "10")), shares, HOSTILE)
    assert "no bill yet" in card
    assert ">unknown</span> of it is &lt;script&gt;" in card
    assert "<script" not in card


def test_differences_of_both_signs_in_two_accounts_do_not_make_a_match() -> None:
    ten = str(money.parse("10"))
    more = account("openai", "100", "110", account="a", causes={"price": ten})
    less = account("openai", "100", "90", account="b", causes={"price": f"-{ten}"})
    section = bills_section(seen(more, less), ZONE)
    assert ">explained</span>" in section
    assert ">matches</span>" not in section
    assert "billed on 62 of 62 account-days with calls" in section
    assert "billed on 31 of 31 days with calls" in bills_section(seen(more), ZONE)


@pytest.mark.parametrize(
    ("others", "word"),
    [
        ([{}], "matches"),
        ([{"causes": {"price": "9000000000000"}}, {}], "explained"),
        ([{"unexplained": "9000000000"}, {"causes": {"price": "9000000000000"}}], "explained within tolerance"),
        ([{"unexplained": "9000000000000"}, {"unexplained": "9000000000"}], "not explained"),
        ([{"unexplained": "9000000000000"}, {"status": "provisional"}], "provisional"),
        ([{"status": "no bill"}], "provisional"),
    ],
)
def test_a_provider_has_the_word_of_its_worst_account(others: list[dict[str, Any]], word: str) -> None:
    accounts = [account("openai", "10", "10", account=str(n), **more) for n, more in enumerate([{}, *others])]
    assert f">{word}</span>" in bills_section(seen(*accounts), ZONE)


def test_what_does_not_fit_is_counted_and_the_largest_are_shown() -> None:
    many = [account(f"p{n}", str(n + 1), str(n + 1)) for n in range(9)]
    section = bills_section(seen(*many), ZONE)
    assert section.count("<article") == 6
    assert "3 providers more" in section
    assert ">p8 " in section
    assert ">p0 " not in section
    assert bills_page(seen(*many), ZONE).count("<article") == 9


def test_a_line_shows_its_causes_and_the_command_for_our_calls() -> None:
    line = LineTold(
        "openai", HOSTILE, FIRST, FIRST, HOSTILE, "cache_read", str(5 * money.PICO), None, str(money.parse("1")),
        str(money.parse("3")), {"unexplained": str(money.parse("2"))}, {"provider": ("openai",), "model": (HOSTILE,)},
    )  # fmt: skip
    month = seen(account("openai", "1", "3", unexplained=str(money.parse("2")))).month
    assert month is not None
    comparison = msgspec.structs.replace(month.comparison, lines=[line, msgspec.structs.replace(line, where={})])
    whole = Seen(BillsReply(FIRST, msgspec.structs.replace(month, comparison=comparison), pending=False), Fraction(1))
    page = bills_page(whole, ZONE)
    assert "<script" not in page
    assert "openai &lt;script&gt;x&lt;/script&gt; &lt;script&gt;x&lt;/script&gt; cache read" in page
    command = "--from 2026-10-01 --to 2026-10-01 --zone UTC --where provider=openai --where 'model=<script>x</script>'"
    assert html.escape(f"stackledger costs explain {command}") in page
    assert "none of ours" in page  # of the line that has no call of ours


def test_what_is_not_well_is_said() -> None:
    page = bills_page(seen(account("openai", "1", "1"), euros="5000", longer=2, broken="somebody changed it"), ZONE)
    for words in ("somebody changed it", "5,000.00 EUR are billed", "2 lines are"):
        assert words in page
    assert "Every line of the bills is compared." not in page
    assert "Every line of the bills is compared." in bills_page(seen(account("openai", "1", "1")), ZONE)


def test_where_a_comparison_is_refused_no_amount_is_told() -> None:
    """It knows nothing of either side: unknown is not 0."""
    refused = seen(refused="calls are kept from 2026-11-01 on")
    page, section = bills_page(refused, ZONE), bills_section(refused, ZONE)
    for told in (page, section):
        assert "calls are kept from 2026-11-01 on" in told
        assert "stackledger costs close 2026-10" in told
        for words in ("<data", "0.00", "Compared at", "No bill", "neither a bill", "Every line", "No line differs"):
            assert words not in told
    assert 'name="month"' in page  # another one can be chosen
    assert "Not known" in person_card(refused, [], "alice")


def test_a_bill_in_a_currency_without_a_rate_is_a_bill() -> None:
    words = "5,000.00 EUR are billed, but costs.rates has no rate of EUR that holds."
    shares = [Share("mistral", "", Tally(str(money.parse("4")), 2))]
    for accounts in ([], [account("mistral", "10", "0", status="no bill", days_billed=0)]):
        foreign = seen(*accounts, euros="5000")
        page, card = bills_page(foreign, ZONE), person_card(foreign, shares, "alice")
        for told in (page, bills_section(foreign, ZONE), card):
            assert words in told
            assert "No bill yet" not in told
        assert "Not known" in card
        assert 'id="card-billed"' not in page  # what is billed in USD is not known
        assert "neither a bill nor" not in page
    assert words in bills_section(seen(account("openai", "1", "1"), euros="5000"), ZONE)  # beside other bills


def test_a_user_without_calls_is_on_no_bill() -> None:
    card = person_card(seen(account("openai", "10", "10")), [], "alice")
    assert "No calls on any bill" in card
    assert "No bill yet" not in card


def test_a_closed_month_names_its_statements() -> None:
    made = [StatementTold(n, AT, who, "finance", "why", f"hash-{n}") for n, who in ((1, "anna"), (2, "ben"))]
    page = bills_page(seen(account("openai", "1", "1"), statements=made), ZONE)
    assert "Closed by anna (finance) at 2026-11-03 09:30 with statement 1; the last of 2 statements is by ben" in page
    assert 'href="/costs/statements/2026-10/2"' in page
    assert "hash-2" in page
    assert "stackledger costs close 2026-10" in bills_page(seen(account("openai", "1", "1")), ZONE)
