"""How far back single calls reach: older ones are gone, and only their sums answer.

A question that needs calls is refused before that day, because an answer from what is left would be too small.
"""

from __future__ import annotations

from datetime import date, timedelta

from stackledger.errors import QuestionError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.rows import DAY_US

_EPOCH = date(1970, 1, 1)


def first_kept_day(engine: Engine) -> int:
    """The first day (since 1970-01-01 UTC) whose calls are all there; 0 while none were deleted."""
    return int(engine.query("SELECT calls_from FROM kept")[0][0])


def day_named(day: int) -> str:
    """The day as people write it."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def need_calls(engine: Engine, from_us: int, what: str) -> None:
    """Raise QuestionError where calls from this instant on are needed for `what` and are no longer kept."""
    day = first_kept_day(engine)
    if from_us < day * DAY_US:
        raise QuestionError(
            f"{what} needs single calls, which are kept from {day_named(day)} UTC on (costs.keep_days): ask from the"
            " day after on; days before are there by every attribute but the user"
        )
