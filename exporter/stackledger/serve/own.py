"""The service's samples about itself: process, page, configuration, event loop. Refreshed when the page is read."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable
from pathlib import Path

import stackledger
from stackledger.catalogue import Common, Metric
from stackledger.clock import Clock
from stackledger.collect.snapshot import Part, families
from stackledger.domains.self import metrics as m
from stackledger.exposition import Page, PartLabels

_LOOP_CHECK_SECONDS = 0.5  # waking is most of what an idle service costs
_LOOP_WINDOW = 30  # checks: 15 seconds


class OwnSamples:
    """Keeps the facts that are not in /proc, and puts all of them on the page."""

    def __init__(self, page: Page, clock: Clock, labels: PartLabels) -> None:
        self._page = page
        self._clock = clock
        self._labels = labels
        self._accepted_at = clock.now()
        self._mistakes = 0
        self._lags = [0.0] * _LOOP_WINDOW
        self._size = 0
        self._render = 0.0

    def accepted(self, now: float) -> None:
        """A configuration came into force at `now`."""
        self._accepted_at, self._mistakes = now, 0

    def refused(self, mistakes: int) -> None:
        """A configuration with this many mistakes was refused."""
        self._mistakes = mistakes

    def sent(self, size: int, seconds: float) -> None:
        """A page of `size` bytes took `seconds` to put together."""
        self._size, self._render = size, seconds

    async def watch_loop(self) -> None:
        """Measure how late the event loop wakes us, until cancelled."""
        index = 0
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(_LOOP_CHECK_SECONDS)
            self._lags[index] = max(0.0, self._clock.monotonic() - before - _LOOP_CHECK_SECONDS)
            index = (index + 1) % _LOOP_WINDOW

    def refresh(self) -> None:
        """Put the present values on the page."""
        part = Part(self._clock.now())
        part.add(m.BUILD, 1, stackledger.__version__, platform.python_version())
        part.add(m.RELOAD_SUCCESS, float(self._mistakes == 0))
        part.add(m.RELOAD_TIME, self._accepted_at)
        part.add(m.RELOAD_MISTAKES, self._mistakes)
        part.add(m.PAGE_SERIES, self._page.series)
        part.add(m.PAGE_SIZE, self._size)
        part.add(m.PAGE_RENDER, self._render)
        part.add(m.LOOP_LAG, max(self._lags))
        for metric, read in _PROCESS.items():
            part.add(metric, _or_absent(read))
        self._page.put(("self",), self._labels, families(part.rows))


def _or_absent(read: Callable[[], float]) -> float | None:
    """The value, or None where this system has no /proc."""
    try:
        return read()
    except (OSError, ValueError, IndexError):
        return None


def _stat() -> list[str]:
    """Fields of /proc/self/stat from the third on; the second may hold blanks."""
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()


def _cpu_seconds() -> float:
    fields = _stat()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@functools.cache  # it never changes, and /proc/stat is long on a large machine
def _start_time() -> float:
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) + int(_stat()[19]) / os.sysconf("SC_CLK_TCK")


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> float:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only


_PROCESS: dict[Metric[Common], Callable[[], float]] = {
    m.PROCESS_CPU: _cpu_seconds,
    m.PROCESS_MEMORY: _resident,
    m.PROCESS_START: _start_time,
    m.PROCESS_FDS: _open_files,
}
