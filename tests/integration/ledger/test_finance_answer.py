"""Done when: "what did user X cost us last month, on which models, and does it match the bill?", from the real service.

Calls of several users are sent in over HTTP, the month is over, the vendors' bill is imported as FOCUS with one planted
difference. Then every way of asking gives the same amounts, which are worked out here on paper, and names the cause.
USD for a million tokens: gpt-fin 2 in, 8 out; claude-fin 3 in, 15 out.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import re
import shlex
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.process import wait_until
from stackledger import money
from stackledger.domains.cost.metrics import LLM_COST, LLM_MODEL_COST, LLM_USER_COST
from tests.integration.ledger.cost_service import CostService

LAST = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
FIRST, MONTH = LAST.replace(day=1), f"{LAST:%Y-%m}"
OPENAI, ANTHROPIC = ("openai", "gpt-fin"), ("anthropic", "claude-fin")

# who, provider and model, day, thousands of tokens in and out                          USD
CALLS = [
    ("alice", OPENAI, 3, 1000, 500),  # 2.00 + 4.00 = 6.00
    ("alice", ANTHROPIC, 3, 0, 200),  # 3.00
    ("bob", OPENAI, 3, 2000, 0),  # 4.00
    ("bob", OPENAI, 9, 0, 250),  # 2.00
    ("", ANTHROPIC, 9, 100, 0),  # 0.30
]
# provider, day, the vendor's words, thousands of tokens, USD
BILL = [
    ("OpenAI", 3, "gpt-fin, input", 3000, "6.00"),
    ("OpenAI", 3, "gpt-fin, output", 600, "4.80"),  # planted: 100,000 more than ours, 0.80 USD
    ("OpenAI", 9, "gpt-fin, output", 250, "2.00"),
    ("Anthropic", 3, "Claude Fin Usage - Output Tokens", 200, "3.00"),
    ("Anthropic", 9, "Claude Fin Usage - Input Tokens", 100, "0.30"),
]
BY_USER = {"alice": "9.00", "bob": "6.00", "": "0.30"}
BY_MODEL = {OPENAI: "12.00", ANTHROPIC: "3.30"}
ALICE = {OPENAI: "6.00", ANTHROPIC: "3.00"}
WHOLE, BILLED, MISSING = "15.30", {"openai": "12.80", "anthropic": "3.30"}, "0.80"
KEY = "key-of-the-hashes-0123456789"


def sent() -> list[dict[str, Any]]:
    """The calls, each as ten."""
    return [
        {
            "id": f"{number}-{part}", "time": f"{MONTH}-{day:02d}T12:00:00Z", "source": "app", "user": user,
            "provider": provider, "model": model,
            "usage": {"input_uncached": tokens_in * 100, "output": tokens_out * 100},
        }
        for number, (user, (provider, model), day, tokens_in, tokens_out) in enumerate(CALLS)
        for part in range(10)
    ]  # fmt: skip


def write_bill(path: Path) -> Path:
    """FOCUS 1.2."""

    def midnight(day: date) -> str:
        return f"{day}T00:00:00Z"

    rows = [
        {
            "ProviderName": provider, "PublisherName": provider, "InvoiceIssuerName": provider,
            "BillingAccountId": "org", "BillingCurrency": "USD", "BillingPeriodStart": midnight(FIRST),
            "BillingPeriodEnd": midnight(LAST + timedelta(days=1)),
            "ChargePeriodStart": midnight(FIRST.replace(day=day)),
            "ChargePeriodEnd": midnight(FIRST.replace(day=day + 1)), "ChargeCategory": "Usage",
            "ServiceCategory": "AI and Machine Learning", "ChargeDescription": words, "BilledCost": billed,
            "ConsumedQuantity": str(thousands), "ConsumedUnit": "1K tokens", "InvoiceId": "INV-1",
        }
        for provider, day, words, thousands, billed in BILL
    ]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


class Page(HTMLParser):
    """What a page says: its text, the exact amounts of the element with each id, and of each bill."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.amounts: dict[str, list[str]] = {}
        self._at = ""
        self.feed(re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if told.get("id") or tag in ("section", "article", "figure"):
            self._at = told.get("id") or tag
        if tag == "data":
            self.amounts.setdefault(self._at, []).append(str(told["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(service: CostService, path: str) -> Page:
    answer = httpx.get(service.page + path, timeout=30)
    assert answer.status_code == 200
    return Page(answer.text)


@pytest.fixture
def month(kind: str, cost_service: Callable[..., CostService], request: Any, tmp_path: Path) -> CostService:
    """The service after the month, with the bill."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "anna").write_text("anna-secret-1234567890")
    rates = {OPENAI: ("2", "8"), ANTHROPIC: ("3", "15")}
    more: dict[str, Any] = {}
    if kind == "postgres":
        password = tmp_path / "password"
        password.write_text("ledger-secret")
        dsn = request.getfixturevalue("postgres_dsn").replace(" password=ledger-secret", "")
        more = {"postgres": {"conninfo": dsn, "password": {"file": str(password)}, "schema_name": "finance_answer"}}
    service = cost_service(
        http={
            "tokens": [
                {"name": "anna", "scopes": ["admin"], "role": "finance", "token": {"file": str(tmp_path / "anna")}}
            ]
        },
        users={"hash_key": {"file": str(tmp_path / "key")}, "in_metrics": 10},
        prices={
            "negotiated": [
                {
                    "provider": provider, "model": model, "usd_per_million": {"input_uncached": into, "output": out},
                }
                for (provider, model), (into, out) in rates.items()
            ]
        },
        **more,
    )  # fmt: skip
    assert service.post(sent()).json()["refused"] == []
    service.until_events(len(sent()))
    assert "5 new" in service.ask("import", "--format", "focus", str(write_bill(tmp_path / "bill.csv")))
    return service


def test_every_way_of_asking_gives_the_same_amounts_and_names_the_cause(month: CostService, kind: str) -> None:
    the_report(month)
    the_comparison(month)
    the_pages(month)
    the_metrics(month)
    if kind == "postgres":
        assert by_sql(month) == {name: money.parse(amount) // 10**10 for name, amount in BY_USER.items()}
    finance_signs(month)


def the_report(month: CostService) -> None:
    """What did user X cost us last month, on which models."""
    report = ("--month", MONTH)
    assert {row["user"]: row["cost_usd"] for row in month.report(*report, "--by", "user")} == BY_USER
    rows = month.report(*report, "--by", "provider,model", "--where", "user=alice")
    assert {(row["provider"], row["model"]): row["cost_usd"] for row in rows} == ALICE
    (whole,) = month.report(*report)
    assert whole["cost_usd"] == WHOLE


def the_comparison(month: CostService) -> None:
    """Does it match the bill, and where not, which of our calls are those."""
    told = json.loads(month.ask("reconcile", "--json", "--month", MONTH))
    accounts = {one["provider"]: one for one in told["accounts"]}
    assert {name: one["billed_usd"] for name, one in accounts.items()} == BILLED
    assert accounts["openai"]["estimated_usd"] == BY_MODEL[OPENAI]
    assert accounts["openai"]["causes_usd"] == {"missing": MISSING}
    assert accounts["anthropic"]["causes_usd"] == {}
    assert {one["status"] for one in told["accounts"]} == {"final"}
    (line,) = [one for one in told["lines"] if one["causes_usd"]]
    assert (line["first"], line["model"], line["unit"]) == (f"{MONTH}-03", "gpt-fin", "output")
    assert (line["estimated_units"], line["billed_units"]) == ("500000", "600000")
    command = shlex.split(line["explain"])
    assert command[:5] == ["stackledger", "costs", "explain", "--config", str(month.config)]
    explained = json.loads(month.ask(command[2], *command[5:], "--json"))
    parts = {part["bucket"]: part["units"] for rate in explained["rates"] for part in rate["parts"]}
    assert (parts["output"], explained["calls"]) == (500_000, 20)  # ten calls of alice and ten of bob


def the_pages(month: CostService) -> None:
    """The same from the console."""
    costs = page(month, f"/costs?month={MONTH}")
    assert costs.amounts["card-last_month"] == [WHOLE]
    assert costs.amounts["article"][:4] == [BILLED["openai"], BY_MODEL[OPENAI], MISSING, MISSING]
    assert costs.amounts["article"][4:6] == [BILLED["anthropic"], BY_MODEL[ANTHROPIC]]
    assert "Billed, but no call of ours tells of it (missing events) +0.80" in costs.text
    assert "openai explained" in costs.text
    assert "anthropic matches" in costs.text
    alice = page(month, f"/costs/users/alice?month={MONTH}")
    assert alice.amounts["card-chosen"] == ["9.00"]
    assert "openai explained: billed 12.80, our estimate 12.00, explained to 0.00; 6.00 of it is alice" in alice.text
    assert "anthropic matches: billed 3.30, our estimate 3.30, explained to 0.00; 3.00 of it is alice" in alice.text
    assert "9.00 of 9.00 USD are on bills that are final and fit" in alice.text
    assert {(row[0], row[1]) for row in re.findall(r"(openai|anthropic) / (\S+fin)", alice.text)} == set(ALICE)
    bills = page(month, f"/costs/bills?month={MONTH}")
    assert bills.amounts["card-billed"] == ["16.10"]
    assert bills.amounts["card-difference"] == [MISSING]


def the_metrics(month: CostService) -> None:
    """The same from what the board shows."""
    hashed = {name: hmac.new(KEY.encode(), name.encode(), hashlib.sha256).hexdigest()[:32] for name in ("alice", "bob")}
    wanted = {(LLM_COST.name, ""): WHOLE, (LLM_MODEL_COST.name, "gpt-fin"): "12.00"} | {
        (LLM_USER_COST.name, hashed.get(name, "")): amount for name, amount in BY_USER.items()
    }
    found: dict[tuple[str, str], float] = {}

    def there() -> bool:
        text = httpx.get(f"{month.page}/metrics", timeout=30).text
        for name, labels, value in re.findall(r'^(\w+)\{(.*period="last_month".*)\} (\S+)$', text, re.MULTILINE):
            of = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            found[name, of.get("model", of.get("user", ""))] = float(value)
        return (LLM_COST.name, "") in found and found[LLM_COST.name, ""] == float(WHOLE)

    wait_until(there, what="the metrics to have the month", timeout=60)
    assert {key: found[key] for key in wanted} == {key: float(amount) for key, amount in wanted.items()}
    board = (Path(__file__).parents[3] / "dashboards").rglob("*.json")
    boards = "".join(one.read_text() for one in board)
    assert all(metric.name in boards for metric in (LLM_COST, LLM_MODEL_COST))


def finance_signs(month: CostService) -> None:
    """The month is closed, and says so."""
    token = str(month.config.parent / "anna")
    assert f"Statement 1 of {MONTH} made" in month.ask("close", MONTH, "--token-file", token)
    statement = json.loads((month.config.parent / f"data/statements/statement-{MONTH}-1.json").read_text())
    assert statement["estimate"]["estimated_usd"] == WHOLE
    assert [one["causes_usd"] for one in statement["reconciliation"]] == [{}, {"missing": MISSING}]
    assert "Closed by anna (finance)" in page(month, f"/costs?month={MONTH}").text


def by_sql(service: CostService) -> dict[str, int]:
    """Cents by user, from the tables that Grafana reads."""
    import psycopg

    settings = yaml.safe_load(service.config.read_text())["costs"]["postgres"]
    secret = Path(settings["password"]["file"]).read_text()
    with closing(psycopg.connect(settings["conninfo"], password=secret)) as connection:
        rows = connection.execute(
            "SELECT user_name, (sum(cost_usd) * 100)::bigint FROM finance_answer.call_cost GROUP BY 1"
        ).fetchall()
    return dict(rows)
