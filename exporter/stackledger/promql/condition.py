"""A vector compared with a threshold: what an alert fires on, and what the alert's panel draws as a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from stackledger.catalogue import Label
from stackledger.promql.expression import Use, Vector, number
from stackledger.units import Unit

L = TypeVar("L", bound=Label)


@dataclass(frozen=True, slots=True)
class Guard:
    """A further condition that must hold; it has no threshold that a panel would draw."""

    vector: Vector[Any]
    on: tuple[type[Label], ...] | None = None
    unless: bool = False


@dataclass(frozen=True, slots=True)
class Condition(Generic[L]):
    """`value op threshold`, the threshold in the unit of the value, and guards."""

    value: Vector[L]
    op: str
    threshold: float
    guards: tuple[Guard, ...] = ()

    @property
    def unit(self) -> Unit:
        """The unit of value and threshold."""
        return self.value.unit

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every selector in the condition and its guards."""
        return self.vector.uses

    @property
    def vector(self) -> Vector[L]:
        """The series that meet the condition, with their values."""
        text = f"{self.value.operand()} {self.op} {number(self.threshold)}"
        compared = replace(self.value, text=text, atom=False, selector=None)
        for guard in self.guards:
            join = compared.unless if guard.unless else compared.and_
            compared = join(guard.vector, on=guard.on)
        return compared

    def where(self, other: Vector[Any] | Condition[Any], *, on: tuple[type[Label], ...] | None = None) -> Condition[L]:
        """The same, only where `other` holds too. The threshold stays the one that panels draw."""
        return replace(self, guards=(*self.guards, Guard(_vector(other), on)))

    def unless(self, other: Vector[Any] | Condition[Any], *, on: tuple[type[Label], ...] | None = None) -> Condition[L]:
        """The same, except where `other` holds."""
        return replace(self, guards=(*self.guards, Guard(_vector(other), on, unless=True)))

    def with_threshold(self, threshold: float) -> Condition[L]:
        """The same with another threshold, in the same unit."""
        return replace(self, threshold=threshold)

    def __str__(self) -> str:
        return self.vector.text


def _vector(other: Vector[Any] | Condition[Any]) -> Vector[Any]:
    return other.vector if isinstance(other, Condition) else other


def above(value: Vector[L], threshold: float) -> Condition[L]:
    """Value > threshold."""
    return Condition(value, ">", threshold)


def below(value: Vector[L], threshold: float) -> Condition[L]:
    """Value < threshold."""
    return Condition(value, "<", threshold)


def at_least(value: Vector[L], threshold: float) -> Condition[L]:
    """Value >= threshold."""
    return Condition(value, ">=", threshold)


def at_most(value: Vector[L], threshold: float) -> Condition[L]:
    """Value <= threshold."""
    return Condition(value, "<=", threshold)


def equals(value: Vector[L], threshold: float) -> Condition[L]:
    """Value == threshold."""
    return Condition(value, "==", threshold)


def unequal(value: Vector[L], threshold: float) -> Condition[L]:
    """Value != threshold."""
    return Condition(value, "!=", threshold)
