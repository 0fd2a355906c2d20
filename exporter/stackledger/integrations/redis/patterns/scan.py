"""Counting keys by pattern in the background: one pass over all shards at a time, at a fixed pace, as long as it takes.

Owns the task and what it publishes. A pass is published as a whole, and only once a sweep after its end has confirmed
that the slots are where they were: what moved meanwhile is walked again. See docs/adr/0009-paced-scan.md.
"""

from __future__ import annotations

import asyncio
import logging

from stackledger.clock import Clock
from stackledger.collect.snapshot import Part
from stackledger.errors import ConnectError, ProtocolError, TargetError
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.connection import NodeConnection
from stackledger.integrations.redis.patterns import metrics as m
from stackledger.integrations.redis.patterns.config import KeyPatterns
from stackledger.integrations.redis.patterns.pace import Pace
from stackledger.integrations.redis.patterns.shards import Map, ScanShard
from stackledger.integrations.redis.patterns.walk import NodeLeftError, Tally, Walk, summed
from stackledger.integrations.redis.state import KeyCounts, PatternCount

_LOG = logging.getLogger(__name__)


class KeyScan:
    """The passes of one target. Each sweep tells it of the shards with `see`, and takes its samples with `add_to`."""

    def __init__(
        self, settings: RedisTarget, asked: KeyPatterns, counts: KeyCounts, *, clock: Clock, timeout_seconds: float
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._counts = counts
        self._clock = clock
        self._timeout = timeout_seconds
        self._tally = Tally(Pace(asked.operations_per_second, clock), counts.operations)
        self._map = Map(0, {})
        self._sweeps = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._walks: dict[str, Walk] = {}
        self._done: dict[str, dict[str, PatternCount]] = {}
        self._problems: dict[str, TargetError] = {}
        self._resting = True
        self._began = clock.now()
        if counts.asked != asked.patterns:  # the patterns were changed: what was counted answers another question
            counts.asked, counts.patterns, counts.began, counts.ended = dict(asked.patterns), {}, None, None

    @property
    def on_masters(self) -> bool:
        """Whether masters are scanned even where there are replicas."""
        return self._asked.on_masters

    @property
    def problem(self) -> TargetError | None:
        """Why counting does not go on as it should, if so."""
        return next(iter(self._problems.values()), None)

    async def see(self, shards: Map) -> None:
        """Take over the shards as the newest sweep found them; starts the task when it does not run."""
        async with self._sweeps:
            self._map = shards
            self._sweeps.notify_all()
        if self._task is None or self._task.done():
            self._note_end()
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the pass and drop its connections; never raises."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # a defect at the very end, which nobody waits for

    def add_to(self, part: Part) -> None:
        """The samples of the last finished pass, and how the present one goes."""
        counts, now = self._counts, self._clock.now()
        for name, count in counts.patterns.items():
            part.add(m.KEYS, count.keys, name)
            if name in self._asked.patterns:
                _add_databases(part, self._asked.patterns[name], count)
            part.add(m.SAMPLED, count.sampled, name)
            if count.sampled or not count.keys:
                part.add(m.MEMORY, count.memory, name)
        if counts.ended is not None:
            part.add(m.LAST_PASS, counts.ended)
            part.add(m.LAST_DURATION, counts.seconds)
            part.add(m.LAST_DURATION_MS, counts.seconds * 1e3)
        since = self._began if counts.ended is None else counts.ended
        part.add(m.OVERDUE, max(now - since, 0.0) / self._asked.interval_seconds)
        part.add(m.PASSES, counts.passes)
        part.add(m.PROGRESS, self._progress())
        part.add(m.FAILING, float(bool(self._problems)))
        part.add(m.OPERATIONS, self._tally.operations)
        part.add(m.RESTARTS, counts.restarts)
        counts.operations = self._tally.operations

    def _progress(self) -> float:
        if self._resting:
            return 1.0
        seen = sum(count.keys for counts in self._done.values() for count in counts.values())
        seen += sum(walk.seen for walk in self._walks.values())
        expected = sum(shard.keys for shard in self._map.shards.values())
        return min(seen / expected, 1.0) if expected else 0.0

    def _note_end(self) -> None:
        """A task that ended has a defect of ours: said, and begun anew with the next sweep."""
        error = None if self._task is None or self._task.cancelled() else self._task.exception()
        if error is not None:
            _LOG.error("defect while counting keys", exc_info=error, extra={"target": self._settings.name})
            self._problems["defect"] = ProtocolError(f"counting keys ended with {error!r}, a defect; it begins anew")

    # -- the task ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(self._wait())
            self._resting = False
            await self._pass()
            self._resting = True

    def _wait(self) -> float:
        """Seconds until the next pass is due. A wall clock that was set back never makes it wait longer."""
        interval = self._asked.interval_seconds
        if self._counts.began is None:
            return 0.0
        return min(max(self._counts.began + interval - self._clock.now(), 0.0), interval)

    async def _pass(self) -> None:
        began, from_ = self._clock.now(), self._clock.monotonic()
        self._done = {}
        while True:
            shards = self._map
            left = [shard for key, shard in shards.shards.items() if key not in self._done]
            if left:
                await self._walk_all(left)
            self._forget_moved()
            await self._confirmed()
            self._forget_moved()
            if self._done and self._done.keys() == self._map.shards.keys():
                break
        self._publish(began, self._clock.monotonic() - from_)

    def _forget_moved(self) -> None:
        """Forget what was counted of shards that are no more, since their slots have moved."""
        for key in self._done.keys() - self._map.shards.keys():
            del self._done[key]
            self._counts.restarts += 1
        for key in self._problems.keys() - self._map.shards.keys():
            del self._problems[key]

    async def _confirmed(self) -> None:
        """Wait for what a sweep found that began after now: the next may have been under way."""
        seen = self._map.number
        async with self._sweeps:
            await self._sweeps.wait_for(lambda: self._map.number > seen + 1)

    def _publish(self, began: float, seconds: float) -> None:
        counts = self._counts
        counts.patterns = summed(self._done)
        counts.began, counts.ended, counts.seconds = began, self._clock.now(), seconds
        counts.passes += 1
        self._done = {}

    async def _walk_all(self, shards: list[ScanShard]) -> None:
        async with asyncio.TaskGroup() as group:
            for shard in shards:
                group.create_task(self._walk(shard))

    async def _walk(self, shard: ScanShard) -> None:
        """Walk one shard and keep its counts; a failure is noted, and the shard begun anew after the next sweep."""
        if not shard.nodes:
            self._problems[shard.key] = ConnectError(
                f"Redis {shard.label}: no node that is well can be scanned for key_patterns; the last pass is shown"
            )
            return
        node = shard.nodes[0]
        connection = NodeConnection(node.dial, self._settings, self._clock, raw=True)
        walk = self._walks[shard.key] = Walk(
            connection,
            self._asked,
            self._tally,
            clock=self._clock,
            timeout_seconds=self._timeout,
            still=lambda: node in self._nodes(shard.key),
        )
        try:
            self._done[shard.key] = await walk.run(shard.databases, readonly=shard.readonly)
            self._note(shard.key, walk.refused)
        except TargetError as error:
            self._counts.restarts += 1
            self._note(shard.key, None if isinstance(error, NodeLeftError) else error)
        finally:
            del self._walks[shard.key]
            await connection.close()

    def _note(self, key: str, problem: TargetError | None) -> None:
        self._problems.pop("defect", None)
        self._problems.pop(key, None)
        if problem is not None:
            self._problems[key] = problem

    def _nodes(self, key: str) -> tuple[object, ...]:
        shard = self._map.shards.get(key)
        return () if shard is None else shard.nodes


def _add_databases(part: Part, pattern: str, count: PatternCount) -> None:
    for database, keys in {0: 0, **count.databases}.items():
        part.add(m.KEYS_COUNT, keys, f"db{database}", pattern)
