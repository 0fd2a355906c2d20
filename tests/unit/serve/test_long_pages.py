"""Pages of which senders of usage decide how long they are: capped with exact sums, and drawn beside the loop."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from stackledger import money
from stackledger.clock import SystemClock
from stackledger.config import load
from stackledger.ledger.asking import PeopleReply
from stackledger.ledger.bills.asking import BillsReply, Share
from stackledger.ledger.explain import Explanation, UsedRate
from stackledger.ledger.statements.answers import Stated
from stackledger.ledger.views import MOST, Group, Month, Piece, Pieces, Reach, Tally, month_view
from stackledger.serve.app import build
from stackledger.serve.costs import overview, people, routes
from stackledger.serve.costs.bills import bills_section, person_card
from stackledger.serve.costs.bills_page import bills_page
from stackledger.serve.observer import Observer
from tests.unit.serve.test_bills_pages import account, seen

ZONE = ZoneInfo("UTC")
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
MANY = 3000


def test_of_many_accounts_the_largest_are_shown_and_the_others_summed() -> None:
    """Any number of accounts may be in a tag of calls, or on a bill."""
    ones = [
        account("openai", str(n), str(n + 1), account=f"a{n}", causes={"price": str(money.PICO)}) for n in range(MANY)
    ]
    page = bills_page(seen(*ones), ZONE)
    assert page.count("<article") == MOST
    assert page.count("from our estimate to the bill") == MOST
    assert ">openai a2999 <" in page
    assert ">openai a2899 <" not in page
    estimated = sum(range(MANY - MOST))
    assert "2,900 accounts more, with smaller bills: billed " in page
    assert f'value="{estimated}.00"' in page
    assert f'value="{estimated + MANY - MOST}.00"' in page
    assert f'value="{sum(range(MANY))}.00"' in page  # the cards at the top are of all
    assert len(page) < 400_000
    assert bills_section(seen(*ones), ZONE).count("<article") == 1


def test_others_without_a_bill_are_not_billed_0() -> None:
    ones = [account("openai", "1", "0", account=str(n), status="no bill", days_billed=0) for n in range(MOST + 1)]
    assert "1 account more, without a bill: our estimate <data" in bills_page(seen(*ones), ZONE)
    assert "account more" not in bills_page(seen(*ones[1:]), ZONE)


def test_a_user_of_many_accounts_has_a_short_card() -> None:
    ones = [account("openai", "5", "5", account=str(n)) for n in range(MANY)]
    shares = [Share("openai", str(n), Tally(str(n * money.PICO), 1)) for n in range(MANY)]
    card = person_card(seen(*ones), shares, "alice")
    assert card.count("<li") == MOST
    assert "2,900 accounts more, with less of it." in card
    assert f'value="{sum(range(MANY))}.00"' in card


def month_of(models: int) -> Month:
    """One call more of each model than of the last; of two calls of each one has no price."""
    lines = [Piece((str(FIRST), "p", f"m{n:04}"), (n + 2, n + 1, 0)) for n in range(models)]
    pieces = Pieces(("day", "provider", "model"), (), lines)
    return month_view(pieces, {}, (FIRST, LAST), LAST, models=5, values=10)


def test_of_many_models_without_a_price_those_with_most_calls_are_shown() -> None:
    month = month_of(MANY)
    assert month.unpriced.rows[0].keys == ("p", "m2999")
    assert (len(month.unpriced.rows), month.unpriced.others) == (MOST, MANY - MOST)
    shown = "".join(overview._unpriced(month))
    assert shown.count("<tr>") == 1 + MOST + 1
    rest = month.unpriced.rest
    assert (rest.unpriced, rest.events) == (sum(range(1, 2901)), sum(range(2, 2902)))
    assert f'2,900 others</td><td class="number">{rest.unpriced:,}</td>' in shown
    assert "others" not in "".join(overview._unpriced(month_of(MOST)))


def test_of_many_reasons_of_a_user_some_are_shown() -> None:
    rates = [UsedRate("", "", "", f"no model {n}", 2, 0, ()) for n in range(MANY)]
    shown = people._unpriced(Explanation(0, 2 * MANY, 2 * MANY, rates, (), ()))
    assert shown.count("no model") == MOST
    assert "2,900 reasons more." in shown
    assert "6,000 calls without a price" in shown


def replies(_pages: routes.CostPages, method: str, _asked: Any, _reply: Any) -> Any:
    """What the ledger would say: nothing of it is drawn."""
    month = month_of(1)
    found: dict[str, Any] = {
        "people": PeopleReply(
            0, FIRST, LAST, Group([]), Tally(), exact=False, matches=0, hashed=False, reach=Reach(None, None)
        ),
        "bills": BillsReply(FIRST, None, pending=False),
        "statement": Stated("2026-10", 1, "hash", "{}"),
    }
    return found.get(method, type("Told", (), {"month": month, "explanation": month})())


@pytest.mark.parametrize(
    ("path", "drawing"),
    [
        ("/costs", "overview_page"),
        ("/costs/bills", "bills_page"),
        ("/costs/statements/2026-10/1", "printable"),
        ("/costs/users", "people_page"),
        ("/costs/users/alice", "person_page"),
    ],
)
def test_while_a_page_is_drawn_metrics_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, drawing: str
) -> None:
    begun, answered = threading.Event(), threading.Event()

    def draw(*_: Any, **__: Any) -> str:
        begun.set()
        return "in time" if answered.wait(10) else "too late"

    async def ask(*asked: Any) -> Any:
        return replies(*asked)

    monkeypatch.setattr(routes, drawing, draw)
    monkeypatch.setattr(routes, "person_card", lambda *_: "")
    monkeypatch.setattr(routes.CostPages, "_ask", ask)
    config = tmp_path / "stackledger.yaml"
    config.write_text(f"version: 1\ndata_dir: {tmp_path}\ncosts: {{}}\n")

    async def session() -> str:
        transport = httpx.ASGITransport(app=build(Observer(load(config), SystemClock())))
        async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
            page = asyncio.create_task(client.get(path))
            assert await asyncio.to_thread(begun.wait, 10)
            assert (await client.get("/metrics")).status_code == 200
            answered.set()
            return (await page).text

    assert asyncio.run(session()) == "in time"
