"""What is checked against the clock once an event is read, and how a body is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from stackledger.ledger.event import REMEMBERED_DAYS, Reason, Refusal, UsageEvent
from stackledger.ledger.inbox import Waiting
from stackledger.ledger.intake.result import Taken
from stackledger.ledger.record import Record, encode

AHEAD: Final = timedelta(hours=1)
"""How far a sender's clock may be ahead of ours."""


def admitted(taken: Taken, now: float) -> Taken:
    """The same, without events whose day is closed for arrivals or that lie in the future; `now` is seconds UTC."""
    return taken.without(_out_of_time(taken.events, now))


def kept_body(taken: Taken, now: float) -> Waiting | None:
    """What the inbox keeps of it; None when there is nothing to keep."""
    if not taken.events and not taken.refused:
        return None
    record = Record(taken.events, [one.refusal for one in taken.refused])
    return Waiting(round(now * 1e6), len(taken.events), encode(record))


def _out_of_time(events: Sequence[UsageEvent], now: float) -> dict[int, Refusal]:
    moment = datetime.fromtimestamp(now, UTC)
    earliest, latest = moment - timedelta(days=REMEMBERED_DAYS), moment + AHEAD
    found: dict[int, Refusal] = {}
    for place, event in enumerate(events):
        if earliest <= event.time <= latest:
            continue
        told = event.time.isoformat()
        if event.time > latest:
            detail = f"time: {told} is in the future: set the sender's clock, send UTC with an offset"
            found[place] = Refusal(Reason.AHEAD_OF_TIME, detail, event.id, event.source)
        else:
            detail = f"time: {told} is more than {REMEMBERED_DAYS} days ago, its day is closed"
            found[place] = Refusal(Reason.TOO_LATE, detail, event.id, event.source)
    return found
