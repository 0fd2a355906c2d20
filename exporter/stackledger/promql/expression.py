"""Expressions: text, unit of the result, the metrics used, the labels left. Wrong ones cannot be made.

`select(m.MEMORY_USED, Cluster.eq("a")) / select(m.MEMORY_MAX)` is a ratio; `rate` of a gauge, `by` a label that the
metric lacks and bytes plus seconds are refused when the expression is built, most of them by the type checker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from stackledger import units
from stackledger.catalogue import Kind, Label, Matcher, Metric, Origin
from stackledger.errors import DeclarationError
from stackledger.units import Unit

RATE_INTERVAL = "$__rate_interval"
"""The window that Grafana sizes to the scrape interval and the zoom; for dashboards only."""

_WINDOW = re.compile(r"(?=.*[1-9])(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?\Z")

_MAYBE_EMPTY = frozenset({"region", "job"})  # labels that a configuration may leave out

L = TypeVar("L", bound=Label)
K = TypeVar("K", bound=Label)
K_co = TypeVar("K_co", bound=Label, covariant=True)


class Filter(Protocol[K_co]):
    """Something that is a vector once written out: a `Condition`."""

    @property
    def vector(self) -> Vector[Any]:
        """The series that pass."""


@dataclass(frozen=True, slots=True)
class Use:
    """One selector: the sample name asked for, its metric, and the conditions on labels."""

    metric: Metric[Any]
    sample: str
    matchers: tuple[Matcher[Any], ...] = ()

    def __str__(self) -> str:
        """The selector in PromQL's spelling."""
        conditions = ",".join(map(str, self.matchers))
        return f"{self.sample}{{{conditions}}}" if conditions else self.sample


