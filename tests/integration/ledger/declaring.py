"""An open ledger with a time, a backlog and a declaration that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.per_user.declared import Declared


def at(day: int, month: int = 9, year: int = 2026) -> int:
    """Midnight UTC in microseconds."""
    return round(datetime(year, month, day, tzinfo=UTC).timestamp() * 1e6)


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
