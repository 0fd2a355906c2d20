"""Connections to the ledger's schema, a small pool of them for reads, and the driver's errors as ours."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stackledger.errors import StorageError, StorageFullError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

# A peer that is gone without a word is noticed within a minute, on both sides: the server then frees the writer's lock.
_WAYS: Final[Mapping[str, str]] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "client_encoding": "UTF8",
    "application_name": "stackledger",
}
_SERVER_SIDE: Final = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET jit = off"
)
_READING: Final = "SET default_transaction_read_only = on; SET statement_timeout = '120s'"
_READERS: Final = 4
_TOKENS: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|\?|%""", re.DOTALL)


class _Number(Loader):
    """A numeric as an integer where it is one: sums of integers are numeric in PostgreSQL."""

    def load(self, data: Buffer) -> int | Decimal:
        text = bytes(data).decode()
        if text.lstrip("-").isdigit():
            return int(text)
        value = Decimal(text)
        return int(value) if value.is_finite() and value == value.to_integral_value() else value


class Place:
    """Where the ledger is: a database and a schema in it. `name` says so without a secret."""

    def __init__(self, conninfo: str, schema: str) -> None:
        try:
            given = conninfo_to_dict(conninfo)
        except psycopg.Error:  # its text may hold a piece of a password
            raise StorageError("the connection string of the ledger cannot be read: write it as libpq does") from None
        self._given = given
        self._conninfo = make_conninfo("", **{**_WAYS, **given})
        self.schema = schema
        self.name = f"the ledger at {given.get('host', '')}:{given.get('port', '5432')}/{given.get('dbname', '')}"

    def connect(self, *, writing: bool) -> Connection:
        """A new connection in autocommit; the caller closes it."""
        # Of several hosts the writer takes the primary.
        extra = {"target_session_attrs": "read-write"} if writing and "target_session_attrs" not in self._given else {}
        connection = psycopg.connect(make_conninfo(self._conninfo, **extra), autocommit=True)
        try:
            connection.adapters.register_loader("numeric", _Number)
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self.schema)))
            connection.execute(_SERVER_SIDE if writing else f"{_SERVER_SIDE}; {_READING}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """The driver's errors as ours."""
        try:
            yield
        except psycopg.errors.DiskFull as error:
            raise StorageFullError(
                f"{self.name} has no room left: free some on the server; nothing that was accepted is lost"
            ) from error
        except psycopg.Error as error:
            raise StorageError(f"{self.name} cannot be used: {str(error).strip() or type(error).__name__}") from error


class Readers:
    """Connections for reads, opened when needed and kept; none ever waits for the writer."""

    def __init__(self, place: Place, most: int = _READERS) -> None:
        self._place = place
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._free = threading.BoundedSemaphore(most)
        self._closed = False

    def fetch(self, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """Rows of a read. Where a kept connection turns out to be dead, a new one asks again."""
        with self._free:
            while kept := self._taken():
                try:
                    return self._ask(kept, query, parameters)
                except psycopg.OperationalError:
                    if not kept.closed:
                        raise
            return self._ask(self._place.connect(writing=False), query, parameters)

    def _ask(self, connection: Connection, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            if parameters:
                return connection.execute(translated(query).encode(), list(parameters)).fetchall()
            return connection.execute(query.encode()).fetchall()
        finally:
            if connection.closed or self._closed:
                connection.close()
            else:
                self._idle.put(connection)

    def _taken(self) -> Connection | None:
        with suppress(queue.Empty):
            return self._idle.get_nowait()
        return None

    def close(self) -> None:
        """Close those that are idle; others are closed when their read ends."""
        self._closed = True
        while kept := self._taken():
            kept.close()


@lru_cache(maxsize=256)
def translated(query: str) -> str:
    """The query with its `?` as the driver wants them; a `?` or `%` in a text or a comment is none."""
    return _TOKENS.sub(lambda found: "%s" if found[0] == "?" else found[0].replace("%", "%%"), query)
