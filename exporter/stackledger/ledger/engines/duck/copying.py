"""How rows get into the tables of the embedded ledger: as arrays, which DuckDB reads in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import CHARGE_FIELDS, WIDE_FIELDS, Change
from stackledger.ledger.engines.base import Corrected, Refused
from stackledger.ledger.engines.duck.store import Store
from stackledger.ledger.rows import QUARTER_US, Rows

_BUCKET_LIST: Final = ", ".join(BUCKETS)


def insert_calls(store: Store, rows: Rows) -> None:
    """Store calls and their sums."""
    used: list[bool] = np.any(rows.usage, axis=0).tolist()
    columns: dict[str, Any] = {
        "source_id": rows.source,
        "day": rows.day,
        "id": np.array(rows.ids, object),
        "ts": rows.ts,
        "context": rows.context,
        "person": rows.person,
        "rate": rows.rate,
        "cost": rows.cost,
        "priced": rows.priced,
        "batch": rows.batch,
        "quarter": rows.ts // QUARTER_US,
    } | {name: np.ascontiguousarray(rows.usage[:, n]) for n, name in enumerate(BUCKETS) if used[n]}
    buckets = [name if used[n] else "0" for n, name in enumerate(BUCKETS)]
    cost = "cost" if rows.priced.all() else "CASE WHEN priced THEN cost END"
    with store.registered({"rows": columns}):
        store.db.execute(
            f"INSERT INTO llm_call (source_id, day, id, ts, context, person, rate, cost, batch, {_BUCKET_LIST})"
            f" SELECT source_id, day, id, ts, context, person, rate, {cost}, batch, {', '.join(buckets)} FROM rows"
        )
        sums = [f"sum({name})" if used[n] else "0" for n, name in enumerate(BUCKETS)]
        store.db.execute(
            f"INSERT INTO quarter (quarter, context, events, unpriced, cost, {_BUCKET_LIST})"
            " SELECT quarter, context, count(*), count(*) FILTER (NOT priced), sum(cost),"
            f" {', '.join(sums)} FROM rows GROUP BY quarter, context ORDER BY quarter, context"
        )


def insert_refused(store: Store, refused: Sequence[Refused]) -> None:
    """Store refusals."""
    if not refused:
        return
    store.db.executemany(
        "INSERT INTO refusal (batch, received, source, id, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (one.batch, one.received_us, one.refusal.source, one.refusal.id, one.refusal.reason, one.refusal.detail)
            for one in refused
        ],
    )


def insert_corrections(store: Store, corrections: Sequence[Corrected], number: int, cause: str, made_us: int) -> None:
    """Store corrections and their sums."""
    columns: dict[str, Any] = {}
    for name, values in zip(Corrected._fields, zip(*corrections, strict=True), strict=True):
        if name in ("cost", "cost_before"):  # NULL is told by a column of its own
            columns[f"{name}_known"] = np.array([value is not None for value in values], np.bool_)
            columns[name] = np.array([value or 0 for value in values], np.int64)
        else:
            columns[name] = np.array(values, object if name == "id" else np.int64)
    after, before = "CASE WHEN cost_known THEN cost END", "CASE WHEN cost_before_known THEN cost_before END"
    names = ", ".join(name for name in Corrected._fields if name not in ("cost", "cost_before"))
    with store.registered({"changes": columns}):
        store.db.execute(
            f"INSERT INTO correction (number, made, cause, {names}, cost_before, cost)"
            f" SELECT ?, ?, ?, {names}, {before}, {after} FROM changes",
            [number, made_us, cause],
        )
        zeros = ", ".join("0" for _ in BUCKETS)
        store.db.execute(
            f"INSERT INTO quarter (quarter, context, events, unpriced, cost, {_BUCKET_LIST})"
            f" SELECT ts // {QUARTER_US}, context, 0,"
            " count(*) FILTER (NOT cost_known) - count(*) FILTER (NOT cost_before_known),"
            f" sum(cost::HUGEINT) - sum(cost_before::HUGEINT), {zeros} FROM changes GROUP BY 1, 2"
        )


def insert_charges(store: Store, change: Change, number: int, first: int) -> None:
    """Store lines of bills; `number` is that of the delivery, `first` that of the first line."""
    columns: dict[str, Any] = {"id": np.arange(first, first + len(change.added), dtype=np.int64)}
    chosen = []
    for name, values in zip(CHARGE_FIELDS, zip(*change.added, strict=True), strict=True):
        wide = name in WIDE_FIELDS
        # beyond 64 bits numbers come as text, and NULL as an empty one
        columns[name] = np.array(["" if one is None else str(one) for one in values] if wide else values, object)
        chosen.append(f"nullif({name}, '')::HUGEINT" if wide else name)
    with store.registered({"lines": columns}):
        store.db.execute(
            f"INSERT INTO charge (id, delivery, imported, {', '.join(CHARGE_FIELDS)})"
            f" SELECT id, ?, ?, {', '.join(chosen)} FROM lines",
            [number, change.imported_us],
        )
