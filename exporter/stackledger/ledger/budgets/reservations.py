"""Amounts set aside before a call is made, so that any number of callers together never overspend a hard budget.

Owns the reservations, durable in SQLite, and the one lock under which they are admitted. An amount counts from the
moment it is set aside until it is settled and the settled call is in the ledger's sums, released, or expired.

    reserve   an upper bound of what the call may cost, or a refusal that says what is left
    settle    what it did cost; its usage event goes into the inbox, and until it is applied the amount counts here
    release   the call was not made
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from stackledger.errors import QuestionError, StorageError
from stackledger.ledger.budgets.budget import Budget, period_of
from stackledger.ledger.periods import local_date, zone_named

_SCHEMA: Final = (
    (
        "CREATE TABLE reservation (id TEXT PRIMARY KEY, made INTEGER NOT NULL, expires INTEGER NOT NULL,"
        " amount TEXT NOT NULL, attributes TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER)"
    ),
    (
        "CREATE TABLE holding (reservation TEXT NOT NULL, budget TEXT NOT NULL, period TEXT NOT NULL,"
        " PRIMARY KEY (budget, period, reservation))"
    ),
    "CREATE INDEX holding_of ON holding (reservation)",
)
_VERSION: Final = 1
_KEPT_US: Final = 48 * 3600 * 1_000_000
_SECOND_US: Final = 1_000_000


class Granted(msgspec.Struct, frozen=True):
    """Whether an amount was set aside. A refusal names the first budget that has not enough and what it has left.

    Amounts are pico-USD in decimal digits; `expires_us` is microseconds UTC.
    """

    granted: bool
    id: str = ""
    expires_us: int = 0
    budget: str = ""
    left: str = ""


Spent = Callable[[Budget, str], tuple[int, int]]
"""What the ledger says of a budget's period (its first day): pico-USD, and the inbox number up to which it counts."""


class Reservations:
    """All reservations of one ledger. `spent` is asked under the lock and must be quick."""

    def __init__(self, path: Path, budgets: Sequence[Budget], spent: Spent) -> None:
        self._budgets = [budget for budget in budgets if budget.hard]
        self._spent = spent
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, 30.0, isolation_level=None, check_same_thread=False)
            self._prepare(path)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be used: {error}") from error

    def _prepare(self, path: Path) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise StorageError(f"{path} was written by a newer stackledger (format {version}): use that one")
        if version == 0:
            self._db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
            self._db.execute("COMMIT")

    def reserve(
        self, name: str, attributes: Mapping[str, str], amount: int, now_us: int, lasts_seconds: float
    ) -> Granted:
        """Set `amount` pico-USD aside in every hard budget that covers the attributes, or in none.

        The same name again is the same reservation. Raises QuestionError for an amount below 0, or a name that is
        taken by another reservation.
        """
        if amount < 0:
            raise QuestionError("an amount to reserve is 0 or more")
        told = msgspec.json.encode(attributes, order="sorted").decode()
        with self._lock, self._transaction():
            known = self._db.execute(
                "SELECT amount, attributes, expires FROM reservation WHERE id = ?", (name,)
            ).fetchone()
            if known is not None:
                if known[:2] != (str(amount), told):
                    raise QuestionError(f"the reservation {name!r} exists with another amount or other attributes")
                return Granted(granted=True, id=name, expires_us=known[2])
            self._tidy(now_us)
            places = [(budget, _period(budget, now_us)) for budget in self._budgets if budget.covers(attributes)]
            for budget, period in places:
                left = budget.amount - self._taken(budget, period, now_us)
                if amount > left:
                    return Granted(granted=False, budget=budget.name, left=str(max(0, left)))
            expires = now_us + round(lasts_seconds * _SECOND_US)
            self._db.execute(
                "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, 'open', NULL)",
                (name, now_us, expires, str(amount), told),
            )
            self._db.executemany(
                "INSERT INTO holding VALUES (?, ?, ?)", [(name, budget.name, period) for budget, period in places]
            )
            return Granted(granted=True, id=name, expires_us=expires)

    def settle(self, name: str, amount: int, seq: int) -> None:
        """The call cost `amount` pico-USD, and its event has number `seq` in the inbox.

        Settling twice changes nothing. Raises QuestionError for a reservation that nobody knows.
        """
        with self._lock, self._transaction():
            if self._db.execute("SELECT 1 FROM reservation WHERE id = ?", (name,)).fetchone() is None:
                raise QuestionError(f"there is no reservation {name!r}: send the event to /api/v1/usage instead")
            self._db.execute(
                "UPDATE reservation SET state = 'settled', amount = ?, seq = ? WHERE id = ? AND state <> 'settled'",
                (str(amount), seq, name),
            )

    def release(self, name: str) -> None:
        """The call was not made. Releasing twice, or what is settled, changes nothing."""
        with self._lock, self._transaction():
            self._db.execute("UPDATE reservation SET state = 'released' WHERE id = ? AND state = 'open'", (name,))

    def forget_user(self, names: Sequence[str]) -> int:
        """Keep what was set aside, but no longer for whom; how many there were."""
        with self._lock, self._transaction():
            found = [
                (msgspec.json.encode(told | {"user": ""}, order="sorted").decode(), name)
                for name, text in self._db.execute("SELECT id, attributes FROM reservation").fetchall()
                if (told := msgspec.json.decode(text)).get("user") in names
            ]
            self._db.executemany("UPDATE reservation SET attributes = ? WHERE id = ?", found)
            return len(found)

    def held(self, budget: Budget, now_us: int) -> int:
        """Pico-USD that are set aside in a budget's current period and not in the ledger's sums yet."""
        with self._lock:
            period = _period(budget, now_us)
            _, through = self._spent(budget, period)
            return self._held(budget, period, through, now_us)

    def close(self) -> None:
        """Close the store."""
        self._db.close()

    def _taken(self, budget: Budget, period: str, now_us: int) -> int:
        spent, through = self._spent(budget, period)
        return spent + self._held(budget, period, through, now_us)

    def _held(self, budget: Budget, period: str, through: int, now_us: int) -> int:
        rows = self._db.execute(
            "SELECT amount FROM holding JOIN reservation ON id = reservation WHERE budget = ? AND period = ?"
            " AND ((state = 'open' AND expires > ?) OR (state = 'settled' AND seq > ?))",
            (budget.name, period, now_us, through),
        )
        return sum(int(amount) for (amount,) in rows)

    def _tidy(self, now_us: int) -> None:
        """Forget what ended long ago."""
        self._db.execute(
            "DELETE FROM holding WHERE reservation IN (SELECT id FROM reservation WHERE expires < ?)",
            (now_us - _KEPT_US,),
        )
        self._db.execute("DELETE FROM reservation WHERE expires < ?", (now_us - _KEPT_US,))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._do("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        self._do("COMMIT" if kind is None else "ROLLBACK")

    def _do(self, statement: str) -> None:
        try:
            self._db.execute(statement)
        except sqlite3.Error as error:
            raise StorageError(f"reservations cannot be kept: {error}") from error


def _period(budget: Budget, now_us: int) -> str:
    """First day of the budget's current period."""
    first, _ = period_of(budget.cadence, local_date(now_us, zone_named(budget.zone)))
    return first.isoformat()
