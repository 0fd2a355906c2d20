"""The service as several processes: one observes, one takes usage in, one holds the ledger. Each may die alone.

Owns starting, restarting and ending them. Without a section `costs` there is nothing to supervise and `serve` observes
in its own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stackledger.clock import Clock

_LOG = logging.getLogger(__name__)

ROLES: Final = ("observe", "ingest", "ledger")
_OBSERVES: Final = "observe"
RESTART_OTHERS: Final = signal.SIGUSR1
"""From the observer to its supervisor: a configuration that concerns the other processes was accepted."""
SUPERVISED: Final = "STACKLEDGER_SUPERVISED"
"""The id of the process that started this one, and whose end is its end."""
STARTED_AGAIN: Final = "STACKLEDGER_STARTED_AGAIN"
"""Set where it is not the first of its role: the others may run with an older configuration than it reads."""
_INPUT: Final = 2
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 30.0
_CALM_SECONDS: Final = 60.0
"""A process that ran this long starts again with the first wait."""
_GRACE_SECONDS: Final = 20.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass(slots=True)
class _Child:
    role: str
    process: asyncio.subprocess.Process | None = None
    waits: float = _FIRST_WAIT_SECONDS
    has_run: bool = False
    """Whether its input was once accepted: what it refuses later is somebody's half-finished edit."""
    asked_to_restart: bool = False


class Supervisor:
    """Runs `stackledger serve --role ROLE` for each role, with the same arguments."""

    def __init__(self, arguments: Sequence[str], clock: Clock) -> None:
        self._arguments = arguments
        self._clock = clock
        self._children = [_Child(role) for role in ROLES]
        self._stop = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Until SIGINT or SIGTERM, or until a process refuses its input at the start; the exit code.

        SIGHUP asks the observer to reload. It alone judges the new configuration, and says so with `RESTART_OTHERS`
        when the other processes need it.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(RESTART_OTHERS, self._restart_others)
        keepers = [asyncio.create_task(self._keep(child), name=child.role) for child in self._children]
        await self._stop.wait()
        for child in self._children:
            _send(child.process, signal.SIGTERM)
        for keeper in keepers:
            await keeper
        return self._code

    def _reload(self) -> None:
        for child in self._children:
            if child.role == _OBSERVES:
                _send(child.process, signal.SIGHUP)

    def _restart_others(self) -> None:
        """They start anew with the configuration that the observer has accepted, which loses nothing."""
        for child in self._children:
            if child.role != _OBSERVES and child.process is not None and child.process.returncode is None:
                child.asked_to_restart = True
                _send(child.process, signal.SIGTERM)

    async def _keep(self, child: _Child) -> None:
        while not self._stop.is_set():
            began = self._clock.monotonic()
            child.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stackledger", "serve", *self._arguments, "--role", child.role,
                env=os.environ | {SUPERVISED: str(os.getpid())} | ({STARTED_AGAIN: "1"} if child.has_run else {}),
                start_new_session=True,  # a Ctrl-C reaches the supervisor alone, which ends them in order
            )  # fmt: skip
            code = await self._ended(child.process)
            if self._stop.is_set():
                return
            calm = self._clock.monotonic() - began > _CALM_SECONDS
            if code == _INPUT and not (child.has_run or child.asked_to_restart or calm):
                self._code = code  # its own message has been printed
                self._stop.set()
                return
            child.has_run = True
            if child.asked_to_restart:
                child.asked_to_restart = False
                continue
            if calm:
                child.waits = _FIRST_WAIT_SECONDS
            _LOG.error("process ended, starting it again", extra={"role": child.role, "code": code, "in": child.waits})
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(child.waits):
                    await self._stop.wait()
            child.waits = min(child.waits * 2, _LONGEST_WAIT_SECONDS)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Its exit code; once all shall end, it is given a while and then killed."""
        waiting = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not waiting.done():
            _send(process, signal.SIGTERM)
            try:
                async with self._clock.timeout(_GRACE_SECONDS):
                    await asyncio.shield(waiting)
            except TimeoutError:
                _send(process, signal.SIGKILL)
        return await waiting


def _send(process: asyncio.subprocess.Process | None, number: int) -> None:
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def ask_to_restart_others() -> None:
    """Where a supervisor started us: have the other processes started anew."""
    if (supervisor := _supervisor()) is not None and os.getppid() == supervisor:
        os.kill(supervisor, RESTART_OTHERS)


def end_with_parent() -> None:
    """Where a supervisor started us: be told to end when it dies, however it dies. Linux only."""
    supervisor = _supervisor()
    if supervisor is None or sys.platform != "linux":
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is reloaded now is read in a moment anyway
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _supervisor() -> int | None:
    return int(os.environ[SUPERVISED]) if SUPERVISED in os.environ else None
