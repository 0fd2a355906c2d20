"""What rows cost: whole arrays times integer rates.

Owns the arithmetic. Which rate belongs to a call is the price book's to say; where it knows none, or none for a bucket
that was used, the call stays without a cost: unknown is never 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from stackledger.ledger.buckets import BUCKETS, INPUT_TOKENS
from stackledger.ledger.dimensions import Context
from stackledger.ledger.prices.book import Line, PriceBook, Rate
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.rows import Flags, Ints
from stackledger.money import LARGEST

_INPUT_PLACES: Final = np.array([BUCKETS.index(name) for name in INPUT_TOKENS])


class Prices(Protocol):
    """The price book in force, with the configuration's overrides."""

    @property
    def version(self) -> str:
        """What stands on every priced row."""

    def with_book(self, book: PriceBook) -> Prices:
        """The same overrides, over another book."""

    def line(self, provider: str, model: str, region: str, service_tier: str) -> Line | Unpriced:
        """What a call costs there."""


@dataclass(frozen=True, slots=True)
class Priced:
    """For each row its cost in pico-USD where `known`, and its rate as a place in `rates` ((book, facts) each).

    `too_large` marks rows whose cost no row can hold.
    """

    cost: Ints
    known: Flags
    rate: Ints
    rates: Sequence[tuple[str, str]]
    too_large: Flags


def price(prices: Prices, usage: Ints, ts: Ints, contexts: Sequence[Context], context_of: Ints) -> Priced:
    """Price rows. `context_of` is each row's place in `contexts`; times are microseconds UTC."""
    chosen = _Choice(prices.version)
    first, last = (int(ts.min()), int(ts.max())) if len(ts) else (0, 0)
    by_context = np.full(len(contexts), -1, np.int64)
    rate = np.empty(len(ts), np.int64)
    for place, context in enumerate(contexts):
        line = prices.line(context.provider, context.model, context.region, context.service_tier)
        if isinstance(line, Unpriced):
            by_context[place] = chosen.unpriced(line.reason)
            continue
        simple = line.simple(first, last + 1)
        if simple is not None:
            by_context[place] = chosen.rate(simple, line)
            continue
        of_context = np.flatnonzero(context_of == place)
        tokens = usage[of_context][:, _INPUT_PLACES].sum(axis=1)
        rate[of_context] = [
            chosen.rate(line.rate_at(at, count), line)
            for at, count in zip(ts[of_context].tolist(), tokens.tolist(), strict=True)
        ]
    by_row = by_context[context_of]
    rate = np.where(by_row >= 0, by_row, rate)
    return chosen.cost(usage, rate)


class _Choice:
    """The rates that a batch needs, each once."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._places: dict[object, int] = {}
        self._per_unit: list[tuple[int | None, ...]] = []
        self._facts: list[tuple[str, str]] = []
        self._kept: list[Rate] = []

    def rate(self, rate: Rate, line: Line) -> int:
        """Its place."""
        place = self._places.get(id(rate))
        if place is None:
            known = {name: value for name, value in zip(BUCKETS, rate.per_unit, strict=True) if value is not None}
            facts = {"line": line.label, "basis": rate.basis, "pico_usd": known}
            place = self._places[id(rate)] = self._add(rate.per_unit, facts)
            self._kept.append(rate)  # an id is an object's own only while the object lives
        return place

    def unpriced(self, reason: str) -> int:
        """The place of "not known"."""
        place = self._places.get(reason)
        if place is None:
            place = self._places[reason] = self._add((None,) * len(BUCKETS), {"unpriced": reason})
        return place

    def _add(self, per_unit: tuple[int | None, ...], facts: Mapping[str, object]) -> int:
        self._per_unit.append(per_unit)
        self._facts.append((self._version, json.dumps(facts, sort_keys=True, separators=(",", ":"))))
        return len(self._per_unit) - 1

    def cost(self, usage: Ints, rate: Ints) -> Priced:
        """The rows' costs."""
        table = np.array([[value or 0 for value in one] for one in self._per_unit], np.int64).reshape(-1, len(BUCKETS))
        missing = np.array([[value is None for value in one] for one in self._per_unit], np.bool_)
        unknown: Flags = np.zeros(len(usage), np.bool_)
        if missing.any():
            unknown = np.any((usage > 0) & missing[rate], axis=1)
        each = table[rate]
        too_large: Flags = np.zeros(len(usage), np.bool_)
        highest = float(usage.max(initial=0)) * float(table.max(initial=0)) * len(BUCKETS)
        if highest >= LARGEST:  # look closer: no sum may ever wrap round
            about = (usage.astype(np.float64) * each).sum(axis=1)
            too_large = ~unknown & (about >= LARGEST / 2)
        usable = ~(unknown | too_large)
        cost = np.zeros(len(usage), np.int64)
        cost[usable] = np.einsum("ij,ij->i", usage[usable], each[usable])
        return Priced(cost, ~unknown & ~too_large, rate, self._facts, too_large)
