"""The file of the embedded ledger: one connection that writes, one of its own for each read, and errors as ours."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb

from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.engines.base import SCHEMA_VERSION, schema

_ARRAY_BITS: Final = 17
"""Sums by a number of at most so many bits, as by 131,000 users, are kept in an array, not in a hash table: twice as
fast. The array holds all numbers, 100 MB for each thread in the worst case, which is why there are not more."""


class Store:
    """The open file. `memory` bounds what DuckDB itself holds, in DuckDB's spelling."""

    def __init__(self, path: Path, memory: str, threads: int) -> None:
        self.path = path
        settings: dict[str, Any] = {
            "memory_limit": memory,
            "threads": threads,
            "preserve_insertion_order": True,
            "perfect_ht_threshold": _ARRAY_BITS,
        }
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # A connection serves one call at a time: this one only makes others, `db` writes, readers have their own.
            self._root = duckdb.connect(str(path), config=settings)
            self.db = self._root.cursor()
            self._prepare()
        self._root_lock = threading.Lock()
        self.changes = 0
        """Transactions that began since the file was opened, and are over."""

    def _prepare(self) -> None:
        tables = {name for (name,) in self.db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "schema_version" not in tables:
            self.db.begin()
            for statement in schema("HUGEINT"):
                self.db.execute(statement)
            self.db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            self.db.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
            self.db.commit()
        (version,) = self.row("SELECT version FROM schema_version")
        if version > SCHEMA_VERSION:
            raise StorageError(f"{self.path} was written by a newer stackledger (format {version}): use that one")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a read; it sees the last commit and waits for none."""
        with told(self.path), self.cursor({}) as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def cursor(self, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own to the same store, with arrays under the names of tables."""
        with self._root_lock:
            cursor = self._root.cursor()
        try:
            for name, columns in tables.items():
                cursor.register(name, columns)
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def registered(self, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
        """Let the writing connection see arrays under the names of tables."""
        for name, columns in tables.items():
            self.db.register(name, columns)
        try:
            yield
        finally:
            for name in tables:
                self.db.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction of the writing connection."""
        self.db.begin()
        try:
            yield
            self.db.commit()
        except BaseException:
            self.roll_back()
            raise
        finally:
            self.changes += 1

    def row(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        """The one row that the writing connection reads."""
        row = self.db.execute(sql, list(parameters)).fetchone()
        if row is None:
            raise StorageError(f"{self.path}: nothing answers {sql!r}; the file is not a whole ledger")
        return row

    def roll_back(self) -> None:
        """Undo what the transaction did."""
        with suppress(duckdb.Error):  # the failed statement may have ended the transaction itself
            self.db.rollback()

    def close(self) -> None:
        """Close the file."""
        self.db.close()
        self._root.close()


def quoted(text: str, mark: str) -> str:
    """The text between marks, as SQL spells it."""
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


@contextmanager
def told(path: Path) -> Iterator[None]:
    """DuckDB's errors, and those of the files beside it, as ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(
                f"{path.parent} has no room left: free some; nothing that was accepted is lost"
            ) from error
        raise StorageError(f"{path.parent} cannot be used: {error}") from error
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text or "out of disk" in text.lower():
            raise StorageFullError(
                f"{path.parent} has no room left: free some; nothing that was accepted is lost"
            ) from error
        if "lock" in text and "onflicting" in text:
            raise StorageError(f"{path} is held by another process: stop it, or ask it instead") from error
        raise StorageError(f"{path} cannot be used: {text}") from error
