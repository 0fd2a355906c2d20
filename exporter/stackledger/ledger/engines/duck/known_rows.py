"""Which rows of a batch the embedded ledger has: asked of the known ids, and exactly where these say perhaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import numpy as np

from stackledger.errors import StorageError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import Applied
from stackledger.ledger.engines.duck.known_ids import Hashes, KnownDays
from stackledger.ledger.engines.duck.store import Store, told
from stackledger.ledger.engines.repeats import conflict, key_hashes, same_model, split_twins
from stackledger.ledger.rows import Flags, Ints, Rows

_ALGORITHM: Final = f"duckdb-{duckdb.__version__}"  # its hash function may change with a version
_DAYS_IN_MIND: Final = 64
_SAVE_EVERY: Final = 200
"""Commits between two times that the tables of known ids are brought to the disk."""
_RECALLED_ROWS: Final = 2_000_000


class KnownRows:
    """The rows that are stored. The engine asks under its lock, one batch at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with told(store.path):
            folder = store.path.with_suffix(".ids")
            self._days = KnownDays(folder, _ALGORITHM, self._recalled, self._counted, _DAYS_IN_MIND)
        self.files = self._days.files
        self._commits = 0

    def hashes(self, rows: Rows) -> Hashes:
        """What the rows' keys are known by."""
        if not len(rows):
            return np.empty(0, np.uint64)
        with self._store.cursor({"ids": {"id": np.array(rows.ids, object)}}) as cursor:
            found = cursor.execute("SELECT hash(id) AS h FROM ids").fetchnumpy()["h"]
        return key_hashes(np.asarray(found, np.uint64), rows.source)

    def only_new(self, rows: Rows, hashes: Hashes, applied: Applied) -> Flags:
        """Which rows are not in the ledger and are the first of their kind here; the others are counted."""
        twins = split_twins(rows, hashes)
        perhaps = np.zeros(len(rows), np.bool_)
        days = rows.day
        for day in np.unique(days).tolist():
            of_day = days == day
            perhaps[of_day] = self._days.day(day).seen(hashes[of_day])
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
        with self._store.cursor({"wanted": wanted}) as cursor:
            found = cursor.execute(sql, [int(asked.day.min()), int(asked.day.max())]).fetchall()
        for place, same_counts, context, provider, model in found:
            known[place] = True
            stored = {context: (provider, model)}
            if same_counts and same_model(rows, int(rows.context[place]), context, stored):
                applied.duplicates += 1
            else:
                applied.conflicts.append(conflict(rows, place))
        return known

    def remember(self, days: Ints, hashes: Hashes) -> None:
        """Know them from now on. The rows are stored: a failure here must not look like one of the commit."""
        try:
            for day in np.unique(days).tolist():
                self._days.day(day).add(hashes[days == day])
            self._commits += 1
            if self._commits % _SAVE_EVERY == 0:
                self.save()
        except (OSError, duckdb.Error, StorageError):
            self._days.forget_all()
        except BaseException:
            self._days.forget_all()
            raise

    def save(self) -> None:
        """Bring the known ids to the disk."""
        self._days.save(int(self._store.query("SELECT inbox FROM progress")[0][0]))

    def _recalled(self, day: int, covers: int) -> Iterator[Hashes]:
        """Hashes of the day's calls in batches above `covers`, some at a time."""
        where = "day = ? AND batch > ?"
        with self._store.cursor({}) as cursor:
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
        return int(
            self._store.query("SELECT count(*) FROM llm_call WHERE day = ? AND batch <= ?", [day, through])[0][0]
        )
