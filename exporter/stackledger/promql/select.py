"""Where expressions start: selectors of metrics, and the few functions that make a vector from nothing or buckets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from stackledger import units
from stackledger.catalogue import Common, Kind, Label, Le, Matcher, Metric
from stackledger.catalogue.labels import COMMON
from stackledger.errors import DeclarationError
from stackledger.promql.expression import Use, Vector, number
from stackledger.units import Unit

L = TypeVar("L", bound=Label)


def select(metric: Metric[L], *matchers: Matcher[L]) -> Vector[L]:
    """The metric's series that meet all matchers. Histograms are read by `bucket`, `sum_of` and `count_of`."""
    if metric.kind is Kind.HISTOGRAM:
        raise DeclarationError(f"{metric.name} is a histogram: select bucket(), sum_of() or count_of() of it")
    return _selector(metric, metric.name, metric.unit, matchers)


def bucket(metric: Metric[L], *matchers: Matcher[L]) -> Vector[L | Le]:
    """A histogram's cumulative buckets; rate() them, sum(Le, ...) them, then take `quantile`."""
    selected: Vector[Any] = _selector(_histogram(metric), f"{metric.name}_bucket", units.COUNT, matchers)
    return replace(selected, labels=selected.labels | {Le.name})


def sum_of(metric: Metric[L], *matchers: Matcher[L]) -> Vector[L]:
    """The running sum of a histogram's or summary's observations."""
    return _selector(_histogram(metric), f"{metric.name}_sum", metric.unit, matchers)


def count_of(metric: Metric[L], *matchers: Matcher[L]) -> Vector[L]:
    """The running number of a histogram's or summary's observations."""
    return _selector(_histogram(metric), f"{metric.name}_count", units.COUNT, matchers)


def quantile(q: float, buckets: Vector[L], unit: Unit) -> Vector[L]:
    """The q-quantile (0 to 1) of summed bucket rates, in the histogram's unit."""
    if Le.name not in buckets.labels:
        raise DeclarationError(f"{buckets.text}: a quantile needs the label le; sum by it")
    if not 0 <= q <= 1:
        raise DeclarationError(f"{q} is not a quantile: it lies between 0 and 1")
    text = f"histogram_quantile({number(q)}, {buckets.text})"
    return replace(buckets, text=text, unit=unit, labels=buckets.labels - {Le.name}, atom=True, selector=None)


def absent(selected: Vector[L]) -> Vector[L]:
    """One series of value 1 when the selector finds nothing, with the labels that it demands exactly."""
    if selected.selector is None:
        raise DeclarationError(f"absent takes a selector, not {selected.text}")
    known = frozenset(matcher.label.name for matcher in selected.selector.matchers if matcher.literal is not None)
    return replace(selected, text=f"absent({selected.text})", unit=units.STATE, labels=known, selector=None)


def scalar_of(value: float, unit: Unit = units.COUNT) -> Vector[Common]:
    """A constant as one series without labels."""
    return Vector(f"vector({number(value)})", unit, (), frozenset())


def time() -> Vector[Common]:
    """The evaluation time, seconds since 1970, as one series without labels."""
    return Vector("vector(time())", units.TIMESTAMP, (), frozenset())


def _selector(metric: Metric[L], sample: str, unit: Unit, matchers: tuple[Matcher[L], ...]) -> Vector[L]:
    for matcher in matchers:
        if not metric.has_label(matcher.label):
            raise DeclarationError(f"{metric.name} has no label {matcher.label.name!r}")
    use = Use(metric, sample, matchers)
    carried = frozenset(label.name for label in COMMON if metric.has_label(label))
    return Vector(str(use), unit, (use,), frozenset(metric.label_names) | carried, selector=use)


def _histogram(metric: Metric[L]) -> Metric[L]:
    if metric.kind not in (Kind.HISTOGRAM, Kind.SUMMARY):
        raise DeclarationError(f"{metric.name} is a {metric.kind}, not a histogram")
    return metric
