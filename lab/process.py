"""One server process: started, watched, frozen and ended by its own id, and always reaped.

Owns the life of the process and its log. It gets its own session, so that Ctrl-C in the terminal does not reach it, and
the kernel kills it when the thread that started it ends (setpriv --pdeathsig, from util-linux), so that nothing
survives a kill -9 of the tests or the demo. Where setpriv is missing (not Linux) that last promise does not hold.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from lab import procfs, workdir

READY_SECONDS = 90.0  # a loaded machine needs up to five times the 13 s of the slowest server here
_POLL_SECONDS = 0.05
_TAIL_BYTES = 3_000


class ServerFailedError(RuntimeError):
    """A server ended, did not get ready or did not do what was asked; the message carries the end of its log."""


class GivenUpError(RuntimeError):
    """What was waited for is no longer wanted: the event of `given_up_by` was set."""


class _Request:
    """A wish to give up, heard by one wait only: what the thread then does to clean up may wait again."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event
        self._heard = False

    def check(self) -> None:
        if self._event.is_set() and not self._heard:
            self._heard = True
            raise GivenUpError("given up")


_request: ContextVar[_Request | None] = ContextVar("request", default=None)


@contextmanager
def given_up_by(event: threading.Event) -> Iterator[None]:
    """Inside, in this thread, the next wait after `event` is set raises GivenUpError: starts then undo themselves."""
    token = _request.set(_Request(event))
    try:
        yield
    finally:
        _request.reset(token)


class Process:
    """A program running in `directory`, its output in directory/name.log; as `user` where one is given (root only)."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        name: str,
        directory: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self._argv = [str(word) for word in argv]
        self._directory = directory
        self._env = env
        self._user = user
        self._popen: subprocess.Popen[bytes] | None = None
        self._frozen: list[tuple[int, int]] = []
        self._thawers: list[subprocess.Popen[bytes]] = []

    def start(self) -> Self:
        """Start the program; on any failure or interrupt nothing keeps running."""
        spawned: Future[None] = Future()
        try:
            _starter().run(self._spawn, spawned)
            spawned.result()
        except BaseException:
            if not spawned.cancel():
                spawned.exception()  # an interrupt may come while the other thread is still starting it
            self.kill()
            raise
        return self

    @property
    def pid(self) -> int:
        """Process id; raises ServerFailedError before start and after the end was collected."""
        if self._popen is None:
            raise ServerFailedError(f"{self.name} is not running")
        return self._popen.pid

    def alive(self) -> bool:
        """True while the process runs or is frozen."""
        return self._popen is not None and self._popen.poll() is None

    def tail(self) -> str:
        """The last lines of the log, for messages."""
        try:
            return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        except OSError:
            return "(no log)"

    def wait_ready(self, ready: Callable[[], object], *, timeout: float = READY_SECONDS) -> None:
        """Return once `ready` gives something true; ServerFailedError when the process ends or the time is over.

        What `ready` raises counts as not ready yet and is quoted when the time is over.
        """
        wait_until(ready, what=f"{self.name} to be ready", timeout=timeout, watch=[self])

    def freeze(self) -> None:
        """SIGSTOP the process and all below it: it accepts connections in the kernel and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        self._remember((self.pid, procfs.start_ticks(self.pid) or 0))
        for child in procfs.descendants(self.pid):
            self.freeze_child(child[0])

    def freeze_child(self, pid: int) -> None:
        """SIGSTOP one process below this one; it is thawed when we are killed, so that it cannot outlive its parent."""
        ticks = dict(procfs.descendants(self.pid)).get(pid)
        if ticks is None:
            raise ServerFailedError(f"process {pid} does not belong to {self.name}")
        self._thawers.append(_thaw_when_we_end(pid))
        os.kill(pid, signal.SIGSTOP)
        self._remember((pid, ticks))

    def thaw(self) -> None:
        """SIGCONT everything that was frozen; nothing happens when nothing was."""
        while self._frozen:
            _signal(self._frozen.pop(), signal.SIGCONT)
        while self._thawers:
            _release(self._thawers.pop())

    def kill(self) -> None:
        """SIGKILL the process and all below it, as a power cut would; returns when they are gone."""
        self._end(signal.SIGKILL, grace=10.0)

    def stop(self, *, how: signal.Signals = signal.SIGTERM, grace: float = 20.0) -> None:
        """End the process politely, after `grace` seconds by force; it can be started again, and stopped twice."""
        self._end(how, grace=grace)

    def __enter__(self) -> Self:
        return self if self.alive() else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _spawn(self) -> None:
        if self.alive():
            raise ServerFailedError(f"{self.name} is already running as process {self.pid}")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*_bound_to_us(), *self._argv],
                cwd=self._directory,
                env=None if self._env is None else {**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **workdir.run_as(self._user),
            )

    def _remember(self, member: tuple[int, int]) -> None:
        self._frozen.append(member)

    def _end(self, how: signal.Signals, *, grace: float) -> None:
        popen = self._popen
        if popen is None:
            return
        # Until it is reaped the id cannot be given to another process, so signalling it by id is safe.
        below = procfs.descendants(popen.pid) if popen.poll() is None else []
        popen.send_signal(how)
        self.thaw()
        try:
            popen.wait(grace)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
        finally:
            if popen.returncode is None:
                popen.kill()
                popen.wait()
        _end_leftovers(below)
        self._popen = None


