"""The dictionary of the embedded ledger: numbers for names, those that are new stored with the next transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stackledger.ledger.dimensions import Context
from stackledger.ledger.engines.base import NAMES
from stackledger.ledger.engines.duck.store import Store, told
from stackledger.ledger.engines.numbers import Numbers


class Names:
    """The numbers of every table of names."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: dict[str, Numbers[Any]] = {table: self._numbers(table) for table in NAMES}

    def of(self, table: str, wanted: Sequence[Any]) -> list[int]:
        """Numbers of names."""
        return self._names[table].of(wanted)

    def forget(self, person: str) -> None:
        """Look a user up again next time."""
        self._names["person"].forget(person)

    def store(self) -> dict[str, list[tuple[int, Any]]]:
        """Store the names that are new; which they were."""
        # names of contexts hold those of sources, which are taken last and so are all there
        named = {table: numbers.fresh() for table, numbers in reversed(self._names.items())}
        for table, fresh in named.items():
            if fresh:
                self._insert(table, fresh)
        return named

    def stored(self, named: Mapping[str, list[tuple[int, Any]]]) -> None:
        """The transaction that stored them is through."""
        for table, names in named.items():
            self._names[table].stored(names)

    def _insert(self, table: str, fresh: Sequence[tuple[int, Any]]) -> None:
        columns = self._columns(table)
        many = len(columns) > 1
        data: dict[str, Any] = {"id": np.array([number for number, _ in fresh], np.int64)} | {
            column: np.array([name[n] if many else name for _, name in fresh], object)
            for n, column in enumerate(columns)
        }
        if table == "context":
            sources = self._names["source"].of([name.source for _, name in fresh])
            data["source_id"] = np.array(sources, np.int64)
        with self._store.registered({"fresh": data}):
            names = ", ".join(data)
            self._store.db.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM fresh")

    def _numbers(self, table: str) -> Numbers[Any]:
        (highest,) = self._store.row(f"SELECT coalesce(max(id), 0) FROM {table}")
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
            with told(self._store.path), self._store.cursor({"wanted": wanted}) as cursor:
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
            with told(self._store.path), self._store.cursor({"wanted": wanted}) as cursor:
                return {kind(row[:-1]): row[-1] for row in cursor.execute(sql).fetchall()}

        return find
