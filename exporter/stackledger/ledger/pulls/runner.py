"""Pulls of all sources: each by its schedule, or when a person asks; in a thread of their own.

The thread has an event loop, on which nothing of the ledger waits: a vendor that hangs holds up its own source alone,
for a quarter of an hour at most. Only the write of a finished piece takes the ledger's writer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from stackledger.clock import Clock
from stackledger.errors import QuestionError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls.asking import PullReply, PullRequest, PullStatus
from stackledger.ledger.pulls.config import PullSettings
from stackledger.ledger.pulls.work import Work

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 30.0
_CALM_SECONDS: Final = 5.0
"""After the start, so that what waits in the inbox comes first."""
_CLOSED: Final = "the ledger is being closed: pull again once it is open"


class Pulls:
    """Every source of one ledger. Methods may be called from several threads."""

    def __init__(self, engine: Engine, settings: Sequence[PullSettings], clock: Clock) -> None:
        self._works = {one.name: Work(engine, one, clock) for one in settings}
        self._clock = clock
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = False

    def pull(self, request: PullRequest) -> PullReply:
        """Pull one source now. Raises QuestionError for one that there is not, or days that cannot be asked for."""
        work = self._works.get(request.source)
        if work is None:
            known = ", ".join(self._works) or "none: add it under costs.pulls"
            raise QuestionError(f"no source of bills is called {request.source!r}; there are {known}")
        return self._on_the_loop(work.asked(request))

    def statuses(self) -> list[PullStatus]:
        """How each source is, as far as is known without asking anybody."""
        return [work.status() for work in self._works.values()]

    def start(self) -> None:
        """Begin with the schedule."""
        if self._works:
            self._on_the_loop(self._schedule())

    def end(self) -> None:
        """Stop all pulls; what is being stored is stored."""
        with self._starting:
            self._ended = True
            thread, loop = self._thread, self._loop
            self._thread = None
        if thread is not None and loop is not None:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    def _on_the_loop(self, work: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._ended:
                work.close()
                raise QuestionError(_CLOSED)
            if self._loop is None:
                self._start_thread()
            loop = self._loop
        assert loop is not None  # noqa: S101 - the thread made it
        try:
            return asyncio.run_coroutine_threadsafe(self._kept(work), loop).result()
        except CancelledError:
            raise QuestionError(_CLOSED) from None

    def _start_thread(self) -> None:
        ready = threading.Event()

        def run() -> None:
            async def main() -> None:
                self._loop = asyncio.get_running_loop()
                ready.set()
                await self._stop.wait()
                for task in list(self._tasks):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

            asyncio.run(main())

        self._thread = threading.Thread(target=run, name="pulls", daemon=True)
        self._thread.start()
        ready.wait()

    async def _kept(self, work: Coroutine[Any, Any, T]) -> T:
        """The work as a task that ends with the thread."""
        return await self._begin(work)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _schedule(self) -> None:
        for work in self._works.values():
            self._begin(self._keep(work))

    async def _keep(self, work: Work) -> None:
        await self._clock.sleep(_CALM_SECONDS)
        while True:
            try:
                await work.pull_if_due()
            except Exception:  # noqa: BLE001 - the edge of a source: a defect must not end its schedule for ever
                _LOG.exception("defect while pulling", extra={"source": work.name})
            await self._clock.sleep(min(_LOOK_SECONDS, work.interval_seconds))
