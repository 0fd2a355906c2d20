"""What was used at which rate, in sums: the calls in force now, or as they were before later corrections.

A cost is units times integer rates, so that a sum by rate gives the cost of every bucket exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from stackledger.errors import StorageError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import TOPIC_BATCH, Engine
from stackledger.ledger.horizon import need_calls

_UNITS: Final = ", ".join(f"sum(t.{name})" for name in BUCKETS)
_MANY: Final = 500
Edges = Sequence[tuple[int, int]]
"""From (included) until (excluded) which microsecond each period is."""


class Used(NamedTuple):
    """All calls of a period, context and user that have one rate. `cost` is None where no price is known."""

    period: int
    context: int
    person: int
    rate: int
    calls: int
    cost: int | None
    units: tuple[int, ...]


class Changed(NamedTuple):
    """What corrections changed for calls of a period, context and user, from one rate to another."""

    period: int
    context: int
    person: int
    rate_before: int
    rate: int
    before: int | None
    after: int | None
    units: tuple[int, ...]


class Close(NamedTuple):
    """What a closed month was made of: the last number in the inbox and the last correction that it counts.

    `topic` is the last commit that came by a topic; -1 where it counts no call of any, as the first statements do.
    """

    inbox: int
    correction: int
    topic: int = -1


def used(
    engine: Engine, edges: Edges, *, people: bool = False, close: Close | None = None, late: Close | None = None
) -> list[Used]:
    """Sums over the periods, as they are now; with `close` as they were then.

    With `late`, calls that came between the two, at their first price; what changed since is for `changed` to tell.
    Raises QuestionError where single calls are no longer kept.
    """
    if not edges:
        return []
    made = "" if close is None else f" AND a.number <= {int(close.correction)}"
    came = "" if close is None else _came(Close(-1, 0), close)
    if close is not None and late is not None:
        came = _came(close, late)
    later = made.replace("a.", "b.")
    first, last = min(one for one, _ in edges), max(one for _, one in edges)
    need_calls(engine, first, "what was used at which price")
    person = "t.person" if people else "0"
    sql = (
        "WITH k AS (SELECT a.source_id, a.day, a.id, a.rate, a.cost FROM correction a WHERE a.ts >= ? AND a.ts < ?"
        f"{made} AND NOT EXISTS (SELECT 1 FROM correction b WHERE b.source_id = a.source_id AND b.day = a.day"
        f" AND b.id = a.id AND b.number > a.number{later})),"
        f" r AS (SELECT d.period, {person} AS person, CASE WHEN k.id IS NULL THEN t.rate ELSE k.rate END AS in_force,"
        " CASE WHEN k.id IS NULL THEN t.cost ELSE k.cost END AS cost_now, t.context,"
        f" {', '.join(f't.{name}' for name in BUCKETS)}"
        f" FROM llm_call t JOIN {_periods(edges)} ON t.ts >= d.lo AND t.ts < d.hi"
        " LEFT JOIN k ON k.source_id = t.source_id AND k.day = t.day AND k.id = t.id WHERE t.ts >= ? AND t.ts < ?"
        f"{came}) SELECT t.period, t.context, t.person, t.in_force, count(*), sum(t.cost_now), t.cost_now IS NULL,"
        f" {_UNITS} FROM r t GROUP BY t.period, t.context, t.person, t.in_force, t.cost_now IS NULL"
        " ORDER BY t.period, t.context, t.person, t.in_force"
    )
    rows = engine.query(sql, [first, last, first, last])
    return [
        Used(int(period), context, person, rate, calls, None if unknown else int(cost), tuple(map(int, units)))
        for period, context, person, rate, calls, cost, unknown, *units in rows
    ]


def changed(engine: Engine, edges: Edges, close: Close, *, people: bool = False) -> list[Changed]:
    """What corrections made since the close changed, each step for itself. Raises QuestionError as `used` does."""
    if not edges:
        return []
    person = "a.person" if people else "0"
    first, last = min(one for one, _ in edges), max(one for _, one in edges)
    need_calls(engine, first, "what changed since a month was closed")
    sql = (
        f"SELECT d.period, a.context, {person}, a.rate_before, a.rate, sum(a.cost_before), a.cost_before IS NULL,"
        f" sum(a.cost), a.cost IS NULL, {_UNITS} FROM correction a"
        " JOIN llm_call t ON t.source_id = a.source_id AND t.day = a.day AND t.id = a.id"
        f" JOIN {_periods(edges)} ON a.ts >= d.lo AND a.ts < d.hi WHERE a.ts >= ? AND a.ts < ? AND a.number > ?"
        f" GROUP BY d.period, a.context, {'a.person, ' if people else ''}a.rate_before, a.rate, a.cost_before IS NULL,"
        " a.cost IS NULL ORDER BY 1, 2, 3, 4, 5"
    )
    rows = engine.query(sql, [first, last, close.correction])
    return [
        Changed(
            int(period), context, person, rate_before, rate, None if unknown_before else int(before),
            None if unknown else int(after), tuple(map(int, units)),
        )
        for period, context, person, rate_before, rate, before, unknown_before, after, unknown, *units in rows
    ]  # fmt: skip


def rates(engine: Engine, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """Pico-USD for one unit of each bucket, by the number of the rate."""
    found: dict[int, dict[str, int]] = {}
    wanted = sorted(set(numbers))
    for start in range(0, len(wanted), _MANY):
        some = wanted[start : start + _MANY]
        marks = ", ".join("?" for _ in some)
        for number, facts in engine.query(f"SELECT id, facts FROM rate WHERE id IN ({marks})", some):
            found[int(number)] = json.loads(facts).get("pico_usd", {})
    return found


def by_bucket(units: Sequence[int], rate: Mapping[str, int], cost: int | None) -> list[tuple[str, int, int]]:
    """Each used bucket with its units and its cost, 0 where none is known; the costs sum to `cost`."""
    parts = [
        (name, count, 0 if cost is None else count * rate.get(name, 0))
        for name, count in zip(BUCKETS, units, strict=True)
        if count
    ]
    if cost is not None and sum(part for _, _, part in parts) != cost:
        raise StorageError("a rate in the ledger does not give the cost that was stored with it: restore a backup")
    return parts


def _came(after: Close, until: Close) -> str:
    """Calls that the second counts and the first does not."""
    return (
        f" AND (t.batch > {int(after.inbox)} AND t.batch <= {int(until.inbox)}"
        f" OR t.batch > {TOPIC_BATCH + int(after.topic)} AND t.batch <= {TOPIC_BATCH + int(until.topic)})"
    )


def _periods(edges: Edges) -> str:
    rows = ", ".join(f"({place}, {int(lo)}, {int(hi)})" for place, (lo, hi) in enumerate(edges))
    return f"(VALUES {rows}) AS d(period, lo, hi)"
