"""What calls would cost with another price book, beside what they cost with the one in force. Nothing is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pages import HEAD, contexts, pages
from stackledger.ledger.pricing import Priced, Prices, price


@dataclass(frozen=True, slots=True)
class Compared:
    """Calls of one model. Costs are pico-USD of the calls that have a price with that book."""

    provider: str
    model: str
    calls: int
    before: int
    after: int
    unpriced_before: int
    unpriced_after: int


def compare(engine: Engine, before: Prices, after: Prices, from_us: int, until_us: int) -> list[Compared]:
    """The calls of a time range by model, those that move most first; models that do not move are left out."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    for page in pages(engine, from_us, until_us):
        known = contexts(engine, sorted({row[4] for row in page}))
        names = list(known.values())
        places = {number: place for place, number in enumerate(known)}
        of = np.array([places[row[4]] for row in page], np.int64)
        usage = np.array([row[len(HEAD) :] for row in page], np.int64)
        ts = np.array([row[3] for row in page], np.int64)
        one, other = (price(book, usage, ts, names, of) for book in (before, after))
        for place, context in enumerate(names):
            _add(sums[context.provider, context.model], np.flatnonzero(of == place), one, other)
    lines = [Compared(*keys, *values) for keys, values in sums.items()]
    moved = [one for one in lines if (one.before, one.unpriced_before) != (one.after, one.unpriced_after)]
    return sorted(moved, key=lambda one: (-abs(one.after - one.before), one.provider, one.model))


def _add(line: list[int], rows: Any, before: Priced, after: Priced) -> None:
    for place, value in enumerate(_values(rows, before, after)):
        line[place] += value


def _values(rows: Any, before: Priced, after: Priced) -> Sequence[int]:
    return (
        len(rows),
        sum(before.cost[rows].tolist()),
        sum(after.cost[rows].tolist()),
        int((~before.known[rows]).sum()),
        int((~after.known[rows]).sum()),
    )
