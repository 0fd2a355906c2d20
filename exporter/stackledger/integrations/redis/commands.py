"""What a node tells of each command, to samples: counters, percentiles and latency histograms.

Most commands of a node stand still from one sweep to the next: what was said of them then is not parsed again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from stackledger.catalogue import Metric
from stackledger.collect.snapshot import Key, Part, Rows
from stackledger.integrations.redis import labels
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.answers import Histogram, number, pairs_of

BOUNDS = (1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816, 67633, 135266, 270532, 541065)
"""Upper bounds that Redis 7 gives in µs: the highest value that its histogram cannot tell from 1024 ns times 2^k."""

_FIELDS = (
    ("calls", m.COMMANDS, 1.0),
    ("usec", m.COMMANDS_DURATION, 1e-6),
    ("rejected_calls", m.COMMANDS_REJECTED, 1.0),
    ("failed_calls", m.COMMANDS_FAILED, 1.0),
)
_NOTHING = Rows([], [])


class Cap:
    """Which of many names get series of their own: the first `limit` ever seen, so that none comes and goes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def take(self, names: Iterable[str]) -> set[str]:
        """The names that may be shown."""
        for name in names:
            if len(self._seen) >= self._limit:
                break
            self._seen.add(name)
        return self._seen


@dataclass(frozen=True, slots=True)
class _Command:
    """A command as a node told of it, and what follows from that."""

    said: tuple[str | None, str | None, Histogram | None]
    stats: Mapping[str, float]
    percentiles: Rows
    latencies: Rows


class Commands:
    """The commands of one node: which are shown, and what was last said of each."""

    def __init__(self, limit: int) -> None:
        self._cap = Cap(limit)
        self._known: dict[str, _Command] = {}

    def add_to(
        self,
        part: Part,
        stats: Mapping[str, str],
        percentiles: Mapping[str, str],
        histograms: Mapping[str, Histogram],
    ) -> None:
        """All samples by command: from the fields of INFO, by command, and from LATENCY HISTOGRAM."""
        known = self._known
        self._known = found = {
            name: _told(known.get(name), name, (stats.get(name), percentiles.get(name), histograms.get(name)))
            for name in {**stats, **histograms}
        }
        counted = {name: found[name].stats for name in stats}
        shown = self._cap.take(sorted(counted, key=lambda name: -counted[name].get("calls", 0)))
        for field, metric, scale in _FIELDS:
            add_capped(part, metric, {name: one[field] * scale for name, one in counted.items() if field in one}, shown)
        _extend(part, m.PERCENTILES, [found[name].percentiles for name in stats if name in shown])
        _extend(part, m.LATENCIES, [found[name].latencies for name in histograms if name in shown])


def _told(before: _Command | None, name: str, said: tuple[str | None, str | None, Histogram | None]) -> _Command:
    if before is not None and before.said == said:
        return before
    text, quantiles, histogram = said
    stats = {} if text is None else pairs_of(text)
    rows = Part(0.0)
    if quantiles is not None:
        values = {q: value for key, value in pairs_of(quantiles).items() if (q := _quantile(key)) is not None}
        rows.summary(m.PERCENTILES, name, quantiles=values, count=stats.get("calls"), total=stats.get("usec"))
    if histogram is not None:
        calls, buckets = histogram
        rows.histogram(m.LATENCIES, name, buckets=dense(buckets), count=calls, total=stats.get("usec"))
    return _Command(said, stats, rows.rows.get(m.PERCENTILES, _NOTHING), rows.rows.get(m.LATENCIES, _NOTHING))


@functools.lru_cache(64)  # a handful of percentiles, the same for every command
def _quantile(name: str) -> float | None:
    """`p99.9` as 0.999."""
    value = number(name[1:])
    return round(value / 100, 6) if value else None


def _extend(part: Part, metric: Metric[Any], rows: Sequence[Rows]) -> None:
    keys: list[Key] = list(chain.from_iterable([one.keys for one in rows]))
    if keys:
        part.extend(metric, keys, chain.from_iterable([one.values for one in rows]))


def dense(buckets: Iterable[tuple[int, int]]) -> list[tuple[float, float]]:
    """Redis leaves out bounds at which its count stays the same; put them back, so that all nodes have the same."""
    known = dict(buckets)
    filled, count = [], 0
    for bound in sorted({*BOUNDS, *known}):
        count = known.get(bound, count)
        filled.append((float(bound), float(count)))
    return filled


def add_capped(part: Part, metric: Metric[Any], values: Mapping[str, float], shown: set[str]) -> None:
    """Those that are shown by name, the others as one sum."""
    if not values:
        return
    own = values if values.keys() <= shown else {name: value for name, value in values.items() if name in shown}
    part.extend(metric, map(_key, own), own.values())
    if len(own) < len(values):
        part.add(metric, sum(value for name, value in values.items() if name not in shown), labels.OTHER)


@functools.lru_cache(4096)  # the same in every sweep of every node: the page need not compare what is in them
def _key(name: str) -> Key:
    return (name,)
