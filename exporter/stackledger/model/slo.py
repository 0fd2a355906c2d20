"""A promise: what counts as good, how much of it, over which window. Pure values; the maths is in `slo`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stackledger.catalogue import Kind, Label
from stackledger.errors import DeclarationError
from stackledger.model.dashboard import Panel
from stackledger.promql import Condition, Vector


@dataclass(frozen=True, slots=True)
class EventRatio:
    """Events: `bad` of `total`, both selectors of counters. Budgets count events, so busy hours weigh more."""

    bad: Vector[Any]
    total: Vector[Any]

    def __post_init__(self) -> None:
        """Refuse what does not count events."""
        for name, vector in (("bad", self.bad), ("total", self.total)):
            use = vector.selector
            if use is None or (use.metric.kind is not Kind.COUNTER and use.sample == use.metric.name):
                raise DeclarationError(f"SLI {name}: {vector.text} is not a selector of a counter")


@dataclass(frozen=True, slots=True)
class TimeSlices:
    """Time: every evaluation is one slice, bad where the condition holds; `known` exists where the state is known."""

    bad: Condition[Any]
    known: Vector[Any]


SLIKind = EventRatio | TimeSlices


@dataclass(frozen=True, slots=True)
class SLO:
    """One objective per value of the labels `by` (usually the cluster).

    `objective` is a percentage, for instance Decimal("99.9"); `window_days` the rolling period of the budget.
    """

    name: str
    title: str
    description: str
    sli: SLIKind
    objective: Decimal
    by: tuple[type[Label], ...]
    panel: Panel
    window_days: int = 30
    team: str = ""

    def __post_init__(self) -> None:
        """Refuse an objective that cannot be met, cannot be missed, or was meant as a ratio."""
        if not Decimal(1) < self.objective < Decimal(100):
            raise DeclarationError(f"SLO {self.name!r}: the objective is a percentage above 1 and below 100")
