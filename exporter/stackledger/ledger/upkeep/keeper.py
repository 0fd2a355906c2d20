"""Whoever keeps an open ledger in order: what the process does by itself each day, and what people ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from stackledger.clock import Clock
from stackledger.ledger.apply import Applier
from stackledger.ledger.budgets.reservations import Reservations
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.horizon import day_named, first_kept_day
from stackledger.ledger.inbox import Inbox
from stackledger.ledger.rows import DAY_US
from stackledger.ledger.upkeep import copies, erase, retention
from stackledger.ledger.upkeep.asking import (
    BackupReply,
    BackupRequest,
    EraseReply,
    EraseRequest,
    TendReply,
    TendRequest,
)
from stackledger.ledger.upkeep.copies import Places


class Keeper:
    """One ledger's upkeep. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        applier: Applier,
        reservations: Reservations,
        places: Places,
        clock: Clock,
        *,
        pseudonym: Callable[[str], str] | None,
        keep_days: int,
    ) -> None:
        """`pseudonym` is the hash under which users leave or enter the ledger, where there is a key."""
        self._keep_days = keep_days
        self._ended = threading.Event()
        self._tending = threading.Lock()
        self._engine = engine
        self._applier = applier
        self._reservations = reservations
        self._places = places
        self._clock = clock
        self._pseudonym = pseudonym

    def erase(self, request: EraseRequest) -> EraseReply:
        """Erase a user; totals stay. Erasing again finds what came since."""
        names = [request.user] if self._pseudonym is None else [request.user, self._pseudonym(request.user)]
        at_us = round(self._clock.now() * 1e6)
        inbox = Inbox(self._places.inbox)
        try:
            batches = erase.erase(self._applier, self._engine, inbox, user=request.user, names=names, at_us=at_us)
        finally:
            inbox.close()
        reservations = self._reservations.forget_user(names)
        return EraseReply(erase.erased_names(self._engine, at_us), batches, reservations)

    def tend(self, _request: TendRequest) -> TendReply:
        """Do the upkeep of today, also where it is done: delete old calls, pack the sums of past days."""
        now_us = round(self._clock.now() * 1e6)
        day = now_us // DAY_US
        with self._tending:
            done = retention.tend(self._engine, day, self._keep_days, self._ended.is_set)
            if not self._ended.is_set():
                retention.record(self._engine, day, now_us)
        first = first_kept_day(self._engine)
        names = day_named(first) if first else ""
        return TendReply(done.calls, done.refusals, done.sums_before, done.sums_after, names)

    def backup(self, request: BackupRequest) -> BackupReply:
        """Copy the ledger and what belongs to it, while commits go on."""
        folder = Path(request.folder)
        with self._tending:
            made = copies.backup(self._engine, self._places, folder, round(self._clock.now() * 1e6))
        size = sum((folder / name).stat().st_size for name in made.files)
        return BackupReply(list(made.files), size, made.through, made.ledger)

    def tend_if_due(self) -> bool:
        """Do the upkeep of today where it is not recorded as done; whether it was."""
        if retention.is_done(self._engine, round(self._clock.now() * 1e6) // DAY_US):
            return False
        self.tend(TendRequest())
        return True

    def end(self) -> None:
        """Begin nothing more."""
        self._ended.set()
