"""What stays of a part that was not read again: per family held, or dropped after some sweeps.

Pure: `Kept.merge` takes the newest snapshot and returns what the page shall show. A part that no longer exists is
forgotten at once; one that exists but is silent keeps its last values as its families declare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from stackledger.catalogue import Kind, Metric
from stackledger.collect.snapshot import Key, Part, Rows, Snapshot

_DISTRIBUTION_ROWS = 64
"""Rows that one label set of a histogram or summary may take, for its budget."""


@dataclass(slots=True)
class KeptPart:
    """The newest rows of each family of one part, and for how many sweeps each has been missed."""

    instance: str
    read_at: float
    rows: dict[Metric[Any], Rows] = field(default_factory=dict)
    missed: dict[Metric[Any], int] = field(default_factory=dict)

    def read(self, part: Part, *, partial: bool) -> int:
        """Take over what was read; returns the rows cut. In a partial sweep, absent families are missed, not gone."""
        before = self.rows
        self.instance, self.read_at = part.instance, part.read_at
        self.rows, cut = _within_budget(part.rows, before)
        if self.missed:
            for metric in self.rows:
                self.missed.pop(metric, None)
        if partial:
            self._miss({metric: rows for metric, rows in before.items() if metric not in self.rows})
        return cut

    def miss(self) -> None:
        """Note that nothing of the part was read."""
        before, self.rows = self.rows, {}
        self._miss(before)

    def _miss(self, before: dict[Metric[Any], Rows]) -> None:
        for metric, rows in before.items():
            missed = self.missed.get(metric, 0) + 1
            limit = metric.missing.intervals
            if limit is None or missed <= limit:
                self.rows[metric] = rows
                self.missed[metric] = missed
            else:
                self.missed.pop(metric, None)


def _within_budget(
    rows: dict[Metric[Any], Rows], before: dict[Metric[Any], Rows]
) -> tuple[dict[Metric[Any], Rows], int]:
    """The rows that may be shown, and how many may not. Series that were shown before need no second look."""
    kept, cut = {}, 0
    for metric, family in rows.items():
        known = before.get(metric)
        if known is not None and known.keys == family.keys:
            kept[metric] = family
        else:
            kept[metric] = _checked(metric, family)
            cut += len(family.keys) - len(kept[metric].keys)
    return kept, cut


def _checked(metric: Metric[Any], family: Rows) -> Rows:
    """The family without repeated series and within its budget; the same object where nothing was wrong."""
    rows_a_series = _DISTRIBUTION_ROWS if metric.kind in (Kind.HISTOGRAM, Kind.SUMMARY) else 1
    limit = metric.budget * rows_a_series
    fits = len(family.keys) <= limit
    if fits and rows_a_series > 1:
        fits = len({key[2:] for key in family.keys}) <= metric.budget
    if fits and (len(family.keys) == 1 or len(set(family.keys)) == len(family.keys)):
        return family
    first: dict[Key, float] = {}
    for key, value in zip(family.keys, family.values, strict=True):
        first.setdefault(key, value)
    keys = list(first)[:limit] if rows_a_series == 1 else _whole_series(first, metric.budget)
    return Rows(keys, [first[key] for key in keys])


def _whole_series(keys: Iterable[Key], budget: int) -> list[Key]:
    """The rows of the first `budget` label sets of a histogram or summary; half a histogram would be a wrong one."""
    sets: dict[Key, list[Key]] = {}
    for key in keys:
        sets.setdefault(key[2:], []).append(key)
    kept: list[Key] = []
    for rows in list(sets.values())[:budget]:
        if len(kept) + len(rows) > budget * _DISTRIBUTION_ROWS:
            break
        kept += rows
    return kept


class Kept:
    """All parts of one target in one lane."""

    def __init__(self) -> None:
        self.parts: dict[str, KeptPart] = {}
        self.cut = 0

    def merge(self, snapshot: Snapshot) -> None:
        """Take a sweep: read parts replace, failed parts are missed, others are forgotten."""
        self.cut = 0
        partial = any(snapshot.facets.values())
        for name in self.parts.keys() - snapshot.parts.keys() - snapshot.failed.keys():
            del self.parts[name]
        for name in snapshot.failed.keys() - snapshot.parts.keys():
            if name in self.parts:
                self.parts[name].miss()
        for name, part in snapshot.parts.items():
            kept = self.parts.setdefault(name, KeptPart(part.instance, part.read_at))
            self.cut += kept.read(part, partial=partial)
        self.cut += self._cut_repeated(snapshot.parts.keys())

    def _cut_repeated(self, read: Collection[str]) -> int:
        """Keep each series in one part only, rather in one that was just read; returns the rows cut.

        Parts of one instance, and families that do not speak of a node, could otherwise show a series twice.
        """
        seen: dict[tuple[Metric[Any], str], set[Key]] = {}
        cut = 0
        one_each = len({part.instance for part in self.parts.values()}) == len(self.parts)
        holders = Counter(
            (metric, part.instance if metric.node else "")
            for part in self.parts.values()
            for metric in part.rows
            if not (one_each and metric.node)
        )
        if not holders or max(holders.values()) <= 1:  # nobody else can have anybody's series
            return 0
        for name in sorted(self.parts, key=lambda name: name not in read):
            part = self.parts[name]
            for metric, rows in list(part.rows.items()):
                place = (metric, part.instance if metric.node else "")
                if holders[place] <= 1:  # nobody else can have its series
                    continue
                others = seen.setdefault(place, set())
                if not others.isdisjoint(rows.keys):
                    own = [(k, v) for k, v in zip(rows.keys, rows.values, strict=True) if k not in others]
                    cut += len(rows.keys) - len(own)
                    part.rows[metric] = Rows([k for k, _ in own], [v for _, v in own])
                others.update(rows.keys)
        return cut

    def miss_all(self) -> None:
        """Note a sweep that got nothing at all."""
        for part in self.parts.values():
            part.miss()

    @property
    def series(self) -> int:
        """Rows that are shown."""
        return sum(len(rows.keys) for part in self.parts.values() for rows in part.rows.values())