def wait_until(
    true: Callable[[], object], *, what: str, timeout: float = READY_SECONDS, watch: Sequence[Process] = ()
) -> None:
    """Return once `true` gives something true; ServerFailedError when a watched process ends or the time is over."""
    deadline = time.monotonic() + timeout
    doubt = "it said no"
    request = _request.get()
    while True:
        if request is not None:
            request.check()
        ended = next((process for process in watch if not process.alive()), None)
        if ended is not None:
            raise ServerFailedError(f"waiting for {what}: {ended.name} ended; its log ends with\n{ended.tail()}")
        try:
            if true():
                return
            doubt = "it said no"
        except GivenUpError:
            raise
        except Exception as error:
            doubt = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            logs = "".join(f"\n--- {process.name}\n{process.tail()}" for process in watch)
            raise ServerFailedError(f"waiting for {what}: not within {timeout:.0f} s ({doubt}){logs}")
        time.sleep(_POLL_SECONDS)


class _Starter:
    """One thread starts every process: the kernel's death signal follows the starting thread, and this one lives on.

    A daemon, unlike the threads of an executor: an interrupt while it is being created must not keep us from ending.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        threading.Thread(target=self._work, name="lab-starter", daemon=True).start()

    def run(self, job: Callable[[], None], done: Future[None]) -> None:
        """Have the job done, unless `done` is cancelled before its turn; its end is `done`'s."""
        self._jobs.put((job, done))

    def _work(self) -> None:
        while True:
            job, done = self._jobs.get()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                job()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)


@cache
def _starter() -> _Starter:
    return _Starter()


def _bound_to_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _thaw_when_we_end(pid: int) -> subprocess.Popen[bytes]:
    """A shell that waits for the end of our pipe, which also comes when we are killed, and then thaws `pid`."""
    return subprocess.Popen(
        ["sh", "-c", f"read -r _; kill -CONT {pid} 2>&-"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _release(thawer: subprocess.Popen[bytes]) -> None:
    thawer.kill()
    with thawer:
        thawer.wait()


def _signal(member: tuple[int, int], how: signal.Signals) -> None:
    """Signal a process only while its start time shows that it is still the one we mean."""
    pid, ticks = member
    if procfs.start_ticks(pid) == ticks:
        with suppress(ProcessLookupError):
            os.kill(pid, how)


def _end_leftovers(members: list[tuple[int, int]]) -> None:
    for member in members:
        _signal(member, signal.SIGKILL)
    wait_until(lambda: all(procfs.start_ticks(pid) != ticks for pid, ticks in members), what="child processes to end")
