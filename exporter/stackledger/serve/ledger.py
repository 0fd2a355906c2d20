"""The ledger's process: brings the inbox into the ledger, and answers questions over the socket in the data directory.

Owns the store: no other process opens it. It may die at any instant and be started again; what was accepted waits in
the inbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from stackledger.clock import Clock
from stackledger.domains.cost.config import CostSettings
from stackledger.domains.cost.opening import OpenLedger, hash_of, inbox_path
from stackledger.domains.cost.topic import open_topic
from stackledger.errors import ConfigError, QuestionError, StorageError, TargetError, UnreachableError
from stackledger.ledger import wire
from stackledger.ledger.asking import StateReply
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.ledger.engines.base import Applied
from stackledger.ledger.inbox import Inbox
from stackledger.ledger.methods import METHODS
from stackledger.ledger.per_user.answers import per_user
from stackledger.ledger.per_user.values import PerUserReply, PerUserRequest
from stackledger.ledger.periods import zone_named
from stackledger.ledger.summary import PeriodSummary, Summaries, calendar, summarise

_LOG = logging.getLogger(__name__)
_IDLE_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_SUMMARY_SECONDS = 15.0
_DIVIDE_SECONDS = 300.0
"""It reads all calls of a month; and nobody waits for a month's value by the minute."""
_SETTLED_SECONDS = 60.0
"""What waits at the start comes first."""
_LOOK_SECONDS = 600.0
_HOUR_US = 3_600_000_000
_AT_ONCE = 4
"""Answers that read much at a time. They have threads of their own, so that applying, and the page, never wait for
them."""


