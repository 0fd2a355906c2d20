"""Questions to the ledger: events, units, exact cost and what has no price yet, by any attributes and days in any zone.

One SQL text for every engine. What needs no user is answered from the quarter-hour sums; the rest from the calls.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from stackledger.ledger import periods
from stackledger.ledger.attributes import ATTRIBUTES, TAG
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import CONTEXT_FIELDS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.horizon import need_calls
from stackledger.ledger.rows import QUARTER_US

TIMES: Final = {"day": periods.days, "month": periods.months}
_COUNTS: Final = ("events", "unpriced", "cost")
_PLAIN: Final = len(_COUNTS)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Days are dates in `zone`, both included; `where` keeps calls with one of the values.

    Raises ValueError, with what there is, for a field that does not exist.
    """

    by: tuple[str, ...]
    first: date
    last: date
    zone: ZoneInfo
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        for name in (*self.by, *self.where):
            known = name in ATTRIBUTES or (name.startswith(TAG) and len(name) > len(TAG))
            if not known and not (name in TIMES and name in self.by):
                choices = ", ".join((*ATTRIBUTES, *TIMES, f"{TAG}NAME"))
                raise ValueError(f"there is no {name!r} to ask by: choose from {choices}")
        if len([name for name in self.by if name in TIMES]) > 1:
            raise ValueError("ask by day or by month, not by both")
        if self.last < self.first:
            raise ValueError(f"the last day, {self.last}, is before the first, {self.first}")


class Line(NamedTuple):
    """One line of an answer. `cost` is pico-USD of what has a price; `unpriced` calls are not in it."""

    keys: tuple[str, ...]
    events: int
    unpriced: int
    cost: int
    usage: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines, highest cost first, then by their keys; each has a count for each of `buckets`, those ever used."""

    question: Question
    buckets: tuple[str, ...]
    lines: Sequence[Line]
    rest: Line | None = None
    """All lines beyond the `top` that was asked for, in one; None where there are none."""


def ask(engine: Engine, question: Question, top: int | None = None) -> Answer:
    """The answer. Without `by` it has exactly one line; with `top` at most so many, and the rest in one.

    Only the lines that are wanted leave the store, unless tags are asked by: those are taken apart here. Raises
    QuestionError for what is no longer kept.
    """
    if top is not None and question.by == ("user",):
        dearest = _dearest_users(engine, question, top)
        answer = _answer(engine, replace(question, where={**question.where, "user": dearest or ("",)}), None)
        return _with_rest(engine, question, answer, top)
    of_tags = any(name.startswith(TAG) for name in question.by)
    answer = _answer(engine, question, None if top is None or of_tags else top)
    return answer if top is None or not question.by else _with_rest(engine, question, answer, top)


def _dearest_users(engine: Engine, question: Question, top: int) -> tuple[str, ...]:
    """The users that cost most: found by cost alone, in a quarter of the time that all their sums would take."""
    calls, changes = (selection(engine, question, table) for table in ("llm_call", "correction"))
    rows = engine.query(
        "SELECT p.name FROM (SELECT person, sum(cost) AS cost FROM ("
        f"SELECT t.person, t.cost FROM llm_call t WHERE {calls.sql} UNION ALL"
        " SELECT t.person, coalesce(t.cost, 0) - coalesce(t.cost_before, 0) AS cost FROM correction t"
        f" WHERE {changes.sql}) AS r GROUP BY person) AS s JOIN person p ON p.id = s.person"
        " ORDER BY coalesce(s.cost, 0) DESC, p.name LIMIT ?",
        [*calls.parameters, *changes.parameters, top],
    )
    return tuple(name for (name,) in rows)


def _with_rest(engine: Engine, question: Question, answer: Answer, top: int) -> Answer:
    lines = answer.lines[:top]
    whole = _answer(engine, replace(question, by=()), None)
    rest = _difference(whole.lines[0], lines, len(question.by))
    return Answer(question, answer.buckets, lines, rest if any(rest[1:4]) else None)


def _difference(whole: Line, lines: Sequence[Line], width: int) -> Line:
    usage = tuple(
        total - sum(counts) for total, *counts in zip(whole.usage, *(one.usage for one in lines), strict=True)
    )
    return Line(
        ("other",) * width,
        whole.events - sum(one.events for one in lines),
        whole.unpriced - sum(one.unpriced for one in lines),
        whole.cost - sum(one.cost for one in lines),
        usage,
    )


def users_of(engine: Engine, question: Question) -> int:
    """How many users made the calls; calls of nobody count for none."""
    chosen = selection(engine, question, "llm_call")
    ((count,),) = engine.query(
        "SELECT count(DISTINCT t.person) FROM llm_call t"
        f" WHERE {chosen.sql} AND t.person NOT IN (SELECT id FROM person WHERE name = '')",
        chosen.parameters,
    )
    return int(count)


def _answer(engine: Engine, question: Question, top: int | None) -> Answer:
    statement = _Statement(engine, question, top)
    rows = engine.query(statement.sql, statement.parameters)
    lines = [Line(statement.keys(row), *statement.counts(row)) for row in rows]
    if any(name.startswith(TAG) for name in question.by):
        lines = _folded(lines)
    if question.by:
        lines = [line for line in lines if line.events or line.unpriced or line.cost]
    return Answer(question, statement.buckets, lines)


def _folded(lines: Sequence[Line]) -> list[Line]:
    """Lines with equal keys in one: contexts that differ in tags that nobody asked for."""
    found: dict[tuple[str, ...], Line] = {}
    for line in lines:
        known = found.get(line.keys)
        found[line.keys] = (
            line
            if known is None
            else Line(
                line.keys,
                known.events + line.events,
                known.unpriced + line.unpriced,
                known.cost + line.cost,
                tuple(map(operator.add, known.usage, line.usage)),
            )
        )
    return sorted(found.values(), key=lambda line: (-line.cost, line.keys))


@dataclass(frozen=True, slots=True)
class Selection:
    """A condition on the rows `t` of a table, with its parameters."""

    sql: str
    parameters: list[object]


def selection(engine: Engine, question: Question, table: str) -> Selection:
    """The rows that a question asks about: of `llm_call`, `correction` or `quarter` (without conditions on users)."""
    span = periods.whole(question.first, question.last, question.zone)
    time, unit_us = ("quarter", QUARTER_US) if table == "quarter" else ("ts", 1)
    parts = [f"t.{time} >= ? AND t.{time} < ?"]
    parameters: list[object] = [span.from_us // unit_us, span.until_us // unit_us]
    for name, values in question.where.items():
        if name.startswith(TAG):
            numbers = _contexts_tagged(engine, name.removeprefix(TAG), values)
            parts.append(f"t.context IN ({', '.join(map(str, numbers)) or '-1'})")
            continue
        of, column = ("person", "name") if name == "user" else ("context", name)
        marks = ", ".join("?" for _ in values)
        parts.append(f"t.{of} IN (SELECT id FROM {of} WHERE {column} IN ({marks}))")
        parameters += values
    return Selection(" AND ".join(parts), parameters)


def _contexts_tagged(engine: Engine, tag: str, values: tuple[str, ...]) -> list[int]:
    rows = engine.query("SELECT id, tags FROM context WHERE tags <> '' OR ?", ["" in values])
    return [number for number, tags in rows if (json.loads(tags) if tags else {}).get(tag, "") in values]


class _Statement:
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
