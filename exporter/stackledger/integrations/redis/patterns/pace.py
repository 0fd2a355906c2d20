"""A budget of operations per second, shared by whoever takes from it. Knows nothing of what is done with it."""

from __future__ import annotations

from stackledger.clock import Clock

_CATCH_UP_SECONDS = 0.1


class Pace:
    """Lets operations through evenly: over any time t never more than `per_second` times (t + 0.1 s), plus one take."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._seconds_each = 1 / per_second
        self._clock = clock
        self._next = 0.0

    async def take(self, operations: int) -> None:
        """Return when so many may be done. Whoever asks first goes first."""
        now = self._clock.monotonic()
        # A late wake-up may be made up for, briefly: sleeps are too coarse for budgets of thousands a second.
        due = max(self._next, now - _CATCH_UP_SECONDS)
        self._next = due + operations * self._seconds_each
        if due > now:
            await self._clock.sleep(due - now)
