"""A question to the ledger and its answer: events, units, cost and what has no price, by attributes and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stackledger.ledger import periods
from stackledger.ledger.attributes import ATTRIBUTES, TAG

TIMES: Final = {"day": periods.days, "month": periods.months}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Days are dates in `zone`, both included; `where` keeps calls with one of the values.

    Raises ValueError, with what there is, for a field that does not exist.
    """

    by: tuple[str, ...]
    first: date
    last: date
    zone: ZoneInfo
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        for name in (*self.by, *self.where):
            known = name in ATTRIBUTES or (name.startswith(TAG) and len(name) > len(TAG))
            if not known and not (name in TIMES and name in self.by):
                choices = ", ".join((*ATTRIBUTES, *TIMES, f"{TAG}NAME"))
                raise ValueError(f"there is no {name!r} to ask by: choose from {choices}")
        if len([name for name in self.by if name in TIMES]) > 1:
            raise ValueError("ask by day or by month, not by both")
        if self.last < self.first:
            raise ValueError(f"the last day, {self.last}, is before the first, {self.first}")


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of an answer. `cost` is pico-USD of what has a price; `unpriced` calls are not in it.

    Python never looks for cycles through it: among hundreds of thousands that takes longer than making them.
    """

    keys: tuple[str, ...]
    events: int
    unpriced: int
    cost: int
    usage: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines, highest cost first, then by their keys; each has a count for each of `buckets`, those ever used."""

    question: Question
    buckets: tuple[str, ...]
    lines: Sequence[Line]
    rest: Line | None = None
    """All lines beyond the `top` that was asked for, in one; None where there are none."""