@dataclass(frozen=True, slots=True)
class Vector(Generic[L]):
    """An instant vector. `labels` are the names its series can carry."""

    text: str
    unit: Unit
    uses: tuple[Use, ...]
    labels: frozenset[str]
    atom: bool = True
    selector: Use | None = None

    def __str__(self) -> str:
        return self.text

    # -- over time ---------------------------------------------------------------------------------------------------

    def rate(self, window: str = RATE_INTERVAL) -> Vector[L]:
        """Per-second increase of a counter over the window."""
        return self._over("rate", window, units.rate_of(self.unit), counter=True)

    def increase(self, window: str = RATE_INTERVAL) -> Vector[L]:
        """Increase of a counter over the window, extrapolated to its edges."""
        return self._over("increase", window, self.unit, counter=True)

    def changes(self, window: str) -> Vector[L]:
        """How often the value changed in the window."""
        return self._over("changes", window, units.COUNT)

    def delta(self, window: str) -> Vector[L]:
        """Difference of a gauge between the window's ends."""
        return self._over("delta", window, units.SECONDS if self.unit is units.TIMESTAMP else self.unit, counter=False)

    def deriv(self, window: str) -> Vector[L]:
        """Slope of a gauge, per second, by linear regression."""
        return self._over("deriv", window, units.rate_of(self.unit), counter=False)

    def max_over(self, window: str) -> Vector[L]:
        """Highest value in the window."""
        return self._over("max_over_time", window, self.unit)

    def min_over(self, window: str) -> Vector[L]:
        """Lowest value in the window."""
        return self._over("min_over_time", window, self.unit)

    def avg_over(self, window: str) -> Vector[L]:
        """Mean of the samples in the window."""
        return self._over("avg_over_time", window, self.unit)

    def sum_over(self, window: str) -> Vector[L]:
        """Sum of the samples in the window."""
        return self._over("sum_over_time", window, self.unit)

    def count_over(self, window: str) -> Vector[L]:
        """How many samples the window holds."""
        return self._over("count_over_time", window, units.COUNT)

    def last_over(self, window: str) -> Vector[L]:
        """The newest sample in the window, however old."""
        return self._over("last_over_time", window, self.unit)

    def offset(self, window: str) -> Vector[L]:
        """The same selector, `window` ago."""
        self._need_selector("offset")
        return replace(self, text=f"{self.text} offset {_window(window)}", selector=None)

    # -- across series -----------------------------------------------------------------------------------------------

    def sum(self, *by: type[L]) -> Vector[L]:
        """Sum of the series that share the labels `by`; of all series without any."""
        return self._across("sum", by)

    def max(self, *by: type[L]) -> Vector[L]:
        """Highest of the series that share the labels `by`."""
        return self._across("max", by)

    def min(self, *by: type[L]) -> Vector[L]:
        """Lowest of the series that share the labels `by`."""
        return self._across("min", by)

    def avg(self, *by: type[L]) -> Vector[L]:
        """Mean of the series that share the labels `by`."""
        return self._across("avg", by)

    def count(self, *by: type[L]) -> Vector[L]:
        """Number of series that share the labels `by`."""
        return replace(self._across("count", by), unit=units.COUNT)

    def top(self, k: int) -> Vector[L]:
        """The k highest series."""
        return replace(self, text=f"topk({k}, {self.text})", atom=True, selector=None)

    def bottom(self, k: int) -> Vector[L]:
        """The k lowest series."""
        return replace(self, text=f"bottomk({k}, {self.text})", atom=True, selector=None)

    # -- value by value ----------------------------------------------------------------------------------------------

    def age(self) -> Vector[L]:
        """Seconds since the time that a timestamp metric tells."""
        if self.unit is not units.TIMESTAMP:
            raise DeclarationError(f"{self.text}: the age of {self.unit} has no meaning; it takes a timestamp")
        return replace(self, text=f"time() - {self.operand()}", unit=units.SECONDS, atom=False, selector=None)

    def clamp_min(self, floor: float) -> Vector[L]:
        """No value below `floor`."""
        return replace(self, text=f"clamp_min({self.text}, {number(floor)})", atom=True, selector=None)

    def clamp_max(self, ceiling: float) -> Vector[L]:
        """No value above `ceiling`."""
        return replace(self, text=f"clamp_max({self.text}, {number(ceiling)})", atom=True, selector=None)

    def abs(self) -> Vector[L]:
        """The size of each value, without its sign."""
        return replace(self, text=f"abs({self.text})", atom=True, selector=None)

    def as_unit(self, unit: Unit) -> Vector[L]:
        """The same values read in another unit; for what the table of units cannot know."""
        return replace(self, unit=unit)

    def __add__(self, other: Vector[K] | float) -> Vector[L]:
        return self._combine("+", other)

    def __sub__(self, other: Vector[K] | float) -> Vector[L]:
        return self._combine("-", other)

    def __mul__(self, other: Vector[K] | float) -> Vector[L]:
        return self._combine("*", other)

    def __truediv__(self, other: Vector[K] | float) -> Vector[L]:
        return self._combine("/", other)

    def minus_from(self, whole: float) -> Vector[L]:
        """`whole - self`, for instance 1 - a ratio."""
        return replace(self, text=f"{number(whole)} - {self.operand()}", atom=False, selector=None)

    def plus(self, other: Vector[K], *, on: tuple[type[Label], ...], group_left: bool = False) -> Vector[L]:
        """Sum, matched on the labels `on`; with `group_left`, many of ours to one of theirs."""
        return self._combine("+", other, on=on, group_left=group_left)

    def minus(self, other: Vector[K], *, on: tuple[type[Label], ...], group_left: bool = False) -> Vector[L]:
        """Difference, matched on the labels `on`."""
        return self._combine("-", other, on=on, group_left=group_left)

    def times(self, other: Vector[K], *, on: tuple[type[Label], ...], group_left: bool = False) -> Vector[L]:
        """Product, matched on the labels `on`."""
        return self._combine("*", other, on=on, group_left=group_left)

    def over(self, other: Vector[K], *, on: tuple[type[Label], ...], group_left: bool = False) -> Vector[L]:
        """Quotient, matched on the labels `on`."""
        return self._combine("/", other, on=on, group_left=group_left)

    def and_(self, other: Vector[K] | Filter[K], *, on: tuple[type[Label], ...] | None = None) -> Vector[L]:
        """Our series that have a partner in `other`."""
        return self._set("and", other, on)

    def unless(self, other: Vector[K] | Filter[K], *, on: tuple[type[Label], ...] | None = None) -> Vector[L]:
        """Our series that have no partner in `other`."""
        return self._set("unless", other, on)

    def or_(self, other: Vector[K] | Filter[K], *, on: tuple[type[Label], ...] | None = None) -> Vector[L]:
        """Our series, and those of `other` that have no partner in ours."""
        return self._set("or", other, on)

    # -- building blocks ---------------------------------------------------------------------------------------------

    def operand(self) -> str:
        """The text, in brackets where an operator beside it could tear it apart."""
        return self.text if self.atom else f"({self.text})"

    def _need_selector(self, what: str) -> Use:
        if self.selector is None:
            raise DeclarationError(f"{what} takes a selector, not {self.text}")
        return self.selector

    def _over(self, function: str, window: str, unit: Unit, *, counter: bool | None = None) -> Vector[L]:
        use = self._need_selector(function)
        is_counter = use.metric.kind is Kind.COUNTER or use.sample != use.metric.name
        if counter is not None and counter != is_counter:
            raise DeclarationError(f"{function} of {use.sample}: it takes a {'counter' if counter else 'gauge'}")
        return replace(self, text=f"{function}({self.text}[{_window(window)}])", unit=unit, atom=True, selector=None)

    def _across(self, function: str, by: tuple[type[Label], ...]) -> Vector[L]:
        names = self.checked(by)
        clause = f" by ({', '.join(names)})" if names else ""
        text = f"{function}{clause}({self.text})" if clause else f"{function}({self.text})"
        return replace(self, text=text, labels=frozenset(names), atom=True, selector=None)

    def checked(self, labels: tuple[type[Label], ...]) -> list[str]:
        """The names of the labels, all of which our series can carry."""
        for label in labels:
            if label.name not in self.labels:
                known = ", ".join(sorted(self.labels))
                raise DeclarationError(f"{self.text} has no label {label.name!r}; it has {known}")
        return [label.name for label in labels]

    def _combine(
        self,
        op: str,
        other: Vector[K] | float,
        *,
        on: tuple[type[Label], ...] | None = None,
        group_left: bool = False,
    ) -> Vector[L]:
        if not isinstance(other, Vector):
            return replace(self, text=f"{self.operand()} {op} {number(other)}", atom=False, selector=None)
        unit = _combined_unit(op, self.unit, other.unit)
        clause = self._matching(other, on) + (" group_left" if group_left else "")
        return replace(
            self,
            text=f"{self.operand()} {op}{clause} {other.operand()}",
            unit=unit,
            uses=(*self.uses, *other.uses),
            labels=self.labels if on is None or group_left else frozenset(label.name for label in on),
            atom=False,
            selector=None,
        )

    def _matching(self, other: Vector[K], on: tuple[type[Label], ...] | None) -> str:
        if on is None:
            self._need_same_labels(other)
            return ""
        other.checked(on)
        return f" on ({', '.join(self.checked(on))})"

    def _need_same_labels(self, other: Vector[K]) -> None:
        """Refuse what can never match: without `on`, series pair only when all their labels are equal."""
        if any(use.metric.origin is not Origin.EXPOSED for use in (*self.uses, *other.uses)):
            return  # which labels a foreign series carries is not known for sure
        differ = (self.labels ^ other.labels) - _MAYBE_EMPTY
        if differ:
            known = ", ".join(sorted(differ))
            raise DeclarationError(f"{self.text} and {other.text} never match, only one side has {known}: say on=(...)")

    def _set(self, op: str, other: Vector[K] | Filter[K], on: tuple[type[Label], ...] | None) -> Vector[L]:
        right = other if isinstance(other, Vector) else other.vector
        clause = "" if op == "or" and on is None else self._matching(right, on)
        return replace(
            self,
            text=f"{self.operand()} {op}{clause} {right.operand()}",
            uses=(*self.uses, *right.uses),
            labels=self.labels | right.labels if op == "or" else self.labels,
            atom=False,
            selector=None,
        )


_UNIT_OF = {"+": None, "-": None, "*": units.multiply, "/": units.divide}


def _combined_unit(op: str, left: Unit, right: Unit) -> Unit:
    arithmetic = _UNIT_OF[op]
    if arithmetic is not None:
        return arithmetic(left, right)
    if left is units.TIMESTAMP and right is units.TIMESTAMP and op == "-":
        return units.SECONDS
    if left != right:
        raise DeclarationError(f"{left} {op} {right}: both sides need the same unit")
    return left


def _window(window: str) -> str:
    if window != RATE_INTERVAL and not _WINDOW.match(window):
        raise DeclarationError(f"{window!r} is not a window; write for instance 5m or 1h30m")
    return window


def number(value: float) -> str:
    """The shortest spelling that PromQL reads back as the same number."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004
