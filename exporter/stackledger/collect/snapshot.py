"""What one sweep of one target saw: parts (node, broker, shard), each with samples and the time they were read.

A part is filled by the sweep and then left alone. Absent is not zero: a value that could not be read is not added.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stackledger.catalogue import Kind, Metric
from stackledger.errors import DeclarationError, TargetError

Key = tuple[str, ...]

WHOLE = "cluster"
"""Key of the part that speaks of the whole target."""


_DISTRIBUTIONS = (Kind.HISTOGRAM, Kind.SUMMARY)


class Rows:
    """The samples of one family in one part: label values in declared order, and values, side by side.

    For a histogram or summary a key starts with the sample's suffix and the bound: ("_bucket", "0.1", ...labels).
    """

    __slots__ = ("keys", "values")

    def __init__(self, keys: list[Key], values: list[float]) -> None:
        self.keys = keys
        self.values = values


def families(rows: Mapping[Metric[Any], Rows]) -> dict[Metric[Any], tuple[list[Key], list[float]]]:
    """Label values and values by family: how the page takes samples."""
    return {metric: (family.keys, family.values) for metric, family in rows.items()}


class Part:
    """Samples of one part. `instance` is the node's address and empty for what speaks of the whole target."""

    __slots__ = ("instance", "read_at", "rows")

    def __init__(self, read_at: float, *, instance: str = "") -> None:
        """`read_at` is wall time in seconds: when the answer arrived."""
        self.read_at = read_at
        self.instance = instance
        self.rows: dict[Metric[Any], Rows] = {}

    def add(self, metric: Metric[Any], value: float | None, *labels: str) -> None:
        """One sample; None adds nothing. `labels` are the values in the metric's declared order."""
        if value is None:
            return
        if metric.kind in _DISTRIBUTIONS:
            raise DeclarationError(f"{metric.name} is a {metric.kind}: add it with histogram() or summary()")
        self._need_labels(metric, labels)
        rows = self._rows(metric)
        rows.keys.append(labels)
        rows.values.append(value)

    def set(self, metric: Metric[Any], value: float) -> None:
        """The one sample of a family without labels of its own; for many such families."""
        if metric.labels or metric.kind in _DISTRIBUTIONS:
            raise DeclarationError(f"{metric.name} has more than one sample: add it with add() or histogram()")
        self.rows[metric] = Rows([()], [value])

    def read(self, metrics: Iterable[Metric[Any]]) -> None:
        """Say that these families were read, whether they turn out to have samples or not.

        In a sweep in which another aspect of the target failed, a family without samples is else taken for one that
        could not be read, and is held.
        """
        for metric in metrics:
            self._rows(metric)

    def extend(self, metric: Metric[Any], keys: Iterable[Key], values: Iterable[float]) -> None:
        """Many samples at once; `keys` and `values` have the same length. For families with thousands of series."""
        keys, values = list(keys), list(values)
        if len(keys) != len(values):
            raise DeclarationError(f"{metric.name}: {len(keys)} label tuples but {len(values)} values")
        need = len(metric.labels) + 2 * (metric.kind in _DISTRIBUTIONS)
        if set(map(len, keys)) - {need}:
            raise DeclarationError(f"{metric.name}: each label tuple needs {need} values")
        rows = self._rows(metric)
        rows.keys += keys
        rows.values += values

    def histogram(
        self,
        metric: Metric[Any],
        *labels: str,
        buckets: Sequence[tuple[float, float]],
        count: float,
        total: float | None = None,
    ) -> None:
        """A histogram: cumulative `buckets` as (upper bound, count), rising, without +Inf; `total` is the sum."""
        self._need(metric, Kind.HISTOGRAM)
        self._need_labels(metric, labels)
        try:
            keys = _bucket_keys(tuple([bound for bound, _ in buckets]), labels)
        except ValueError as error:
            raise DeclarationError(f"{metric.name}: {error}") from error
        rows = self._rows(metric)
        rows.keys += keys
        rows.values += [cumulative for _, cumulative in buckets]
        rows.values.append(count)
        self._close_distribution(rows, labels, count, total)

    def summary(
        self,
        metric: Metric[Any],
        *labels: str,
        quantiles: Mapping[float, float],
        count: float | None = None,
        total: float | None = None,
    ) -> None:
        """A summary: value by quantile (0 to 1), with count and sum where the source gives them."""
        self._need(metric, Kind.SUMMARY)
        self._need_labels(metric, labels)
        rows = self._rows(metric)
        for q, value in quantiles.items():
            rows.keys.append(("", _bound(q), *labels))
            rows.values.append(value)
        self._close_distribution(rows, labels, count, total)

    def _rows(self, metric: Metric[Any]) -> Rows:
        rows = self.rows.get(metric)
        if rows is None:
            rows = self.rows[metric] = Rows([], [])
        return rows

    @staticmethod
    def _need(metric: Metric[Any], kind: Kind) -> None:
        if metric.kind is not kind:
            raise DeclarationError(f"{metric.name} is a {metric.kind}, not a {kind}")

    @staticmethod
    def _need_labels(metric: Metric[Any], labels: Key) -> None:
        if len(labels) != len(metric.labels):
            raise DeclarationError(f"{metric.name} takes {len(metric.labels)} label values, not {len(labels)}")

    @staticmethod
    def _close_distribution(rows: Rows, labels: Key, count: float | None, total: float | None) -> None:
        for suffix, value in (("_sum", total), ("_count", count)):
            if value is not None:
                rows.keys.append((suffix, "", *labels))
                rows.values.append(value)


@functools.lru_cache(1024)  # the nodes of a target have the same ones, in every sweep
def _bucket_keys(bounds: tuple[float, ...], labels: Key) -> tuple[Key, ...]:
    """The keys of a histogram's buckets. ValueError for bounds that cannot be."""
    rising = all(map(operator.lt, bounds, bounds[1:]))
    if not rising or not all(map(math.isfinite, (*bounds[:1], *bounds[-1:]))):
        raise ValueError("bounds are finite and rise; +Inf is added from the count")
    return tuple([("_bucket", _bound(bound), *labels) for bound in (*bounds, math.inf)])


@functools.lru_cache(4096)  # a node has the same bounds in every sweep
def _bound(value: float) -> str:
    """A bound as OpenMetrics wants it: a float's spelling, +Inf for infinity."""
    return "+Inf" if value == float("inf") else repr(float(value))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One sweep. `parts` were read; `failed` exist but could not be read now; any other part is gone and forgotten.

    `facets` tells how each aspect of the target went (None: well); a facet that fails costs only its own samples.
    """

    parts: Mapping[str, Part]
    failed: Mapping[str, TargetError] = field(default_factory=dict)
    facets: Mapping[str, TargetError | None] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything that exists was read."""
        return not self.failed and not any(self.facets.values())

    @property
    def completeness(self) -> float:
        """Share of the nodes that were read, 0 to 1; of the parts, where the target has no nodes."""
        nodes = [name for name, part in self.parts.items() if part.instance]
        read = nodes if nodes or self.failed else list(self.parts)
        everything = len(read) + len(self.failed.keys() - self.parts.keys())
        return len(read) / everything if everything else 1.0

    @property
    def blind(self) -> TargetError | None:
        """Why nothing at all was read, where that is so: every node that exists failed."""
        return next(iter(self.failed.values())) if self.failed and self.completeness == 0.0 else None
