"""The page's families as `prometheus_client` knows them, for readers other than the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric as ClientMetric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from stackledger.catalogue import Kind, Metric
from stackledger.exposition.formats import Format, family, printable
from stackledger.exposition.group import Block, as_float


class LazyFamily(ClientMetric):
    """A `prometheus_client` family over the page's own blocks."""

    def __init__(self, metric: Metric[Any], blocks: list[Block]) -> None:
        name, kind = family(metric, Format.OPENMETRICS)  # the client library names counters as OpenMetrics does
        super().__init__(name, metric.doc, kind)
        self._metric = metric
        self._blocks = blocks

    @property
    def samples(self) -> list[Sample]:
        """The family's samples, read off the rendered prefixes' own data."""
        return [sample for block in self._blocks for sample in _samples(self._metric, block)]

    @samples.setter
    def samples(self, value: list[Sample]) -> None:
        """The base class empties the list when it is made; there is nothing to keep."""


def _samples(metric: Metric[Any], block: Block) -> Iterator[Sample]:
    common = _parse_common(block.common)
    distribution = metric.kind in (Kind.HISTOGRAM, Kind.SUMMARY)
    for key, value in zip(block.keys, block.values, strict=True):
        suffix, bound, own = (key[0], key[1], key[2:]) if distribution else ("", "", key)
        labels = {**common, **dict(zip(metric.label_names, map(printable, own), strict=True))}
        if bound:
            labels["le" if metric.kind is Kind.HISTOGRAM else "quantile"] = bound
        yield Sample(metric.name + suffix, labels, as_float(value))


def _parse_common(spelt: str) -> dict[str, str]:
    if not spelt:
        return {}
    (family,) = text_string_to_metric_families(f"x{{{spelt}}} 1\n")
    return dict(family.samples[0].labels)
