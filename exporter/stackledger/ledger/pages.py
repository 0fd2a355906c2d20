"""All calls of a time range, a page at a time: for whoever must look at each of them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import CONTEXT_FIELDS, Context
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.rows import DAY_US

_PAGE: Final = 100_000
HEAD: Final = ("source_id", "day", "id", "ts", "context", "person", "rate", "cost")
"""The first columns of a page's rows; the counts of `BUCKETS` follow."""


def pages(engine: Engine, from_us: int, until_us: int) -> Iterator[list[tuple[Any, ...]]]:
    """The calls of the range, a day and then a number of ids at a time."""
    columns = ", ".join((*HEAD, *BUCKETS))
    for day in range(from_us // DAY_US, (until_us - 1) // DAY_US + 1):
        last: tuple[str, int] = ("", -1)
        while True:
            page = engine.query(
                f"SELECT {columns} FROM llm_call WHERE day = ? AND ts >= ? AND ts < ? AND (id, source_id) > (?, ?)"
                f" ORDER BY id, source_id LIMIT {_PAGE}",
                [day, from_us, until_us, *last],
            )
            if not page:
                break
            yield page
            last = (page[-1][2], page[-1][0])


def contexts(engine: Engine, numbers: Sequence[int]) -> dict[int, Context]:
    """The contexts of these numbers."""
    marks = ", ".join("?" for _ in numbers)
    rows = engine.query(f"SELECT id, {', '.join(CONTEXT_FIELDS)} FROM context WHERE id IN ({marks})", list(numbers))
    return {row[0]: Context(*row[1:]) for row in rows}
