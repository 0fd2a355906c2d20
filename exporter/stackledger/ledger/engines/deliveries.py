"""What every engine checks before it stores charges or a statement."""

from __future__ import annotations

from typing import Final

from stackledger.errors import StorageError
from stackledger.ledger.charges.charge import Change
from stackledger.ledger.engines.base import Statement

SAME_STATEMENT: Final = "number = ? AND month = ? AND zone = ?"


def check_delivery(change: Change, last: int) -> None:
    """Refuse a change that was worked out against an older delivery than the last."""
    if change.after != last:
        raise StorageError(f"delivery {last} of charges came while this one was worked out: import it again")


def check_statement(statement: Statement, known: int) -> None:
    """Refuse a statement where there is one of its number."""
    if known:
        raise StorageError(f"{statement.month} already has statement {statement.number}: it stays as it is")
