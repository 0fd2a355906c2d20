"""An open ledger with a time, a backlog and a declaration that the test sets."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from stackledger.ledger.engines.base import Engine, Statement
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.statements.store import instant


def at(day: int, month: int = 9, year: int = 2026) -> int:
    """Midnight UTC in microseconds."""
    return round(datetime(year, month, day, tzinfo=UTC).timestamp() * 1e6)


def first_statement(month: str, made_us: int, **facts: Any) -> Statement:
    """A month's first statement, in UTC, as the first versions signed them: with these facts and what each has."""
    signed = {"name": "ada", "role": "finance"}
    told = {"number": 1, "month": month, "zone": "UTC", "made": instant(made_us), "signed": signed, "delivery": 0}
    text = json.dumps(told | facts)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Statement(1, month, "UTC", made_us, "ada", "finance", "month closed", 0, digest, text)


class Opened:
    """What answers need of a ledger."""

    def __init__(self, engine: Engine, declared: Declared | None = None, at_us: int | None = None) -> None:
        self.engine = engine
        self.at_us = at(20, 10) if at_us is None else at_us
        self.backlog = (0, 0.0)
        self.declared = declared or Declared()

    def now_us(self) -> int:
        return self.at_us

    def book(self) -> str:
        return "book-1"

    def waiting(self) -> tuple[int, float]:
        return self.backlog
