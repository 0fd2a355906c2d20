"""The export in FOCUS: mandatory columns, 12 decimals, sums that equal the report's, corrections of closed months."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml

from stackledger import money
from stackledger.cli import main
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.focus.answers import FocusReply, FocusRequest, focus_day
from stackledger.ledger.focus.columns import DECIMALS, MANDATORY
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.reprice import reprice
from tests.integration.ledger.building import Ledger, PriceList, event, flat_rate, varied
from tests.integration.ledger.declaring import first_statement

# Written out here once more, from the specification: 21 columns in either version.
SPECIFIED = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ServiceCategory",
    "ServiceName",
}  # fmt: skip


class Opened:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def now_us(self) -> int:
        return 0

    def book(self) -> str:
        return "book-1"

    def waiting(self) -> tuple[int, float]:
        return 0, 0.0


def days(engine: Engine, zone: str = "UTC", *, users: bool = True) -> list[FocusReply]:
    first = date(2026, 3, 1)
    return [focus_day(Opened(engine), FocusRequest(first + timedelta(n), zone, users)) for n in range(31)]


def total(replies: list[FocusReply]) -> int:
    return sum(int(line.cost) for one in replies for line in one.lines)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_the_lines_of_a_month_sum_to_the_report(engine: Engine, zone: str) -> None:
    Ledger(engine).put(varied(range(600)), 1)
    question = Question(("user", "team"), date(2026, 3, 1), date(2026, 3, 31), ZoneInfo(zone))
    report = ask(engine, question)
    replies = days(engine, zone)
    assert total(replies) == sum(line.cost for line in report.lines) == total(days(engine, zone, users=False))
    assert sum(one.unpriced for one in replies) == sum(line.unpriced for line in report.lines) > 0
    by_user: dict[str, int] = {}
    for line in (line for one in replies for line in one.lines):
        by_user[line.user] = by_user.get(line.user, 0) + int(line.cost)
        assert int(line.cost) == (line.units or 0) * int(line.price or 0)
    wanted: dict[str, int] = {}
    for one in report.lines:
        wanted[one.keys[0]] = wanted.get(one.keys[0], 0) + one.cost
    assert {name: cost for name, cost in by_user.items() if cost} == {
        name: cost for name, cost in wanted.items() if cost
    }


def test_what_changes_a_closed_month_is_a_correction(engine: Engine) -> None:
    ledger = Ledger(engine)
    ledger.put([event(1), event(2, model="m99")], 1)
    closed = round(datetime(2026, 4, 2, tzinfo=UTC).timestamp() * 1e6)
    engine.state_month(first_statement("2026-03", closed, inbox=1, correction=0))
    march = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1e6)
    before = total(days(engine))
    assert not any(line.correction for one in days(engine) for line in one.lines)
    ledger.put([event(3, user="late")], 2)
    prices = PriceList("book-2", {"m1": flat_rate(10), "m99": flat_rate(3)})
    changed = reprice(
        engine, prices, from_us=march, until_us=closed, only_unpriced=False, cause="list corrected", made_us=closed + 5
    )
    assert (changed.changed, changed.newly_priced) == (3, 1)
    replies = days(engine)
    lines = [line for one in replies for line in one.lines]
    assert sum(int(line.cost) for line in lines if not line.correction) == before
    (whole,) = ask(engine, Question((), date(2026, 3, 1), date(2026, 3, 31), ZoneInfo("UTC"))).lines
    assert total(replies) == whole.cost == total(days(engine, users=False))
    assert sum(one.unpriced for one in replies) == whole.unpriced == 0
    changes = sorted((line.user, int(line.cost)) for line in lines if line.correction and line.units is None)
    units = 10 + 5 + 1
    assert changes == [("late", 2 * units), ("u", 2 * units), ("u", 3 * units)]
    assert {line.user for line in lines if line.correction and line.units is not None} == {"late"}
    assert all(line.correction == (line.user == "late") for line in lines if line.units is not None)


@pytest.mark.parametrize(("version", "suffix"), [("1.2", "csv"), ("1.4", "parquet")])
def test_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, suffix: str) -> None:
    config = tmp_path / "stackledger.yaml"
    costs = {"zone": "Europe/Berlin", "bills": {"zones": {"openai": "Europe/Berlin"}}}
    config.write_text(yaml.safe_dump({"version": 1, "data_dir": str(tmp_path / "data"), "costs": costs}))
    usage = tmp_path / "usage.ndjson"
    usage.write_text(
        "".join(
            json.dumps(
                {
                    "id": f"c{n}", "time": f"2026-10-{n + 1:02d}T22:30:00Z", "source": "app", "provider": "openai",
                    "model": "gpt-4o" if n else "no-such", "user": f"=u{n % 2}", "team": "search", "feature": "rank",
                    "tags": {"k": "v"}, "usage": {"input_uncached": 1, "output": n},
                }
            )
            + "\n"
            for n in range(31)
        )
    )  # fmt: skip
    assert main(["costs", "import", "--config", str(config), str(usage)]) == 0
    out = tmp_path / f"october.{suffix}"
    words = ["costs", "export", "--config", str(config), "--focus", version, "--month", "2026-10", "--out", str(out)]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "1 calls have no known price" in told.err
    names = SPECIFIED | (
        {"ProviderName", "PublisherName"} if version == "1.2" else {"HostProviderName", "ServiceProviderName"}
    )
    assert set(MANDATORY[version]) == names
    assert len(names) == 21
    if suffix == "csv":
        with out.open() as file:
            rows = list(csv.DictReader(file))
        assert all(len(row[name].partition(".")[2]) == 12 for row in rows for name in DECIMALS)
        amounts = [money.parse(row["BilledCost"]) for row in rows]
    else:
        relation = duckdb.sql(f"SELECT * FROM '{out}'")
        kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
        assert {kinds[name] for name in DECIMALS} == {"DECIMAL(38,12)"}
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        amounts = [money.parse(str(row["BilledCost"])) for row in rows]
    assert names <= set(rows[0])
    assert all(name[0].isupper() or name.startswith("x_") for name in rows[0])
    assert {row["ConsumedUnit"] for row in rows} == {"Tokens"}
    assert {row["x_Team"] for row in rows} == {"search"}
    assert main(["costs", "report", "--config", str(config), "--month", "2026-10", "--json"]) == 0
    (whole,) = json.loads(capsys.readouterr().out)
    assert sum(amounts) == money.parse(whole["cost_usd"]) > 0
    if suffix == "csv":
        assert {row["x_User"] for row in rows} == {"'=u0", "'=u1"}
        assert rows[0]["BillingPeriodStart"] == "2026-09-30T22:00:00Z"  # October of Berlin
        assert rows[-1]["BillingPeriodEnd"] == "2026-10-31T23:00:00Z"
        assert main(["costs", "import", "--config", str(config), "--format", "focus", str(out)]) == 0
        assert main(["costs", "reconcile", "--config", str(config), "--month", "2026-10", "--json"]) == 0
        found = json.loads(capsys.readouterr().out.partition("\n")[2])["accounts"][0]
        assert found["billed_usd"] == whole["cost_usd"]
        assert found["causes_usd"].keys() <= {"not_billed"}  # of the evening that is November in Berlin
