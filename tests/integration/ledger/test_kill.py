"""Proof (b): whatever instant the process is killed at, what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stackledger.ledger.apply import Applier
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.inbox import Inbox
from tests.integration.ledger import victim
from tests.integration.ledger.kills import APPLYING, LANES

_HERE = Path(victim.__file__)


class Attacker:
    """Starts the victim again and again with what is next, and kills it at any instant."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.acknowledged: set[int] = set()
        self.sent = 0
        self.kills = 0
        self._chance = random.Random(seed)

    def strike(self) -> None:
        first = max(1, self.sent - self._chance.randrange(4))  # senders send again what nobody acknowledged, and more
        process = subprocess.Popen(
            [sys.executable, str(_HERE), str(self.folder), str(first), str(first + 1000)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        if self._chance.random() < 0.8:  # else it is killed while it starts
            assert process.stdout.readline(), "it ended by itself"
            time.sleep(self._chance.uniform(0, 0.12))
        else:
            time.sleep(self._chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
        numbers = [int(line) for line in told.split(b"\n")[:-1] if line.isdigit()]
        self.acknowledged.update(numbers)
        self.sent = max([self.sent, *numbers])
        self.kills += 1


def _expected(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Events, unpriced and cost by model of all that is in the inbox: worked out here, without the ledger's code."""
    kept = {}
    inbox = Inbox(folder / "inbox.sqlite")
    for one in inbox.read(0, 10**9):
        for event in victim.batch(one.received_us).events:
            kept[event.source, event.time.date(), event.id] = event
    inbox.close()
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for event in kept.values():
        line = found[event.model]
        line[0] += 1
        if event.usage.audio_input:
            line[1] += 1
        else:
            line[2] += 7 * event.usage.input_uncached + 11 * event.usage.output
    return {model: tuple(line) for model, line in found.items()}


@pytest.mark.timeout(900)
def test_killed_at_any_instant_nothing_acknowledged_is_lost_and_nothing_counts_twice(tmp_path):
    lanes = [tmp_path / str(lane) for lane in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        for outcome in [pool.submit(_kill_often, lane, seed) for seed, lane in enumerate(lanes)]:
            outcome.result()


def _kill_often(folder: Path, seed: int) -> None:
    folder.mkdir()
    attacker = Attacker(folder, seed)
    while attacker.kills < APPLYING // LANES:
        attacker.strike()
    assert len(attacker.acknowledged) > APPLYING // LANES, "the victims hardly did anything"

    inbox = Inbox(folder / "inbox.sqlite")
    engine = DuckEngine(folder / "ledger.duckdb")
    try:
        kept = {one.received_us for one in inbox.read(0, 10**9)}
        assert attacker.acknowledged <= kept, "a batch that was acknowledged is gone"
        applier = Applier(inbox, engine, victim.OnePrice)
        while applier.run_once() is not None:
            pass
        by_model = " JOIN context c ON c.id = t.context GROUP BY 1"
        rows = engine.query(
            f"SELECT c.model, count(*), count(*) FILTER (cost IS NULL), sum(cost) FROM llm_call t{by_model}"
        )
        sums = engine.query(f"SELECT c.model, sum(events), sum(unpriced), sum(cost) FROM quarter t{by_model}")
        expected = _expected(folder)
        assert {row[0]: row[1:] for row in rows} == expected
        assert {row[0]: row[1:] for row in sums} == expected
        assert engine.query("SELECT count(*) FROM refusal WHERE reason = 'malformed'") == [(inbox.last(),)]
    finally:
        engine.close()
        inbox.close()
