"""From a vendor's reports to a bill in the ledger that is compared with our estimates, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from stackledger import money
from stackledger.errors import QuestionError
from stackledger.ledger.buckets import Usage
from stackledger.ledger.charges.store import last_delivery
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls.asking import PullRequest
from stackledger.ledger.pulls.runner import Pulls
from stackledger.ledger.pulls.values import OTHERS
from stackledger.ledger.reconcile.answers import Terms, reconciled
from tests.integration.ledger.building import Ledger, PriceList, event, flat_rate
from tests.integration.ledger.pulling import NOON, OCTOBER, Calendar, lines, pulled, settings
from tests.integration.ledger.vendor import Vendor

GPT = "gpt-4o-2024-08-06"
CLAUDE = "claude-sonnet-4-20250514"
DAY = date(2026, 10, 20)


def gpt(account: str, day: date, vendor: Vendor, *, inputs: int, cached: int, outputs: int, usd: str) -> None:
    """OpenAI's side of a day of one model: 1 USD a million of input, a half of cached, 4 of output; and its usage."""
    vendor.costs[day][account, f"{GPT}, input"] = Decimal(inputs) / 10**6 + Decimal(usd)
    vendor.costs[day][account, f"{GPT}, cached input"] = Decimal(cached) / 2 / 10**6
    vendor.costs[day][account, f"{GPT}, output"] = Decimal(outputs) * 4 / 10**6
    vendor.usage[day].append(
        {
            "project_id": account, "model": GPT, "input_tokens": inputs + cached, "input_cached_tokens": cached,
            "output_tokens": outputs, "num_model_requests": 3,
        }
    )  # fmt: skip


