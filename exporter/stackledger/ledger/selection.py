"""Which rows of a table a question asks about, as a condition in SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stackledger.ledger import periods
from stackledger.ledger.attributes import TAG
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.question import Question
from stackledger.ledger.rows import QUARTER_US


@dataclass(frozen=True, slots=True)
class Selection:
    """A condition on the rows `t` of a table, with its parameters."""

    sql: str
    parameters: list[object]


def selection(engine: Engine, question: Question, table: str) -> Selection:
    """The rows that a question asks about: of `llm_call`, `correction` or `quarter` (without conditions on users)."""
    span = periods.whole(question.first, question.last, question.zone)
    time, unit_us = ("quarter", QUARTER_US) if table == "quarter" else ("ts", 1)
    parts = [f"t.{time} >= ? AND t.{time} < ?"]
    parameters: list[object] = [span.from_us // unit_us, span.until_us // unit_us]
    for name, values in question.where.items():
        if name.startswith(TAG):
            numbers = _contexts_tagged(engine, name.removeprefix(TAG), values)
            parts.append(f"t.context IN ({', '.join(map(str, numbers)) or '-1'})")
            continue
        of, column = ("person", "name") if name == "user" else ("context", name)
        marks = ", ".join("?" for _ in values)
        parts.append(f"t.{of} IN (SELECT id FROM {of} WHERE {column} IN ({marks}))")
        parameters += values
    return Selection(" AND ".join(parts), parameters)


def _contexts_tagged(engine: Engine, tag: str, values: tuple[str, ...]) -> list[int]:
    rows = engine.query("SELECT id, tags FROM context WHERE tags <> '' OR ?", ["" in values])
    return [number for number, tags in rows if (json.loads(tags) if tags else {}).get(tag, "") in values]
