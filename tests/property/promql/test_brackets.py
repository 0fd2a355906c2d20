"""Random expressions keep their structure when they are written out and read by a real parser."""

from __future__ import annotations

from typing import Any

import promql_parser as pp
from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger import units
from stackledger.catalogue import Cluster, Instance, Kind, Metric
from stackledger.errors import DeclarationError
from stackledger.promql import Condition, Vector, above, below, select
from stackledger.promql.parse import parse

GAUGE = Metric("stackledger_gauge", Kind.GAUGE, units.COUNT, "A gauge (here).")
COUNTER = Metric("stackledger_events_total", Kind.COUNTER, units.COUNT, "A counter (here).")

Tree = tuple[Any, ...]  # what the parser must see: ("+", left, right), ("x",), ("sum", inner) ...
Pair = tuple[Vector[Any], Tree]


def leaf() -> st.SearchStrategy[Pair]:
    return st.sampled_from(
        [
            (select(GAUGE), ("stackledger_gauge",)),
            (select(COUNTER).rate("5m").as_unit(units.COUNT), ("rate", ("stackledger_events_total",))),
            (select(GAUGE).offset("5m"), ("stackledger_gauge",)),
        ]
    )


def grown(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    number = st.integers(-3, 3).map(float)
    return st.one_of(
        st.builds(combined, inner, st.sampled_from("+-*/"), inner),
        st.builds(with_number, inner, st.sampled_from("+-*/"), number),
        st.builds(joined, inner, st.sampled_from(["and", "or", "unless"]), inner),
        st.builds(lambda p: (p[0].minus_from(1), ("-", 1.0, p[1])), inner),
        st.builds(lambda p: (p[0].sum(Cluster, Instance), ("sum", p[1])), inner),
        st.builds(lambda p: (p[0].abs(), ("abs", p[1])), inner),
        st.builds(lambda p: (p[0].top(3), ("topk", p[1])), inner),
        st.builds(lambda p, n: (above(p[0], n).vector, (">", p[1], n)), inner, number),
    )


def combined(left: Pair, op: str, right: Pair) -> Pair:
    one, other = left[0].as_unit(units.COUNT), right[0].as_unit(units.COUNT)
    on = (Cluster, Instance)
    built = {"+": one.plus, "-": one.minus, "*": one.times, "/": one.over}[op](other, on=on)
    return built.as_unit(units.COUNT), (op, left[1], right[1])


def with_number(left: Pair, op: str, number: float) -> Pair:
    one = left[0]
    built = {"+": one + number, "-": one - number, "*": one * number, "/": one / number}[op]
    return built, (op, left[1], number)


def joined(left: Pair, op: str, right: Pair) -> Pair:
    on = (Cluster, Instance)
    one = left[0]
    return {"and": one.and_, "or": one.or_, "unless": one.unless}[op](right[0], on=on), (op, left[1], right[1])


def structure(node: Any) -> Any:  # noqa: PLR0911 - one kind of node a line
    """The parser's tree without brackets."""
    if isinstance(node, pp.ParenExpr):
        return structure(node.expr)
    if isinstance(node, pp.NumberLiteral):
        return node.val
    if isinstance(node, pp.UnaryExpr):
        return -structure(node.expr)
    if isinstance(node, pp.BinaryExpr):
        return (str(node.op), structure(node.lhs), structure(node.rhs))
    if isinstance(node, pp.AggregateExpr):
        return (str(node.op), structure(node.expr))
    if isinstance(node, pp.Call):
        return (node.func.name, structure(node.args[0]))
    if isinstance(node, pp.MatrixSelector):
        return structure(node.vector_selector)
    assert isinstance(node, pp.VectorSelector)
    return (node.name,)


trees = st.recursive(leaf(), grown, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_what_is_written_is_what_was_meant(pair: Pair) -> None:
    vector, meant = pair
    assert structure(pp.parse(vector.text)) == meant


@settings(max_examples=60, deadline=None)
@given(trees)
def test_the_uses_are_the_selectors_in_the_text(pair: Pair) -> None:
    known = {metric.name: metric for metric in (GAUGE, COUNTER)}
    found = [use.sample for use in parse(pair[0].text, known)]
    assert [use.sample for use in pair[0].uses] == found


@settings(max_examples=60, deadline=None)
@given(trees, st.lists(st.tuples(trees, st.booleans()), max_size=3), st.floats(allow_nan=False))
def test_a_condition_holds_its_guards_together(pair: Pair, guards: list[tuple[Pair, bool]], threshold: float) -> None:
    condition: Condition[Any] = below(pair[0], 5)
    meant: Any = ("<", pair[1], 0.0 + threshold)
    for (vector, tree), unless in guards:
        add = condition.unless if unless else condition.where
        condition = add(vector, on=(Cluster,))
        meant = ("unless" if unless else "and", meant, tree)
    assert structure(pp.parse(str(condition.with_threshold(threshold)))) == meant


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='sumrate(x)[5m]{}="a,1.+-*/ \\', max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text, {})
    except DeclarationError:
        return
