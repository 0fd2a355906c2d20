"""The embedded ledger: DuckDB in one file, written by one process.

A commit holds rows, their sums, new names, refusals and the progress, so that a crash at any instant leaves all of it
or nothing. Rows come in as arrays, which DuckDB reads in place.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import CHARGE_FIELDS, WIDE_FIELDS, Change
from stackledger.ledger.dimensions import Context
from stackledger.ledger.engines.base import (
    NAMES,
    SCHEMA_VERSION,
    STORE_POSITION,
    Applied,
    Corrected,
    Edit,
    Positions,
    Refused,
    Statement,
    schema,
)
from stackledger.ledger.engines.deliveries import SAME_STATEMENT, check_delivery, check_statement
from stackledger.ledger.engines.duck.known_ids import Hashes, KnownDays
from stackledger.ledger.engines.numbers import Numbers
from stackledger.ledger.engines.repeats import conflict, key_hashes, same_model, split_twins, untold
from stackledger.ledger.rows import QUARTER_US, Flags, Ints, Rows

_ALGORITHM: Final = f"duckdb-{duckdb.__version__}"  # its hash function may change with a version
_DAYS_IN_MIND: Final = 64
_SAVE_EVERY: Final = 200
"""Commits between two times that the tables of known ids are brought to the disk."""
_RECALLED_ROWS: Final = 2_000_000
_BUCKET_LIST: Final = ", ".join(BUCKETS)


class DuckEngine:
    """The embedded engine. `memory` bounds what DuckDB itself holds, in DuckDB's spelling."""

    def __init__(self, path: Path, *, memory: str = "512MB", threads: int = 2) -> None:
        self._path = path
        settings: dict[str, Any] = {"memory_limit": memory, "threads": threads, "preserve_insertion_order": True}
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # A connection serves one call at a time: this one only makes others, `_db` writes, readers have their own.
            self._root = duckdb.connect(str(path), config=settings)
            self._db = self._root.cursor()
            self._prepare()
        self._root_lock = threading.Lock()
        self._lock = threading.Lock()
        self._names: dict[str, Numbers[Any]] = {table: self._numbers(table) for table in NAMES}
        with _told(path):
            self._known = KnownDays(path.with_suffix(".ids"), _ALGORITHM, self._recalled, self._counted, _DAYS_IN_MIND)
        self._commits = 0

    def _prepare(self) -> None:
        tables = {name for (name,) in self._db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "schema_version" not in tables:
            self._db.begin()
            for statement in schema("HUGEINT"):
                self._db.execute(statement)
            self._db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            self._db.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
            self._db.commit()
        (version,) = self._row("SELECT version FROM schema_version")
        if version > SCHEMA_VERSION:
            raise StorageError(f"{self._path} was written by a newer stackledger (format {version}): use that one")

    def progress(self) -> int:
        """The number in the inbox up to which everything is stored."""
        # By a connection of its own: the writer's would show what is not yet committed.
        return int(self.query("SELECT inbox FROM progress")[0][0])

    def positions(self, topic: str) -> dict[int, int]:
        """The next offset to read of each partition of a topic."""
        return dict(self.query("SELECT part, next_offset FROM position WHERE topic = ?", [topic]))

    # -- names -------------------------------------------------------------------------------------------------------

    def sources(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the sources."""
        return self._names["source"].of(wanted)

    def contexts(self, wanted: Sequence[Context]) -> list[int]:
        """Numbers of the contexts."""
        return self._names["context"].of(wanted)

    def people(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the users."""
        return self._names["person"].of(wanted)

    def rates(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """Numbers of the rates."""
        return self._names["rate"].of(wanted)

    def _numbers(self, table: str) -> Numbers[Any]:
        (highest,) = self._row(f"SELECT coalesce(max(id), 0) FROM {table}")
        single = len(self._columns(table)) == 1
        return Numbers(highest + 1, self._find_single(table) if single else self._find_many(table))

    @staticmethod
    def _columns(table: str) -> tuple[str, ...]:
        return tuple(name for name in NAMES[table] if name != "source_id")

    def _find_single(self, table: str) -> Any:
        (column,) = self._columns(table)
        alive = " WHERE erased IS NULL" if table == "person" else ""

        def find(names: Sequence[str]) -> dict[str, int]:
            wanted = {"name": np.array(names, dtype=object)}
            with _told(self._path), self._cursor({"wanted": wanted}) as cursor:
                found = cursor.execute(
                    f"SELECT {column}, id FROM {table} SEMI JOIN wanted USING (name){alive}"
                ).fetchall()
            return dict(found)

        return find

    def _find_many(self, table: str) -> Any:
        columns = self._columns(table)
        kind = Context._make if table == "context" else tuple

        def find(names: Sequence[tuple[str, ...]]) -> dict[Any, int]:
            wanted = {column: np.array([name[n] for name in names], object) for n, column in enumerate(columns)}
            sql = f"SELECT {', '.join(columns)}, id FROM {table} SEMI JOIN wanted USING ({', '.join(columns)})"
            with _told(self._path), self._cursor({"wanted": wanted}) as cursor:
                return {kind(row[:-1]): row[-1] for row in cursor.execute(sql).fetchall()}

        return find

    # -- writing -----------------------------------------------------------------------------------------------------

    def apply(
        self, rows: Rows, refused: Sequence[Refused], through: int, positions: Positions | None = None
    ) -> Applied:
        """Store what is new of the rows, the refusals, the progress and the positions, in one transaction."""
        with self._lock, _told(self._path):
            applied = Applied()
            hashes = self._hashes(rows)
            fresh = self._only_new(rows, hashes, applied) if len(rows) else None
            told = untold([*refused, *applied.conflicts], self.progress())
            self._db.begin()
            try:
                named = self._store_names()
                if fresh is not None:
                    self._store(rows.take(fresh) if not fresh.all() else rows)
                self._store_refused(told)
                self._db.execute("UPDATE progress SET inbox = greatest(inbox, ?)", [through])
                for (topic, part), offset in (positions or {}).items():
                    self._db.execute(STORE_POSITION, [topic, part, offset])
                self._db.commit()
            except BaseException:
                self._roll_back()
                raise
            self._named(named)
            if fresh is not None:
                self._remember(rows.day[fresh], hashes[fresh])
            applied.stored = int(np.count_nonzero(fresh)) if fresh is not None else 0
            applied.refused.update(one.refusal.reason for one in told)
            return applied

    def _only_new(self, rows: Rows, hashes: Hashes, applied: Applied) -> Flags:
        """Which rows are not in the ledger and are the first of their kind here; the others are counted."""
        twins = split_twins(rows, hashes)
        perhaps = np.zeros(len(rows), np.bool_)
        days = rows.day
        for day in np.unique(days).tolist():
            of_day = days == day
            perhaps[of_day] = self._known.day(day).seen(hashes[of_day])
        known = self._known_exactly(rows, np.flatnonzero(perhaps), applied)
        fresh: Flags = twins.first & ~known
        # A twin of a row that is stored has been compared with the stored one.
        applied.duplicates += sum(not known[place] for place in twins.duplicates)
        applied.conflicts += [conflict(rows, place) for place in twins.conflicts if not known[place]]
        return fresh

    def _known_exactly(self, rows: Rows, places: Ints, applied: Applied) -> Flags:
        """Which rows at these places are in the ledger, with the same body (duplicates) or another (conflicts)."""
        known = np.zeros(len(rows), np.bool_)
        if not len(places):
            return known
        asked = rows.take(places)
        wanted: dict[str, Any] = {
            "place": places,
            "source_id": asked.source,
            "day": asked.day,
            "id": np.array(asked.ids, object),
        } | {name: np.ascontiguousarray(asked.usage[:, n]) for n, name in enumerate(BUCKETS)}
        same = " AND ".join(f"c.{name} = w.{name}" for name in BUCKETS)
        sql = (
            f"SELECT w.place, {same}, c.context, x.provider, x.model FROM llm_call c JOIN wanted w"
            " ON c.day = w.day AND c.source_id = w.source_id AND c.id = w.id JOIN context x ON x.id = c.context"
            " WHERE c.day BETWEEN ? AND ?"
        )
        with self._cursor({"wanted": wanted}) as cursor:
            found = cursor.execute(sql, [int(asked.day.min()), int(asked.day.max())]).fetchall()
        for place, same_counts, context, provider, model in found:
            known[place] = True
            stored = {context: (provider, model)}
            if same_counts and same_model(rows, int(rows.context[place]), context, stored):
                applied.duplicates += 1
            else:
                applied.conflicts.append(conflict(rows, place))
        return known

    def _store(self, rows: Rows) -> None:
        used: list[bool] = np.any(rows.usage, axis=0).tolist()
        columns: dict[str, Any] = {
            "source_id": rows.source,
            "day": rows.day,
            "id": np.array(rows.ids, object),
            "ts": rows.ts,
            "context": rows.context,
            "person": rows.person,
            "rate": rows.rate,
            "cost": rows.cost,
            "priced": rows.priced,
            "batch": rows.batch,
            "quarter": rows.ts // QUARTER_US,
        } | {name: np.ascontiguousarray(rows.usage[:, n]) for n, name in enumerate(BUCKETS) if used[n]}
        buckets = [name if used[n] else "0" for n, name in enumerate(BUCKETS)]
        cost = "cost" if rows.priced.all() else "CASE WHEN priced THEN cost END"
        with self._registered({"rows": columns}):
            self._db.execute(
                f"INSERT INTO llm_call (source_id, day, id, ts, context, person, rate, cost, batch, {_BUCKET_LIST})"
                f" SELECT source_id, day, id, ts, context, person, rate, {cost}, batch, {', '.join(buckets)} FROM rows"
            )
            sums = [f"sum({name})" if used[n] else "0" for n, name in enumerate(BUCKETS)]
            self._db.execute(
                f"INSERT INTO quarter (quarter, context, events, unpriced, cost, {_BUCKET_LIST})"
                " SELECT quarter, context, count(*), count(*) FILTER (NOT priced), sum(cost),"
                f" {', '.join(sums)} FROM rows GROUP BY quarter, context ORDER BY quarter, context"
            )

    def _store_names(self) -> dict[str, list[tuple[int, Any]]]:
        """Store the names that are new; which they were."""
        # names of contexts hold those of sources, which are taken last and so are all there
        named = {table: numbers.fresh() for table, numbers in reversed(self._names.items())}
        for table, fresh in named.items():
            if fresh:
                self._insert_names(table, fresh)
        return named

    def _named(self, named: Mapping[str, list[tuple[int, Any]]]) -> None:
        for table, names in named.items():
            self._names[table].stored(names)

    def _insert_names(self, table: str, fresh: Sequence[tuple[int, Any]]) -> None:
        columns = self._columns(table)
        many = len(columns) > 1
        data: dict[str, Any] = {"id": np.array([number for number, _ in fresh], np.int64)} | {
            column: np.array([name[n] if many else name for _, name in fresh], object)
            for n, column in enumerate(columns)
        }
        if table == "context":
            sources = self._names["source"].of([name.source for _, name in fresh])
            data["source_id"] = np.array(sources, np.int64)
        with self._registered({"fresh": data}):
            names = ", ".join(data)
            self._db.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM fresh")

    def _store_refused(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        self._db.executemany(
            "INSERT INTO refusal (batch, received, source, id, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (one.batch, one.received_us, one.refusal.source, one.refusal.id, one.refusal.reason, one.refusal.detail)
                for one in refused
            ],
        )

    def edit(self, edits: Sequence[Edit], forget: Sequence[str] = ()) -> list[int]:
        """Run statements of upkeep in one transaction; how many rows each touched."""
        with self._lock, _told(self._path):
            self._db.begin()
            try:
                named = self._store_names() if forget else {}
                touched = [self._db.execute(sql, list(given)).fetchone() or (0,) for sql, given in edits]
                self._db.commit()
            except BaseException:
                self._roll_back()
                raise
            self._named(named)
            for name in forget:
                self._names["person"].forget(name)
            if forget:
                with suppress(duckdb.Error):  # later is soon enough, but the name should not stay in the log
                    self._db.execute("CHECKPOINT")
            return [int(row[0]) for row in touched]

    def backup(self, folder: Path) -> bool:
        """Write a copy of the ledger, as of one instant, into the folder."""
        # Not a copy of the file: closing a second handle of it would let go of the lock that keeps others out.
        target = folder / self._path.name
        with _told(self._path), self._cursor({}) as cursor:
            (own,) = cursor.execute("SELECT current_database()").fetchone() or ("",)
            cursor.execute(f"ATTACH {_quoted(str(target), chr(39))} AS copied")
            try:
                cursor.execute(f"COPY FROM DATABASE {_quoted(own, chr(34))} TO copied")
            finally:
                cursor.execute("DETACH copied")
        return True

    def correct(self, corrections: Sequence[Corrected], cause: str, made_us: int) -> int:
        """Store corrections and their sums in one transaction; the number they share."""
        with self._lock, _told(self._path):
            (highest,) = self._row("SELECT coalesce(max(number), 0) FROM correction")
            number = int(highest) + 1
            self._db.begin()
            try:
                named = self._store_names()
                if corrections:
                    self._store_corrections(corrections, number, cause, made_us)
                self._db.commit()
            except BaseException:
                self._roll_back()
                raise
            self._named(named)
            return number

    def _store_corrections(self, corrections: Sequence[Corrected], number: int, cause: str, made_us: int) -> None:
        columns: dict[str, Any] = {}
        for name, values in zip(Corrected._fields, zip(*corrections, strict=True), strict=True):
            if name in ("cost", "cost_before"):  # NULL is told by a column of its own
                columns[f"{name}_known"] = np.array([value is not None for value in values], np.bool_)
                columns[name] = np.array([value or 0 for value in values], np.int64)
            else:
                columns[name] = np.array(values, object if name == "id" else np.int64)
        after, before = "CASE WHEN cost_known THEN cost END", "CASE WHEN cost_before_known THEN cost_before END"
        names = ", ".join(name for name in Corrected._fields if name not in ("cost", "cost_before"))
        with self._registered({"changes": columns}):
            self._db.execute(
                f"INSERT INTO correction (number, made, cause, {names}, cost_before, cost)"
                f" SELECT ?, ?, ?, {names}, {before}, {after} FROM changes",
                [number, made_us, cause],
            )
            zeros = ", ".join("0" for _ in BUCKETS)
            self._db.execute(
                f"INSERT INTO quarter (quarter, context, events, unpriced, cost, {_BUCKET_LIST})"
                f" SELECT ts // {QUARTER_US}, context, 0,"
                " count(*) FILTER (NOT cost_known) - count(*) FILTER (NOT cost_before_known),"
                f" sum(cost::HUGEINT) - sum(cost_before::HUGEINT), {zeros} FROM changes GROUP BY 1, 2"
            )

    def charge(self, change: Change) -> int:
        """Store a delivery of charges in one transaction; its number."""
        with self._lock, _told(self._path):
            delivery, highest = self._row(
                "SELECT greatest(coalesce(max(delivery), 0), coalesce(max(superseded), 0)), coalesce(max(id), 0)"
                " FROM charge"
            )
            check_delivery(change, int(delivery))
            with self._transaction():
                number = int(delivery) + 1
                if change.added:
                    self._store_charges(change, number, int(highest) + 1)
                if change.superseded:
                    with self._registered({"gone": {"id": np.array(change.superseded, np.int64)}}):
                        self._db.execute("UPDATE charge SET superseded = ? WHERE id IN (SELECT id FROM gone)", [number])
            return number

    def _store_charges(self, change: Change, number: int, first: int) -> None:
        columns: dict[str, Any] = {"id": np.arange(first, first + len(change.added), dtype=np.int64)}
        chosen = []
        for name, values in zip(CHARGE_FIELDS, zip(*change.added, strict=True), strict=True):
            wide = name in WIDE_FIELDS
            # beyond 64 bits numbers come as text, and NULL as an empty one
            columns[name] = np.array(["" if one is None else str(one) for one in values] if wide else values, object)
            chosen.append(f"nullif({name}, '')::HUGEINT" if wide else name)
        with self._registered({"lines": columns}):
            self._db.execute(
                f"INSERT INTO charge (id, delivery, imported, {', '.join(CHARGE_FIELDS)})"
                f" SELECT id, ?, ?, {', '.join(chosen)} FROM lines",
                [number, change.imported_us],
            )

    def state_month(self, statement: Statement) -> None:
        """Store a statement of a month."""
        with self._lock, _told(self._path):
            (known,) = self._row(f"SELECT count(*) FROM statement WHERE {SAME_STATEMENT}", statement[:3])
            check_statement(statement, int(known))
            with self._transaction():
                marks = ", ".join("?" for _ in statement)
                self._db.execute(f"INSERT INTO statement VALUES ({marks})", list(statement))

    # -- known ids ---------------------------------------------------------------------------------------------------

    def _hashes(self, rows: Rows) -> Hashes:
        if not len(rows):
            return np.empty(0, np.uint64)
        with self._cursor({"ids": {"id": np.array(rows.ids, object)}}) as cursor:
            found = cursor.execute("SELECT hash(id) AS h FROM ids").fetchnumpy()["h"]
        return key_hashes(np.asarray(found, np.uint64), rows.source)

    def _recalled(self, day: int, covers: int) -> Iterator[Hashes]:
        """Hashes of the day's calls in batches above `covers`, some at a time."""
        where = "day = ? AND batch > ?"
        with self._cursor({}) as cursor:
            cursor.execute(f"SELECT min(rowid), max(rowid) FROM llm_call WHERE {where}", [day, covers])
            first, last = cursor.fetchone() or (None, None)
            if first is None or last is None:
                return
            for start in range(first, last + 1, _RECALLED_ROWS):
                chunk = cursor.execute(
                    f"SELECT hash(id) AS h, source_id FROM llm_call WHERE {where} AND rowid >= ? AND rowid < ?",
                    [day, covers, start, start + _RECALLED_ROWS],
                ).fetchnumpy()
                yield key_hashes(np.asarray(chunk["h"], np.uint64), np.asarray(chunk["source_id"], np.int64))

    def _counted(self, day: int, through: int) -> int:
        """How many of the day's calls are in batches up to `through`."""
        return int(self.query("SELECT count(*) FROM llm_call WHERE day = ? AND batch <= ?", [day, through])[0][0])

    def _remember(self, days: Ints, hashes: Hashes) -> None:
        """Know them from now on. The rows are stored: a failure here must not look like one of the commit."""
        try:
            for day in np.unique(days).tolist():
                self._known.day(day).add(hashes[days == day])
            self._commits += 1
            if self._commits % _SAVE_EVERY == 0:
                self._known.save(self.progress())
        except (OSError, duckdb.Error):
            self._known.forget_all()
        except BaseException:
            self._known.forget_all()
            raise

    # -- reading -----------------------------------------------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a read; it sees the last commit and waits for none."""
        with _told(self._path), self._cursor({}) as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def size_bytes(self) -> int:
        """The file, what is not yet merged into it, and the known ids."""
        files = [self._path, self._path.with_name(f"{self._path.name}.wal"), *self._known.files()]
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Bring everything to the disk and close."""
        with self._lock, _told(self._path):
            try:
                self._known.save(self.progress())
            finally:
                self._db.close()
                self._root.close()

    # -- helpers -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _cursor(self, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
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
    def _registered(self, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
        for name, columns in tables.items():
            self._db.register(name, columns)
        try:
            yield
        finally:
            for name in tables:
                self._db.unregister(name)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.begin()
        try:
            yield
            self._db.commit()
        except BaseException:
            self._roll_back()
            raise

    def _row(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        row = self._db.execute(sql, list(parameters)).fetchone()
        if row is None:
            raise StorageError(f"{self._path}: nothing answers {sql!r}; the file is not a whole ledger")
        return row

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):  # the failed statement may have ended the transaction itself
            self._db.rollback()


def _quoted(text: str, mark: str) -> str:
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"


@contextmanager
def _told(path: Path) -> Iterator[None]:
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
