"""Old calls go, their sums stay; sums of past days are packed to one row for each quarter of an hour and context.

Each step is a transaction of its own, short enough that commits go on between two of them, and a process that dies
between them has done some days and not others, which the next run finds. No total changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import Edit, Engine
from stackledger.ledger.rows import DAY_US, QUARTER_US

JOB: Final = "upkeep"
_DAY_QUARTERS: Final = DAY_US // QUARTER_US
_OPEN_DAYS: Final = 1
"""Days before today whose sums still grow too often to be packed."""
_SUMS: Final = ("events", "unpriced", "cost", *BUCKETS)


@dataclass(slots=True)
class Tended:
    """What one run did."""

    calls: int = 0
    refusals: int = 0
    sums_before: int = 0
    sums_after: int = 0


def tend(engine: Engine, day: int, keep_days: int, ended: Callable[[], bool] = lambda: False) -> Tended:
    """Upkeep as of a day (since 1970-01-01 UTC). Where `ended` says so it stops between two steps.

    One run does what missed ones would have done: what is due depends on the day alone.
    """
    done = Tended()
    for _ in _steps(engine, day, keep_days, done):
        if ended():
            break
    return done


def is_done(engine: Engine, day: int) -> bool:
    """Whether a day's run is recorded."""
    return bool(engine.query("SELECT 1 FROM job WHERE name = ? AND day = ?", [JOB, day]))


def record(engine: Engine, day: int, now_us: int) -> None:
    """Record a day's run; of earlier ones nobody asks."""
    engine.edit(
        [Edit("DELETE FROM job WHERE name = ?", [JOB]), Edit("INSERT INTO job VALUES (?, ?, ?)", [JOB, day, now_us])]
    )


def _steps(engine: Engine, day: int, keep_days: int, done: Tended) -> Iterator[None]:
    first_kept = day - keep_days
    while (old := _oldest(engine, first_kept)) is not None:
        done.calls += _forget_calls(engine, old, first_kept)
        yield
    (gone,) = engine.edit([Edit("DELETE FROM refusal WHERE received < ?", [first_kept * DAY_US])])
    done.refusals += gone
    yield
    for past in _loose_days(engine, day - _OPEN_DAYS):
        marked, removed, _ = engine.edit(_packing(past))
        done.sums_before += removed
        done.sums_after += marked
        yield


def _oldest(engine: Engine, before: int) -> int | None:
    (found,) = engine.query("SELECT min(day) FROM llm_call WHERE ts < ?", [before * DAY_US])
    return None if found[0] is None else int(found[0])


def _forget_calls(engine: Engine, day: int, first_kept: int) -> int:
    """Delete a day's calls. First of all it is said that they are not all there."""
    engine.edit([Edit("UPDATE kept SET calls_from = ? WHERE calls_from < ?", [first_kept, first_kept])])
    deleted = Edit("DELETE FROM llm_call WHERE day = ? AND ts >= ? AND ts < ?", [day, day * DAY_US, (day + 1) * DAY_US])
    # Corrections go with their calls; one of the last number stays, so that no number is ever given twice.
    corrected = Edit("DELETE FROM correction WHERE day = ? AND number < (SELECT max(number) FROM correction)", [day])
    return engine.edit([deleted, corrected])[0]


def _loose_days(engine: Engine, before: int) -> list[int]:
    """Days before one of which some quarter and context have several rows."""
    rows = engine.query(
        "SELECT DISTINCT quarter FROM"
        " (SELECT quarter FROM quarter WHERE quarter < ? GROUP BY quarter, context HAVING count(*) > 1) AS loose",
        [before * _DAY_QUARTERS],
    )
    return sorted({int(quarter) // _DAY_QUARTERS for (quarter,) in rows})


def _packing(day: int) -> list[Edit]:
    """Sums go in under the negative of their quarter, so that they are told from the rows which they replace."""
    span = [day * _DAY_QUARTERS, (day + 1) * _DAY_QUARTERS]
    columns = ", ".join(("quarter", "context", *_SUMS))
    sums = ", ".join(f"sum({name})" for name in _SUMS)
    return [
        Edit(
            f"INSERT INTO quarter ({columns}) SELECT -quarter, context, {sums} FROM quarter"
            " WHERE quarter >= ? AND quarter < ? GROUP BY quarter, context ORDER BY quarter, context",
            span,
        ),
        Edit("DELETE FROM quarter WHERE quarter >= ? AND quarter < ?", span),
        Edit("UPDATE quarter SET quarter = -quarter WHERE quarter < 0"),
    ]
