"""Pulls as a running service makes them, and by the command: over the socket, and alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.process import wait_until
from tests.integration.ledger.cost_service import STACKLEDGER, CostService
from tests.integration.ledger.vendor import Vendor

GPT = "gpt-4o-2024-08-06"


@pytest.fixture
def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _sources(vendor: Vendor, folder: Path, *kinds: str) -> list[dict[str, Any]]:
    (folder / "admin.key").write_text("admin-key\n")
    return [
        {"name": kind, "vendor": kind, "url": vendor.address, "key": {"file": str(folder / "admin.key")}}
        for kind in kinds
    ]


def _pull(service: CostService, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STACKLEDGER, "costs", "pull", "--config", str(service.config), *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _watched(service: CostService, vendor: Vendor, *words: str) -> bytes:
    """What a person sees on the terminal while the vendor takes its time."""
    vendor.hanging, vendor.hangs = 0, lambda _path, _pairs: True
    ours, theirs = os.openpty()
    command = [STACKLEDGER, "costs", "pull", "--config", str(service.config), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as done:
        os.close(theirs)
        vendor.until_hanging()
        shown = b""
        while b" ..." not in shown:
            shown += os.read(ours, 1000)
        done.kill()
    os.close(ours)
    vendor.hangs = lambda _path, _pairs: False
    return shown


def _metric(service: CostService, name: str) -> dict[str, float]:
    found = {}
    for line in httpx.get(f"{service.page}/metrics", timeout=5).text.splitlines():
        if line.startswith(f"stackledger_pull_{name}{{"):
            labels, value = line.removeprefix(f"stackledger_pull_{name}").rsplit(" ", 1)
            told = dict(pair.split("=", 1) for pair in labels.strip("{}").split(","))
            key = [told[label].strip('"') for label in ("source", "reason", "change") if label in told]
            found[" ".join(key)] = float(value)
    return found


def test_bills_come_by_themselves_beside_a_vendor_that_hangs(
    cost_service: Callable[..., CostService], vendor: Vendor, yesterday: date, tmp_path: Path
) -> None:
    vendor.hangs = lambda path, _pairs: path.startswith("/v1/organizations/")
    vendor.costs[yesterday] = {("proj", f"{GPT}, input"): Decimal("1.25"), ("proj", f"{GPT}, output"): Decimal(2)}
    vendor.usage[yesterday] = [{"project_id": "proj", "model": GPT, "input_tokens": 500_000, "output_tokens": 200_000}]
    service = cost_service(pulls=_sources(vendor, tmp_path, "openai", "anthropic"))
    vendor.until_hanging()
    at = datetime(yesterday.year, yesterday.month, yesterday.day, 12, tzinfo=UTC).isoformat()
    service.post(
        [{"id": "a", "time": at, "source": "test", "provider": "openai", "model": GPT,
          "usage": {"input_uncached": 500_000, "output": 200_000}}]
    )  # fmt: skip
    service.until_events(1)
    wait_until(lambda: _metric(service, "lines_total").get("openai added") == 2, what="the bill", timeout=60)
    assert _metric(service, "success_timestamp_seconds").keys() == {"openai"}
    age, interval = _metric(service, "age_seconds"), _metric(service, "interval_seconds")
    assert (age.keys(), interval) == ({"openai", "anthropic"}, {"openai": 86_400, "anthropic": 86_400})
    assert all(0 <= seconds < 120 for seconds in age.values())
    assert _metric(service, "covered_days") == {"openai": 92, "anthropic": 0}

    words = ("--from", str(yesterday), "--to", str(yesterday), "--json")
    (account,) = json.loads(service.ask("reconcile", *words))["accounts"]
    # our own prices are the vendor's: 2.50 USD a million in, 10 out
    assert (account["billed_usd"], account["causes_usd"]) == ("3.25", {})
    assert account["status"] == "provisional"  # a day of OpenAI is final a day after its end
    assert (account["days_billed"], account["days_used"]) == (1, 1)
    assert "not all billed: openai (provisional, 1 of 1 days)" in service.ask(
        "close", f"{yesterday:%Y-%m}", "--dry-run"
    )

    vendor.costs[yesterday]["proj", f"{GPT}, output"] = Decimal("2.5")
    told = _pull(service, "--source", "openai", "--dry-run")
    assert (told.returncode, "1 new, 1 known, 1 replaced; would be stored." in told.stdout) == (0, True), told
    told = _pull(service, "--source", "openai")
    assert "3.75 USD; lines: 1 new, 1 known, 1 replaced; delivery 2." in told.stdout
    assert "nothing changed in" in _pull(service, "--source", "openai").stdout


def test_the_command_alone_and_what_it_says_of_trouble(
    cost_service: Callable[..., CostService], vendor: Vendor, yesterday: date, tmp_path: Path
) -> None:
    vendor.costs[yesterday] = {("ws", "Claude Sonnet 4 Usage - Input Tokens"): Decimal("1.2345")}
    vendor.hangs = lambda _path, _pairs: True  # what the service itself begins
    service = cost_service(pulls=_sources(vendor, tmp_path, "anthropic", "openai"))
    vendor.until_hanging()
    service.stop()
    vendor.hangs = lambda _path, _pairs: False
    shown = json.loads(_pull(service, "--source", "anthropic", "--json").stdout)
    assert [one["added"] for one in shown[0]["deliveries"] if one["added"]] == [1]
    assert b"[1/1] openai: " in _watched(service, vendor, "--source", "openai")
    (tmp_path / "admin.key").unlink()
    told = _pull(service)
    assert (told.returncode, told.stdout.count("(auth): the secret file")) == (1, 2)
    (tmp_path / "admin.key").write_text("admin-key\n")
    for words, code, says in (
        (("--source", "nobody"), 2, "there are anthropic, openai"),
        (("--from", "yesterday"), 2, "is not a date: write YYYY-MM-DD"),
        (("--from", "2026-05-02", "--to", "2026-05-01"), 2, "is before --from"),
        (("--from", "2999-01-01"), 2, "is not one of them"),
    ):
        told = _pull(service, *words)
        assert (told.returncode, says in told.stderr) == (code, True), told
        assert "Traceback" not in told.stderr
    vendor.stop()
    told = _pull(service, "--source", "openai")
    assert (told.returncode, "(connect): " in told.stdout) == (3, True), told
