"""The pages of cost as people meet them: the real service, real usage, a real browser, wide and narrow, light and dark.

Every amount is compared with `stackledger costs report --json`. The pictures of the documentation are made by

    STACKLEDGER_PICTURES=docs/images .venv/bin/pytest tests/integration/service/test_costs_console.py -k pictures
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest
import yaml

from lab import ports, procfs, programs
from lab.process import Process, wait_until
from lab.usage_events import AWKWARD_USER, HOSTILE_TEAM, UNPRICED_MODEL, events
from stackledger import money
from tests.conftest import skip_or_fail
from tests.integration.service import planted_bill

ZONE = "Europe/Berlin"
PEOPLE = "/costs/users"
BILLS = "/costs/bills"
LARGEST_PICTURE = 200_000


class Costs:
    """A running service with costs, and two months and a half of usage in it."""

    def __init__(self, directory: Path, process: Process, url: str) -> None:
        self.process, self.url, self.config = process, url, directory / "stackledger.yaml"

    def ask(self, *words: str) -> str:
        """The output of `stackledger costs ...`."""
        argv = [sys.executable, "-m", "stackledger", "costs", words[0], "--config", str(self.config), *words[1:]]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout

    def report(self, *words: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.ask("report", "--json", *words))
        return rows

    def reconcile(self) -> dict[str, Any]:
        """Last month's bills beside our estimates."""
        found: dict[str, Any] = json.loads(self.ask("reconcile", "--json", "--month", months()[1]))
        return found

    def close(self) -> None:
        """Close last month; where it is closed nothing happens."""
        accepted = ("--accept-unpriced", f"openai/{UNPRICED_MODEL}", "--accept-bill", "google")
        told = self.ask("close", months()[1], "--token-file", str(self.config.parent / "anna"), *accepted)
        assert f"Statement 1 of {months()[1]} " in told

    def get(self, path: str, timeout: float = 15) -> httpx.Response:
        return httpx.get(self.url + path, timeout=timeout)

    def pid(self, role: str) -> int:
        """The process of a role."""
        for pid, _ in procfs.descendants(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if role.encode() in words:
                return pid
        raise AssertionError(f"no process is {role}")


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    directory = tmp_path_factory.mktemp("costs")
    with ExitStack() as stack:
        own, intake = stack.enter_context(closing(ports.reserve(2))).ports
        budgets = [
            {"name": "company", "usd": 6000},
            {"name": "search-team", "usd": 800, "where": {"team": "search"}, "hard": True},
            {"name": "support-week", "usd": 200, "per": "week", "where": {"team": "support"}},
        ]
        configuration = {
            "version": 1,
            "organisation": "Example Ltd",
            "data_dir": str(directory / "data"),
            "http": {
                "listen": f"127.0.0.1:{own}",
                "tokens": [
                    {"name": "anna", "scopes": ["admin"], "role": "finance", "token": {"file": str(directory / "anna")}}
                ],
            },
            "costs": {"listen": f"127.0.0.1:{intake}", "zone": ZONE, "budgets": budgets},
        }
        (directory / "anna").write_text("anna-secret-1234567890")
        (directory / "stackledger.yaml").write_text(yaml.safe_dump(configuration))
        argv = [sys.executable, "-m", "stackledger", "serve", "--config", str(directory / "stackledger.yaml")]
        process = stack.enter_context(Process(argv, name="stackledger", directory=directory))
        found = Costs(directory, process, f"http://127.0.0.1:{own}")
        process.wait_ready(lambda: httpx.get(f"http://127.0.0.1:{intake}/-/healthy", timeout=1).is_success)
        sent = [json.dumps(event) for event in events(datetime.now(UTC))]
        answer = httpx.post(
            f"http://127.0.0.1:{intake}/api/v1/usage",
            content="\n".join(sent),
            headers={"content-type": "application/x-ndjson"},
            timeout=60,
        )
        assert answer.json() == {"accepted": len(sent), "refused": []}
        first = (datetime.now(UTC) - timedelta(days=90)).date()
        wait_until(
            lambda: found.report("--from", f"{first}")[0]["events"] == len(sent), what="all to be counted", timeout=60
        )
        (month,) = found.report("--month", months()[0])
        spent = f'<data value="{month["cost_usd"]}" '
        wait_until(lambda: spent in found.get("/costs").text.partition("Budgets")[2], what="the budgets", timeout=60)
        bill = planted_bill.write(directory / "invoices.csv", found.reconcile()["lines"])
        assert "0 known" in found.ask("import", "--format", "bill", str(bill))
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    try:
        chromium = programs.find("chromium")
    except programs.ProgramMissingError as missing:
        skip_or_fail(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page in a browser of some width and colours; what the browser complains of is kept."""

    def __init__(self, browser: Any, costs: Costs, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        self.page, self.url, self.faults = self.context.new_page(), costs.url, []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def go(self, path: str) -> int:
        status: int = self.page.goto(self.url + path).status
        return status

    def amounts(self, within: str) -> list[str]:
        """The exact amounts shown in a part of the page."""
        found: list[str] = self.page.locator(f"{within} data").evaluate_all("all => all.map(one => one.value)")
        return found

    def rows(self, title: str) -> dict[str, str]:
        """What a table of parts shows: amount, or the word, by name."""
        table = self.page.locator("section", has=self.page.get_by_role("heading", name=f"By {title}", exact=True))
        rows = table.locator("tbody tr")
        found: dict[str, str] = rows.evaluate_all(
            "all => Object.fromEntries(all.map(one => [one.querySelector('.name').textContent,"
            " one.querySelector('data')?.value ?? one.querySelector('td').textContent]))"
        )
        return found


def exact_sum(amounts: Iterable[str]) -> str:
    """Exact decimals, summed."""
    return money.exact(sum(map(money.parse, amounts)))


def months() -> tuple[str, str]:
    """This month and the last one there."""
    today = datetime.now(ZoneInfo(ZONE)).date()
    return f"{today:%Y-%m}", f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


@pytest.mark.real("chromium")
@pytest.mark.parametrize("which", [0, 1])
def test_the_overview_shows_what_the_report_says(costs: Costs, browser: Any, which: int) -> None:
    month = months()[which]
    with Visit(browser, costs) as visit:
        assert visit.go(f"/costs?month={month}") == 200
        (whole,) = costs.report("--month", month)
        assert visit.amounts(f"#card-{('month', 'last_month')[which]}") == [whole["cost_usd"]]
        assert whole["unpriced_events"]
        assert f"{whole['unpriced_events']:,} calls without a price" in visit.page.inner_text("body")
        for title in ("team", "feature", "environment", "model"):
            by = "provider,model" if title == "model" else title
            told = {
                " / ".join(row[name] for name in by.split(",") if row[name]) or "(not told)": row["cost_usd"]
                or "unknown"
                for row in costs.report("--month", month, "--by", by)
            }
            assert visit.rows(title) == told
            assert title != "model" or told[f"openai / {UNPRICED_MODEL}"] == "unknown"
        assert visit.page.locator("script").count() == 0
        assert f"days of {ZONE}" in visit.page.inner_text("body")
        tokens = sum(count for name, count in whole["tokens"].items() if name != "requests")
        assert f"{tokens:,} tokens" in visit.page.inner_text(".cards")
        assert visit.faults == []


@pytest.mark.real("chromium")
def test_every_day_of_the_chart_is_the_reports(costs: Costs, browser: Any) -> None:
    _, month = months()
    with Visit(browser, costs) as visit:
        visit.go(f"/costs?month={month}")
        assert "Cost by day" in visit.page.locator("svg.days title").first.text_content()
        assert "without a price" in visit.page.locator("svg.days desc").text_content()
        visit.page.locator("summary").press("Enter")
        shown = visit.page.locator("details tbody tr").evaluate_all(
            "all => all.map(one => [one.cells[0].textContent.slice(4), one.querySelector('data')?.value])"
        )
        told = {row["day"]: row["cost_usd"] for row in costs.report("--month", month, "--by", "day")}
        assert {day: cost for day, cost in shown if cost != "0.00"} == told
        assert visit.page.locator("svg.days text.unknown").count() == sum(
            bool(row["unpriced_events"]) for row in costs.report("--month", month, "--by", "day")
        )


@pytest.mark.real("chromium")
def test_one_users_month_is_the_reports_and_is_found_by_keyboard(costs: Costs, browser: Any) -> None:
    month, _ = months()
    with Visit(browser, costs) as visit:
        visit.go("/costs")
        visit.page.get_by_role("link", name="Cost by user").press("Enter")
        visit.page.wait_for_url(f"**{PEOPLE}?month={month}")
        people = costs.report("--month", month, "--by", "user", "--top", "20")
        listed = visit.page.locator(".parts tbody tr").first
        assert listed.locator("data").get_attribute("value") == people[0]["cost_usd"]
        visit.page.get_by_label("User", exact=True).fill(AWKWARD_USER)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url(f"**{PEOPLE}/{quote(AWKWARD_USER, safe='')}?month={month}")
        where = ("--month", month, "--where", f"user={AWKWARD_USER}")
        (whole,) = costs.report(*where)
        assert visit.amounts("#card-chosen") == [whole["cost_usd"]]
        for title, by in (("model", "provider,model"), ("feature", "feature"), ("team", "team")):
            told = {
                " / ".join(row[name] for name in by.split(",")): row["cost_usd"] or "unknown"
                for row in costs.report(*where, "--by", by)
            }
            assert visit.rows(title) == told
        assert list(visit.rows("team")) == [HOSTILE_TEAM]
        assert "No bill yet" in visit.page.inner_text("#card-bill")  # this month's
        assert f"no model '{UNPRICED_MODEL}'" in visit.page.inner_text("body")
        sums = visit.page.locator("section", has_text="Units times rates").locator("tbody tr").last
        assert sums.inner_text().split() == ["Sum", whole["cost_usd"]]
        assert visit.go(f"{PEOPLE}/nobody") == 404
        assert "No such user" in visit.page.inner_text("h1")
        assert [fault for fault in visit.faults if "404" not in fault] == []


@pytest.mark.real("chromium")
def test_bills_stand_beside_estimates_as_reconcile_says(costs: Costs, browser: Any) -> None:
    told = costs.reconcile()
    words = {"openai": "explained", "anthropic": "explained within tolerance", "google": "provisional"}
    amounts = {
        one["provider"]: [
            one["billed_usd"], one["estimated_usd"], one["difference_usd"], *one["causes_usd"].values()
        ]
        for one in told["accounts"]
    }  # fmt: skip
    assert {"missing", "rounding", "tax", "credits"} <= set(told["accounts"][2]["causes_usd"])
    assert told["accounts"][0]["causes_usd"]["unexplained"] == planted_bill.UNKNOWN
    with Visit(browser, costs) as visit:
        for path in (f"/costs?month={months()[1]}", BILLS):  # without a month: the last one that is over
            visit.go(path)
            cards = visit.page.locator("article.bill")
            shown = {}
            for place in range(cards.count()):
                name, word = cards.nth(place).locator("h3").inner_text().split(" ", 1)
                assert word == words[name]
                shown[name] = cards.nth(place).locator("data").evaluate_all("all => all.map(one => one.value)")
            assert shown == amounts
            assert "Unexplained\n+6.66" in cards.first.inner_text()
        assert visit.amounts("#card-unexplained") == [planted_bill.UNKNOWN]
        visit.go(f"/costs?month={months()[1]}")
        visit.page.get_by_role("link", name="line by line").press("Enter")
        visit.page.wait_for_url(f"**{BILLS}?month={months()[1]}")
        assert visit.faults == []


@pytest.mark.real("chromium")
def test_a_line_that_differs_leads_to_our_calls_of_it(costs: Costs, browser: Any) -> None:
    day = f"{months()[1]}-{planted_bill.MISSED_DAY}"
    with Visit(browser, costs) as visit:
        visit.go(BILLS)
        row = visit.page.locator(".scroll tr", has_text="missing").first
        assert row.locator("td").first.inner_text() == day
        row.locator("summary").press("Enter")
        command = shlex.split(row.locator("code").inner_text())
        units, estimate = row.locator("td").nth(2).inner_text(), row.locator("data").first.get_attribute("value")
    assert command[:3] == ["stackledger", "costs", "explain"]
    told = json.loads(costs.ask(*command[2:], "--json"))
    parts = [part for rate in told["rates"] for part in rate["parts"] if part["bucket"] == "output"]
    assert sum(part["units"] for part in parts) == int(units.replace(",", ""))
    assert money.exact(sum(part["cost"] for part in parts)) == estimate


@pytest.mark.real("chromium")
def test_a_users_part_of_each_bill(costs: Costs, browser: Any) -> None:
    month, user = months()[1], "user-00@example.com"
    told = {one["provider"]: one for one in costs.reconcile()["accounts"]}
    where = ("--month", month, "--where", f"user={user}", "--zone", "UTC", "--by", "provider")
    mine = {row["provider"]: row["cost_usd"] for row in costs.report(*where)}
    with Visit(browser, costs) as visit:
        visit.go(f"{PEOPLE}/{quote(user)}?month={month}")
        card = visit.page.locator("#card-bill")
        assert card.locator(".big").inner_text() == "In part"
        shown = visit.amounts("#card-bill p")
        assert shown == [exact_sum(mine[name] for name in ("openai", "anthropic")), exact_sum(mine.values())]
        for name in ("openai", "anthropic", "google"):
            line = card.locator("li", has_text=name)
            both = [told[name]["billed_usd"], told[name]["estimated_usd"]]
            explained = [told[name]["causes_usd"].get("unexplained", "0.00")] if name != "google" else []
            found = line.locator("data").evaluate_all("all => all.map(one => one.value)")
            assert found == [*both, *explained, mine[name]]
            assert f"of it is {user}" in line.inner_text()
        assert visit.faults == []


@pytest.mark.real("chromium")
def test_a_closed_month_says_who_signed_it_and_with_which_statement(costs: Costs, browser: Any) -> None:
    month = months()[1]
    assert f"stackledger costs close {months()[0]}" in costs.get("/costs").text  # this month is not closed
    costs.close()
    digest = (costs.config.parent / f"data/statements/statement-{month}-1.sha256").read_text().split()[0]  # of the JSON
    with Visit(browser, costs) as visit:
        for path in (f"/costs?month={month}", BILLS):
            visit.go(path)
            text = visit.page.inner_text("body")
            assert "Closed by anna (finance)" in text
            assert "with statement 1" in text
            assert digest in text
        visit.page.get_by_role("link", name="Statement 1").press("Enter")
        visit.page.wait_for_url(f"**/costs/statements/{month}/1")
        assert digest in visit.page.inner_text("body")
        assert costs.get(f"/costs/statements/{month}/2").status_code == 400
        assert visit.faults == []


@pytest.mark.real("chromium")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_the_screen_and_every_link_is_reached_by_keyboard(
    costs: Costs, browser: Any, width: int, *, dark: bool
) -> None:
    user = f"{PEOPLE}/{quote('user-00@example.com')}"
    with Visit(browser, costs, width=width, dark=dark) as visit:
        for path in (
            "/costs",
            f"{BILLS}?month={months()[1]}",
            PEOPLE,
            f"{user}?month={months()[1]}",
            f"{PEOPLE}/nobody",
        ):
            visit.go(path)
            assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            wanted = visit.page.locator("a, button, input[type=search], select, summary").count()
            reached: set[Any] = set()
            for _ in range(wanted + 20):
                visit.page.keyboard.press("Tab")
                reached.add(
                    visit.page.evaluate(
                        "[...document.querySelectorAll('a, button, input, select, summary')]"
                        ".indexOf(document.activeElement)"
                    )
                )
            assert len(reached - {-1}) == wanted, path
            dim, page = visit.page.evaluate(
                "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
                ".map(one => one.match(/\\d+/g).map(Number).reduce((a, b) => a + b))"
            )
            assert (dim > page) is dark
        assert [fault for fault in visit.faults if "404" not in fault] == []


@pytest.mark.real("chromium")
def test_pictures_for_the_documentation(costs: Costs, browser: Any, tmp_path: Path) -> None:
    directory = Path(os.environ.get("STACKLEDGER_PICTURES", tmp_path))
    _, month = months()
    costs.close()
    user = f"{PEOPLE}/{quote('user-00@example.com')}?month={month}"
    shown = (("costs", f"/costs?month={month}", 1240), ("costs-user", user, 1230), ("costs-bills", BILLS, 1230))
    for name, path, height in shown:
        with Visit(browser, costs, width=1160, height=height) as visit:
            visit.go(path)
            visit.page.screenshot(path=directory / f"{name}.png")
        assert 20_000 < (directory / f"{name}.png").stat().st_size < LARGEST_PICTURE


def test_a_dead_ledger_is_told_and_the_pages_come_back(costs: Costs) -> None:
    before = costs.report("--month", months()[1])
    os.kill(costs.pid("ledger"), signal.SIGKILL)
    wait_until(lambda: costs.get("/costs").status_code == 503, what="the page to say so", timeout=5)
    page = costs.get(PEOPLE)
    if page.status_code == 503:  # it is started again within a second or two
        assert "The ledger does not answer" in page.text
        assert "What was accepted is safe" in page.text
    wait_until(lambda: costs.get("/costs").status_code == 200, what="the page to come back", timeout=40)
    assert costs.report("--month", months()[1]) == before


def test_a_frozen_ledger_costs_a_page_five_seconds_and_metrics_nothing(costs: Costs) -> None:
    with httpx.Client(base_url=costs.url, timeout=30) as client:
        costs.process.freeze_child(costs.pid("ledger"))
        try:
            began = time.monotonic()
            with ExitStack() as stack:
                waiting = [
                    stack.enter_context(closing(_open(costs, path))) for path in ("/costs", PEOPLE, "/costs", PEOPLE)
                ]
                slowest = 0.0
                for _ in range(20):
                    asked = time.monotonic()
                    assert client.get("/metrics").is_success
                    slowest = max(slowest, time.monotonic() - asked)
                answers = [connection.getresponse() for connection in waiting]
                assert [answer.status for answer in answers] == [503] * 4
                assert time.monotonic() - began < 9
            assert slowest < 1
        finally:
            costs.process.thaw()
    wait_until(lambda: costs.get("/costs").status_code == 200, what="the page to come back", timeout=40)


def _open(costs: Costs, path: str) -> Any:
    """A request whose answer is not waited for yet."""
    from http.client import HTTPConnection

    connection = HTTPConnection(costs.url.removeprefix("http://"), timeout=30)
    connection.request("GET", path)
    return connection
