"""The SQL of a question, one text for every engine, and how its rows are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from stackledger.ledger import periods
from stackledger.ledger.attributes import TAG
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import CONTEXT_FIELDS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.horizon import need_calls
from stackledger.ledger.question import TIMES, Question
from stackledger.ledger.rows import QUARTER_US
from stackledger.ledger.selection import selection

_COUNTS: Final = ("events", "unpriced", "cost")
_PLAIN: Final = len(_COUNTS)


class Statement:
    """The SQL of a question and how to read its rows."""

    def __init__(self, engine: Engine, question: Question, top: int | None = None) -> None:
        self._question = question
        self._top = top
        self._engine = engine
        self.parameters: list[object] = []
        span = periods.whole(question.first, question.last, question.zone)
        time = next((name for name in question.by if name in TIMES), None)
        self._periods = list(TIMES[time](question.first, question.last, question.zone)) if time else [span]
        edges = [span.from_us, span.until_us, *(one.from_us for one in self._periods)]
        by_user = "user" in question.by or "user" in question.where
        self._from_sums = not by_user and all(edge % QUARTER_US == 0 for edge in edges)
        if not self._from_sums:
            need_calls(engine, span.from_us, "a report by user" if by_user else "this zone at that time")
        self._columns = self._key_columns()
        self.buckets = _used(engine)
        self.width = len(_COUNTS) + len(self.buckets)
        self.sql = self._text()

    def keys(self, row: Sequence[Any]) -> tuple[str, ...]:
        """A row's keys in the order of the question; tags are taken out of their JSON here."""
        if self._columns == list(self._question.by) and "period" not in self._columns:
            return tuple(row[: len(self._columns)])  # the usual case, a hundred thousand times
        found: dict[str, str] = {}
        tags: dict[str, str] = {}
        for name, value in zip(self._columns, row, strict=False):
            if name == "period":
                found["day"] = found["month"] = self._periods[int(str(value))].label
            elif name == "tags":
                tags = json.loads(str(value)) if value else {}
            else:
                found[name] = str(value)
        return tuple(
            tags.get(name.removeprefix(TAG), "") if name.startswith(TAG) else found[name] for name in self._question.by
        )

    def counts(self, row: Sequence[Any]) -> tuple[int, int, int, tuple[int, ...]]:
        """A row's events, calls without a price, cost, and units."""
        at = len(self._columns)
        return row[at], row[at + 1], int(row[at + 2]), tuple(row[at + _PLAIN :])

    def _key_columns(self) -> list[str]:
        columns: dict[str, None] = {}
        for name in self._question.by:
            columns["tags" if name.startswith(TAG) else "period" if name in TIMES else name] = None
        return list(columns)

    def _text(self) -> str:
        """Sums by numbers inside, by names outside: names are joined to few rows instead of many.

        By user and something else there are as many sums as calls, or nearly; there the contexts' names, which are few,
        come first.
        """
        by_user, fields = "user" in self._columns, [name for name in self._columns if name in CONTEXT_FIELDS]
        early = fields if by_user else []
        inner = [
            *(f"x.{name}" for name in early),
            *(["context"] if fields and not early else []),
            *(["person"] if by_user else []),
            *(["period"] if "period" in self._columns else []),
        ]
        counts = (*_COUNTS, *self.buckets)
        sums = ", ".join(f"sum({name}) AS {name}" for name in counts)
        group = f" GROUP BY {', '.join(inner)}" if inner else ""
        selected = "".join(f"{name}, " for name in inner)
        names = " JOIN context x ON x.id = r.context" if early else ""
        source = f"SELECT {selected}{sums} FROM ({self._rows()}) AS r{names}{group}"
        joins = (" JOIN context c ON c.id = s.context" if fields and not early else "") + (
            " JOIN person p ON p.id = s.person" if by_user else ""
        )
        of = {"user": "p.name", "period": "s.period"} | {name: f"s.{name}" for name in early}
        keys = [of.get(name, f"c.{name}") for name in self._columns]
        outer_group = f" GROUP BY {', '.join(keys)}" if keys else ""
        total = ", ".join(_total(name) for name in counts)
        names_in_order = "".join(f", {place}" for place in range(1, len(keys) + 1))
        order = f" ORDER BY coalesce(sum(s.cost), 0) DESC{names_in_order}" if keys else ""
        limit = order + (f" LIMIT {self._top}" if self._top is not None else "")
        return f"SELECT {''.join(f'{key}, ' for key in keys)}{total} FROM ({source}) AS s{joins}{outer_group}{limit}"

    def _rows(self) -> str:
        if self._from_sums:
            columns = ", ".join(("context", *_COUNTS, *self.buckets))
            return self._select("quarter", columns, "quarter", QUARTER_US)
        buckets = "".join(f", {name}" for name in self.buckets)
        nothing = "".join(f", 0 AS {name}" for name in self.buckets)
        missing = "CASE WHEN cost IS NULL THEN 1 ELSE 0 END"
        was_missing = "CASE WHEN cost_before IS NULL THEN 1 ELSE 0 END"
        calls = f"context, person, 1 AS events, {missing} AS unpriced, coalesce(cost, 0) AS cost{buckets}"
        changes = (
            f"context, person, 0 AS events, {missing} - {was_missing} AS unpriced,"
            f" coalesce(cost, 0) - coalesce(cost_before, 0) AS cost{nothing}"
        )
        return self._select("llm_call", calls, "ts", 1) + " UNION ALL " + self._select("correction", changes, "ts", 1)

    def _select(self, table: str, columns: str, time: str, unit_us: int) -> str:
        join = period = ""
        if "period" in self._columns:
            edges = ", ".join(
                f"({place}, {one.from_us // unit_us}, {one.until_us // unit_us})"
                for place, one in enumerate(self._periods)
            )
            join = f" JOIN (VALUES {edges}) AS d(period, lo, hi) ON t.{time} >= d.lo AND t.{time} < d.hi"
            period = "d.period, "
        chosen = selection(self._engine, self._question, table)
        self.parameters += chosen.parameters
        return f"SELECT {period}{columns} FROM {table} t{join} WHERE {chosen.sql}"


def _total(name: str) -> str:
    """A sum as it leaves the store: counts in 64 bits, a cost as digits.

    Wide integers are slow to fetch. Nine quintillion units fit; beyond that the store refuses. A cost may not fit.
    """
    kind = "VARCHAR" if name == "cost" else "BIGINT"
    return f"CAST(coalesce(sum(s.{name}), 0) AS {kind})"


def _used(engine: Engine) -> tuple[str, ...]:
    """The buckets that any call ever used: most of them no organisation has."""
    (highest,) = engine.query(f"SELECT {', '.join(f'max({name})' for name in BUCKETS)} FROM quarter")
    return tuple(name for name, value in zip(BUCKETS, highest, strict=True) if value)
