"""Questions to the embedded ledger with millions of calls over 30 days, and what a call takes on the disk.

100,000 users, 4 models, 5 teams, 4 features; ids are random UUIDs. The calls go in by the engine itself, in commits of
100,000, as the applier hands them over. Each question is asked five times; the median counts, first one included.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.table import show
from lab import workdir
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import Context
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.rows import Rows

_BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
_DAYS = 30
_USERS = 100_000
_COMMIT = 100_000
_BERLIN = ZoneInfo("Europe/Berlin")


def main(options: Sequence[str] = ()) -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ledger_queries --", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000, help="how many calls; default 10 million")
    arguments = parser.parse_args(options)
    folder = workdir.create("bench")
    try:
        engine = DuckEngine(folder / "ledger.duckdb", memory="1GB")
        began = time.process_time()
        _fill(engine, arguments.calls)
        filled = time.process_time() - began
        size = engine.size_bytes()
        _ask_all(engine, arguments.calls)
        engine.close()
        known = sum(file.stat().st_size for file in (folder / "ledger.ids").iterdir())
        print(
            f"{arguments.calls:,} calls: {filled / arguments.calls * 1e6:.2f} µs CPU each to store,"
            f" {size / arguments.calls:.0f} bytes each on the disk, {known / arguments.calls:.0f} of them known ids"
            f" (limit 80)."
        )
    finally:
        workdir.remove(folder)


def _fill(engine: DuckEngine, calls: int) -> None:
    rng = np.random.default_rng(1)
    contexts = [
        Context("gateway", provider, model, team, feature, "production", "", "", "", "")
        for (provider, model), team, feature in product(
            (("openai", "gpt-5"), ("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini")),
            ("search", "chat", "ops", "data", "risk"),
            ("answer", "summary", "rank", "tag"),
        )
    ]
    people = np.array(engine.people([f"user-{number:05d}" for number in range(_USERS)]), np.int64)
    (source,) = engine.sources(["gateway"])
    numbers = np.array(engine.contexts(contexts), np.int64)
    (rate,) = engine.rates([("book", "{}")])
    step_us = _DAYS * 86_400_000_000 // calls
    chance = random.Random(1)
    for batch, start in enumerate(range(0, calls, _COMMIT), start=1):
        count = min(_COMMIT, calls - start)
        usage = np.zeros((count, len(BUCKETS)), np.int64)
        for name, most in (("input_uncached", 4000), ("cache_read", 8000), ("output", 900)):
            usage[:, BUCKETS.index(name)] = rng.integers(0, most, count)
        usage[:, BUCKETS.index("requests")] = 1
        ts = round(_BEGIN.timestamp() * 1e6) + (np.arange(start, start + count) * step_us)
        rows = Rows(
            ids=[str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)],
            ts=ts,
            context=rng.choice(numbers, count),
            person=rng.choice(people, count),
            source=np.full(count, source),
            rate=np.full(count, rate),
            cost=usage.sum(axis=1) * 1_250_000,
            priced=np.ones(count, np.bool_),
            batch=np.full(count, batch),
            usage=usage,
        )
        engine.apply(rows, (), batch)


def _ask_all(engine: DuckEngine, calls: int) -> None:
    first, last = _BEGIN.date(), (_BEGIN + timedelta(days=_DAYS - 1)).date()

    def question(*by: str, days: tuple[date, date] = (first, last), **where: str) -> Callable[[], int]:
        wanted = Question(by, *days, _BERLIN, {name: (value,) for name, value in where.items()})
        return lambda: len(ask(engine, wanted).lines)

    asked = [
        ("cost by team and model", question("team", "model"), 0.1),
        ("cost by day and team", question("day", "team"), 0.1),
        ("top 20 users", lambda: len(ask(engine, Question(("user",), first, last, _BERLIN), top=20).lines), 0.1),
        ("one user's month by model", question("model", user="user-04711"), 0.1),
        ("cost by user and model", question("user", "model"), 1.0),
    ]
    rows = []
    for name, action, limit in asked:
        seconds, cpu, lines = [], [], 0
        for _ in range(5):
            began, used = time.perf_counter(), time.process_time()
            lines = action()
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        took, worked = (f"{statistics.median(one) * 1e3:,.0f} ms" for one in (seconds, cpu))
        rows.append((name, f"{lines:,}", took, worked, f"{limit * 1e3:,.0f} ms"))
    show(f"Questions to {calls:,} calls of 30 days", ("", "lines", "took", "CPU", "limit"), rows)