class LedgerProcess:
    """The store, what brings the inbox into it, and what answers from it."""

    def __init__(self, settings: CostSettings, data_dir: Path, clock: Clock, prometheus_url: str = "") -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._clock = clock
        self._ledger = OpenLedger(settings, data_dir, clock, self._state, prometheus_url=prometheus_url)
        self._outcomes: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._applying = self._reading = True
        self._failing: set[str] = set()
        self._topic = open_topic(settings, self._ledger, clock)
        self._reading_much = ThreadPoolExecutor(_AT_ONCE, "answer")
        self._pulling = ThreadPoolExecutor(max(1, len(settings.pulls)), "pull")
        """A pull that somebody asked for may wait for its vendor for an hour: it takes no thread from other answers."""
        self._periods: list[PeriodSummary] = []
        self._budgets: list[BudgetStatus] = []
        self._per_user: PerUserReply | None = None
        self._summaries = Summaries(self._ledger.engine, zone_named(settings.zone), self._computed)

    @property
    def through(self) -> int:
        """The number in the inbox up to which all is in the ledger."""
        return self._ledger.applier.through

    async def apply_until(self, stop: asyncio.Event) -> None:
        """Apply what waits, until told to end. A store that fails is tried again; nothing is lost meanwhile."""
        while not stop.is_set():
            applied = await self._tried(self._apply_once, "apply")
            self._applying = applied is not None
            if not applied:
                await self._wait(stop, _IDLE_SECONDS if self._applying else _RETRY_SECONDS)

    async def read_until(self, stop: asyncio.Event) -> None:
        """Take in what the topic in Kafka holds, until told to end."""
        reader = self._topic
        while reader is not None and not stop.is_set():
            taken = await self._tried(lambda: self._counted(reader.read_once()), "read the topic")
            self._reading = taken is not None
            if not self._reading:
                await self._wait(stop, _RETRY_SECONDS)
        await stop.wait()

    async def summarise_until(self, stop: asyncio.Event) -> None:
        """Keep what the page shows current, until told to end."""
        while not stop.is_set():
            await self._tried(self._summarise, "summarise")
            await self._wait(stop, _SUMMARY_SECONDS)

    async def divide_until(self, stop: asyncio.Event) -> None:
        """Keep the last month's cost per active user current, until told to end. It may wait for Prometheus."""
        while not stop.is_set():
            await self._tried(self._divide, "compute the cost per active user")
            await self._wait(stop, _DIVIDE_SECONDS)

    async def tend_until(self, stop: asyncio.Event) -> None:
        """Do each day's upkeep once, until told to end."""
        await self._wait(stop, _SETTLED_SECONDS)
        while not stop.is_set():
            await self._tried(self._ledger.keeper.tend_if_due, "do the daily upkeep")
            await self._wait(stop, _LOOK_SECONDS)

    def pull(self) -> None:
        """Begin to fetch bills, on the pulls' own thread."""
        self._ledger.pulls.start()

    async def _tried(self, work: Callable[[], bool], what: str) -> bool | None:
        """What the work returns; None when it could not be done: the store refused, or a secret is away for a moment.

        One line is logged when that begins, one when it ends.
        """
        try:
            done = await asyncio.to_thread(work)
        except (StorageError, ConfigError, QuestionError, TargetError, UnreachableError) as error:
            _LOG.log(
                logging.DEBUG if what in self._failing else logging.ERROR,
                "cannot %s",
                what,
                extra={"reason": str(error)},
            )
            self._failing.add(what)
            return None
        if what in self._failing:
            self._failing.discard(what)
            _LOG.info("can %s again", what)
        return done

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await stop.wait()

    def _apply_once(self) -> bool:
        """Whether there was anything."""
        if not self._counted(self._ledger.applier.run_once()):
            return False
        keep_us = round(self._settings.inbox.keep_hours * _HOUR_US)
        self._ledger.inbox.applied(self.through, round(self._clock.now() * 1e6) - keep_us)
        return True

    def _counted(self, applied: Applied | None) -> bool:
        """Count what became of events; whether there was anything."""
        if applied is None:
            return False
        with self._counting:
            self._outcomes.update(
                stored=applied.stored, duplicate=applied.duplicates, refused=sum(applied.refused.values())
            )
            self._refused.update(applied.refused)
        return True

    def _summarise(self) -> bool:
        now_us = round(self._clock.now() * 1e6)
        self._periods = self._summaries.at(now_us)
        self._budgets = self._ledger.budget_statuses(now_us)  # what is set aside of them changes with time alone
        return True

    def _computed(self, now_us: int) -> list[PeriodSummary]:
        settings = self._settings
        return summarise(
            self._ledger.engine,
            now_us,
            zone_named(settings.zone),
            values=settings.values_in_metrics,
            users=settings.users.in_metrics,
            pseudonym=None if settings.users.hashed else hash_of(settings),
        )

    def _divide(self) -> bool:
        first, _ = calendar(round(self._clock.now() * 1e6), zone_named(self._settings.zone))["last_month"]
        self._per_user = per_user(self._ledger.service, PerUserRequest(f"{first:%Y-%m}"))
        return True

    def _state(self) -> StateReply:
        with contextlib.closing(Inbox(inbox_path(self._data_dir))) as inbox:
            backlog = inbox.backlog()
        now = self._clock.now()
        return StateReply(
            periods=self._periods,
            budgets=self._budgets,
            outcomes=dict(self._outcomes),
            refused=dict(self._refused),
            waiting=backlog.events,
            waiting_age_seconds=max(0.0, now - backlog.oldest_us / 1e6) if backlog.oldest_us is not None else 0.0,
            size_bytes=self._ledger.engine.size_bytes(),
            applying=self._applying and self._reading,
            book=self._ledger.prices.current().version,
            book_age_seconds=self._ledger.prices.age_seconds(),
            per_user=self._per_user,
            pulls=self._ledger.pulls.statuses(),
        )

    async def answer(self, name: str, request: bytes) -> bytes:
        """The reply of a method."""
        method = METHODS.get(name)
        if method is None:
            raise QuestionError(f"the ledger has no method {name!r}; it has {', '.join(METHODS)}")
        asked = msgspec.json.decode(request, type=method.request)
        if method.quick:
            return msgspec.json.encode(await asyncio.to_thread(method.call, self._ledger.service, asked))
        loop = asyncio.get_running_loop()
        threads = self._pulling if name == "pull" else self._reading_much
        return msgspec.json.encode(await loop.run_in_executor(threads, method.call, self._ledger.service, asked))

    def end(self) -> None:
        """Stop long work between two of its steps."""
        self._ledger.keeper.end()
        self._ledger.pulls.end()

    def close(self) -> None:
        """Close the store."""
        for threads in (self._reading_much, self._pulling):
            threads.shutdown(cancel_futures=True)
        if self._topic is not None:
            self._topic.close()
        self._ledger.close()


async def run(settings: CostSettings, data_dir: Path, clock: Clock, prometheus_url: str = "") -> None:
    """Until SIGINT or SIGTERM. Raises StorageError when the store cannot be opened."""
    process = await asyncio.to_thread(LedgerProcess, settings, data_dir, clock, prometheus_url)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    server = await wire.serve(data_dir / wire.SOCKET, process.answer)
    _LOG.info("ledger open", extra={"through": process.through})
    loops = (
        process.apply_until,
        process.read_until,
        process.summarise_until,
        process.divide_until,
        process.tend_until,
    )
    work = [asyncio.create_task(one(stop)) for one in loops]
    process.pull()
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()  # one that failed ends the others: nobody may use the store while it is closed
        await asyncio.to_thread(process.end)
        server.close()
        await asyncio.wait(work)
        await asyncio.to_thread(process.close)
    for task in work:
        task.result()
