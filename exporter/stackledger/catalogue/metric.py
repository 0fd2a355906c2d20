"""The `Metric`: name, kind, unit, labels, help with its source, series budget. Wrong ones cannot be made.

Owns the naming rules. A name taken over from a community exporter for the sake of people's boards says whose it is
(`compat`), and only then may it break the rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

from stackledger import units
from stackledger.catalogue.labels import COMMON, Common, Instance, Label, Le, Quantile
from stackledger.errors import DeclarationError
from stackledger.units import Unit

_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_RECORDED_NAME = re.compile(r"[a-z_][a-z0-9_]*(:[a-z0-9_]+)*\Z")
_ANY_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_HELP = re.compile(r".+ \([^()]+(?:\([^()]*\)[^()]*)*\)\.\Z", re.DOTALL)


class Kind(StrEnum):
    """The exposition type."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"  # a gauge that is always 1 and tells facts in its labels


class Origin(StrEnum):
    """Where the samples come from."""

    EXPOSED = "exposed"
    RECORDED = "recorded"
    EXTERNAL = "external"


_NAMES = {Origin.EXPOSED: _NAME, Origin.RECORDED: _RECORDED_NAME, Origin.EXTERNAL: _ANY_NAME}


@dataclass(frozen=True, slots=True)
class Missing:
    """What happens to a family's samples of a part that could not be read: kept, or dropped after some intervals."""

    intervals: int | None


HOLD = Missing(None)
"""Keep the last value, with age and completeness beside it: for what must never fall because a node is silent."""


def drop_after(intervals: int) -> Missing:
    """Keep the last value for `intervals` missed sweeps, then drop it. 0 drops at once."""
    return Missing(intervals)


L = TypeVar("L", bound=Label)  # invariant: a covariant one would widen until any label fits
A = TypeVar("A", bound=Label)
B = TypeVar("B", bound=Label)
C = TypeVar("C", bound=Label)
D = TypeVar("D", bound=Label)
E = TypeVar("E", bound=Label)


class Metric(Generic[L]):
    """One metric family.

    `doc` is one sentence that ends with its source in brackets: "Keys in the database (INFO keyspace)."
    `budget` is the most series of it that one part (node) of a target may expose (label sets, for a histogram); the
    page cuts there and says so.
    `node` tells whether its series speak of one node and so carry our own `instance`.
    `compat` names the exporter whose name this is; only such a name may break the naming rules.
    `conditional` says what must happen for samples to exist ("a failover"); `verify` reports those apart.
    """

    __slots__ = (
        "budget",
        "compat",
        "conditional",
        "doc",
        "kind",
        "label_names",
        "labels",
        "missing",
        "name",
        "node",
        "origin",
        "unit",
    )

    # One overload per number of labels: it is how a type checker learns the union of them.
    # fmt: off
    @overload
    def __init__(self: Metric[Common], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[()] = ..., budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Common | A], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[A]], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Common | A | B], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[A], type[B]], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Common | A | B | C], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[A], type[B], type[C]], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Common | A | B | C | D], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[A], type[B], type[C], type[D]], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Common | A | B | C | D | E], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[A], type[B], type[C], type[D], type[E]], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    @overload
    def __init__(self: Metric[Any], name: str, kind: Kind, unit: Unit, doc: str, *, labels: tuple[type[Label], ...], budget: int = ..., node: bool = ..., compat: str = ..., conditional: str = ..., missing: Missing = ..., origin: Origin = ...) -> None: ...  # noqa: E501
    # fmt: on
    def __init__(
        self,
        name: str,
        kind: Kind,
        unit: Unit,
        doc: str,
        *,
        labels: tuple[type[Label], ...] = (),
        budget: int = 1,
        node: bool = True,
        compat: str = "",
        conditional: str = "",
        missing: Missing = Missing(3),
        origin: Origin = Origin.EXPOSED,
    ) -> None:
        self.name = name
        self.kind = kind
        self.unit = unit
        self.doc = doc
        self.labels = labels
        self.label_names = tuple(label.name for label in labels)
        self.budget = budget
        self.node = node
        self.compat = compat
        self.conditional = conditional
        self.missing = missing
        self.origin = origin
        mistakes = _mistakes(self)
        if mistakes:
            raise DeclarationError(f"metric {name!r}: " + "; ".join(mistakes))

    def __repr__(self) -> str:
        return f"Metric({self.name!r})"

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names that its samples carry on the page."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        if self.kind is Kind.SUMMARY:
            return (self.name, f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)

    def has_label(self, label: type[Label]) -> bool:
        """Whether its series can carry the label: declared, common, or the kind's own."""
        if label is Le:
            return self.kind is Kind.HISTOGRAM
        if label is Quantile:
            return self.kind is Kind.SUMMARY
        if label is Instance and self.origin is Origin.EXPOSED:
            return self.node
        return label in self.labels or label in COMMON


def _mistakes(metric: Metric[Any]) -> list[str]:
    found = list(_general_mistakes(metric))
    if not metric.compat and metric.origin is Origin.EXPOSED:
        found += _naming_mistakes(metric)
    return found


def _general_mistakes(metric: Metric[Any]) -> list[str]:
    checks = [
        (bool(_NAMES[metric.origin].match(metric.name)), "use lower case letters, digits and underscores"),
        (metric.origin is not Origin.EXPOSED or bool(_HELP.match(metric.doc)), _HELP_RULE),
        (metric.budget >= 1, "the series budget is at least 1"),
        (len(set(metric.label_names)) == len(metric.label_names), "a label is declared twice"),
        (not set(metric.label_names) & _PAGE_LABELS, "common labels, le and quantile are added by the page"),
        (not metric.labels or metric.budget > 1 or metric.kind is Kind.INFO, "labels need a budget above 1"),
    ]
    return [message for good, message in checks if not good]


_PAGE_LABELS = frozenset({*(label.name for label in COMMON), Le.name, Quantile.name})
_HELP_RULE = "help is one sentence that ends with its source in brackets: 'Keys in the database (INFO keyspace).'"


def _naming_mistakes(metric: Metric[Any]) -> list[str]:
    name, kind = metric.name, metric.kind
    stem = name.removesuffix("_total")
    if kind is Kind.INFO:
        return [] if name.endswith("_info") else ["a metric of facts ends in _info"]
    found = []
    if (kind is Kind.COUNTER) != name.endswith("_total"):
        found.append("_total belongs at the end of counters, and only there")
    ending = next((suffix for suffix in units.SUFFIXES if stem.endswith(suffix)), "")  # the longest that fits
    if ending != metric.unit.suffix:
        rule = f"a metric in {metric.unit} ends in {metric.unit.suffix}" if metric.unit.suffix else "it must not"
        found.append(f"ends in {ending or 'no unit'} but is in {metric.unit}: {rule}")
    return found


def metrics_of(module: ModuleType) -> tuple[Metric[Any], ...]:
    """Every metric that a `metrics.py` declares, in the order of declaration."""
    return tuple(value for value in vars(module).values() if isinstance(value, Metric))
