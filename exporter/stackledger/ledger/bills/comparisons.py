"""Months beside their bills, compared off to the side: whoever asks gets what is there, and never waits for the store.

A comparison reads every call of its month, which takes seconds where there are millions. So one thread makes them, one
at a time; each is kept until a commit changed something, and one that took long is not made again at once: comparing
takes a fifth of the time at most, however fast calls come in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from stackledger.errors import QuestionError, StackledgerError, StorageError
from stackledger.ledger.asked import Open
from stackledger.ledger.bills.asking import BillsReply, BillsRequest, MonthBills, StatementTold
from stackledger.ledger.charges.store import last_delivery
from stackledger.ledger.glance import zone_of
from stackledger.ledger.periods import last_of_month, local_date
from stackledger.ledger.reconcile.answers import ReconcileReply, Terms, differing, reconciled, told
from stackledger.ledger.statements.store import statements
from stackledger.ledger.views import reach

_LOG = logging.getLogger(__name__)
_KEPT: Final = 36
"""Months whose comparisons are kept; the one that was asked for longest ago makes room."""
_WAITING: Final = 8
"""Comparisons that may wait for their turn."""
_FRESH_US: Final = 500_000
_IDLE_SHARE: Final = 4
"""For how many times as long as a comparison took none of its month is made again."""
_HOUR_US: Final = 3_600_000_000

Stamp = tuple[object, ...]


@dataclass(slots=True)
class _Kept:
    """A month's last comparison, and of which state of the ledger."""

    bills: MonthBills | None = None
    stamp: Stamp = ()
    checked_us: int = 0
    took_us: int = 0
    pending: bool = False
    failed: StackledgerError | None = None


class Comparisons:
    """Of one open ledger. May be asked from any thread."""

    def __init__(self, ledger: Open) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._months: dict[bytes, _Kept] = {}
        self._worker: ThreadPoolExecutor | None = None

    def ask(self, request: BillsRequest) -> BillsReply:
        """What is there, at once.

        Raises QuestionError for what cannot be asked, StorageError where the last comparison failed.
        """
        now_us = self._ledger.now_us()
        month = request.month or local_date(now_us, zone_of(request.zone)).replace(day=1) - timedelta(days=1)
        request = msgspec.structs.replace(request, month=month.replace(day=1))
        key = msgspec.json.encode(request)
        with self._lock:
            kept = self._months.pop(key, None) or _Kept()
            self._months[key] = kept  # the last one is the one that was asked for last
            self._make_room()
            fresh = now_us < kept.checked_us + max(_FRESH_US, _IDLE_SHARE * kept.took_us)
            if not kept.pending and not fresh and sum(one.pending for one in self._months.values()) < _WAITING:
                kept.pending = True
                self._run(lambda: self._compare(request, kept))
            if kept.failed is not None and not kept.pending:
                raise type(kept.failed)(str(kept.failed))
            return BillsReply(month.replace(day=1), kept.bills, kept.pending)

    def close(self) -> None:
        """Wait for the comparison that is being made; the store may be closed afterwards."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(cancel_futures=True)

    def _run(self, work: Callable[[], None]) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "compare")
        self._worker.submit(work)

    def _make_room(self) -> None:
        for key in list(self._months)[: len(self._months) - _KEPT]:
            if not self._months[key].pending:
                del self._months[key]

    def _compare(self, request: BillsRequest, kept: _Kept) -> None:
        began_us = self._ledger.now_us()
        bills, stamp = kept.bills, kept.stamp
        failed: StackledgerError | None = None
        try:
            now = _stamp(self._ledger, began_us)  # before: what is committed meanwhile is compared again
            if bills is None or stamp != now:
                bills, stamp = month_bills(self._ledger, request), now
        except (QuestionError, StorageError) as error:
            failed = error
        except Exception:  # noqa: BLE001 - the edge of the thread: nobody waits for what it raises
            _LOG.exception("defect while comparing a month with its bills")
            failed = StorageError("a defect of the ledger; its log tells more")
        finally:
            with self._lock:
                kept.bills, kept.stamp, kept.failed = bills, stamp, failed
                kept.checked_us = self._ledger.now_us()
                kept.took_us = max(0, kept.checked_us - began_us)
                kept.pending = False


def _stamp(ledger: Open, now_us: int) -> Stamp:
    """What a comparison depends on: all that is ever committed, rates, and the hour, by which bills become final."""
    engine = ledger.engine
    rates: object
    try:
        rates = ledger.declared.rates().lines
    except QuestionError as error:
        rates = str(error)
    (numbers,) = engine.query(
        "SELECT (SELECT coalesce(max(number), 0) FROM correction),"
        " (SELECT coalesce(sum(next_offset), 0) FROM position),"
        " (SELECT count(*) FROM statement), (SELECT calls_from FROM kept)"
    )
    return (engine.progress(), last_delivery(engine), *numbers, rates, now_us // _HOUR_US)


def month_bills(ledger: Open, request: BillsRequest) -> MonthBills:
    """The month beside its bills, compared now. Raises QuestionError for what cannot be asked."""
    engine, now_us = ledger.engine, ledger.now_us()
    first = request.month or local_date(now_us, zone_of(request.zone)).replace(day=1)
    last = last_of_month(first)
    terms = Terms(request.account, request.settle_days, request.zones)
    refused = broken = ""
    comparison, differ, signed = ReconcileReply([], [], {}, 0, "0"), 0, []
    try:
        rates = ledger.declared.rates()
        whole = told(engine, reconciled(engine, first, last, now_us, terms, rates=rates), terms)
        lines = differing(whole.lines)
        comparison, differ = msgspec.structs.replace(whole, lines=lines[: request.lines]), len(lines)
    except QuestionError as error:  # for instance of calls that are no longer kept
        refused = str(error)
    try:
        signed = [
            StatementTold(one.number, one.made, one.signed, one.role, one.cause, one.sha256)
            for one in statements(engine, f"{first:%Y-%m}", request.zone)
        ]
    except StorageError as error:
        broken = str(error)
    reached = reach(engine, zone_of(request.zone))
    return MonthBills(now_us, first, last, comparison, differ, signed, reached, refused, broken)
