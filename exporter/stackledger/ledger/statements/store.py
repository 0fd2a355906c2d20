"""Statements in the ledger. None is ever changed: what comes later is one more, with the next number."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from stackledger.errors import StorageError
from stackledger.ledger.engines.base import Engine, Statement, topic_commits
from stackledger.ledger.used import Close

_COLUMNS: Final = ", ".join(Statement._fields)


def statements(engine: Engine, month: str, zone: str) -> list[Statement]:
    """All of a month's, in order; months of another zone are other months.

    Raises StorageError when one is not as it was signed, or is not the one that the next one corrects.
    """
    rows = engine.query(f"SELECT {_COLUMNS} FROM statement WHERE month = ? AND zone = ? ORDER BY number", [month, zone])
    found = [Statement(*row) for row in rows]
    before = ""
    for number, one in enumerate(found, 1):
        if one.number != number or not _as_signed(one, before):
            raise StorageError(
                f"statement {number} of {month} is not as it was signed: somebody changed the ledger's table"
                " `statement`; take it from a backup"
            )
        before = one.sha256
    return found


def _as_signed(one: Statement, before: str) -> bool:
    """Whether its hash holds, the columns say what was signed, and it corrects the one before, told by its hash."""
    if hashlib.sha256(one.facts.encode()).hexdigest() != one.sha256:
        return False
    told: dict[str, Any] = json.loads(one.facts)
    kept = {
        "number": one.number,
        "month": one.month,
        "zone": one.zone,
        "made": instant(one.made),
        "signed": {"name": one.signed, "role": one.role},
        "delivery": one.delivery,
        "cause": one.cause,
    }
    told.setdefault("cause", one.cause)  # the first statements did not sign it
    corrected = told.get("corrects", {}).get("sha256", "")
    return corrected == before and all(told.get(name) == value for name, value in kept.items())


def instant(at_us: int) -> str:
    """A time as a statement tells it: UTC, to the second."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")


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
