"""From a total to what it is made of: the rates that were used, what each was multiplied with, and the calls.

Every part sums to the total exactly, because a cost is a sum of counts times integer rates. No prompt is anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.question import Question
from stackledger.ledger.selection import selection


@dataclass(frozen=True, slots=True)
class Part:
    """A bucket of a rate: `units` times `pico_usd` is `cost`."""

    bucket: str
    units: int
    pico_usd: int
    cost: int


@dataclass(frozen=True, slots=True)
class UsedRate:
    """All calls that were priced with one rate. `parts` sum to `cost`; unpriced ones say why and have none."""

    book: str
    line: str
    basis: str
    unpriced: str
    calls: int
    cost: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Correction:
    """What corrections of one number and cause changed."""

    number: int
    made_us: int
    cause: str
    calls: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it is in force now. `cost` is None where no price is known."""

    id: str
    source: str
    ts_us: int
    user: str
    provider: str
    model: str
    cost: int | None
    usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`cost` is what `rates` and `corrections` sum to."""

    cost: int
    calls: int
    unpriced: int
    rates: Sequence[UsedRate]
    corrections: Sequence[Correction]
    examples: Sequence[Call]


def explain(engine: Engine, question: Question, examples: int = 20) -> Explanation:
    """Take a question's total apart; its `by` plays no part. The `examples` are the calls that cost most."""
    rates = _rates(engine, question)
    corrections = _corrections(engine, question)
    priced = sum(rate.cost for rate in rates)
    changed = sum(one.after - one.before for one in corrections)
    where = selection(engine, question, "correction")
    (newly,) = engine.query(
        "SELECT coalesce(sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END - CASE WHEN cost_before IS NULL THEN 1 ELSE 0"
        f" END), 0) FROM correction t WHERE {where.sql}",
        where.parameters,
    )
    return Explanation(
        cost=priced + changed,
        calls=sum(rate.calls for rate in rates),
        unpriced=sum(rate.calls for rate in rates if rate.unpriced) + int(newly[0]),
        rates=rates,
        corrections=corrections,
        examples=_examples(engine, question, examples),
    )


def _rates(engine: Engine, question: Question) -> list[UsedRate]:
    where = selection(engine, question, "llm_call")
    sums = ", ".join(f"sum({name})" for name in BUCKETS)
    rows = engine.query(
        f"SELECT r.book, r.facts, t.cost IS NULL, count(*), coalesce(sum(t.cost), 0), {sums}"
        f" FROM llm_call t JOIN rate r ON r.id = t.rate WHERE {where.sql} GROUP BY r.book, r.facts, t.cost IS NULL"
        " ORDER BY 5 DESC, 2",
        where.parameters,
    )
    return [_used(row) for row in rows]


def _used(row: tuple[Any, ...]) -> UsedRate:
    book, facts, unknown, calls, cost, *units = row
    told = json.loads(facts)
    amounts: dict[str, int] = told.get("pico_usd", {})
    used = {name: int(count) for name, count in zip(BUCKETS, units, strict=True) if count}
    reason = told.get("unpriced", "")
    if unknown and not reason:
        reason = "no price is known for " + ", ".join(name for name in used if name not in amounts)
    parts = [] if unknown else [Part(name, n, amounts[name], n * amounts[name]) for name, n in used.items()]
    return UsedRate(
        book, told.get("line", ""), told.get("basis", ""), reason if unknown else "", int(calls), int(cost), parts
    )


def _corrections(engine: Engine, question: Question) -> list[Correction]:
    where = selection(engine, question, "correction")
    rows = engine.query(
        "SELECT number, made, cause, count(*), coalesce(sum(cost_before), 0), coalesce(sum(cost), 0)"
        f" FROM correction t WHERE {where.sql} GROUP BY number, made, cause ORDER BY number",
        where.parameters,
    )
    return [Correction(number, made, cause, int(n), int(b), int(a)) for number, made, cause, n, b, a in rows]


def _examples(engine: Engine, question: Question, limit: int) -> list[Call]:
    where = selection(engine, question, "llm_call")
    buckets = ", ".join(f"t.{name}" for name in BUCKETS)
    rows = engine.query(
        f"SELECT t.id, c.source, t.ts, p.name, c.provider, c.model, t.cost, t.source_id, t.day, {buckets}"
        " FROM llm_call t JOIN context c ON c.id = t.context JOIN person p ON p.id = t.person"
        f" WHERE {where.sql} ORDER BY coalesce(t.cost, 0) DESC, t.ts, t.id LIMIT ?",
        [*where.parameters, limit],
    )
    return [
        Call(
            id=name,
            source=source,
            ts_us=ts,
            user=user,
            provider=provider,
            model=model,
            cost=_in_force(engine, key=(source_id, day, name), cost=cost),
            usage={bucket: count for bucket, count in zip(BUCKETS, counts, strict=True) if count},
        )
        for name, source, ts, user, provider, model, cost, source_id, day, *counts in rows
    ]


def _in_force(engine: Engine, key: tuple[int, int, str], cost: int | None) -> int | None:
    """The call's cost after its last correction."""
    found = engine.query(
        "SELECT cost FROM correction WHERE source_id = ? AND day = ? AND id = ? ORDER BY number DESC LIMIT 1", key
    )
    after: int | None = found[0][0] if found else cost
    return after
