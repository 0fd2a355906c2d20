"""Statements in the ledger. None is ever changed: what comes later is one more, with the next number."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from stackledger.errors import StorageError
from stackledger.ledger.engines.base import Engine, Statement, topic_commits
from stackledger.ledger.used import Close

_COLUMNS: Final = ", ".join(Statement._fields)


def statements(engine: Engine, month: str, zone: str) -> list[Statement]:
    """All of a month's, in order; months of another zone are other months.

    Raises StorageError when one is not as it was signed.
    """
    rows = engine.query(f"SELECT {_COLUMNS} FROM statement WHERE month = ? AND zone = ? ORDER BY number", [month, zone])
    found = [Statement(*row) for row in rows]
    for one in found:
        if hashlib.sha256(one.facts.encode()).hexdigest() != one.sha256:
            raise StorageError(
                f"statement {one.number} of {month} is not as {one.signed} signed it: somebody changed the ledger's"
                " table `statement`; take it from a backup"
            )
    return found


def close_of(engine: Engine, month: str, zone: str) -> Close | None:
    """What the month was first closed with; None while it is open."""
    found = statements(engine, month, zone)
    if not found:
        return None
    return closed_with(found[0])


def closed_with(statement: Statement) -> Close:
    """What a statement counts."""
    facts: dict[str, Any] = json.loads(statement.facts)
    return Close(int(facts["inbox"]), int(facts["correction"]), int(facts.get("topic", -1)))


def frontier(engine: Engine) -> Close:
    """All that the ledger has now."""
    (row,) = engine.query("SELECT coalesce(max(number), 0) FROM correction")
    return Close(engine.progress(), int(row[0]), topic_commits(engine))
