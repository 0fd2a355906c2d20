"""A target under test, swept from synchronous code: one event loop, one source, one state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stackledger.catalogue import Metric
from stackledger.clock import SystemClock
from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Snapshot
from stackledger.integrations.kafka import KAFKA
from stackledger.integrations.kafka.collector import KafkaSource
from stackledger.integrations.kafka.state import KafkaState

Labels = frozenset[tuple[str, str]]


def sockets() -> int:
    """Sockets that this process has open."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(entry.readlink()).startswith("socket:")
    return count


class Seen:
    """A snapshot, asked by metric and labels."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def rows(self, metric: Metric[Any], **labels: str) -> dict[Labels, float]:
        """Value by labels of every series that has these labels; `instance` counts as one where the part has one."""
        wanted = set(labels.items())
        found = {}
        for part in self.snapshot.parts.values():
            family = part.rows.get(metric)
            for key, value in zip(family.keys, family.values, strict=True) if family else ():
                row = dict(zip(metric.label_names, key, strict=True))
                if part.instance and "instance" in labels:
                    row["instance"] = part.instance
                if wanted <= set(row.items()):
                    found[frozenset(row.items())] = float(value)
        return found

    def one(self, metric: Metric[Any], **labels: str) -> float:
        """The value of the only series with these labels."""
        (value,) = self.rows(metric, **labels).values()
        return value

    def label(self, metric: Metric[Any], name: str, **labels: str) -> str:
        """The label's value of the only series with these labels."""
        (row,) = self.rows(metric, **labels)
        return dict(row)[name]


class Reader:
    """A source and its state; `sweep` reads, `close` sees to it that neither socket nor task remains."""

    def __init__(
        self,
        bootstrap: str,
        *,
        timeout_seconds: float = 5.0,
        foreign: Callable[[], int] = lambda: 0,
        alone: bool = True,
        **settings: Any,
    ) -> None:
        """`foreign` counts sockets that are the test's own; not `alone`: clients of the lab come and go meanwhile."""
        self._alone = alone
        target = KAFKA.settings(name="lab", bootstrap=tuple(bootstrap.split(",")), **settings)
        self.state = KafkaState()
        self.timeout_seconds = timeout_seconds
        self._count = lambda: sockets() - foreign()
        self._before = self._count()
        self._runner = asyncio.Runner()
        self._runner.get_loop()
        self._loop_sockets = self._count() - self._before
        opening = Opening(settings=target, state=self.state, clock=SystemClock(), timeout_seconds=timeout_seconds)
        self.source = KafkaSource(opening)

    def sweep(self, lane: str = "fast") -> Seen:
        """One sweep, within its timeout as the runner would see it."""

        async def bounded() -> Snapshot:
            async with asyncio.timeout(self.timeout_seconds):
                return await self.source.sweep(lane)

        return Seen(self._runner.run(bounded()))

    def until(self, good: Callable[[Seen], bool], *, timeout: float = 60.0, pause: float = 0.2) -> Seen:
        """Sweep until `good`; what was seen then."""
        deadline = time.monotonic() + timeout
        while not good(seen := self.sweep()):
            missed = f"failed {seen.snapshot.failed}, facets {seen.snapshot.facets}"
            assert time.monotonic() < deadline, f"not within {timeout} s; the last sweep: {missed}"
            time.sleep(pause)
        return seen

    def open_sockets(self) -> int:
        """Sockets that this target holds."""
        return self._count() - self._before - self._loop_sockets

    def close(self) -> None:
        """Close, and check that nothing is left."""

        async def leave() -> int:
            await self.source.close()
            await asyncio.sleep(0)
            return len(asyncio.all_tasks()) - 1

        left = self._runner.run(leave())
        self._runner.close()
        assert left == 0, f"{left} tasks are left"
        deadline = time.monotonic() + 5  # the lab's own clients close theirs in threads of their own
        while self._alone and self._count() > self._before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self._alone or self._count() <= self._before, "a socket is left"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def only(rows: Mapping[Labels, float], name: str, prefix: str) -> dict[Labels, float]:
    """The rows whose label `name` begins with `prefix`."""
    return {labels: value for labels, value in rows.items() if dict(labels)[name].startswith(prefix)}
