"""Old calls go and sums are packed: no total moves, reports say how far back they reach, a kill harms nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from stackledger.domains.cost.config import CostSettings
from stackledger.errors import QuestionError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import Corrected, Engine, Refused
from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.upkeep import retention
from stackledger.ledger.upkeep.asking import TendRequest
from stackledger.ledger.used import used
from tests.integration.ledger import tend_in_a_loop
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.building import Ledger, event, reference
from tests.integration.ledger.test_erase import Kept

DAY = tend_in_a_loop.DAY
BERLIN = ZoneInfo("Europe/Berlin")
KILLS = 60 if os.environ.get("STACKLEDGER_TORTURE") else 8


def _fill(ledger: Ledger, days: int = 6) -> None:
    """Several commits a day, so that each quarter has several rows."""
    for commit in range(4):
        events = [
            event(f"{commit}-{day}-{n}", minutes=day * 1440 + n * 7, tokens=n, model=f"m{n % 11}", user=f"u{n % 3}")
            for day in range(days)
            for n in range(20)
        ]
        ledger.put(events, commit + 1)


def _report(engine: Engine, *by: str, first: int = 1, last: int = 10) -> Any:
    answer = ask(engine, Question(by, date(2026, 3, first), date(2026, 3, last), BERLIN))
    return answer.buckets, answer.lines


def test_totals_are_the_same_before_and_after(ledger: Ledger) -> None:
    engine = ledger.engine
    _fill(ledger)
    row = engine.query("SELECT source_id, day, id, ts, context, person, rate, rate, cost, 5 FROM llm_call LIMIT 1")[0]
    engine.correct([Corrected(*row)], "test", 1)
    asked = [(), ("day",), ("model",), ("team", "day"), ("month",)]
    before = [_report(engine, *by) for by in asked]
    rows = ledger.one("SELECT count(*) FROM quarter")
    done = retention.tend(engine, DAY + 6, 3)
    assert done.calls == 3 * 80
    assert [_report(engine, *by) for by in asked] == before
    assert done.sums_before > done.sums_after > 0
    assert ledger.one("SELECT count(*) FROM quarter") == rows - done.sums_before + done.sums_after
    packed = engine.query("SELECT 1 FROM quarter WHERE quarter < ? GROUP BY quarter, context HAVING count(*) > 1",
                          [(DAY + 5) * 96])  # fmt: skip
    assert packed == []
    assert ledger.one("SELECT min(day), count(*) FROM llm_call") == (DAY + 3, 240)
    again = retention.tend(engine, DAY + 6, 3)
    assert (again.calls, again.sums_before) == (0, 0)
    assert [_report(engine, *by) for by in asked] == before


def test_reports_that_need_calls_say_how_far_back_they_reach(ledger: Ledger) -> None:
    engine = ledger.engine
    _fill(ledger)
    retention.tend(engine, DAY + 6, 6)
    assert _report(engine, "user")[1]  # nothing was deleted, so nothing is too small
    retention.tend(engine, DAY + 6, 3)
    with pytest.raises(QuestionError, match="kept from 2026-03-04 UTC"):
        _report(engine, "user")
    with pytest.raises(QuestionError, match="by user"):
        ask(engine, Question((), date(2026, 3, 1), date(2026, 3, 9), BERLIN, {"user": ("u1",)}))
    edges = [((DAY + 1) * 86_400_000_000, (DAY + 9) * 86_400_000_000)]
    with pytest.raises(QuestionError, match="at which price"):  # bills, exports and statements begin there
        used(engine, edges)
    by_user = _report(engine, "user", first=5)[1]
    assert sum(line.events for line in by_user) == _report(engine, first=5)[1][0].events


def test_refusals_go_too_and_numbers_of_corrections_are_never_given_twice(ledger: Ledger) -> None:
    engine = ledger.engine
    _fill(ledger, 1)
    old = Refused(9, DAY * 86_400_000_000, Refusal(Reason.MALFORMED, "why", "x", "s"))
    ledger.put([], 9, [old])
    row = engine.query("SELECT source_id, day, id, ts, context, person, rate, rate, cost, 5 FROM llm_call LIMIT 1")[0]
    numbers = [engine.correct([Corrected(*row)], "test", 1) for _ in range(2)]
    done = retention.tend(engine, DAY + 9, 3)
    assert (done.calls, done.refusals) == (80, 1)
    assert engine.correct([], "test", 1) > max(numbers)


def test_a_day_is_done_once_and_a_run_that_was_stopped_goes_on(engine: Engine, tmp_path: Path) -> None:
    kept = Kept(engine, tmp_path, keep_days=3)
    kept.clock.step_wall((DAY + 6) * 86_400 - kept.clock.now())
    _fill(kept.ledger)
    kept.keeper.end()
    kept.keeper.tend(TendRequest())
    assert kept.ledger.one("SELECT count(*) FROM llm_call") == 400  # one step, and not recorded as done
    kept.keeper._ended.clear()
    assert kept.keeper.tend_if_due()
    assert not kept.keeper.tend_if_due()
    kept.clock.step_wall(86_400)
    assert kept.keeper.tend_if_due()
    assert kept.ledger.one("SELECT count(*) FROM llm_call") == 160
    assert kept.ledger.one("SELECT count(*) FROM job") == 1
    kept.close()


def test_a_kill_at_any_instant_harms_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path / "ledger.duckdb") if kind == "duck" else request.getfixturevalue("postgres_dsn")
    where = [kind, place, "ledger_tended"]
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'exporter'}:{root}"}
    chance, progress = random.Random(3), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, tend_in_a_loop.__file__, *where], env=environment, stdout=subprocess.PIPE, cwd=tmp_path
        )
        assert child.stdout is not None
        with child.stdout:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.1, 0.5))
            child.kill()
            child.wait()
        engine = open_store(*where)
        progress = engine.progress()
        _check(Ledger(engine), progress)
        engine.close()
    assert progress > KILLS


def _check(ledger: Ledger, progress: int) -> None:
    batches = [tend_in_a_loop.calls_of(batch) for batch in range(1, progress + 1)]
    found = reference(batches)
    costs = [cost for _, cost in found.values()]
    counts = [sum(getattr(one.usage, name) for one, _ in found.values()) for name in BUCKETS]
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in ("events", "unpriced", "cost", *BUCKETS))
    told = ledger.one(f"SELECT {sums} FROM quarter")
    assert told == (len(costs), costs.count(None), sum(cost or 0 for cost in costs), *counts)
    (first,) = ledger.engine.query("SELECT calls_from FROM kept")[0]
    begin = datetime.fromtimestamp(first * 86_400, UTC)
    kept = sum(one.time >= begin for one, _ in found.values())
    assert ledger.engine.query("SELECT count(*) FROM llm_call WHERE day >= ?", [first]) == [(kept,)]


def test_calls_are_kept_as_long_as_late_ones_are_taken() -> None:
    assert CostSettings().keep_days == 800
    with pytest.raises(ValidationError):
        CostSettings(keep_days=399)
