"""Calls priced again by the book in force. What was stored stays; what changes is kept as a correction beside it.

The book knows what a call cost at its own time, so pricing everything again moves only the calls whose price was
unknown, or was corrected for their time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackledger.ledger.engines.base import Corrected, Engine
from stackledger.ledger.pages import HEAD, contexts, pages
from stackledger.ledger.pricing import Prices, price


@dataclass(frozen=True, slots=True)
class Repriced:
    """What pricing again changed. Costs are pico-USD; `number` is that of the correction, 0 where none was made."""

    calls: int
    changed: int
    newly_priced: int
    difference: int
    number: int


def reprice(
    engine: Engine, prices: Prices, *, from_us: int, until_us: int, only_unpriced: bool, cause: str, made_us: int,
    dry: bool = False,
) -> Repriced:  # fmt: skip
    """Price the calls of a time range again, `until_us` excluded. With `dry` nothing is stored."""
    calls = 0
    found: list[Corrected] = []
    for page in pages(engine, from_us, until_us):
        calls += len(page)
        found += _changes(engine, prices, page, only_unpriced=only_unpriced)
    number = engine.correct(found, cause, made_us) if found and not dry else 0
    newly = sum(one.cost_before is None and one.cost is not None for one in found)
    difference = sum((one.cost or 0) - (one.cost_before or 0) for one in found)
    return Repriced(calls, len(found), newly, difference, number)


def _changes(
    engine: Engine, prices: Prices, page: Sequence[tuple[Any, ...]], *, only_unpriced: bool
) -> Iterator[Corrected]:
    now = _corrected_before(engine, page)
    known = contexts(engine, sorted({row[4] for row in page}))
    places = {number: place for place, number in enumerate(known)}
    priced = price(
        prices,
        np.array([row[len(HEAD) :] for row in page], np.int64),
        np.array([row[3] for row in page], np.int64),
        list(known.values()),
        np.array([places[row[4]] for row in page], np.int64),
    )
    rates = engine.rates(priced.rates)
    for place, row in enumerate(page):
        source_id, day, name, ts, context, person, rate, cost = row[: len(HEAD)]
        rate, cost = now.get((source_id, day, name), (rate, cost))
        after = int(priced.cost[place]) if priced.known[place] else None
        if after is None or cost == after or (only_unpriced and cost is not None):
            continue  # what was known stays known
        new_rate = rates[int(priced.rate[place])]
        yield Corrected(source_id, day, name, ts, context, person, rate, new_rate, cost, after)


def _corrected_before(
    engine: Engine, page: Sequence[tuple[Any, ...]]
) -> dict[tuple[int, int, str], tuple[int, int | None]]:
    """Rate and cost in force of the calls of a page's day that were corrected already."""
    rows = engine.query(
        "SELECT source_id, day, id, rate, cost FROM correction WHERE day = ? AND id >= ? AND id <= ? ORDER BY number",
        [page[0][1], page[0][2], page[-1][2]],
    )
    return {(source_id, day, name): (rate, cost) for source_id, day, name, rate, cost in rows}
