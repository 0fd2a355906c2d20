"""Pulls under fault: a vendor that hangs, a process that is killed, days that were missed. Nothing else is affected."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lab.process import wait_until
from stackledger.errors import QuestionError, StorageError
from stackledger.ledger.charges.charge import Change, Charge
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls import files, work
from stackledger.ledger.pulls.asking import PullRequest
from stackledger.ledger.pulls.runner import Pulls
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.building import Ledger, event
from tests.integration.ledger.pulling import OCTOBER, Calendar, lines, pulled, settings
from tests.integration.ledger.vendor import Vendor

_HANG_AT = (0, 4, 15, 43, 44, 47)
"""Requests of a pull of October (44 of them) and of November (4) that are not answered."""
_KILLS = 60 if os.environ.get("STACKLEDGER_TORTURE") else 6


@pytest.fixture
def vendor(vendor: Vendor) -> Vendor:
    """With a bill of 33 days."""
    for n in range(33):
        day = OCTOBER + timedelta(days=n)
        vendor.costs[day] = {("p", f"model-{m}, input"): Decimal(m + n) / 100 for m in range(40)}
        vendor.usage[day] = [{"project_id": "p", "model": f"model-{m}", "input_tokens": m * n} for m in range(40)]
    return vendor


def _succeeded(pulls: Pulls, source: str) -> bool:
    return any(one.source == source and one.success_s is not None for one in pulls.statuses())


def test_a_vendor_that_hangs_holds_up_nobody_and_is_given_up(
    engine: Engine, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.hangs = lambda path, _pairs: path.startswith("/v1/organizations/")
    sources = [settings(vendor, kind, tmp_path) for kind in ("anthropic", "openai")]
    pulls = Pulls(engine, sources, Calendar())
    pulls.start()
    vendor.until_hanging()
    wait_until(lambda: _succeeded(pulls, "openai"), what="the other source to be pulled", timeout=30)
    assert Ledger(engine).put([event(1)], 1).stored == 1
    assert len(lines(engine)) == 33 * 40
    assert pulled(pulls, "openai").deliveries[0].added == 0
    assert not _succeeded(pulls, "anthropic")
    before = time.monotonic()
    pulls.end()
    assert time.monotonic() - before < 10
    with pytest.raises(QuestionError, match="being closed"):
        pulls.pull(PullRequest("openai"))

    monkeypatch.setattr(work, "_LONGEST_SECONDS", 0.3)
    pulls = Pulls(engine, sources, Calendar())
    given_up = pulled(pulls, "anthropic", well=False)
    assert (given_up.reason, given_up.deliveries) == ("timeout", [])
    vendor.hangs = lambda _path, _pairs: False
    monkeypatch.setattr(work, "_LONGEST_SECONDS", 60)
    pulled(pulls, "anthropic")
    pulls.end()


def test_files_that_take_long_are_given_up_and_hold_up_no_end(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(1 << 28)
    clock = Calendar()
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    sources = [settings(None, "focus", tmp_path, files=str(tmp_path / "*.csv"))]
    reading = threading.Event()
    fingerprint = files.fingerprint

    def begun(*told: Any) -> str:
        reading.set()
        return fingerprint(*told)

    monkeypatch.setattr(files, "_PIECE", 1)  # many seconds for the whole file
    monkeypatch.setattr(files, "fingerprint", begun)
    pulls = Pulls(engine, sources, clock)
    monkeypatch.setattr(work, "_LONGEST_SECONDS", 0.3)
    given_up = pulled(pulls, "focus", well=False)
    assert (given_up.reason, given_up.failure) == ("timeout", "what is new: no whole answer in 0 minutes")
    monkeypatch.setattr(work, "_LONGEST_SECONDS", 900)
    reading.clear()
    told: list[str] = []

    def ask() -> None:
        try:
            pulls.pull(PullRequest("focus"))
        except QuestionError as error:
            told.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    assert reading.wait(20)
    before = time.monotonic()
    pulls.end()
    asking.join(10)
    assert told == ["the ledger is being closed: pull again once it is open"]
    assert time.monotonic() - before < 10


def test_who_asks_is_told_when_the_ledger_is_closed_meanwhile(engine: Engine, vendor: Vendor, tmp_path: Path) -> None:
    vendor.hangs = lambda _path, _pairs: True
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], Calendar())
    told: list[str] = []

    def ask() -> None:
        try:
            pulls.pull(PullRequest("openai"))
        except QuestionError as error:
            told.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    vendor.until_hanging()
    pulls.end()
    asking.join(10)
    assert told == ["the ledger is being closed: pull again once it is open"]


def _until_looked(clock: Calendar) -> None:
    """Until every source has looked once more whether it is due."""
    looks = len(clock.waits)
    wait_until(lambda: len(clock.waits) >= looks + 3, what="the schedule to look", timeout=30)


def test_each_interval_is_pulled_once_also_over_restarts_and_missed_ones_are_made_good(
    engine: Engine, vendor: Vendor, tmp_path: Path
) -> None:
    clock = Calendar()
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], clock)
    pulls.start()
    wait_until(lambda: _succeeded(pulls, "openai"), what="the first pull", timeout=30)
    asked = len(vendor.asked)
    _until_looked(clock)
    assert len(vendor.asked) == asked
    assert pulls.statuses()[0].days == 33
    pulls.end()

    clock.at += timedelta(hours=12.5)  # half past midnight: not yet
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], clock)
    pulls.start()
    _until_looked(clock)
    assert len(vendor.asked) == asked
    clock.at += timedelta(days=100)
    vendor.costs[date(2026, 12, 24)] = {("p", "model-1, input"): Decimal(7)}
    wait_until(lambda: len(lines(engine)) == 33 * 40 + 1, what="the missed days", timeout=30)
    wait_until(lambda: pulls.statuses()[0].days == 134, what="the record", timeout=30)
    pulls.end()
    begins = [int(dict(pairs)["start_time"]) for path, pairs in vendor.asked[asked:] if path.endswith("costs")]
    assert begins == sorted(begins)  # the oldest days first
    assert len(begins) > 5


def test_a_failed_pull_is_tried_again_before_the_next_interval(engine: Engine, vendor: Vendor, tmp_path: Path) -> None:
    clock = Calendar()
    vendor.key = "another"
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], clock)
    pulls.start()
    wait_until(lambda: pulls.statuses()[0].failures["auth"] == 1, what="a refusal", timeout=30)
    vendor.key = "admin-key"
    _until_looked(clock)
    assert not _succeeded(pulls, "openai")
    clock.at += timedelta(minutes=16)
    wait_until(lambda: _succeeded(pulls, "openai"), what="the next try", timeout=30)
    pulls.end()
    assert pulls.statuses()[0].failing == ""


def test_further_back_is_pulled_when_the_setting_goes_back(engine: Engine, vendor: Vendor, tmp_path: Path) -> None:
    vendor.costs[date(2026, 9, 2)] = {("p", "model-1, input"): Decimal(7)}
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], Calendar())
    pulled(pulls, "openai")
    pulls.end()
    assert len(lines(engine)) == 33 * 40
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path, first_days=63)], Calendar())
    pulled(pulls, "openai")
    assert len(lines(engine)) == 33 * 40 + 1
    assert pulls.statuses()[0].days == 63
    pulls.end()


def _by_month(engine: Engine) -> dict[int, list[Charge]]:
    found: dict[int, list[Charge]] = {}
    for one in lines(engine):
        found.setdefault(one.period_from_us, []).append(one)
    return found


def test_killed_at_any_instant_and_started_again_it_comes_to_the_same_charges(
    kind: str, vendor: Vendor, new_place: Callable[[], Callable[[], Engine]], tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    whole = new_place()()
    pulls = Pulls(whole, [settings(vendor, "openai", tmp_path)], Calendar())
    pulled(pulls, "openai")
    pulls.end()
    expected = _by_month(whole)
    whole.close()
    assert {len(charges) for charges in expected.values()} == {31 * 40, 2 * 40}

    place = str(tmp_path / "ledger.duckdb") if kind == "duck" else request.getfixturevalue("postgres_dsn")
    where = [kind, place, "pulls_killed"]
    chance = random.Random(3)
    instants: list[int | float] = [*_HANG_AT, *(chance.uniform(0.05, 0.6) for _ in range(_KILLS))]
    for instant in instants:
        vendor.hanging, begun = 0, len(vendor.asked)
        vendor.hangs = lambda _path, _pairs, at=instant, begun=begun: len(vendor.asked) - begun - 1 == at
        child = _child([*where, vendor.address, str(tmp_path)], tmp_path)
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            if isinstance(instant, int):
                vendor.until_hanging()
            else:
                time.sleep(instant)
            child.kill()
        engine = open_store(*where)
        for month, charges in _by_month(engine).items():
            assert charges == expected[month]  # whole deliveries, or none
        engine.close()
    vendor.hangs = lambda _path, _pairs: False
    with _child([*where, vendor.address, str(tmp_path)], tmp_path) as child:
        assert child.wait(60) == 0
    engine = open_store(*where)
    assert _by_month(engine) == expected
    assert engine.query("SELECT count(*) FROM charge WHERE superseded IS NOT NULL") == [(0,)]
    engine.close()


def _child(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'exporter'}:{root}"}
    script = Path(__file__).with_name("pull_once.py")
    return subprocess.Popen([sys.executable, str(script), *words], env=environment, stdout=subprocess.PIPE, cwd=folder)


def test_a_store_that_refuses_keeps_what_was_and_another_delivery_in_between_is_no_failure(
    engine: Engine, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulls = Pulls(engine, [settings(vendor, "openai", tmp_path)], Calendar())
    refusals = [StorageError("no room"), StorageError("no room")]
    stored = engine.charge

    def charge(change: Change) -> int:
        if refusals:
            raise refusals.pop()
        return stored(change)

    monkeypatch.setattr(engine, "charge", charge)
    assert [part.added for part in pulled(pulls, "openai").deliveries] == [31 * 40, 2 * 40]
    vendor.costs[OCTOBER]["p", "model-1, input"] = Decimal(9)
    refusals += [StorageError("no room")] * 3
    before = lines(engine)
    refused = pulled(pulls, "openai", well=False)
    assert (refused.reason, refused.failure) == ("storage", "no room")
    assert lines(engine) == before
    assert pulled(pulls, "openai").deliveries[0].replaced == 1
    pulls.end()
