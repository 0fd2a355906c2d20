"""One source: what is due, pulling it piece by piece, and what is recorded and told of it.

A pull is a function of the days that it asks for: one that was missed or cut off is made good by the next, the oldest
days first, and delivering the same again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

from stackledger.clock import Clock
from stackledger.errors import ProtocolError, QuestionError, ReadTimeoutError, StorageError, TargetError
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.store import deliver, periods_of
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls import record
from stackledger.ledger.pulls.asking import REASONS, Delivery, PullReply, PullRequest, PullStatus
from stackledger.ledger.pulls.config import PullSettings, Vendor
from stackledger.ledger.pulls.record import Record
from stackledger.ledger.pulls.sources import Window, source_of
from stackledger.ledger.reconcile.cells import days_of
from stackledger.ledger.reconcile.estimates import EPOCH
from stackledger.ledger.rows import DAY_US

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_AFTER_SECONDS: Final = 3600.0
"""An interval's pull is made so long after it began: vendors need some time to count a day."""
_AGAIN_SECONDS: Final = 900.0
_LONGEST_SECONDS: Final = 900.0
"""For what is new, and for each window."""
_TRIES: Final = 3


class Work:
    """One source of one ledger. All but `status` runs on the loop of the pulls."""

    def __init__(self, engine: Engine, settings: PullSettings, clock: Clock) -> None:
        self.name = settings.name
        self.interval_seconds = settings.interval.total_seconds()
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._source = source_of(settings, clock)
        self._record: Record | None = None
        self._one_at_a_time = asyncio.Lock()
        self._not_before_s = 0.0
        self._failures: Counter[str] = Counter()
        self._failing = self._doing = ""
        self._added = self._replaced = 0

    def status(self) -> PullStatus:
        """What is known now."""
        known = self._record or Record(self._now_us())
        return PullStatus(
            source=self.name,
            vendor=self._settings.vendor,
            interval_seconds=self.interval_seconds,
            since_s=known.set_up_us / 1e6,
            success_s=None if known.success_us is None else known.success_us / 1e6,
            days=None if self._settings.vendor is Vendor.FOCUS else known.days,
            failures={reason: self._failures[reason] for reason in REASONS},
            failing=self._failing,
            doing=self._doing,
            added=self._added,
            replaced=self._replaced,
        )

    async def pull_if_due(self) -> None:
        """Pull where this interval's pull is not recorded; a failed one is tried again after a while."""
        async with self._one_at_a_time:
            now_s = self._clock.now()
            try:
                known = await self._recorded()
            except StorageError as error:
                self._told("storage", str(error))
                return
            if now_s < self._not_before_s or not self._is_due(known, now_s):
                return
            reply = await self._pulled(known, None, dry=False)
            if reply.failure:
                self._not_before_s = self._clock.now() + min(_AGAIN_SECONDS, self.interval_seconds)

    async def asked(self, request: PullRequest) -> PullReply:
        """Pull because somebody asked. Raises QuestionError for days that cannot be asked for."""
        days = self._days(request)
        async with self._one_at_a_time:
            return await self._pulled(await self._recorded(), days, dry=request.dry)

    def _is_due(self, known: Record, now_s: float) -> bool:
        if known.success_us is None or known.first_day > self._begin_day():
            return True
        return self._interval_of(known.success_us / 1e6) < self._interval_of(now_s)

    def _interval_of(self, at_s: float) -> int:
        return int((at_s - _AFTER_SECONDS) // self.interval_seconds)

    def _days(self, request: PullRequest) -> Window | None:
        """The days asked for, the last excluded."""
        if request.first is None and request.last is None:
            return None
        if self._settings.vendor is Vendor.FOCUS:
            raise QuestionError(f"{self.name}: files hold the days that they hold: leave the days out")
        today = self._today()
        end = today if request.last is None or request.last >= today else request.last + timedelta(days=1)
        first = request.first or end - timedelta(days=1)
        if first >= end:
            raise QuestionError(f"{self.name}: days of UTC that are over are pulled, and {first} is not one of them")
        return first, end

    def _due(self, known: Record) -> Window:
        """Closed days of UTC since the last that was pulled, and those that may have been restated."""
        begin, today = _date(self._begin_day()), self._today()
        if known.success_us is None or known.first_day > self._begin_day():
            return begin, today
        return _date(max(known.first_day, known.last_day + 1 - self._source.restated_days)), today

    def _begin_day(self) -> int:
        """The first day that a first pull asks for: it moves on with today, or back with the setting."""
        return _number(self._today()) - self._settings.first_days

    async def _pulled(self, known: Record, days: Window | None, *, dry: bool) -> PullReply:
        deliveries: list[Delivery] = []
        reply = PullReply(self.name, self._settings.vendor, deliveries)
        due = days or self._due(known)
        try:
            files = await self._in_time(self._source.unchanged(known.files), "what is new")
            if files is None:
                reply = PullReply(self.name, self._settings.vendor, nothing_new=True)
            else:
                windows = self._source.windows(*due, self._today())
                if days is None and self._source.forgets:
                    windows = await asyncio.to_thread(self._without_what_stands, windows)
                await self._windows(windows, deliveries, dry=dry)
            if not dry and days is None:
                await self._succeeded(known, due, known.files if files is None else files)
        except (TargetError, StorageError) as error:
            reason = error.reason if isinstance(error, TargetError) else "storage"
            if not dry:
                self._told(reason, str(error))
            return PullReply(self.name, self._settings.vendor, deliveries, reason=reason, failure=str(error))
        finally:
            self._doing = ""
        if not dry and self._failing:
            self._failing = ""
            _LOG.info("bills can be pulled again", extra={"source": self.name})
        return reply

    def _without_what_stands(self, windows: Sequence[Window]) -> list[Window]:
        """Without days that a pull in time would no longer ask for, where they are told of already.

        A day that cannot be read keeps the days after it due for as long; what is told of them late may be less.
        """
        longest = timedelta(days=self._source.restated_days) + max(self._settings.interval, timedelta(days=1))
        in_time = self._today() - longest
        standing = periods_of(self._engine, self._settings.source)
        return [
            one
            for one in windows
            if one[0] >= in_time or (_number(one[0]) * DAY_US, _number(one[1]) * DAY_US) not in standing
        ]

    async def _windows(self, windows: Sequence[Window], deliveries: list[Delivery], *, dry: bool) -> None:
        """Pull and deliver piece by piece, oldest first. What cannot be understood of one does not hold up others."""
        refused: ProtocolError | None = None
        for number, window in enumerate(windows, 1):
            self._doing = f"{number} of {len(windows)}, from {window[0]} on"
            try:
                charges = await self._in_time(self._source.charges(window), str(window[0]))
            except ProtocolError as error:
                refused = refused or error
                continue
            deliveries.append(await asyncio.to_thread(self._deliver, window, charges, dry))
        if refused is not None:
            raise refused

    async def _in_time(self, answer: Awaitable[T], what: str) -> T:
        try:
            async with self._clock.timeout(_LONGEST_SECONDS):
                return await answer
        except TimeoutError:
            raise ReadTimeoutError(f"{what}: no whole answer in {_LONGEST_SECONDS / 60:.0f} minutes") from None

    def _deliver(self, window: Window, charges: Sequence[Charge], dry: bool) -> Delivery:  # noqa: FBT001 - to_thread
        for again in reversed(range(_TRIES)):
            try:
                done = deliver(self._engine, charges, self._now_us(), dry=dry)
                break
            except StorageError:  # another delivery may have come in between
                if not again:
                    raise
        if not dry:
            self._added += done.added
            self._replaced += done.superseded
        billed: Counter[str] = Counter()
        for one in charges:
            billed[one.currency] += one.billed
        amounts = {currency: str(amount) for currency, amount in sorted(billed.items())}
        first, until = window
        if charges and self._settings.vendor is Vendor.FOCUS:  # files hold the days that they hold
            days = [days_of(one) for one in charges]
            first, until = _date(min(one for one, _ in days)), _date(max(one for _, one in days))
        last = until - timedelta(days=1)
        return Delivery(first, last, amounts, done.added, done.unchanged, done.superseded, done.number)

    async def _succeeded(self, known: Record, due: Window, files: str) -> None:
        first, last = _number(due[0]), _number(due[1]) - 1
        joined = known.success_us is not None and first <= known.last_day + 1
        now = replace(
            known,
            first_day=min(known.first_day, first) if joined else first,
            last_day=last,
            success_us=self._now_us(),
            files=files,
        )
        await asyncio.to_thread(record.store, self._engine, self.name, now)
        self._record = now

    async def _recorded(self) -> Record:
        if self._record is None:
            known = await asyncio.to_thread(record.read, self._engine, self.name)
            if known is None:
                known = Record(self._now_us())
                await asyncio.to_thread(record.store, self._engine, self.name, known)
            self._record = known
        return self._record

    def _told(self, reason: str, failure: str) -> None:
        """Count a failure; log it where it is another one than before."""
        self._failures[reason] += 1
        level = logging.DEBUG if self._failing == failure else logging.WARNING
        self._failing = failure
        _LOG.log(level, "bills cannot be pulled", extra={"source": self.name, "reason": failure})

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    def _now_us(self) -> int:
        return round(self._clock.now() * 1e6)


def _number(day: date) -> int:
    return (day - EPOCH).days


def _date(number: int) -> date:
    return EPOCH + timedelta(days=number)
