"""Metrics and readers for these tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric
from stackledger.clock import SystemClock
from stackledger.exposition import Format, Page

T = TypeVar("T")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class A(Label):
    """Anything (test)."""


class B(Label):
    """Anything else (test)."""


GAUGE = Metric(
    "stackledger_level", Kind.GAUGE, units.COUNT, 'A "gauge" with \\ in it (test).', labels=(A, B), budget=99
)
BARE = Metric("stackledger_bare_bytes", Kind.GAUGE, units.BYTES, "No labels of its own (test).")
COUNT = Metric("stackledger_events_total", Kind.COUNTER, units.COUNT, "A counter (test).", labels=(A,), budget=99)
OLD = Metric("redis_commands", Kind.COUNTER, units.COUNT, "No _total (test).", labels=(A,), budget=99, compat="redis")
INFO = Metric("stackledger_build_info", Kind.INFO, units.STATE, "Facts (test).", labels=(A,), node=False)
WAIT = Metric("stackledger_wait_seconds", Kind.HISTOGRAM, units.SECONDS, "Waits (test).", labels=(A,), budget=9)
SPREAD = Metric("stackledger_spread_seconds", Kind.SUMMARY, units.SECONDS, "Spread (test).", budget=9)
ALL = (GAUGE, BARE, COUNT, OLD, INFO, WAIT, SPREAD)
MANY = tuple(
    Metric(f"stackledger_many_{index}", Kind.GAUGE, units.COUNT, "One of many (test).", labels=(A,), budget=99)
    for index in range(60)
)


def make(*more: Metric[Any]) -> Page:
    return Page((*ALL, *more), SystemClock())


def do(test: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await test()

    return asyncio.run(main())


def text(page: Page, fmt: Format = Format.PROMETHEUS) -> str:
    return do(lambda: page.text(fmt)).decode()


def read(body: str, fmt: Format) -> Samples:
    """Every sample of a page; a page with a series twice is no page."""
    parse = read_openmetrics if fmt is Format.OPENMETRICS else read_prometheus
    samples: Samples = {}
    for family in parse(body):
        for sample in family.samples:
            # The library's parser of the older format gives every counter a _total.
            name = (
                sample.name if fmt is Format.OPENMETRICS or sample.name in body else sample.name.removesuffix("_total")
            )
            key = (name, frozenset(sample.labels.items()))
            assert key not in samples, f"twice: {key}"
            samples[key] = sample.value
    return samples


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())
