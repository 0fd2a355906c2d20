"""The pages of cost over a real ledger without processes: escaping, unknown never 0, sums, ids, scopes, time."""

from __future__ import annotations

import asyncio
import html
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from stackledger import money
from stackledger.clock import SystemClock
from stackledger.config import load
from stackledger.ledger import wire
from stackledger.ledger.apply import Applier
from stackledger.ledger.asking import (
    OverviewRequest,
    PeopleRequest,
    PersonRequest,
    ReportLine,
    ReportRequest,
    StateReply,
)
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.budgets.budget import Budget, Cadence
from stackledger.ledger.budgets.reservations import Reservations
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.methods import METHODS
from stackledger.ledger.prices.book import Line, Rate, Window
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.record import Record, encode
from stackledger.ledger.service import LedgerService
from stackledger.serve.app import build
from stackledger.serve.costs import parts, routes
from stackledger.serve.costs.bills import Seen
from stackledger.serve.costs.budgets import verdict
from stackledger.serve.costs.chart import _step
from stackledger.serve.costs.markup import el
from stackledger.serve.costs.overview import overview_page
from stackledger.serve.observer import Observer

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.now(UTC)
HOSTILE = "<script>alert('x')</script>"
USERS = ("alice", "a/b 100%", "..", "line\nbreak", "ü&?#", HOSTILE, "/lead/", "")
AMOUNTS = {"input_uncached": 3_000_001, "output": 15_000_007}
LINE = Line("any", "any", (Window(((0, Rate(tuple(AMOUNTS.get(name) for name in BUCKETS))),)),))


class Prices:
    version = "test"

    def line(self, _provider, model, _region, _tier):
        return Unpriced("no such model") if model == "unknown" else LINE


def events() -> list[UsageEvent]:
    """Calls over 70 days, every one of them of another hour; some awkward names, one model without a price."""
    models = ("large", "small", HOSTILE, "unknown", "m4", "m5", "m6", "m7")
    return [
        UsageEvent(
            id=f"call-{number}",
            time=NOW - timedelta(hours=4.2 * number),
            source="app",
            provider="openai",
            model=models[number % 7 if number % 3 else 0],
            user=USERS[number % len(USERS)],
            team=("search", HOSTILE, "")[number % 3],
            feature=f"feature {number % 17}",
            usage=Usage(input_uncached=1000 + number, output=7 * number, requests=1),
        )
        for number in range(400)
    ] + [UsageEvent(id="x", time=NOW, provider="openai", model="unknown", user="guest", usage=Usage(output=5))]


