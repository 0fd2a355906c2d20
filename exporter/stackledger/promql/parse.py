"""Hand-written PromQL from a user's configuration: parsed by a real parser, then held to the same checks as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as pp

from stackledger.catalogue import Kind, Metric
from stackledger.catalogue.labels import COMMON
from stackledger.errors import DeclarationError
from stackledger.promql.expression import RATE_INTERVAL

_LONGEST = 4096
"""Characters of an expression: the parser is recursive, and deeper nesting than fits here would end the process."""

_COUNTER_FUNCTIONS = frozenset({"rate", "irate", "increase", "resets"})
_GAUGE_FUNCTIONS = frozenset({"delta", "idelta", "deriv", "predict_linear"})


@dataclass(frozen=True, slots=True)
class ForeignUse:
    """One selector of a hand-written expression: sample name and (label, operator, value) conditions."""

    sample: str
    matchers: tuple[tuple[str, str, str], ...]
    metric: Metric[Any] | None


def parse(text: str, known: Mapping[str, Metric[Any]]) -> tuple[ForeignUse, ...]:
    """The selectors of a hand-written expression.

    `known` maps sample names to metrics; what is not in it has `metric` None, for the caller to accept or refuse.
    Raises DeclarationError for text that does not parse, a label that the metric lacks, or a rate of a gauge.
    """
    if len(text) > _LONGEST:
        raise DeclarationError(f"the expression has {len(text)} characters, more than {_LONGEST}: record a part of it")
    try:
        tree = pp.parse(text.replace(RATE_INTERVAL, "5m"))
    except ValueError as error:
        raise DeclarationError(f"not PromQL: {error}") from error
    return tuple(_checked(selector, function, known) for selector, function in _selectors(tree))


def _selectors(tree: Any) -> Iterator[tuple[Any, str]]:
    """Every vector selector of the tree, from left to right, with the function applied to its range, if any."""
    open_nodes: list[tuple[Any, str]] = [(tree, "")]
    while open_nodes:  # a stack of our own: expressions may nest deeper than Python's
        node, function = open_nodes.pop()
        if isinstance(node, pp.VectorSelector):
            yield node, function
        elif isinstance(node, pp.MatrixSelector):
            yield node.vector_selector, function
        else:
            open_nodes += reversed(_children(node, function))


def _children(node: Any, function: str) -> list[tuple[Any, str]]:
    """What stands below a node, each with the function that will be applied to its range."""
    if isinstance(node, pp.Call):
        return [(argument, node.func.name) for argument in node.args]
    if isinstance(node, pp.BinaryExpr):
        return [(node.lhs, ""), (node.rhs, "")]
    if isinstance(node, pp.AggregateExpr):
        return [(child, "") for child in (node.param, node.expr) if child is not None]
    if isinstance(node, pp.ParenExpr | pp.SubqueryExpr):
        return [(node.expr, function)]
    return [(node.expr, "")] if isinstance(node, pp.UnaryExpr) else []


def _checked(selector: Any, function: str, known: Mapping[str, Metric[Any]]) -> ForeignUse:
    if selector.matchers.or_matchers:
        raise DeclarationError("`or` between label conditions is not Prometheus' PromQL; write two selectors")
    matchers = tuple((m.name, _OPERATORS[str(m.op).rsplit(".", 1)[-1]], m.value) for m in selector.matchers.matchers)
    name = selector.name or next((value for label, op, value in matchers if label == "__name__" and op == "="), "")
    if not name:
        raise DeclarationError("a selector without a metric's name would read everything; name the metric")
    matchers = tuple(m for m in matchers if m[0] != "__name__")
    metric = known.get(name)
    if metric is not None:
        _check_labels(metric, name, matchers)
        _check_function(metric, name, function)
    return ForeignUse(name, matchers, metric)


_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def _check_labels(metric: Metric[Any], sample: str, matchers: tuple[tuple[str, str, str], ...]) -> None:
    allowed = {*metric.label_names, *(label.name for label in COMMON if metric.has_label(label))}
    if metric.kind is Kind.HISTOGRAM and sample.endswith("_bucket"):
        allowed.add("le")
    if metric.kind is Kind.SUMMARY and sample == metric.name:
        allowed.add("quantile")
    for label, _, _ in matchers:
        if label not in allowed:
            raise DeclarationError(f"{metric.name} has no label {label!r}; it has {', '.join(sorted(allowed))}")


def _check_function(metric: Metric[Any], sample: str, function: str) -> None:
    counts = metric.kind is Kind.COUNTER or sample != metric.name  # sums, counts and buckets count up
    if function in _COUNTER_FUNCTIONS and not counts:
        raise DeclarationError(f"{function} of {sample}, which is a {metric.kind}: use delta or deriv")
    if function in _GAUGE_FUNCTIONS and counts:
        raise DeclarationError(f"{function} of {sample}, which only counts up: use rate or increase")
