"""A breaker per target and lane: after repeated failures a target is tried less often. Pure, no clock."""

from __future__ import annotations

from dataclasses import dataclass

_TOLERATED = 3
_MOST_INTERVALS = 5


@dataclass(slots=True)
class Breaker:
    """Closed until three failures in a row; then the wait doubles from 1 up to 5 intervals until one read works."""

    failures: int = 0

    @property
    def open(self) -> bool:
        """Whether the target is being tried less often."""
        return self.failures >= _TOLERATED

    @property
    def intervals(self) -> int:
        """How many intervals to wait for the next try."""
        if not self.open:
            return 1
        return min(1 << min(self.failures - _TOLERATED, 8), _MOST_INTERVALS)

    def succeeded(self) -> None:
        """A read worked: close."""
        self.failures = 0

    def failed(self) -> None:
        """A read got nothing."""
        self.failures += 1