def test_a_pulled_bill_is_reconciled_with_its_planted_differences(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    """Our calls have the same units, but 1000 outputs fewer; the vendor's input is dearer by 0.25 USD on the day."""
    prices = PriceList(models={GPT: flat_rate(1_000_000), CLAUDE: flat_rate(3_000_000)})
    at = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    minutes = (at - datetime(2026, 3, 1, 12, tzinfo=UTC)).total_seconds() / 60
    Ledger(engine, prices).put(
        [
            event("a", minutes=minutes, provider="openai", model=GPT, tags={"account": "proj-a"},
                  usage=Usage(input_uncached=400_000, cache_read=0, output=9_000)),
            event("b", minutes=minutes, provider="anthropic", model=CLAUDE, tags={"account": "ws-1"},
                  usage=Usage(input_uncached=50_000, output=5_000)),
        ],
        1,
    )  # fmt: skip
    gpt("proj-a", DAY, vendor, inputs=400_000, cached=0, outputs=10_000, usd="0.25")
    del vendor.costs[DAY]["proj-a", f"{GPT}, cached input"]
    one = pulls(settings(vendor, "openai", tmp_path))
    pulled(one, "openai")
    stored = {line.unit: line for line in lines(engine)}
    assert (stored["input_uncached"].quantity, stored["output"].quantity) == (400_000 * money.PICO, 10_000 * money.PICO)
    assert {line.account for line in stored.values()} == {"proj-a"}

    found = reconciled(engine, DAY, DAY, round(NOON.timestamp() * 1e6), Terms("tag.account"))
    told = {
        (line.account, line.unit): {str(cause): amount for cause, amount in line.causes.items()} for line in found.lines
    }
    assert told["proj-a", "input_uncached"] == {"price": money.parse("0.25")}
    # 1000 missing at our price of 1e-6, and 10,000 at 3e-6 more than ours
    assert told["proj-a", "output"] == {"missing": money.parse("0.001"), "price": money.parse("0.03")}
    (account,) = [one for one in found.accounts if one.provider == "openai"]
    assert account.status == "final"
    assert account.billed - account.estimated == sum(account.causes.values())


def test_anthropics_cents_tiers_and_units(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    words = {
        "Claude Sonnet 4 Usage - Input Tokens": ("uncached_input_tokens", "standard"),
        "Claude Sonnet 4 Usage - Input Tokens, Batch": ("uncached_input_tokens", "batch"),
        "Claude Sonnet 4 Usage - Input Tokens > 200k": ("uncached_input_tokens", "standard"),
        "Claude Sonnet 4 Usage - Output Tokens": ("output_tokens", "standard"),
    }
    for told, (kind, tier) in words.items():
        vendor.details[told] = {"model": CLAUDE, "token_type": kind, "service_tier": tier}
        vendor.costs[DAY]["ws-1", told] = Decimal("1.2345")
    vendor.costs[DAY]["", "Code Execution Usage"] = Decimal("0.5")
    vendor.costs[DAY]["ws-1", "Web Search Usage"] = Decimal("0.02")
    vendor.usage[DAY] = [
        {"workspace_id": "ws-1", "model": CLAUDE, "service_tier": tier, "uncached_input_tokens": count,
         "output_tokens": 7, "server_tool_use": {"web_search_requests": 1}}
        for tier, count in (("standard", 1000), ("batch", 300), ("priority", 5000))
    ]  # fmt: skip
    pulled(pulls(settings(vendor, "anthropic", tmp_path)), "anthropic")
    found = {(one.account, one.sku): one for one in lines(engine)}
    both = "Claude Sonnet 4 Usage - Input Tokens + Claude Sonnet 4 Usage - Input Tokens > 200k"
    assert (found["ws-1", both].billed, found["ws-1", both].quantity) == (2_469 * 10**9, 1000 * money.PICO)
    batch = found["ws-1", "Claude Sonnet 4 Usage - Input Tokens, Batch"]
    assert (batch.billed, batch.quantity, batch.model) == (12_345 * 10**8, 300 * money.PICO, CLAUDE)
    assert found["ws-1", "Web Search Usage"].quantity == 2 * money.PICO  # Priority Tier is never in costs
    execution = found["", "Code Execution Usage"]
    assert (execution.quantity, execution.unit, execution.billed) == (None, "", 5 * 10**11)
    assert len(found) == 5


def test_units_are_never_counted_twice_and_never_guessed(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    gpt("p", DAY, vendor, inputs=1000, cached=200, outputs=50, usd="0")
    vendor.details[f"{GPT}, output"] = {"quantity": 0.05, "quantity_unit": "1K tokens"}
    # another name for the same model, and a model without usage
    vendor.costs[DAY]["p", "gpt-4o, input"] = Decimal(1)
    vendor.costs[DAY]["p", "gpt-9, input"] = Decimal(1)
    vendor.details["gpt-9, input"] = {"quantity": 5, "quantity_unit": "images"}
    # two names that may both mean the model of one row
    vendor.costs[DAY]["p", "gpt-8-turbo, input"] = vendor.costs[DAY]["p", "gpt-8 turbo, input"] = Decimal(1)
    vendor.usage[DAY].append({"project_id": "p", "model": "gpt-8-turbo-2026-01-01", "input_tokens": 9})
    vendor.costs[DAY]["p", "text-embedding-3-small, input"] = Decimal(1)
    vendor.embeddings[DAY] = [{"project_id": "p", "model": "text-embedding-3-small", "input_tokens": 77}]
    pulled(pulls(settings(vendor, "openai", tmp_path)), "openai")
    found = {one.sku: one.quantity for one in lines(engine)}
    assert found == {
        f"{GPT}, input": 1000 * money.PICO, f"{GPT}, cached input": 200 * money.PICO,
        f"{GPT}, output": 50 * money.PICO, "gpt-4o, input": None, "gpt-9, input": None,
        "text-embedding-3-small, input": 77 * money.PICO, "gpt-8-turbo, input": None, "gpt-8 turbo, input": None,
    }  # fmt: skip


def test_late_restatements_replace_lines_and_keep_them(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    for n in range(30):
        gpt("p", OCTOBER + timedelta(days=n), vendor, inputs=1000, cached=10, outputs=50, usd="0")
    one = pulls(settings(vendor, "openai", tmp_path))
    first = pulled(one, "openai")
    assert [(str(part.first), str(part.last), part.added) for part in first.deliveries] == [
        ("2026-10-01", "2026-10-31", 90), ("2026-11-01", "2026-11-02", 0),
    ]  # fmt: skip
    assert (first.deliveries[0].replaced, first.deliveries[0].billed) == (0, {"USD": str(30 * 1_205_000_000)})
    again = pulled(one, "openai")
    assert [(part.added, part.unchanged, part.replaced) for part in again.deliveries] == [(0, 90, 0), (0, 0, 0)]
    clock.at += timedelta(days=20)
    vendor.costs[DAY]["p", f"{GPT}, input"] += Decimal("0.5")
    del vendor.costs[DAY]["p", f"{GPT}, output"]
    changed = pulled(one, "openai", dry=True)
    assert (changed.deliveries[0].added, changed.deliveries[0].replaced, last_delivery(engine)) == (1, 2, 1)
    changed = pulled(one, "openai")
    assert (changed.deliveries[0].added, changed.deliveries[0].replaced) == (1, 2)
    assert sum(line.billed for line in lines(engine)) == 30 * 1_205_000_000 + 5 * 10**11 - 200_000_000
    assert engine.query("SELECT count(*) FROM charge WHERE superseded IS NOT NULL") == [(2,)]
    assert one.statuses()[0].replaced == 2


def test_groups_beyond_the_hundredth_are_a_line_of_the_bill(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    vendor.costs[DAY] = {("p", f"model-{n}, input"): Decimal("0.01") for n in range(130)}
    pulled(pulls(settings(vendor, "openai", tmp_path)), "openai")
    (rest,) = [one for one in lines(engine) if one.sku == OTHERS]
    assert (rest.billed, rest.model, rest.unit, rest.quantity) == (3 * 10**11, "", "", None)
    assert sum(one.billed for one in lines(engine)) == 13 * 10**11
    found = reconciled(engine, DAY, DAY, round(NOON.timestamp() * 1e6), Terms())
    assert sum(line.billed for line in found.lines) == 13 * 10**11


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_only_the_accounts_that_are_chosen(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path, kind: str
) -> None:
    vendor.costs[DAY] = {("a", "x"): Decimal(1), ("b", "x"): Decimal(2), ("", "x"): Decimal(4)}
    one = pulls(
        settings(vendor, kind, tmp_path, accounts=("a",)),
        settings(vendor, kind, tmp_path, accounts=("b", "default"), name="others"),
    )
    pulled(one, kind)
    assert [(line.account, line.billed) for line in lines(engine)] == [("a", 10**12)]
    pulled(one, "others")
    assert sorted((line.source, line.account) for line in lines(engine)) == [
        (f"{kind}/{kind}", "a"), (f"{kind}/others", ""), (f"{kind}/others", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_what_is_not_listed_is_on_no_bill_of_chosen_accounts_where_it_may_be_of_others(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path, kind: str
) -> None:
    vendor.costs[DAY] = {("a", f"model-{n}"): Decimal("0.01") for n in range(130)}
    one = pulls(
        settings(vendor, kind, tmp_path, accounts=("a", "default"), name="some"),
        settings(vendor, kind, tmp_path, accounts=("b", "default"), name="others"),
        settings(vendor, kind, tmp_path, accounts=("a",), name="own"),
        settings(vendor, kind, tmp_path, name="all"),
    )
    for name in ("some", "others", "own", "all"):
        pulled(one, name)
    with_it = {"openai": ["all", "own"], "anthropic": ["all"]}[kind]  # OpenAI is asked for the accounts alone
    assert [(line.source, line.billed) for line in lines(engine) if line.sku == OTHERS] == [
        (f"{kind}/{name}", 3 * 10**11) for name in with_it
    ]


def test_a_key_is_rotated_while_it_runs(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    vendor.costs[DAY] = {("a", "x"): Decimal(1)}
    one = pulls(settings(vendor, "anthropic", tmp_path))
    vendor.key = "the-next-key"
    refused = pulled(one, "anthropic", well=False)
    assert (refused.reason, "admin-key" in refused.failure, "must be an admin's" in refused.failure) == (
        "auth", False, True,
    )  # fmt: skip
    (tmp_path / "admin.key").write_text("the-next-key\n")
    pulled(one, "anthropic")
    (tmp_path / "admin.key").unlink()
    assert pulled(one, "anthropic", well=False).reason == "auth"
    assert one.statuses()[0].failures["auth"] == 2
    assert len(lines(engine)) == 1


def test_what_a_vendor_does_wrong_changes_nothing_and_passes(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], clock: Calendar, tmp_path: Path
) -> None:
    vendor.costs[DAY] = {("a", "x"): Decimal(1)}
    one = pulls(settings(vendor, "anthropic", tmp_path))
    vendor.failures = [(429, "17"), (503, ""), (500, "3")]
    pulled(one, "anthropic")
    assert [wait for wait in clock.waits if wait > 1][:3] == [17.0, 4.0, 3.0]
    before = lines(engine)
    for body in (b"<html>", b'{"data": 5}', b'{"data": [], "has_more": true}', b"\xff\x00"):
        vendor.garbage = [body]
        assert pulled(one, "anthropic", well=False).reason == "protocol"
    vendor.failures = [(500, "")] * 6
    assert pulled(one, "anthropic", well=False).reason == "timeout"
    vendor.failures = [(404, "")] * 2
    assert pulled(one, "anthropic", well=False).reason == "protocol"
    assert lines(engine) == before
    pulled(one, "anthropic")


def test_days_that_are_asked_for_are_whole_months_and_not_the_schedules(
    engine: Engine, vendor: Vendor, pulls: Callable[..., Pulls], tmp_path: Path
) -> None:
    vendor.costs[date(2026, 8, 30)] = {("a", "x"): Decimal(1)}
    vendor.costs[date(2026, 8, 12)] = {("a", "x"): Decimal(2)}
    one = pulls(settings(vendor, "openai", tmp_path), settings(None, "focus", tmp_path, files=str(tmp_path / "*.csv")))
    found = pulled(one, "openai", first=date(2026, 8, 12), last=date(2026, 8, 12))
    assert [(str(part.first), str(part.last)) for part in found.deliveries] == [("2026-08-01", "2026-08-31")]
    assert len(lines(engine)) == 2
    found = pulled(one, "openai", first=date(2026, 10, 20), last=date(2026, 11, 1))
    assert [(str(part.first), str(part.last)) for part in found.deliveries] == [
        ("2026-10-01", "2026-10-31"), ("2026-11-01", "2026-11-02"),
    ]  # fmt: skip
    assert len(lines(engine)) == 2
    assert one.statuses()[0].success_s is None
    found = pulled(one, "openai", first=date(2026, 11, 1), last=date.max)
    assert [(str(part.first), str(part.last)) for part in found.deliveries] == [("2026-11-01", "2026-11-02")]
    for request, words in (
        (PullRequest("openai", first=date(2026, 11, 3)), "is not one of them"),
        (PullRequest("focus", first=date(2026, 8, 12)), "leave the days out"),
        (PullRequest("nobody"), "there are openai, focus"),
    ):
        with pytest.raises(QuestionError, match=words):
            one.pull(request)
