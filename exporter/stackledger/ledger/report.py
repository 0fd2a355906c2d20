"""Answers to questions to the ledger, by any attributes and days in any zone.

What needs no user is answered from the quarter-hour sums; the rest from the calls.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from stackledger.ledger.attributes import TAG
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.question import Answer, Line, Question
from stackledger.ledger.report_sql import CHANGED_COST, Statement
from stackledger.ledger.selection import selection


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
        f"SELECT p.name FROM (SELECT t.person, sum(t.cost) AS cost FROM llm_call t WHERE {calls.sql} GROUP BY t.person)"
        f" AS a LEFT JOIN (SELECT t.person, {CHANGED_COST} AS cost FROM correction t WHERE {changes.sql}"
        " GROUP BY t.person) AS k ON k.person = a.person JOIN person p ON p.id = a.person"
        " ORDER BY coalesce(a.cost, 0) + coalesce(k.cost, 0) DESC, p.name LIMIT ?",
        [*calls.parameters, *changes.parameters, top],
    )
    return tuple(name for (name,) in rows)


def _with_rest(engine: Engine, question: Question, answer: Answer, top: int) -> Answer:
    # the whole is asked last: what is applied in between may be in the rest, and the rest is never below nothing
    whole = _answer(engine, replace(question, by=()), None)
    lines = [_widened(line, answer.buckets, whole.buckets) for line in answer.lines[:top]]
    rest = _difference(whole.lines[0], lines, len(question.by))
    return Answer(question, whole.buckets, lines, rest if rest.events or rest.unpriced or rest.cost else None)


def _widened(line: Line, buckets: Sequence[str], wider: Sequence[str]) -> Line:
    """The line with a count for each of `wider`: a bucket may have been used for the first time in between."""
    if len(wider) == len(buckets):
        return line
    counts = dict(zip(buckets, line.usage, strict=True))
    return msgspec.structs.replace(line, usage=tuple(counts.get(name, 0) for name in wider))


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
    statement = Statement(engine, question, top)
    lines = statement.lines(engine.query(statement.sql, statement.parameters))
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