def service_of(folder: Path, pseudonym: Callable[[str], str] | None = None) -> LedgerService:
    folder.mkdir(exist_ok=True)
    engine, inbox = DuckEngine(folder / "ledger.duckdb"), Inbox(folder / "inbox.sqlite")
    inbox.append([Waiting(1, 401, encode(Record(events(), [])))])
    applier = Applier(inbox, engine, Prices, pseudonym)
    while applier.run_once() is not None:
        pass
    reservations = Reservations(folder / "reservations.sqlite", [], lambda *_: (0, 0))
    return LedgerService(
        engine, Prices, SystemClock(), pseudonym=pseudonym, zone=ZoneInfo("Europe/Berlin"), reservations=reservations
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> LedgerService:
    return service_of(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`visit(service, *paths)` opens pages of an application that asks this service over a socket."""
    (tmp_path / "reader").write_text("reads")
    (tmp_path / "finance").write_text("sees people")
    path = tmp_path / "stackledger.yaml"

    def run(
        service: LedgerService | None, *paths: str, http: str = "", token: str = "", slow: float = 0
    ) -> list[httpx.Response]:
        path.write_text(f"version: 1\ndata_dir: {tmp_path}\ncosts: {{zone: Europe/Berlin}}\n{http}")

        async def answer(name: str, body: bytes) -> bytes:
            await asyncio.sleep(slow)
            method = METHODS[name]
            request = msgspec.json.decode(body, type=method.request)
            return msgspec.json.encode(await asyncio.to_thread(method.call, service, request))

        async def session() -> list[httpx.Response]:
            server = await wire.serve(tmp_path / wire.SOCKET, answer) if service else None
            transport = httpx.ASGITransport(app=build(Observer(load(path), SystemClock())))
            headers = {"authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(transport=transport, base_url="http://own", headers=headers) as client:
                found = [await client.get(one) for one in paths]
            if server is not None:
                server.close()
                await asyncio.sleep(slow + 0.01)  # let it notice that its callers have gone
            return found

        return asyncio.run(session())

    return run


class Tags(HTMLParser):
    """The elements of a page; an element that nobody made is a name that was not escaped."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)


def amounts(page: str) -> list[str]:
    return re.findall(r'<data value="([^"]*)"', page)


def test_text_and_attributes_are_escaped() -> None:
    assert el("p", "<b>", el("i", "&"), title='"><script>') == (
        '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;<i>&amp;</i></p>'
    )


def test_no_name_of_a_sender_becomes_an_element(service: LedgerService, visit: Any) -> None:
    pages = visit(service, "/costs", "/costs/users", parts.user_url(HOSTILE), f"/costs/users?find={HOSTILE}x")
    for page in pages:
        assert page.status_code == 200
        assert "script" not in Tags(page.text).seen
        assert html.escape(HOSTILE) in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"


def test_every_part_sums_to_the_whole_and_the_whole_is_the_reports(service: LedgerService) -> None:
    today = NOW.astimezone(BERLIN).date()
    for back in (0, 31, 62):
        reply = service.overview(OverviewRequest("Europe/Berlin", today - timedelta(days=back), values=3, models=2))
        month = reply.month
        (line,) = service.report(ReportRequest((), month.first, month.last, "Europe/Berlin")).lines
        whole = month.whole
        assert (whole.cost, whole.events, whole.unpriced) == (line.cost, line.events, line.unpriced)
        assert sum(month.units.values()) == sum(line.usage)
        for group in month.groups.values():
            tallies = [*(row.tally for row in group.rows), group.rest]
            assert sum(int(one.cost) for one in tallies) == int(whole.cost)
            assert [sum(one[n] for one in map(msgspec.structs.astuple, tallies)) for n in (1, 2, 3)] == [
                whole.events, whole.unpriced, whole.tokens,
            ]  # fmt: skip
        days = service.report(ReportRequest(("day",), month.chart.days[0].day, month.chart.days[-1].day, BERLIN.key))
        told = {line.keys[0]: (line.cost, line.events) for line in days.lines}
        for day in month.chart.days:
            assert (day.tally.cost, day.tally.events) == told.get(day.day.isoformat(), ("0", 0))
            assert sum(map(int, day.parts)) == int(day.tally.cost)
    for span in reply.spans:
        (line,) = service.report(ReportRequest((), span.first, span.last, "Europe/Berlin")).lines
        assert (span.tally.cost, span.tally.events, span.tally.unpriced) == (line.cost, line.events, line.unpriced)


def test_a_user_is_the_reports_and_the_explanation_sums_to_it(service: LedgerService) -> None:
    for user in filter(None, USERS):
        reply = service.person(PersonRequest(user, "Europe/Berlin"))
        month, told = reply.month, reply.explanation
        assert month is not None
        assert told is not None
        where = {"user": (user,)}
        (line,) = service.report(ReportRequest((), month.first, month.last, "Europe/Berlin", where)).lines
        assert month.whole.cost == line.cost == str(told.cost) == reply.months[0].tally.cost
        assert month.whole.unpriced == told.unpriced


@pytest.mark.parametrize("limit", range(1, len(USERS) + 2))
def test_few_users_the_others_and_nobody_are_the_reports(service: LedgerService, limit: int) -> None:
    for find in ("", "l"):
        reply = service.people(PeopleRequest("Europe/Berlin", find=find, limit=limit))
        lines = service.report(ReportRequest(("user",), reply.first, reply.last, "Europe/Berlin")).lines
        named = [line for line in lines if line.keys[0] and find in line.keys[0].lower()]
        shown = [(row.keys, row.tally.cost, row.tally.events, row.tally.unpriced) for row in reply.users.rows]
        assert shown == [(line.keys, line.cost, line.events, line.unpriced) for line in named[:limit]]
        others, rest = named[limit:], reply.users.rest
        assert reply.users.others == len(others)
        assert (int(rest.cost), rest.events, rest.unpriced, rest.tokens) == _sums(others)
        nobody = reply.nobody
        of_nobody = [] if find else [line for line in lines if not line.keys[0]]
        assert (int(nobody.cost), nobody.events, nobody.unpriced, nobody.tokens) == _sums(of_nobody)


def _sums(lines: list[ReportLine]) -> tuple[int, int, int, int]:
    cost = sum(int(line.cost) for line in lines)
    events, unpriced = sum(line.events for line in lines), sum(line.unpriced for line in lines)
    return cost, events, unpriced, sum(sum(line.usage) - line.events for line in lines)  # each call is one request too


def test_the_page_shows_the_amounts_of_the_report(service: LedgerService, visit: Any) -> None:
    page, people = (one.text for one in visit(service, "/costs", "/costs/users"))
    today = NOW.astimezone(BERLIN).date()
    month = ReportRequest((), today.replace(day=1), today, "Europe/Berlin")
    for by in ((), ("team",), ("feature",), ("provider", "model")):
        for line in service.report(msgspec.structs.replace(month, by=by)).lines[:10]:
            if int(line.cost):
                assert money.exact(int(line.cost)) in amounts(page)
    for line in service.report(msgspec.structs.replace(month, by=("user",))).lines:
        if int(line.cost):
            assert money.exact(int(line.cost)) in amounts(people)
    assert "days of Europe/Berlin" in page


def test_what_has_no_price_is_unknown_and_never_0(service: LedgerService, visit: Any) -> None:
    (page,) = visit(service, "/costs/users/guest")
    text = re.sub(r"<details>.*?</details>|<h2>By month.*?</section>", "", page.text)  # days and months without calls
    assert amounts(text) == []
    assert re.findall(r".{40}[ >]0\.00.{20}", text) == []
    assert re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL).count(">unknown<") >= 5  # card, 3 groups, the call
    assert "no such model" in page.text
    assert "1 call without a price" in page.text


def test_below_a_cent_the_exact_amount_is_shown() -> None:
    assert ">0.000012</data>" in parts.amount(12_000_000)
    assert ">-0.001</data>" in parts.amount(-1_000_000_000)
    assert ">0.01</data>" in parts.amount(10**10)
    assert ">0.00</data>" in parts.amount(0)


@pytest.mark.parametrize("user", [user for user in USERS if user])
def test_every_id_has_a_page_that_its_link_leads_to(service: LedgerService, visit: Any, user: str) -> None:
    listed, page, month = visit(service, "/costs/users", parts.user_url(user), parts.user_url(user, date(2026, 1, 1)))
    today = NOW.astimezone(BERLIN).date()
    assert f'href="{html.escape(parts.user_url(user, today.replace(day=1)))}"' in listed.text
    assert (page.status_code, month.status_code) == (200, 200)
    assert f"<h1>User {html.escape(user)}</h1>" in page.text


class Fields(HTMLParser):
    """The fields of a page's form that chooses a month, as a browser sends them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._form: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        told = dict(attrs)
        if tag == "form":
            self._form = {}
        elif tag == "input" and told.get("type") == "hidden":
            self._form[told["name"]] = re.sub("\r\n|\r|\n", "\r\n", told["value"])  # of a lone newline two are made
        elif tag == "select" and told["name"] == "month":
            self.sent = self._form


@pytest.mark.parametrize("user", [user for user in USERS if user])
def test_another_month_of_a_user_is_the_same_users(service: LedgerService, visit: Any, user: str) -> None:
    (page,) = visit(service, parts.user_url(user))
    sent = urlencode(Fields(page.text).sent | {"month": f"{NOW.astimezone(BERLIN).date():%Y-%m}"})
    (chosen,) = visit(service, f"{parts.user_url(user).partition('?')[0]}?{sent}")
    assert f"<h1>User {html.escape(user)}</h1>" in chosen.text


def test_finding_leads_to_the_user_or_lists_those_whose_id_holds_it(service: LedgerService, visit: Any) -> None:
    exact, part, none = (visit(service, f"/costs/users?find={find}")[0] for find in ("alice", "LI", "zzz"))
    assert (exact.status_code, exact.headers["location"]) == (303, "/costs/users/alice")
    assert "/costs/users/alice" in part.text
    assert "No user&#x27;s id holds &#x27;zzz&#x27;." in none.text


def test_where_hashes_are_kept_the_plain_id_leads_to_them(tmp_path: Path, visit: Any) -> None:
    hashed = service_of(tmp_path / "hashed", lambda user: f"h{sum(user.encode())}")
    found, page, stranger, listed = visit(
        hashed, "/costs/users?find=alice", "/costs/users/alice", "/costs/users/malice", "/costs/users"
    )
    assert found.headers["location"] == "/costs/users/alice"
    assert f"Kept in the ledger as h{sum(b'alice')}." in page.text
    assert stranger.status_code == 404
    assert "It keeps hashes" in stranger.text
    assert "alice" not in listed.text


def test_a_stranger_and_a_wrong_month_get_a_page_that_says_so(service: LedgerService, visit: Any) -> None:
    paths = ("/costs/users/nobody", "/costs?month=2026-13", "/costs?month=0001-01", "/costs?month=2001-02")
    stranger, wrong, early, empty = visit(service, *paths)
    assert (stranger.status_code, wrong.status_code, early.status_code, empty.status_code) == (404, 400, 400, 200)
    assert "No such user" in stranger.text
    assert "write YYYY-MM" in wrong.text
    assert "There are no calls in this month." in empty.text


def test_users_need_a_scope_of_their_own(service: LedgerService, visit: Any) -> None:
    http = """http:
  listen: 192.0.2.1:9877
  tokens:
    - {name: reader, scopes: [read], token: {file: reader}}
    - {name: finance, scopes: [read, people], token: {file: finance}}
"""
    paths = ("/costs", "/costs/bills", "/costs/statements/2026-10/1", "/costs/users", "/costs/users/alice")
    found = {
        token: [page.status_code for page in visit(service, *paths, http=http, token=token)]
        for token in ("", "reads", "sees people")
    }
    assert found == {
        "": [401] * 5, "reads": [200, 200, 400, 403, 403], "sees people": [200, 200, 400, 200, 200],
    }  # fmt: skip


def test_without_a_ledger_the_page_says_so(visit: Any) -> None:
    for page in visit(None, "/costs", "/costs/bills", "/costs/users", "/costs/users/alice"):
        assert page.status_code == 503
        assert page.headers["retry-after"] == "5"
        assert "The ledger does not answer" in page.text
        assert "What was accepted is safe" in page.text


def test_a_ledger_that_hangs_costs_a_page_its_own_time_alone(
    service: LedgerService, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "WAIT_SECONDS", 0.2)

    page, metrics = visit(service, "/costs", "/metrics", slow=1.0)
    assert (page.status_code, metrics.status_code) == (503, 200)
    assert page.elapsed.total_seconds() < 0.8


def test_no_log_holds_the_id_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_pages: routes.CostPages) -> Any:
        raise RuntimeError

    monkeypatch.setattr(routes.CostPages, "_settings", broken)
    path = tmp_path / "c.yaml"
    path.write_text(f"version: 1\ndata_dir: {tmp_path}\ncosts: {{}}\n")

    async def session() -> httpx.Response:
        app = build(Observer(load(path), SystemClock()))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
            return await client.get("/costs/users/carol")

    assert asyncio.run(session()).status_code == 500
    assert [record.path for record in caplog.records if hasattr(record, "path")] == ["/costs/users/{user:path}"]


def test_without_costs_there_is_no_page_no_link_and_no_arithmetic_loaded(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("version: 1\n")

    async def session() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app=build(Observer(load(path), SystemClock())))
        async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
            return await client.get("/costs"), await client.get("/")

    costs, index = asyncio.run(session())
    assert costs.status_code == 404
    assert "/costs" not in index.text
    program = "import sys, stackledger.serve.app; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


def test_the_first_page_leads_to_costs_and_a_reload_without_them_is_told(tmp_path: Path, visit: Any) -> None:
    (index,) = visit(None, "/")
    assert '<a href="/costs">costs</a>' in index.text
    path = tmp_path / "c.yaml"
    path.write_text(f"version: 1\ndata_dir: {tmp_path}\ncosts: {{}}\n")

    async def session() -> httpx.Response:
        observer = Observer(load(path), SystemClock())
        transport = httpx.ASGITransport(app=build(observer))
        path.write_text("version: 1\n")
        observer.configuration = load(path)
        async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
            return await client.get("/costs")

    gone = asyncio.run(session())
    assert gone.status_code == 404
    assert "no section `costs`" in html.unescape(gone.text)


def status(**changes: Any) -> BudgetStatus:
    usual: dict[str, Any] = {
        "name": "b", "hard": False, "cadence": "month", "first": date(2026, 11, 1), "last": date(2026, 11, 30),
        "amount": money.parse("100"), "spent": money.parse("50"), "held": 0, "unpriced": 0, "elapsed": 0.5,
        "expected": 90.0, "low": 85.0, "high": 95.0, "lasts_seconds": None, "deviation": None, "contributors": [],
    }  # fmt: skip
    told = usual | changes
    return BudgetStatus(**told | {name: str(told[name]) for name in ("amount", "spent", "held")})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "holds"),
        ({"high": 101.0}, "probably holds"),
        ({"expected": 101.0, "high": 110.0}, "probably will not hold"),
        ({"low": 101.0, "expected": 102.0, "high": 110.0}, "will not hold"),
        ({"held": money.parse("50")}, "used up"),
        ({"expected": None, "low": None, "high": None}, "too early to tell"),
        ({"unpriced": 1}, "holds, as far as priced"),
        ({"unpriced": 1, "low": 101.0, "expected": 102.0}, "will not hold"),
    ],
)
def test_a_budget_is_judged_in_a_word(changes: dict[str, Any], word: str) -> None:
    assert verdict(status(**changes)).word == word


CONFIGURED = [
    Budget("team", money.parse("100"), Cadence.MONTH, "UTC", {"team": ("search", ""), "user": ("alice", "bob")}),
    Budget("later", money.parse("1"), Cadence.MONTH, "UTC"),
]


def test_budgets_stand_on_the_page_and_those_not_computed_say_so(service: LedgerService) -> None:
    reply = service.overview(OverviewRequest("UTC"))
    state = StateReply(budgets=[status(name="team", unpriced=3)], waiting=1234, waiting_age_seconds=9.0)
    page = overview_page(
        msgspec.structs.replace(reply, state=state), ZoneInfo("UTC"), "Us & Co", CONFIGURED, Seen(None, Fraction(1))
    )
    assert "50.0 % used, 50.0 % of the month over" in page
    assert "3 calls without a price not in it" in page
    assert "each month for calls of team search or (not told), 2 users" in page
    assert "alice" not in page  # who may read costs may not see people
    assert "Not computed yet" in page
    assert "1,234 calls accepted and not counted yet" in page
    assert "Us &amp; Co" in page


@pytest.mark.parametrize("highest", [1e-9, 0.004, 0.99, 1.0, 4.9, 5.1, 99.0, 123_456.0])
def test_grid_lines_are_round_and_few(highest: float) -> None:
    step = _step(highest)
    assert 2 <= highest / step <= 5 + 1e-9 or highest / step > 1
    assert f"{step:.0e}"[0] in "125"
