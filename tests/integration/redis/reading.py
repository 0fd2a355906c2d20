"""Opening a Redis target as the runner does, and reading what came back by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stackledger.clock import SystemClock
from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.integrations.redis.collector import RedisSource
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.state import RedisState

TIMEOUT_SECONDS = 4.0


class Reader:
    """A source on real servers, with its state at hand."""

    def __init__(self, settings: RedisTarget, state: RedisState, timeout_seconds: float) -> None:
        self.state = state
        self.source = RedisSource(Opening(settings, state, SystemClock(), timeout_seconds))

    async def sweep(self) -> Snapshot:
        """One sweep, never longer than the sweep may take."""
        async with asyncio.timeout(TIMEOUT_SECONDS + 1):
            return await self.source.sweep("fast")

    async def until(self, met: Callable[[Snapshot], object], *, seconds: float = 40.0) -> Snapshot:
        """The first snapshot that meets the condition; fails with the last one otherwise."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            snapshot = await self.sweep()
            if met(snapshot):
                return snapshot
            if asyncio.get_running_loop().time() > end:
                shown = {name: value_of(snapshot.parts["cluster"], name) for name in OURS} if snapshot.parts else {}
                pytest.fail(f"not met within {seconds:g} s: failed {dict(snapshot.failed)}, {shown}")
            await asyncio.sleep(0.2)


OURS = (
    "stackledger_redis_slots_uncovered",
    "stackledger_redis_slot_views",
    "stackledger_redis_shard_replicas",
    "stackledger_redis_node_failed",
    "stackledger_redis_failovers_total",
)


@asynccontextmanager
async def reading(
    seeds: list[str], *, state: RedisState | None = None, timeout_seconds: float = TIMEOUT_SECONDS, **settings: Any
) -> AsyncIterator[Reader]:
    """An open target, closed at the end."""
    target = RedisTarget.model_validate({"name": "cache", "seeds": seeds, **settings})
    reader = Reader(target, state or RedisState(), timeout_seconds)
    try:
        yield reader
    finally:
        await reader.source.close()


def value_of(part: Part, name: str) -> dict[tuple[str, ...], float]:
    """Values by labels of one family; for histograms and summaries the key begins with suffix and bound."""
    for metric, rows in part.rows.items():
        if metric.name == name:
            return dict(zip(rows.keys, rows.values, strict=True))
    return {}


def one(part: Part, name: str) -> float:
    """The only value of a family."""
    (value,) = value_of(part, name).values()
    return value


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function, and insist that it leaves no task behind."""

    async def alone() -> None:
        await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(alone())
