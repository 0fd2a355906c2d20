"""Proof (b) for the month's close: killed at any instant, each statement is there once, the same, its files whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.engines.duck.engine import DuckEngine
from tests.integration.ledger import closing_victim
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.closing_victim import A_MONTH, Steps
from tests.integration.ledger.kills import CLOSING, LANES

KINDS = 2
_MANY = 10
_WARM = 0.6


class Undisturbed:
    """What the statements are where nobody is killed: their rows, and every byte of their files."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "statements"
        self._engine = DuckEngine(folder / "ledger.duckdb", memory="128MB", threads=1)
        self._steps = Steps(self._engine, self._files)
        self._lock = Lock()

    def rows(self, steps: int) -> list[tuple[str, int, str]]:
        """Month, number and hash of the first statements."""
        with self._lock:
            while (number := self._steps.go_on()) < steps:
                self._steps.do(number)
        return statements(self._engine)[:steps]

    def holds(self, folder: Path) -> None:
        """Every file in the folder is whole and as here; what was cut off is beside its place."""
        for path in (one for one in folder.glob("*") if one.suffix != ".new"):
            _, year, month, number = path.stem.split("-")
            self.rows(((int(year) - 2000) * 12 + int(month) - 1) * A_MONTH + int(number))
            assert path.read_bytes() == (self._files / path.name).read_bytes(), path

    def close(self) -> None:
        self._engine.close()


def statements(engine: Engine) -> list[tuple[str, int, str]]:
    return engine.query("SELECT month, number, sha256 FROM statement ORDER BY month, number")


def kill_often(where: list[str], folder: Path, undisturbed: Undisturbed, seed: int) -> None:
    chance = random.Random(seed)
    kills = CLOSING // KINDS // LANES
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    acknowledged = -1
    for _ in range(kills):
        victim = subprocess.Popen(
            [sys.executable, closing_victim.__file__, *where, str(folder)], stdout=subprocess.PIPE, env=environment
        )
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"ready\n", "it ended by itself"
        told = b""
        if chance.random() < _WARM:  # else in the first step of the process, where a cut off one is repeated
            told = victim.stdout.readline()
            assert told, "it ended by itself"
        time.sleep(chance.uniform(0, 0.2))
        assert victim.poll() is None, "it ended by itself"
        victim.kill()
        told += victim.communicate()[0]
        undisturbed.holds(folder)
        acknowledged = max([acknowledged, *(int(line) for line in told.split(b"\n")[:-1])])
    engine = open_store(*where)
    try:
        steps = Steps(engine, folder)
        begun = steps.done()
        assert begun > acknowledged, "a month that was closed is open again"
        assert kills < _MANY or acknowledged > kills // 4, "the victims hardly did anything"
        wanted = undisturbed.rows(begun + A_MONTH)
        assert statements(engine) == wanted[:begun]
        for number in range(steps.go_on(), begun + A_MONTH):
            steps.do(number)
        assert statements(engine) == wanted
        names = {f"statement-{month}-{number}" for month, number, _ in wanted}
        ends = (".json", ".csv", ".parquet", ".html", ".sha256")
        assert {path.name for path in folder.glob("*")} == {name + end for name in names for end in ends}
        undisturbed.holds(folder)
    finally:
        engine.close()


@pytest.mark.timeout(600)
def test_killed_at_any_instant_of_a_close_each_statement_is_there_once_and_whole(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dsn = request.getfixturevalue("postgres_dsn") if kind == "postgres" else ""
    undisturbed = Undisturbed(tmp_path)
    try:
        with ThreadPoolExecutor(LANES) as pool:
            lanes = []
            for lane in range(LANES):
                place = dsn or str(tmp_path / str(lane) / "ledger.duckdb")
                where = [kind, place, f"ledger_closing_{lane}"]
                lanes.append(pool.submit(kill_often, where, tmp_path / f"{lane}-statements", undisturbed, lane))
            for one in lanes:
                one.result()
    finally:
        undisturbed.close()
