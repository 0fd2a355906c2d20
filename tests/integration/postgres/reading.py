"""Sweeping a lab cluster with our source, and its samples by name and labels. Owns no expectation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lab.postgres import MONITOR_PASSWORD, MONITOR_USER, PostgresCluster
from stackledger.clients.settings import Secret
from stackledger.clock import SystemClock
from stackledger.collect.integration import Opening, Source
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.integrations.postgres import POSTGRES
from stackledger.integrations.postgres.config import PostgresTarget

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def target(
    cluster: PostgresCluster, folder: Path, *, password: str = MONITOR_PASSWORD, **changes: Any
) -> PostgresTarget:
    """Settings that read the cluster as the monitor role, the password from a file."""
    secret = folder / "password"
    secret.write_text(password + "\n")
    known = {"name": "lab", "nodes": tuple(node.address for node in cluster.nodes), "user": MONITOR_USER}
    return PostgresTarget(**{**known, "password": Secret(file=secret), **changes})


@asynccontextmanager
async def opened(settings: PostgresTarget, *, seconds: float = 5.0) -> AsyncIterator[Source]:
    """A source with fresh state, closed at the end."""
    source = POSTGRES.open(Opening(settings, POSTGRES.state(), SystemClock(), seconds))
    try:
        yield source
    finally:
        await source.close()


def samples(part: Part) -> Samples:
    """The part's samples: name, then sorted (label, value) pairs."""
    return {
        metric.name: {
            tuple(sorted(zip(metric.label_names, key, strict=True))): value
            for key, value in zip(rows.keys, rows.values, strict=True)
        }
        for metric, rows in part.rows.items()
    }


def of_cluster(snapshot: Snapshot, name: str, standby: str = "") -> float | None:
    """A cluster-wide sample, of one standby where the family has that label; None where it is absent."""
    found = samples(snapshot.parts["cluster"]).get(name, {})
    return found.get((("standby", standby),) if standby else ())


async def sweep_until(
    source: Source, holds: Callable[[Snapshot], bool], *, seconds: float = 20.0, pause: float = 0.2
) -> Snapshot:
    """Sweep the fast lane until the snapshot is as wished."""
    async with asyncio.timeout(seconds):
        while True:
            snapshot = await source.sweep("fast")
            if holds(snapshot):
                return snapshot
            await asyncio.sleep(pause)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine to its end."""
    asyncio.run(coroutine)
