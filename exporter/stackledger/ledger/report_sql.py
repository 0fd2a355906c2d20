"""The SQL of a question, one text for every engine, and how its rows are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stackledger.ledger import periods
from stackledger.ledger.attributes import TAG
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import CONTEXT_FIELDS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.horizon import need_calls
from stackledger.ledger.question import TIMES, Line, Question
from stackledger.ledger.rows import QUARTER_US
from stackledger.ledger.selection import selection

_COUNTS: Final = ("events", "unpriced", "cost")
_PLAIN: Final = len(_COUNTS)
CHANGED_COST: Final = "coalesce(sum(t.cost), 0) - coalesce(sum(t.cost_before), 0)"
"""What corrections `t` changed of the cost."""


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
        self.sql = self._text()

    def _keys(self, row: Sequence[Any]) -> tuple[str, ...]:
        """A row's keys in the order of the question; tags are taken out of their JSON here."""
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

    def lines(self, rows: Sequence[tuple[Any, ...]]) -> list[Line]:
        """The rows as lines."""
        at = len(self._columns)
        plain = self._columns == list(self._question.by) and "period" not in self._columns
        return [  # without a call for each where it can be: there may be a million
            Line(row[:at] if plain else self._keys(row), row[at], row[at + 1], int(row[at + 2]), row[at + _PLAIN :])
            for row in rows
        ]

    def _key_columns(self) -> list[str]:
        columns: dict[str, None] = {}
        for name in self._question.by:
            columns["tags" if name.startswith(TAG) else "period" if name in TIMES else name] = None
        return list(columns)

    def _text(self) -> str:
        """Sums by numbers inside, by names outside: names are joined to few rows instead of many.

        By user and something else there are as many sums as calls, or nearly; there the contexts' names, which are few,
        come first, and sums of one user are brought together outside only if two users share a name.
        """
        by_user, fields = "user" in self._columns, [name for name in self._columns if name in CONTEXT_FIELDS]
        early = fields if by_user else []
        inner = {name: f"x.{name}" for name in early}
        if fields and not early:
            inner["context"] = "t.context"
        if by_user:
            inner["person"] = "t.person"
        if "period" in self._columns:
            inner["period"] = "d.period"
        source = self._quarters(inner) if self._from_sums else self._calls(inner)
        joins = (" JOIN context c ON c.id = s.context" if "context" in inner else "") + (
            " JOIN person p ON p.id = s.person" if by_user else ""
        )
        of = {"user": "p.name", "period": "s.period"} | {name: f"s.{name}" for name in early}
        keys = [of.get(name, f"c.{name}") for name in self._columns]
        folds = "context" in inner or (by_user and _names_are_shared(self._engine))
        group = f" GROUP BY {', '.join(keys)}" if keys and folds else ""
        cost = "sum(s.cost)" if folds else "s.cost"
        total = ", ".join(_total(name, folds=folds) for name in (*_COUNTS, *self.buckets))
        names_in_order = "".join(f", {place}" for place in range(1, len(keys) + 1))
        order = f" ORDER BY coalesce({cost}, 0) DESC{names_in_order}" if keys else ""
        limit = order + (f" LIMIT {self._top}" if self._top is not None else "")
        return f"SELECT {''.join(f'{key}, ' for key in keys)}{total} FROM ({source}) AS s{joins}{group}{limit}"

    def _quarters(self, keys: Mapping[str, str]) -> str:
        sums = {name: f"sum(t.{name})" for name in (*_COUNTS, *self.buckets)}
        return self._grouped("quarter", keys, sums)

    def _calls(self, keys: Mapping[str, str]) -> str:
        """Sums of the calls, and beside them what corrections changed: every correction is of a call that is there.

        Apart, because DuckDB adds in 64 bits where it knows from the table itself that nothing can overflow, and of a
        union it does not.
        """
        calls = {"events": "count(*)", "unpriced": "count(*) - count(t.cost)", "cost": "sum(t.cost)"}
        calls |= {name: f"sum(t.{name})" for name in self.buckets}
        changed = {"unpriced": "count(t.cost_before) - count(t.cost)", "cost": CHANGED_COST}
        of_calls, of_changes = self._grouped("llm_call", keys, calls), self._grouped("correction", keys, changed)
        shown = [
            *(f"a.{name}" for name in (*keys, "events")),
            *(f"coalesce(a.{name}, 0) + coalesce(k.{name}, 0) AS {name}" for name in ("unpriced", "cost")),
            *(f"a.{name}" for name in self.buckets),
        ]
        same = " AND ".join(f"k.{name} = a.{name}" for name in keys) or "TRUE"
        return f"SELECT {', '.join(shown)} FROM ({of_calls}) AS a LEFT JOIN ({of_changes}) AS k ON {same}"

    def _grouped(self, table: str, keys: Mapping[str, str], sums: Mapping[str, str]) -> str:
        """Sums over the rows of a table that are asked about, by keys."""
        time, unit_us = ("quarter", QUARTER_US) if table == "quarter" else ("ts", 1)
        join = ""
        if "period" in keys:
            edges = ", ".join(
                f"({place}, {one.from_us // unit_us}, {one.until_us // unit_us})"
                for place, one in enumerate(self._periods)
            )
            join = f" JOIN (VALUES {edges}) AS d(period, lo, hi) ON t.{time} >= d.lo AND t.{time} < d.hi"
        if any(column.startswith("x.") for column in keys.values()):
            join += " JOIN context x ON x.id = t.context"
        chosen = selection(self._engine, self._question, table)
        self.parameters += chosen.parameters
        columns = ", ".join(f"{sql} AS {name}" for name, sql in {**keys, **sums}.items())
        group = f" GROUP BY {', '.join(keys.values())}" if keys else ""
        return f"SELECT {columns} FROM {table} t{join} WHERE {chosen.sql}{group}"


def _total(name: str, *, folds: bool) -> str:
    """A sum as it leaves the store: counts in 64 bits, a cost as digits.

    Wide integers are slow to fetch. Nine quintillion units fit; beyond that the store refuses. A cost may not fit.
    """
    kind = "VARCHAR" if name == "cost" else "BIGINT"
    return f"CAST(coalesce({f'sum(s.{name})' if folds else f's.{name}'}, 0) AS {kind})"


def _names_are_shared(engine: Engine) -> bool:
    """Whether two users have one name: somebody may be called what stands for an erased user."""
    return bool(
        engine.query(
            "SELECT 1 FROM person e JOIN person p ON p.name = e.name AND p.id <> e.id"
            " WHERE e.erased IS NOT NULL LIMIT 1"
        )
    )


def _used(engine: Engine) -> tuple[str, ...]:
    """The buckets that any call ever used: most of them no organisation has."""
    (highest,) = engine.query(f"SELECT {', '.join(f'max({name})' for name in BUCKETS)} FROM quarter")
    return tuple(name for name, value in zip(BUCKETS, highest, strict=True) if value)
