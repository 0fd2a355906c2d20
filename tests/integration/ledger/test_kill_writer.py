"""A writer killed at any instant leaves whole commits, and the next one goes on from there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.ledger.apply_in_a_loop import calls_of, open_store
from tests.integration.ledger.building import Ledger, varied

KILLS = 150 if os.environ.get("STACKLEDGER_TORTURE") else 15


def test_kills_leave_whole_commits(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path / "ledger.duckdb") if kind == "duck" else request.getfixturevalue("postgres_dsn")
    where = [kind, place, "ledger_killed"]
    script = Path(__file__).with_name("apply_in_a_loop.py")
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'exporter'}:{root}"}
    chance = random.Random(7)
    progress = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, str(script), *where], env=environment, stdout=subprocess.PIPE, cwd=tmp_path
        )
        assert child.stdout is not None
        with child.stdout:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.3))
            child.kill()
            child.wait()
        engine = open_store(*where)
        ledger = Ledger(engine)
        before, progress = progress, engine.progress()
        assert progress >= before
        expected = {n for batch in range(1, progress + 1) for n in calls_of(batch)}
        assert ledger.one("SELECT count(*) FROM llm_call") == len(expected)
        assert ledger.one("SELECT count(DISTINCT id) FROM llm_call") == len(expected)
        assert ledger.consistent()
        if progress:  # the batch that may have been under way comes again, and one from long ago
            assert ledger.put(varied(calls_of(progress)), progress).stored == 0
            assert ledger.put(varied(calls_of(chance.randint(1, progress))), progress).stored == 0
        engine.close()
    assert progress > KILLS
