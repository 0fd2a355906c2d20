"""The ledger in PostgreSQL, written by one process and read by many.

A commit asks by key which rows are known, then copies the others straight into the table. A staging table with
`ON CONFLICT DO NOTHING` costs as much, and cannot say which rows it left out without being asked again; here the key's
constraint is only the last guard, because nobody else writes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackledger.errors import StorageError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import Change
from stackledger.ledger.dimensions import CONTEXT_FIELDS, Context
from stackledger.ledger.engines.base import (
    NAMES,
    STORE_POSITION,
    Applied,
    Corrected,
    Edit,
    Positions,
    Refused,
    Statement,
)
from stackledger.ledger.engines.deliveries import SAME_STATEMENT, check_delivery, check_statement
from stackledger.ledger.engines.numbers import Numbers
from stackledger.ledger.engines.postgres.connection import Connection, Place, Readers, translated
from stackledger.ledger.engines.postgres.copying import (
    copy_calls,
    copy_charges,
    copy_corrections,
    copy_refused,
    copy_sums,
    integers,
    texts,
)
from stackledger.ledger.engines.postgres.tables import CALLS, MIGRATIONS
from stackledger.ledger.engines.postgres.writer import Writer
from stackledger.ledger.engines.repeats import conflict, key_hashes, same_model, split_twins, untold
from stackledger.ledger.engines.sums import corrected_sums, quarter_sums
from stackledger.ledger.rows import Flags, Rows

_LOOK_UP: Final = f"""
SELECT w.place - 1, c.context, x.provider, x.model, {", ".join(f"coalesce(c.{name}, 0)" for name in BUCKETS)}
FROM unnest(%s::int[], %s::int[], %s::text[]) WITH ORDINALITY AS w(source_id, day, id, place)
JOIN {CALLS} c ON c.source_id = w.source_id AND c.day = w.day AND c.id = w.id COLLATE "C"
JOIN context x ON x.id = c.context
"""
# Whatever the statistics say, or do not yet say: a batch is looked up by its keys, never by reading all calls.
_BY_KEY: Final = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off"


class PostgresEngine:
    """The engine at scale. `conninfo` is libpq's connection string; the schema is made when it is not there.

    It needs a session of its own: connect to the server or to a pooler in session mode.
    """

    def __init__(
        self,
        conninfo: str,
        schema: str = "stackledger",
        *,
        migrations: Mapping[int, Sequence[str]] = MIGRATIONS,
    ) -> None:
        self._place = Place(conninfo, schema)
        self._lock = threading.RLock()
        self._names: dict[str, Numbers[Any]] = {}
        self._to_ask: set[str] = set()
        """Names whose numbers must be asked again before the next commit, because the ledger has changed."""
        self._readers = Readers(self._place)
        with self._place.told():
            self._writer = Writer(
                self._place, went_through=self._names_stored, changed=self._begin_again, migrations=migrations
            )

    @property
    def changes(self) -> int:
        """Grows with everything that is stored, and when another process proves to have written."""
        return self._writer.changes

    def progress(self) -> int:
        """The number in the inbox up to which everything is stored; waits for a commit that is under way.

        Asked where the writer writes: a read may go to a server that is behind, or that a failover has left behind.
        """
        with self._lock, self._place.told():
            return _progress(self._writer.connection())

    def positions(self, topic: str) -> dict[int, int]:
        """The next offset to read of each partition of a topic; asked where the writer writes, as the progress is."""
        with self._lock, self._place.told():
            asked = "SELECT part, next_offset FROM position WHERE topic = %s"
            return dict(self._writer.connection().execute(asked, [topic]).fetchall())

    # -- names -------------------------------------------------------------------------------------------------------

    def sources(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the sources."""
        return self._numbers("source", wanted)

    def contexts(self, wanted: Sequence[Context]) -> list[int]:
        """Numbers of the contexts."""
        return self._numbers("context", wanted)

    def people(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the users."""
        return self._numbers("person", wanted)

    def rates(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """Numbers of the rates."""
        return self._numbers("rate", wanted)

    def _numbers(self, table: str, wanted: Sequence[Any]) -> list[int]:
        with self._lock, self._place.told():
            numbers = self._names.get(table)
            if numbers is None:
                row = self._writer.connection().execute(f"SELECT coalesce(max(id), 0) FROM {table}".encode()).fetchone()
                numbers = Numbers(int(row[0]) + 1 if row else 1, lambda names: self._find(table, names))
                self._names[table] = numbers
            found = numbers.of(wanted)
            self._to_ask.discard(table)
            return found

    def _find(self, table: str, names: Sequence[Any]) -> dict[Any, int]:
        if not names:
            return {}
        columns = _columns(table)
        given = [texts(names)] if len(columns) == 1 else [texts(one) for one in zip(*names, strict=True)]
        sql = (
            f"SELECT {', '.join(f't.{name}' for name in columns)}, t.id"
            f" FROM unnest({', '.join('%s::text[]' for _ in columns)}) AS w({', '.join(columns)}) JOIN {table} t ON "
            + " AND ".join(f't.{name} = w.{name} COLLATE "C"' for name in columns)
            + (" AND t.erased IS NULL" if table == "person" else "")
        )
        found = self._writer.connection().execute(sql.encode(), given).fetchall()
        if len(columns) == 1:
            return dict(found)
        kind = Context._make if table == "context" else tuple
        return {kind(row[:-1]): row[-1] for row in found}

    def _names_stored(self) -> None:
        for numbers in self._names.values():
            numbers.stored(numbers.fresh())  # under the lock nobody has asked for more since

    def _begin_again(self) -> None:
        self._names.clear()
        self._to_ask.update(NAMES)

    # -- writing -----------------------------------------------------------------------------------------------------

    def apply(
        self, rows: Rows, refused: Sequence[Refused], through: int, positions: Positions | None = None
    ) -> Applied:
        """Store what is new of the rows, the refusals, the progress and the positions, in one transaction."""
        with self._lock, self._place.told():
            self._writer.connection()
            if len(rows) and self._to_ask:
                raise StorageError(f"{self._place.name} has changed: number the names of these rows again")
            rows = _by_key(rows)
            applied = Applied()
            with self._writer.commit() as connection:
                progress = _progress(connection)
                fresh = self._only_new(connection, rows, applied)
                self._store_names(connection)
                self._store(connection, rows.take(fresh) if not fresh.all() else rows)
                told = untold([*refused, *applied.conflicts], progress)
                copy_refused(connection, told)
                connection.execute("UPDATE progress SET inbox = greatest(inbox, %s)", [through])
                for (topic, part), offset in (positions or {}).items():
                    connection.execute(translated(STORE_POSITION).encode(), [topic, part, offset])
            self._names_stored()
            applied.stored = int(np.count_nonzero(fresh))
            applied.refused.update(one.refusal.reason for one in told)
            return applied

    def _only_new(self, connection: Connection, rows: Rows, applied: Applied) -> Flags:
        """Which rows are not in the ledger and are the first of their kind here; the others are counted."""
        twins = split_twins(rows, _hashes(rows))
        fresh = twins.first.copy()
        if not len(rows):
            return fresh
        known: set[int] = set()
        connection.execute(_BY_KEY)
        keys = [integers(rows.source.tolist()), integers(rows.day.tolist()), texts(rows.ids)]
        for place, context, provider, model, *counts in connection.execute(_LOOK_UP.encode(), keys).fetchall():
            known.add(place)
            stored = {context: (provider, model)}
            same_counts = counts == rows.usage[place].tolist()
            if same_counts and same_model(rows, int(rows.context[place]), context, stored):
                applied.duplicates += 1
            else:
                applied.conflicts.append(conflict(rows, place))
        fresh[list(known)] = False
        applied.duplicates += sum(place not in known for place in twins.duplicates)
        applied.conflicts += [conflict(rows, place) for place in twins.conflicts if place not in known]
        return fresh

    def _store(self, connection: Connection, rows: Rows) -> None:
        if rows.priced.all():
            copy_calls(connection, rows, priced=True)
        else:
            copy_calls(connection, rows.take(rows.priced), priced=True)
            copy_calls(connection, rows.take(~rows.priced), priced=False)
        copy_sums(connection, quarter_sums(rows))

    def _store_names(self, connection: Connection) -> None:
        for table, numbers in self._names.items():
            fresh = numbers.fresh()
            if not fresh:
                continue
            columns = _columns(table)
            entries = [(number, *(name if len(columns) > 1 else (name,))) for number, name in fresh]
            if table == "context":
                columns = (*columns, "source_id")
                sources = self._names["source"].of([name.source for _, name in fresh])
                entries = [(*entry, source) for entry, source in zip(entries, sources, strict=True)]
            with connection.cursor().copy(f"COPY {table} (id, {', '.join(columns)}) FROM STDIN".encode()) as copy:
                for entry in entries:
                    copy.write_row(entry)

    def correct(self, corrections: Sequence[Corrected], cause: str, made_us: int) -> int:
        """Store corrections and their sums in one transaction; the number they share."""
        with self._lock, self._place.told():
            self._writer.connection()
            if corrections and self._to_ask:
                raise StorageError(f"{self._place.name} has changed: number the names of these rows again")
            with self._writer.commit() as connection:
                row = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM correction").fetchone()
                number = int(row[0]) if row else 1
                self._store_names(connection)
                copy_corrections(connection, corrections, (number, made_us, cause))
                copy_sums(connection, corrected_sums(corrections))
            self._names_stored()
            return number

    def charge(self, change: Change) -> int:
        """Store a delivery of charges in one transaction; its number."""
        with self._lock, self._place.told(), self._writer.commit() as connection:
            row = connection.execute(
                "SELECT greatest(coalesce(max(delivery), 0), coalesce(max(superseded), 0)), coalesce(max(id), 0)"
                " FROM charge"
            ).fetchone()
            delivery, highest = (int(row[0]), int(row[1])) if row else (0, 0)
            check_delivery(change, delivery)
            number = delivery + 1
            copy_charges(connection, change.added, (highest + 1, number, change.imported_us))
            if change.superseded:
                connection.execute(
                    "UPDATE charge SET superseded = %s WHERE id = ANY(%s::int[])", [number, integers(change.superseded)]
                )
            return number

    def state_month(self, statement: Statement) -> None:
        """Store a statement of a month."""
        with self._lock, self._place.told(), self._writer.commit() as connection:
            same = SAME_STATEMENT.replace("?", "%s")
            known = connection.execute(f"SELECT 1 FROM statement WHERE {same}".encode(), statement[:3]).fetchall()
            check_statement(statement, len(known))
            marks = ", ".join("%s" for _ in statement)
            connection.execute(f"INSERT INTO statement VALUES ({marks})".encode(), list(statement))

    def edit(self, edits: Sequence[Edit], forget: Sequence[str] = ()) -> list[int]:
        """Run statements of upkeep in one transaction; how many rows each touched."""
        with self._lock, self._place.told():
            try:
                with self._writer.commit() as connection:
                    if forget:
                        self._store_names(connection)
                    touched = [
                        connection.execute(translated(sql).encode(), list(given)).rowcount for sql, given in edits
                    ]
            except BaseException:
                if forget:  # whether it went through is only known later: nothing may be numbered as before until then
                    self._names.pop("person", None)
                    self._to_ask.add("person")
                raise
            if forget:
                self._names_stored()
            for name in forget:
                if "person" in self._names:
                    self._names["person"].forget(name)
            return touched

    def backup(self, folder: Path) -> bool:  # noqa: ARG002 - the engines' common signature
        """The server has ways of its own: pg_dump, or a base backup with its log."""
        return False

    def size_bytes(self) -> int:
        """All tables of the schema with their indexes, as the server counts them."""
        rows = self.query(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
            " WHERE c.relnamespace = ?::regnamespace AND c.relkind IN ('r', 'm')",
            [self._place.schema],
        )
        return int(rows[0][0])

    # -- reading -----------------------------------------------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a read; it sees the last commit and waits for none. Whole numerics come back as integers."""
        with self._place.told():
            return self._readers.fetch(sql, parameters)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._writer.close()
            self._readers.close()


def _progress(connection: Connection) -> int:
    row = connection.execute("SELECT inbox FROM progress").fetchone()
    if row is None:
        raise StorageError("the ledger in PostgreSQL is not whole: its table progress is empty")
    return int(row[0])


def _columns(table: str) -> tuple[str, ...]:
    return CONTEXT_FIELDS if table == "context" else NAMES[table]


def _by_key(rows: Rows) -> Rows:
    """The rows in the order of the key, and of equal keys as they came.

    Random ids then touch each page of the index once in a commit: half of the server's work.
    """
    ids = rows.ids
    by_id = np.array(sorted(range(len(rows)), key=ids.__getitem__), np.int64)
    order = by_id[np.lexsort((rows.day[by_id], rows.source[by_id]))]
    return rows if np.array_equal(order, np.arange(len(rows))) else rows.take(order)


def _hashes(rows: Rows) -> NDArray[np.uint64]:
    """Equal for equal keys of a day, within this process."""
    of_ids = np.fromiter(map(hash, rows.ids), np.int64, len(rows)).view(np.uint64)
    return key_hashes(of_ids, rows.source)
