"""Time, sleep and randomness, injected everywhere so that tests can own them. Nothing else may read a clock."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What the program may know of time and chance."""

    def now(self) -> float:
        """Wall clock: seconds since 1970-01-01 UTC. For showing and storing, never for measuring a duration."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never run backwards. For durations and schedules."""

    def random(self) -> float:
        """A number in [0, 1)."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""

    def timeout(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """A block that raises TimeoutError once it has run for `seconds`."""


class SystemClock:
    """The machine's clock."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()  # noqa: TID251 - the one place that reads the wall clock

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()  # noqa: TID251 - the one place that reads the monotonic clock

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)  # noqa: TID251 - the one place that sleeps

    def timeout(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """A block that raises TimeoutError once it has run for `seconds`."""
        return asyncio.timeout(seconds)


class ManualClock:
    """A clock that stands still until `advance` is called; for tests and replays."""

    def __init__(self, now: float = 1_700_000_000.0, seed: int = 0) -> None:
        self._now = now
        self._monotonic = 0.0
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._tidy_at = 64

    def now(self) -> float:
        """The wall time that was set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def random(self) -> float:
        """A number in [0, 1), the same sequence for the same seed."""
        return self._random.random()

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been advanced by `seconds`; at once, after a turn of the loop, for none."""
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, not a wait
            return
        await self._alarm(seconds)

    def timeout(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """A block that raises TimeoutError once the clock has been advanced by `seconds` inside it."""
        return _ManualTimeout(self._alarm, seconds)

    def _alarm(self, seconds: float) -> asyncio.Future[None]:
        """A future that is done when the clock has been advanced by `seconds`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + max(seconds, 0.0), next(self._order), future))
        if len(self._sleepers) >= self._tidy_at:  # most alarms of timeouts are cancelled long before they are due
            self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[2].done()]
            heapq.heapify(self._sleepers)
            self._tidy_at = max(64, 2 * len(self._sleepers))
        return future

    def step_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as an administrator or NTP would."""
        self._now += seconds

    async def advance(self, seconds: float) -> None:
        """Move both clocks forward, waking sleepers in order and letting each run until it waits again."""
        await _settle()
        end = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self._move_to(due)
            if not future.done():
                future.set_result(None)
            await _settle()
        self._move_to(end)
        await _settle()

    def _move_to(self, monotonic: float) -> None:
        if monotonic > self._monotonic:  # two tasks may advance at once; time goes one way
            self._now += monotonic - self._monotonic
            self._monotonic = monotonic


class _ManualTimeout:
    """What `asyncio.timeout` is to the loop's clock: cancels the block's task and turns that into TimeoutError."""

    def __init__(self, alarm: Callable[[float], asyncio.Future[None]], seconds: float) -> None:
        self._alarm = alarm
        self._seconds = seconds
        self._expired = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("timeout() needs a running task")
        self._task = task
        self._cancelling = task.cancelling()
        self._due = self._alarm(self._seconds)
        self._due.add_done_callback(self._expire)
        if self._seconds <= 0:
            self._due.set_result(None)

    def _expire(self, due: asyncio.Future[None]) -> None:
        if not due.cancelled():
            self._expired = True
            self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        self._due.remove_done_callback(self._expire)  # it may be due in this very turn; the block has ended
        self._due.cancel()
        if not self._expired:
            return
        only_ours = self._task.uncancel() <= self._cancelling
        if only_ours and kind is asyncio.CancelledError:
            raise TimeoutError


async def _settle() -> None:
    """Let every ready task run; a task may need several turns of the loop before it waits again."""
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, not a wait
