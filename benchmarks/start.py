"""`check` and `generate` for the reference configuration: CPU seconds of the whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import milliseconds, show

ROUNDS = 5
LIMIT = 2.0
_ROOT = Path(__file__).parents[1]


def _cpu_of(words: list[str]) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "stackledger", *words], check=True, stdout=subprocess.DEVNULL, cwd=_ROOT)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main(_words: list[str]) -> None:
    """Measure and print."""
    config = "deploy/stackledger.yaml"
    with tempfile.TemporaryDirectory() as out:
        commands = {
            "check": ["check", "--config", config],
            "generate": ["generate", "--config", config, "--out", out],
        }
        least = {name: min(_cpu_of(words) for _ in range(ROUNDS)) for name, words in commands.items()}
    total = sum(least.values())
    rows = [[name, milliseconds(seconds)] for name, seconds in least.items()]
    rows.append(["together", milliseconds(total)])
    rows.append(["share of the limit of 2 s", f"{total / LIMIT:.0%}"])
    show("Commands on the reference configuration: CPU, least of 5", ["", "CPU"], rows)
