"""The page of 100,000 series (300 families, 50 targets): ours against prometheus_client and client_golang.

CPU seconds to render, compress and join, the variants interleaved in one run, the least of N rounds of each.
`--client-golang PATH` is a program built from benchmarks/client_golang (`go build` there); without it that row is
left out.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from benchmarks.table import cpu, milliseconds, show
from stackledger import units
from stackledger.catalogue import Kind, Label, Metric
from stackledger.clock import SystemClock
from stackledger.exposition import Format, Page, PartLabels

FAMILIES, TARGETS, SERIES = 300, 50, 100_000
_EACH = SERIES // TARGETS
_CHURN = 1000


class Item(Label):
    """Names made up for the measurement."""

    bounded, cap = False, 1000


def metrics() -> list[Metric[Any]]:
    """The families, as an integration would declare them."""
    doc = "A value that changes at every read (made up)."
    return [
        Metric(f"bench_family_{index:03}", Kind.GAUGE, units.COUNT, doc, labels=(Item,), budget=1000)
        for index in range(FAMILIES)
    ]


def keys_of(index: int, generation: int) -> list[tuple[str]]:
    """Label values of one family in one target: 6 or 7, so that all targets together have 100,000."""
    count = _EACH // FAMILIES + (index < _EACH % FAMILIES)
    return [(f"item-{number}-{generation}",) for number in range(count)]


def value(rng: random.Random) -> float:
    """Half whole numbers, half long fractions, as real pages have."""
    return float(rng.randrange(10**9)) if rng.random() < 0.5 else rng.random() * 1e6


class Ours:
    """Our page, filled as the scheduler fills it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._metrics = metrics()
        self.page = Page(self._metrics, SystemClock())
        self.loop = asyncio.new_event_loop()
        self._labels = [PartLabels("prod", "production", "eu", f"10.0.0.{t}:9000") for t in range(TARGETS)]

    def fill(self, generation: int = 0) -> None:
        """New values for every series; a new generation also replaces 1 % of the series."""
        born = generation * FAMILIES // 100 if generation else 0
        for target in range(TARGETS):
            rows = {}
            for index, metric in enumerate(self._metrics):
                keys = keys_of(index, generation if index < born % FAMILIES else 0)
                rows[metric] = (keys, [value(self._rng) for _ in keys])
            self.page.put(target, self._labels[target], rows)

    def scrape(self) -> bytes:
        """What a Prometheus gets."""
        return self.loop.run_until_complete(self.page.gzip(Format.OPENMETRICS))


class Foreign(Collector):
    """The same series as a prometheus_client custom collector makes them."""

    def __init__(self, rng: random.Random) -> None:
        names = ["cluster", "environment", "region", "instance", "item"]
        self._families = []
        for index in range(FAMILIES):
            family = GaugeMetricFamily(f"bench_family_{index:03}", "A value (made up).", labels=names)
            for target in range(TARGETS):
                for (item,) in keys_of(index, 0):
                    family.add_metric(["prod", "production", "eu", f"10.0.0.{target}:9000", item], value(rng))
            self._families.append(family)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All families."""
        yield from self._families

    def scrape(self) -> bytes:
        """What a Prometheus gets, with the compression that the library's own handler uses."""
        return gzip.compress(generate_latest(self.registry))


async def _longest_stall(ours: Ours) -> float:
    """The longest that another task waits for its turn while a wholly changed page is rendered, in seconds."""
    worst, done = 0.0, False

    async def watch() -> None:
        nonlocal worst
        while not done:
            before = time.perf_counter()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await ours.page.gzip(Format.OPENMETRICS)
    done = True
    await watcher
    return worst


def _golang(program: str | None) -> dict[str, float]:
    if program is None:
        return {}
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main(words: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks exposition", description=__doc__)
    parser.add_argument("--client-golang", metavar="PATH", help="the program built from benchmarks/client_golang")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each variant (default 5)")
    arguments = parser.parse_args(words)
    rng = random.Random(1)
    ours, foreign = Ours(rng), Foreign(rng)
    least: dict[str, float] = {}
    stalls = []
    gc.collect()
    gc.freeze()  # the one variant's objects must not be searched on the other's account
    for turn in range(arguments.rounds):
        ours.fill()
        _keep(least, "changed", cpu(ours.scrape))
        _keep(least, "unchanged", cpu(ours.scrape))
        ours.fill(generation=turn + 1)
        _keep(least, "churn", cpu(ours.scrape))
        ours.fill()
        stalls.append(ours.loop.run_until_complete(_longest_stall(ours)))
        _keep(least, "generate_latest", cpu(foreign.scrape))
        for name, seconds in _golang(arguments.client_golang).items():
            _keep(least, name, seconds)
    ours.loop.close()
    _print(least, min(stalls), ours.page.series)


def _keep(least: dict[str, float], name: str, seconds: float) -> None:
    least[name] = min(seconds, least.get(name, seconds))


_TITLES = {
    "generate_latest": "prometheus_client generate_latest + gzip",
    "client_golang": "client_golang gather + text + gzip",
    "changed": "ours, every value changed",
    "churn": "ours, every value changed, series born and gone",
    "unchanged": "ours, nothing changed",
}


def _print(least: dict[str, float], stall: float, series: int) -> None:
    base = least["generate_latest"]
    go = least.get("client_golang")
    rows = [
        [
            title,
            milliseconds(least[name]),
            f"{base / least[name]:,.0f} x",
            f"{go / least[name]:,.0f} x" if go is not None else "-",
        ]
        for name, title in _TITLES.items()
        if name in least
    ]
    show(f"A page of {series:,} series: CPU of one scrape", ["", "CPU", "vs generate_latest", "vs client_golang"], rows)
    print(f"longest stall of the event loop while a wholly changed page is rendered: {milliseconds(stall)}")
