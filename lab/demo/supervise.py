"""Runs work in a thread so that a signal can end it at any moment without tearing what it is in the middle of.

Owns signals: the first SIGINT, SIGTERM or SIGHUP asks the work to give up, and to the work's own short helpers (initdb
and the like) it passes on a SIGTERM; later ones change nothing. Servers are stopped by whoever started them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from lab import procfs
from lab.process import given_up_by

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_SECONDS = 0.2


class Supervisor:
    """`stop` is set by the first signal; `number` says which it was."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.stop = threading.Event()
        self.number: int | None = None
        self._say = say
        self._status = 1
        self._error: BaseException | None = None

    def run(self, work: Callable[[], int]) -> int:
        """The status of `work`, or 128 + the signal's number; what `work` raises is raised here."""
        before = {name: signal.signal(name, self._told) for name in SIGNALS}
        worker = threading.Thread(target=self._work, args=(work,), name="demo")
        try:
            worker.start()
            while worker.is_alive():
                worker.join(_POLL_SECONDS)
                if self.stop.is_set():
                    _end_helpers()
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)
        if self.number is not None:
            return 128 + self.number
        if self._error is not None:
            raise self._error
        return self._status

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            self.stop.set()
            self._say("Stopping everything that was started ...")

    def _work(self, work: Callable[[], int]) -> None:
        try:
            with given_up_by(self.stop):
                self._status = work()
        except BaseException as error:
            self._error = error


def _end_helpers() -> None:
    """End what our work waits for: children in our session, since servers have sessions of their own.

    With all below them: a child that pg_basebackup leaves behind would keep its output open, and our work waiting.
    """
    session = os.getsid(0)
    for pid in procfs.children(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                for member, ticks in [*procfs.descendants(pid), (pid, procfs.start_ticks(pid))]:
                    _terminate(member, ticks)


def _terminate(pid: int, ticks: int | None) -> None:
    if ticks is not None and procfs.start_ticks(pid) == ticks:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
