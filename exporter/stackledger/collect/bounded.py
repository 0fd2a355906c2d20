"""A call that is over on time even if it does not heed its cancellation. Knows nothing of what is called.

A driver may wait for a silent server again while it is being cancelled (psycopg does, to cancel the query). Waiting for
that would freeze the target's lane with the last good values on the page; so the call is left behind instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from stackledger.clock import Clock
from stackledger.errors import ReadTimeoutError

T = TypeVar("T")
_GRACE_SECONDS = 1.0
"""How long a cancelled call may take to clean up."""
_MOST_LEFT_BEHIND = 2


class Bounded:
    """Makes one call at a time for one owner; `left_behind` is called for each that could not be ended."""

    def __init__(self, clock: Clock, left_behind: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._left_behind = left_behind
        self._hanging: set[asyncio.Task[Any]] = set()

    async def run(self, call: Coroutine[Any, Any, T], seconds: float) -> T:
        """The call's result or error. Raises ReadTimeoutError after `seconds`, or at once while too many hang."""
        if len(self._hanging) >= _MOST_LEFT_BEHIND:
            call.close()
            raise ReadTimeoutError(
                f"{len(self._hanging)} earlier reads still hang; their connections do not even close"
            )
        task = asyncio.create_task(call)
        try:
            async with self._clock.timeout(seconds):
                await asyncio.wait({task})
        except TimeoutError:
            if not task.done():
                await self._end(task)
                raise ReadTimeoutError(f"no answer within {seconds:g} s; see timeout_seconds") from None
        except asyncio.CancelledError:
            await self._end(task)
            raise
        if task.cancelled():
            raise RuntimeError("the read was cancelled from within; only the scheduler may do that")
        return task.result()

    async def _end(self, task: asyncio.Task[Any]) -> None:
        """Cancel, wait for the clean-up, and leave behind what does not come to an end."""
        task.cancel()
        task.add_done_callback(_forget_outcome)
        try:
            async with self._clock.timeout(_GRACE_SECONDS):
                await asyncio.wait({task})
        except TimeoutError:
            pass
        finally:
            if not task.done():
                self._hanging.add(task)
                task.add_done_callback(self._hanging.discard)
                self._left_behind()


def _forget_outcome(task: asyncio.Task[Any]) -> None:
    """Whatever a cancelled call ends with has been told already."""
    if not task.cancelled():
        task.exception()
