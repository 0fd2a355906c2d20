"""The inbox: accepted bodies in SQLite, on the disk before their sender is told so.

Owns durability and order: a batch has a number that never comes back, `append` returns after fsync, and the ledger
keeps the number up to which it has applied in the same transaction as the rows. Several processes may append.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackledger.errors import StorageError, StorageFullError

_VERSION: Final = 1
_BUSY_SECONDS: Final = 30.0
_PAGE_BYTES: Final = 16384  # batches are tens of kilobytes: fewer, longer pages
_GROUP_BYTES: Final = 16 << 20
"""The most that one commit takes, so that no sender waits behind an endless one."""

_SCHEMA: Final = """
CREATE TABLE batch (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never used again, also after its row is gone
    received INTEGER NOT NULL,              -- microseconds since 1970-01-01 UTC
    events INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE applied (seq INTEGER NOT NULL);
INSERT INTO applied VALUES (0);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A body that wants to be kept."""

    received_us: int
    events: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A body that is kept, with its number."""

    seq: int
    received_us: int
    events: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is kept and not yet applied. `oldest_us` is None when there is nothing."""

    batches: int
    events: int
    oldest_us: int | None


class Inbox:
    """One connection to the inbox; a thread or a process each has its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are begun by name here, and a connection may be handed from the thread that made it.
            self._db = sqlite3.connect(path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise _storage_error(error, path) from error

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # every commit is on the disk when it returns
        if self._version() == 0:
            self._make()
        if (version := self._version()) > _VERSION:
            raise StorageError(f"{self.path} was written by a newer stackledger (format {version}): use that one")

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _make(self) -> None:
        """Make the tables. Only here is the lock taken: an inbox that is there is opened often, to look at it."""
        self._db.execute("BEGIN IMMEDIATE")
        if self._version() == 0:  # else another process was first
            for statement in _SCHEMA.strip().split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("COMMIT")

    def append(self, bodies: Sequence[Waiting]) -> list[int]:
        """Keep all, durably, or none; their numbers. Raises StorageFullError without room, else StorageError."""
        rows = [(one.received_us, one.events, one.body) for one in bodies]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            numbers = [self._insert(row) for row in rows]
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _storage_error(error, self.path) from error
        return numbers

    def _insert(self, row: tuple[int, int, bytes]) -> int:
        number = self._db.execute("INSERT INTO batch (received, events, body) VALUES (?, ?, ?)", row).lastrowid
        if number is None:
            raise StorageError(f"{self.path} gave no number to a batch")
        return number

    def read(self, after: int, events: int) -> list[Kept]:
        """The batches behind number `after`, in order, until they hold `events` events; at least one if there is."""
        found: list[Kept] = []
        wanted = events
        try:
            rows = self._db.execute(
                "SELECT seq, received, events, body FROM batch WHERE seq > ? ORDER BY seq", (after,)
            )
            for row in rows:
                found.append(Kept(*row))
                wanted -= found[-1].events
                if wanted <= 0:
                    break
            rows.close()
        except sqlite3.Error as error:
            raise _storage_error(error, self.path) from error
        return found

    def backlog(self) -> Backlog:
        """What is kept and, as far as `applied` was told, not in the ledger."""
        try:
            row = self._db.execute(
                "SELECT count(*), coalesce(sum(events), 0), min(received) FROM batch"
                " WHERE seq > (SELECT seq FROM applied)"
            ).fetchone()
        except sqlite3.Error as error:
            raise _storage_error(error, self.path) from error
        return Backlog(*row)

    def applied(self, through: int, forget_before_us: int) -> int:
        """Note for the senders' side how far the ledger is, and forget what it has and was received before an instant.

        Batches are kept for a while after they were applied, so that a ledger restored from a backup catches up. The
        room of those forgotten is used again. Returns how many were.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("UPDATE applied SET seq = ?", (through,))
            gone = self._db.execute(
                "DELETE FROM batch WHERE seq <= ? AND received < ?", (through, forget_before_us)
            ).rowcount
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _storage_error(error, self.path) from error
        return gone

    def replace(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        """Put other bodies in the place of those with these numbers; the old ones do not stay in the file."""
        try:
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("UPDATE batch SET body = ? WHERE seq = ?", [(body, seq) for seq, body in bodies])
            self._db.execute("COMMIT")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # nor in the log, where nobody reads it now
        except sqlite3.Error as error:
            self._roll_back()
            raise _storage_error(error, self.path) from error

    def go_on_after(self, through: int) -> None:
        """Number batches above what the ledger has applied, also when this inbox was made anew below that.

        The ledger would otherwise take batches of a new inbox for ones that it has.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if self.last() < through:
                self._db.execute("UPDATE batch SET seq = -seq")  # first out of the way: numbers must stay different
                self._db.execute("UPDATE batch SET seq = ? - seq", (through,))
                self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
                self._db.execute(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT 'batch', max(?, coalesce(max(seq), 0)) FROM batch",
                    (through,),
                )
                self._db.execute("UPDATE applied SET seq = ?", (through,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _storage_error(error, self.path) from error

    def number_above(self, number: int) -> None:
        """Give only numbers above this one from now on; what is kept keeps its own."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if self.last() < number:
                self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
                self._db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('batch', ?)", (number,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _storage_error(error, self.path) from error

    def first(self) -> int | None:
        """The lowest number that is kept; None when there is nothing."""
        row = self._db.execute("SELECT min(seq) FROM batch").fetchone()
        return row[0] if row else None

    def last(self) -> int:
        """The highest number ever given."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        return row[0] if row else 0

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


class Committer:
    """A thread that keeps what many callers bring, all that has gathered during one fsync in the next commit."""

    def __init__(self, path: Path) -> None:
        self._inbox = Inbox(path)
        self._queue: queue.SimpleQueue[tuple[Waiting, Future[int]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    def submit(self, body: Waiting) -> Future[int]:
        """A future of the body's number, once it is on the disk; it fails with what `Inbox.append` raises."""
        future: Future[int] = Future()
        self._queue.put((body, future))
        return future

    def close(self) -> None:
        """Keep what was submitted, then end."""
        self._queue.put(None)
        self._thread.join()
        self._inbox.close()

    def _run(self) -> None:
        while (group := self._gather()) is not None:
            try:
                numbers = self._inbox.append([body for body, _ in group])
            except StorageError as error:
                for _, future in group:
                    future.set_exception(error)
            else:
                for number, (_, future) in zip(numbers, group, strict=True):
                    future.set_result(number)

    def _gather(self) -> list[tuple[Waiting, Future[int]]] | None:
        """The first that comes, and all that is already there behind it; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        group, size = [first], len(first[0].body)
        while size < _GROUP_BYTES and not self._queue.empty():
            item = self._queue.get()
            if item is None:
                self._queue.put(None)
                break
            group.append(item)
            size += len(item[0].body)
        return group


def _storage_error(error: Exception, path: Path) -> StorageError:
    text = str(error)
    if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" or "No space left" in text:
        return StorageFullError(f"{path.parent} has no room left: free some, nothing that was accepted is lost")
    return StorageError(f"{path} cannot be used: {text}")
