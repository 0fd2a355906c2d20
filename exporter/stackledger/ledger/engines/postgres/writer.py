"""The one connection that writes: exclusive, opened again after it was lost, and sure of what became of a commit.

Only one process may write, because names get their numbers in its memory. An advisory lock keeps others out; a row with
the writer's token and its count of commits tells, after a connection was lost, whether the last commit had gone through
and whether somebody else, or an older state of the server after a failover, has taken its place.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import psycopg

from stackledger.errors import StorageError
from stackledger.ledger.engines.postgres.connection import Connection, Place
from stackledger.ledger.engines.postgres.tables import MIGRATIONS, prepare

_LOCK_WAIT: Final = "5s"
"""How long a killed writer's session may take to end, in the worst case in the middle of a long statement."""

_HOLDER: Final = """
SELECT a.pid, a.application_name, coalesce(a.client_addr::text, 'the same machine')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint
    = hashtextextended(%s, 0) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Writer:
    """The writing end.

    `went_through` is called when a commit in doubt proves to be stored; `changed` when the ledger is not as it was
    left, so that all that is known of it must be read again.
    """

    def __init__(
        self,
        place: Place,
        *,
        went_through: Callable[[], None],
        changed: Callable[[], None],
        migrations: Mapping[int, Sequence[str]] = MIGRATIONS,
    ) -> None:
        self._place = place
        self._went_through = went_through
        self._changed = changed
        self._token = uuid.uuid4().hex
        self._commits = 0
        self._in_doubt = False
        self.changes = 0
        """Grows when something is, or may have been, stored here or by others."""
        self._open = self._locked()
        try:
            prepare(self._open, place.schema, migrations)
            self._take_over(self._open)
        except BaseException:
            self._open.close()
            raise

    def connection(self) -> Connection:
        """The connection, opened again if it was lost. Raises StorageError once when the ledger has changed since."""
        if self._open.closed:
            fresh = self._locked()
            try:
                self._find_out(fresh)
            except BaseException:
                fresh.close()
                raise
            self._open = fresh
        return self._open

    @contextmanager
    def commit(self) -> Iterator[Connection]:
        """A transaction that counts as one commit of this writer."""
        connection = self.connection()
        try:
            with connection.transaction():
                self._count(connection)
                yield connection
                self._in_doubt = True
        except BaseException:
            connection.close()  # what it says next would be no proof of anything; a new one finds out
            raise
        finally:
            self.changes += 1
        self._in_doubt = False
        self._commits += 1

    def _count(self, connection: Connection) -> None:
        counted = connection.execute(
            "UPDATE writer SET commits = commits + 1 WHERE holder = %s AND commits = %s", [self._token, self._commits]
        )
        if counted.rowcount != 1:  # the lock did not hold, as behind a pooler that shares sessions
            raise StorageError(f"another process has written to {self._place.name}: let only one write")

    def close(self) -> None:
        """Close the connection; the lock goes with it."""
        self._open.close()

    def _locked(self) -> Connection:
        connection = self._place.connect(writing=True)
        name = f"stackledger/{self._place.schema}"
        try:
            connection.execute(f"SET lock_timeout = '{_LOCK_WAIT}'".encode())
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
            connection.execute("SET lock_timeout = 0")
        except psycopg.errors.LockNotAvailable:
            holder = "another process"
            with suppress(psycopg.Error):
                for pid, program, address in connection.execute(_HOLDER, [name]).fetchall():
                    holder = f"another process ({program}, session {pid}, from {address})"
            connection.close()
            raise StorageError(
                f"{self._place.name} (schema {self._place.schema}) is held by {holder}: stop it, or ask it instead"
            ) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _find_out(self, connection: Connection) -> None:
        """What became of the ledger while there was no connection."""
        row = connection.execute("SELECT holder, commits FROM writer").fetchone()
        in_doubt, self._in_doubt = self._in_doubt, False
        if row == (self._token, self._commits):
            return
        if in_doubt and row == (self._token, self._commits + 1):
            self._commits += 1
            self._went_through()
            return
        self._take_over(connection)
        self.changes += 1
        self._changed()
        raise StorageError(
            f"{self._place.name} was written by another process, or the server went back to an older state, while the"
            " connection was lost: what is stored is read again"
        )

    def _take_over(self, connection: Connection) -> None:
        row = connection.execute("UPDATE writer SET holder = %s RETURNING commits", [self._token]).fetchone()
        if row is None:
            raise StorageError(f"{self._place.name} is not a whole ledger: its table writer is empty")
        self._commits = int(row[0])
