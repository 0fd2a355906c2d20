"""The cost per active user as finance meets it: files in, the command, a real Prometheus, the service and its page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab import ports
from lab.process import wait_until
from lab.prometheus import Prometheus, run_tool
from stackledger import money
from stackledger.cli import main
from stackledger.clock import SystemClock
from tests.integration.ledger.cost_service import CostService

NEGOTIATED = [{"provider": "p", "model": "m", "usd_per_million": {"output": "1000"}}]
"""A tenth of a cent for each token of output."""
TODAY = datetime.fromtimestamp(SystemClock().now(), UTC).date()
LAST = TODAY.replace(day=1) - timedelta(days=1)
FIRST = LAST.replace(day=1)
MONTH = f"{LAST:%Y-%m}"


def usage(number: int, user: str, tokens: int) -> dict[str, Any]:
    return {
        "id": f"call-{number}", "time": f"{FIRST}T12:00:00Z", "source": "app", "provider": "p", "model": "m",
        "user": user, "usage": {"output": tokens},
    }  # fmt: skip


CALLS = [usage(1, "alice", 3000), usage(2, "bob", 1000), usage(3, "", 1000)]


class Finance:
    """A configuration, its files, and the command line without a service."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "rates.csv").write_text(f"day,from,to,rate\n{LAST},EUR,USD,1.1\n")
        (folder / "hosting.csv").write_text(
            f"provider,account,from,to,amount,currency,invoice\nhosting,1,{FIRST},{LAST},90,USD,h-1\n"
        )
        (folder / "wages.csv").write_text(
            f"provider,from,to,amount,currency,invoice\npayroll,{FIRST},{LAST},100,EUR,w-1\n"
        )
        (folder / "users.csv").write_text(f"month,users\n{MONTH},8\n")
        (folder / "usage.json").write_text(json.dumps(CALLS))

    def configure(self, per_user: dict[str, Any] | None, prometheus: str = "http://127.0.0.1:9") -> None:
        costs: dict[str, Any] = {"prices": {"negotiated": NEGOTIATED}, "rates": {"file": "rates.csv"}}
        if per_user is not None:
            costs["per_user"] = per_user
        root = {"version": 1, "data_dir": "data", "prometheus": {"url": prometheus}, "costs": costs}
        (self.folder / "stackledger.yaml").write_text(yaml.safe_dump(root))

    def run(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(["costs", words[0], "--config", str(self.folder / "stackledger.yaml"), *words[1:]])
        told = self._capsys.readouterr()
        return code, told.out, told.err

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def finance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Finance:
    return Finance(tmp_path, capsys)


def test_from_files_to_the_value(finance: Finance) -> None:
    """5 USD of calls, 90 of hosting, 100 EUR of wages at 1.1, by 8 active users."""
    finance.configure(None)
    code, out, _ = finance.run("per-user", "--month", MONTH)
    assert (code, "UNKNOWN" in out, "costs.per_user" in out) == (3, True, True)
    finance.configure({"users": {"source": "imported"}, "engineering": True, "target_usd": 5})
    assert finance.run("import", finance.file("usage.json"))[0] == 0
    code, out, _ = finance.run("per-user")
    assert code == 3
    for words in (
        f"no charge for infrastructure of anybody for {MONTH}", "no charge for engineering", "--format users",
        "Infrastructure (allocated)                                 unknown     unknown",
    ):  # fmt: skip
        assert words in out
    assert finance.run("import", "--format", "bill", "--kind", "infrastructure", finance.file("hosting.csv"))[0] == 0
    assert finance.run("import", "--format", "bill", "--kind", "engineering", finance.file("wages.csv"))[0] == 0
    code, out, _ = finance.run("import", "--format", "users", finance.file("users.csv"))
    assert (code, "1 lines: 1 new" in out) == (0, True)
    assert "Nothing changed" in finance.run("import", "--format", "users", finance.file("users.csv"))[1]

    code, out, _ = finance.run("per-user", "--by-user")
    assert code == 0
    for words in (
        f"Cost per active user in {MONTH}: 25.62 USD (8 active users)",  # 205 / 8 = 25.625, half to even
        "Above the target of 5.00 USD.", "engineering payroll/: 100.00 EUR = 110.00 USD at 1 EUR = 1.1 USD",
        "(active users without a call): 6", "Definition", f"Month: {MONTH}, days of UTC",
        "Cost: models (our estimate) + infrastructure + engineering, in USD.", "Calls: 3. Tokens: 5,000.",
    ):  # fmt: skip
        assert words in out
    told = json.loads(finance.run("per-user", "--by-user", "--json", "--month", MONTH)[1])
    assert (told["per_user_usd"], told["cost_usd"], told["known"]) == ("25.625", "205.00", True)
    assert [one["per_user_usd"] for one in told["parts"]] == ["0.50", "0.125", "11.25", "13.75"]
    assert [one["cost_usd"] for one in told["users"]] == ["28.125", "26.125", "150.75"]
    assert sum(money.parse(one["cost_usd"]) for one in told["users"]) == money.parse("205")
    assert (told["per_request_usd"], told["per_thousand_tokens_usd"]) == ("68.333333333333", "41.00")
    rows = list(csv.DictReader(io.StringIO(finance.run("per-user", "--csv")[1])))
    assert [(row["part"], row["per_user_usd"]) for row in rows][-1] == ("all", "25.625")
    assert all("Active users: the imported count" in row["definition"] and not row["unknown"] for row in rows)
    rows = list(csv.DictReader(io.StringIO(finance.run("per-user", "--by-user", "--csv")[1])))
    assert [row["user"] for row in rows] == ["alice", "bob", "(active users without a call)"]
    assert sum(money.parse(row["engineering_usd"]) for row in rows) == money.parse("110")

    (finance.folder / "rates.csv").write_text("day,from,to,rate\n")
    code, out, _ = finance.run("per-user")
    assert (code, "no rate of EUR to USD is known" in out) == (3, True)
    rows = list(csv.DictReader(io.StringIO(finance.run("per-user", "--csv")[1])))
    assert {row["per_user_usd"] for row in rows} == {""}
    assert {row["cost_usd"] for row in rows} == {""}
    assert "no rate of EUR" in rows[0]["unknown"]
    (row,) = csv.DictReader(io.StringIO(finance.run("per-user", "--by-user", "--csv")[1]))
    assert (row["month"], row["user"], row["cost_usd"], row["engineering_usd"]) == (MONTH, "", "", "")
    assert "no rate of EUR" in row["unknown"]
    assert "Active users: the imported count" in row["definition"]
    (finance.folder / "rates.csv").unlink()
    code, out, _ = finance.run("per-user")
    assert (code, "rates.csv cannot be read" in out) == (3, True)


def test_what_is_wrong_is_told_with_the_place(finance: Finance) -> None:
    finance.configure({"users": {"source": "imported"}})
    bad = finance.folder / "bad.csv"
    bad.write_text("month,users\n2026-13,5\n2026-01,-1\n2026-02,3.5\n2026-03,7\n2026-03,7\n")
    code, _, err = finance.run("import", "--format", "users", str(bad))
    assert code == 2
    for words in (
        "line 2: '2026-13' is not a month", "line 3: users '-1' is no number of people", "line 4: users '3.5'",
        "line 6: 2026-03 has another line", "Nothing of",
    ):  # fmt: skip
        assert words in err
    assert finance.run("import", "--format", "users", "--kind", "bill", finance.file("users.csv"))[0] == 2
    assert finance.run("import", "--format", "users", finance.file("users.csv"), finance.file("users.csv"))[0] == 2
    assert finance.run("per-user", "--month", "March")[0] == 2
    for per_user, words in (
        ({"users": {"source": "prometheus"}}, "`query` is given where the source is `prometheus`"),
        ({"users": {"source": "ledger", "query": "x"}}, "`query` is given where the source is `prometheus`"),
        ({}, "users"),
        ({"users": {"source": "guess"}}, "source"),
        ({"users": {"source": "ledger"}, "target_usd": 0}, "target_usd"),
        ({"users": {"source": "ledger"}, "leave_out": ["vat"]}, "leave_out"),
    ):
        finance.configure(per_user)
        code, _, err = finance.run("per-user")
        assert code == 2
        assert words in err


class Remembering(Prometheus):
    """A Prometheus with a month of data in it that was never scraped, and that keeps it."""

    def __init__(self, series: str, port: int) -> None:
        super().__init__("scrape_configs: []", port=port)
        self._series = series

    def _argv(self) -> list[str]:
        text = self.directory / "series.txt"
        text.write_text(self._series)
        run_tool("promtool", "tsdb", "create-blocks-from", "openmetrics", text, self.directory / "data")
        return [word.replace("retention.time=2h", "retention.time=400d") for word in super()._argv()]


def monthly_users() -> str:
    """Users of the last month that grow to 40 on its last day, and 77 from the next month on."""
    lines = ["# TYPE app_monthly_active_users gauge"]
    for hours in range((LAST - FIRST).days * 24, (TODAY - FIRST).days * 24 + 1):
        at = datetime(FIRST.year, FIRST.month, 1, tzinfo=UTC) + timedelta(hours=hours)
        users = 77 if at.date() > LAST else min(40, 20 + at.hour)
        lines.append(f"app_monthly_active_users {users} {at.timestamp():.0f}")
    return "\n".join([*lines, "# EOF\n"])


@pytest.mark.real("prometheus")
def test_prometheus_tells_the_closed_month_and_what_it_said_stays(finance: Finance, start: Any) -> None:
    with ports.reserve(1) as held:
        finance.configure(
            {
                "users": {"source": "prometheus", "query": "max_over_time(app_monthly_active_users[$month])"},
                "infrastructure": False,
            },
            f"http://127.0.0.1:{held.ports[0]}",
        )
        finance.run("import", finance.file("usage.json"))
        code, out, _ = finance.run("per-user")
        assert (code, "does not answer" in out) == (3, True)  # nobody is there: UNKNOWN until somebody answers
        prometheus = start(Remembering(monthly_users(), held.ports[0]))
        code, out, _ = finance.run("per-user")
        assert (code, f"Cost per active user in {MONTH}: 0.12 USD (40 active users)" in out) == (0, True)
        assert "max_over_time(app_monthly_active_users[" in out
        finance.configure(
            {"users": {"source": "prometheus", "query": "nothing_at_all"}, "infrastructure": False}, prometheus.url
        )
        code, out, _ = finance.run("per-user")
        assert (code, "nothing_at_all gives no series" in out) == (3, True)
        finance.configure({"users": {"source": "prometheus", "query": "sum("}, "infrastructure": False}, prometheus.url)
        assert "refuses sum(" in finance.run("per-user")[1]
        finance.configure(
            {
                "users": {"source": "prometheus", "query": "max_over_time(app_monthly_active_users[$month])"},
                "infrastructure": False,
            },
            prometheus.url,
        )
        prometheus.stop()
        code, out, _ = finance.run("per-user")
        assert (code, "(40 active users)" in out) == (0, True)


def test_the_service_shows_the_value_on_its_page_and_its_metrics(
    cost_service: Callable[..., CostService], finance: Finance
) -> None:
    service = cost_service(
        prices={"negotiated": NEGOTIATED}, per_user={"users": {"source": "ledger"}, "target_usd": 40}
    )
    service.post(CALLS)
    service.until_events(3)
    service.ask("import", "--format", "bill", "--kind", "infrastructure", finance.file("hosting.csv"))
    told = json.loads(service.ask("per-user", "--json"))
    assert (told["per_user_usd"], told["active_users"]) == ("47.50", 2)
    service.kill("ledger")  # it computes at its start, and then every five minutes

    def samples() -> list[str]:
        text = httpx.get(f"{service.page}/metrics", timeout=5).text
        return [line for line in text.splitlines() if line.startswith("stackledger_cost_")]

    wait_until(
        lambda: "stackledger_cost_per_active_user_usd{" in "".join(samples()), what="the value on the page", timeout=90
    )
    shown = "\n".join(samples())
    for words in (
        'part="infrastructure"} 45', 'part="llm_attributed"} 2', 'part="llm_allocated"} 0.5',
        "stackledger_cost_active_users{", 'reason="none"} 1',
        f'month="{MONTH}"', 'users_from="ledger"',
    ):  # fmt: skip
        assert words in shown
    page = httpx.get(f"{service.page}/costs", timeout=10).text
    for words in (f"Cost per active user in {MONTH}", ">47.50</data>", "above", "users who made a call to a model"):
        assert words in page
