"""The embedded ledger: DuckDB in one file, written by one process.

A commit holds rows, their sums, new names, refusals and the progress, so that a crash at any instant leaves all of it
or nothing. Rows come in as arrays, which DuckDB reads in place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from stackledger.ledger.charges.charge import Change
from stackledger.ledger.dimensions import Context
from stackledger.ledger.engines.base import STORE_POSITION, Applied, Corrected, Edit, Positions, Refused, Statement
from stackledger.ledger.engines.deliveries import SAME_STATEMENT, check_delivery, check_statement
from stackledger.ledger.engines.duck.copying import insert_calls, insert_charges, insert_corrections, insert_refused
from stackledger.ledger.engines.duck.known_rows import KnownRows
from stackledger.ledger.engines.duck.names import Names
from stackledger.ledger.engines.duck.store import Store, quoted, told
from stackledger.ledger.engines.repeats import untold
from stackledger.ledger.rows import Rows


class DuckEngine:
    """The embedded engine. `memory` bounds what DuckDB itself holds, in DuckDB's spelling."""

    def __init__(self, path: Path, *, memory: str = "512MB", threads: int = 2) -> None:
        self._path = path
        self._store = Store(path, memory, threads)
        self._lock = threading.Lock()
        self._names = Names(self._store)
        self._known = KnownRows(self._store)

    @property
    def changes(self) -> int:
        """Grows with everything that is stored."""
        return self._store.changes

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
        return self._names.of("source", wanted)

    def contexts(self, wanted: Sequence[Context]) -> list[int]:
        """Numbers of the contexts."""
        return self._names.of("context", wanted)

    def people(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the users."""
        return self._names.of("person", wanted)

    def rates(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """Numbers of the rates."""
        return self._names.of("rate", wanted)

    # -- writing -----------------------------------------------------------------------------------------------------

    def apply(
        self, rows: Rows, refused: Sequence[Refused], through: int, positions: Positions | None = None
    ) -> Applied:
        """Store what is new of the rows, the refusals, the progress and the positions, in one transaction."""
        with self._locked() as store:
            applied = Applied()
            hashes = self._known.hashes(rows)
            fresh = self._known.only_new(rows, hashes, applied) if len(rows) else None
            refusals = untold([*refused, *applied.conflicts], self.progress())
            with store.transaction():
                named = self._names.store()
                if fresh is not None:
                    insert_calls(store, rows.take(fresh) if not fresh.all() else rows)
                insert_refused(store, refusals)
                store.db.execute("UPDATE progress SET inbox = greatest(inbox, ?)", [through])
                for (topic, part), offset in (positions or {}).items():
                    store.db.execute(STORE_POSITION, [topic, part, offset])
            self._names.stored(named)
            if fresh is not None:
                self._known.remember(rows.day[fresh], hashes[fresh])
            applied.stored = int(np.count_nonzero(fresh)) if fresh is not None else 0
            applied.refused.update(one.refusal.reason for one in refusals)
            return applied

    def edit(self, edits: Sequence[Edit], forget: Sequence[str] = ()) -> list[int]:
        """Run statements of upkeep in one transaction; how many rows each touched."""
        with self._locked() as store:
            with store.transaction():
                named = self._names.store() if forget else {}
                touched = [store.db.execute(sql, list(given)).fetchone() or (0,) for sql, given in edits]
            self._names.stored(named)
            for name in forget:
                self._names.forget(name)
            if forget:
                with suppress(duckdb.Error):  # later is soon enough, but the name should not stay in the log
                    store.db.execute("CHECKPOINT")
            return [int(row[0]) for row in touched]

    def backup(self, folder: Path) -> bool:
        """Write a copy of the ledger, as of one instant, into the folder."""
        # Not a copy of the file: closing a second handle of it would let go of the lock that keeps others out.
        target = folder / self._path.name
        with told(self._path), self._store.cursor({}) as cursor:
            (own,) = cursor.execute("SELECT current_database()").fetchone() or ("",)
            cursor.execute(f"ATTACH {quoted(str(target), chr(39))} AS copied")
            try:
                cursor.execute(f"COPY FROM DATABASE {quoted(own, chr(34))} TO copied")
            finally:
                cursor.execute("DETACH copied")
        return True

    def correct(self, corrections: Sequence[Corrected], cause: str, made_us: int) -> int:
        """Store corrections and their sums in one transaction; the number they share."""
        with self._locked() as store:
            (highest,) = store.row("SELECT coalesce(max(number), 0) FROM correction")
            number = int(highest) + 1
            with store.transaction():
                named = self._names.store()
                if corrections:
                    insert_corrections(store, corrections, number, cause, made_us)
            self._names.stored(named)
            return number

    def charge(self, change: Change) -> int:
        """Store a delivery of charges in one transaction; its number."""
        with self._locked() as store:
            delivery, highest = store.row(
                "SELECT greatest(coalesce(max(delivery), 0), coalesce(max(superseded), 0)), coalesce(max(id), 0)"
                " FROM charge"
            )
            check_delivery(change, int(delivery))
            with store.transaction():
                number = int(delivery) + 1
                if change.added:
                    insert_charges(store, change, number, int(highest) + 1)
                if change.superseded:
                    with store.registered({"gone": {"id": np.array(change.superseded, np.int64)}}):
                        store.db.execute("UPDATE charge SET superseded = ? WHERE id IN (SELECT id FROM gone)", [number])
            return number

    def state_month(self, statement: Statement) -> None:
        """Store a statement of a month."""
        with self._locked() as store:
            (known,) = store.row(f"SELECT count(*) FROM statement WHERE {SAME_STATEMENT}", statement[:3])
            check_statement(statement, int(known))
            with store.transaction():
                marks = ", ".join("?" for _ in statement)
                store.db.execute(f"INSERT INTO statement VALUES ({marks})", list(statement))

    # -- reading -----------------------------------------------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a read; it sees the last commit and waits for none."""
        return self._store.query(sql, parameters)

    def size_bytes(self) -> int:
        """The file, what is not yet merged into it, and the known ids."""
        files = [self._path, self._path.with_name(f"{self._path.name}.wal"), *self._known.files()]
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Bring everything to the disk and close."""
        with self._locked():
            try:
                self._known.save()
            finally:
                self._store.close()

    @contextmanager
    def _locked(self) -> Iterator[Store]:
        """The store, for the one that writes."""
        with self._lock, told(self._path):
            yield self._store
