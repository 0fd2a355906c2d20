"""What changed a closed month since its last statement: each step with before, after and cause.

The steps are in order, each begins where the one before ended, and the last ends at what the ledger says now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import Period
from stackledger.ledger.statements.facts import bill_sums
from stackledger.ledger.used import Close, used
from stackledger.money import USD

ESTIMATE = "estimate"


class Step(NamedTuple):
    """One change, in pico-units. `source` is empty for estimates."""

    side: str
    source: str
    currency: str
    before: int
    after: int
    cause: str


class Between(NamedTuple):
    """What the last statement and the ledger now count, and their totals in pico-USD."""

    then: Close
    now: Close
    before: int
    after: int


def estimate_steps(engine: Engine, month: Period, between: Between) -> Iterator[Step]:
    """Late calls at their first price, then each correction; what neither explains is said to be so."""
    then, now, before, total = between
    edges = [(month.from_us, month.until_us)]
    late = used(engine, edges, close=then, late=now)
    calls = sum(one.calls for one in late)
    amount = sum(one.cost or 0 for one in late)
    unpriced = sum(one.calls for one in late if one.cost is None)
    if calls:
        told = f", {unpriced:,} of them without a known price" if unpriced else ""
        came = "after the close" if then.topic >= 0 else "after the close, or by Kafka"  # counted by no first statement
        yield Step(ESTIMATE, "", USD, before, before + amount, f"{calls:,} calls that came {came}{told}")
        before += amount
    rows = engine.query(
        "SELECT number, cause, count(*), coalesce(sum(cost), 0), coalesce(sum(cost_before), 0) FROM correction"
        " WHERE ts >= ? AND ts < ? AND number > ? AND number <= ? GROUP BY number, cause ORDER BY number, cause",
        [month.from_us, month.until_us, then.correction, now.correction],
    )
    for number, cause, count, after, earlier in rows:
        amount = int(after) - int(earlier)
        told = f"new price of {count:,} calls (correction {number}: {cause})"
        yield Step(ESTIMATE, "", USD, before, before + amount, told)
        before += amount
    if before != total:
        yield Step(ESTIMATE, "", USD, before, total, "not explained by the calls and corrections that are kept")


def bill_steps(engine: Engine, days: tuple[int, int], deliveries: tuple[int, int]) -> Iterator[Step]:
    """Each delivery that changed what is charged for the month, after the first up to the second."""
    delivery, last = deliveries
    sums: Mapping[tuple[str, str, str], int] = bill_sums(engine, *days, as_of=delivery)
    for number in range(delivery + 1, last + 1):
        after = bill_sums(engine, *days, as_of=number)
        for key in sorted({*sums, *after}):
            kind, source, currency = key
            if sums.get(key, 0) != after.get(key, 0):
                verb = "restated" if key in sums else "came"
                cause = f"the {kind} of {source} {verb} (delivery {number})"
                yield Step(kind, source, currency, sums.get(key, 0), after.get(key, 0), cause)
        sums = after
