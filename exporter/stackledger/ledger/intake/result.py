"""What became of each event of one body: taken or refused, in the body's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stackledger.ledger.event import Refusal, UsageEvent


class Refused(msgspec.Struct, frozen=True):
    """One event that was not taken, with its place in the body, counted from 0."""

    index: int
    refusal: Refusal


class Taken(msgspec.Struct, frozen=True):
    """The outcome of one body. Events and refusals keep its order."""

    events: list[UsageEvent]
    refused: list[Refused] = []
    indexes: Sequence[int] | None = None
    """Place in the body of each of `events`; None where nothing was refused or passed over, so event n stood at n."""
    not_billed: int = 0
    """What is no call of its own: spans of agents, tools and workflows, and parents whose children carry the usage."""

    def index_of(self, position: int) -> int:
        """Place in the body of the event at `position` in `events`."""
        return position if self.indexes is None else self.indexes[position]

    def without(self, later: Mapping[int, Refusal]) -> Taken:
        """The same, once whoever keeps the events refused some of them: by position in `events`."""
        if not later:
            return self
        kept = [position for position in range(len(self.events)) if position not in later]
        moved = [Refused(self.index_of(position), refusal) for position, refusal in later.items()]
        return Taken(
            events=[self.events[position] for position in kept],
            refused=sorted([*self.refused, *moved], key=lambda one: one.index),
            indexes=[self.index_of(position) for position in kept],
            not_billed=self.not_billed,
        )


class Outcomes:
    """Collects outcomes one after another, where events are read singly."""

    def __init__(self) -> None:
        self._events: list[UsageEvent] = []
        self._indexes: list[int] = []
        self._refused: list[Refused] = []
        self._not_billed = 0
        self._next = 0

    def add(self, outcome: UsageEvent | Refusal | None) -> None:
        """The outcome at the next place in the body; None for what is no call of its own."""
        index, self._next = self._next, self._next + 1
        if isinstance(outcome, UsageEvent):
            self._events.append(outcome)
            self._indexes.append(index)
        elif outcome is None:
            self._not_billed += 1
        else:
            self._refused.append(Refused(index, outcome))

    def taken(self) -> Taken:
        """All of them."""
        whole = len(self._events) == self._next
        return Taken(self._events, self._refused, None if whole else self._indexes, self._not_billed)


class _Line(msgspec.Struct):
    index: int
    id: str
    reason: str
    detail: str


class _Answer(msgspec.Struct, omit_defaults=True):
    accepted: int
    refused: list[_Line]
    not_billed: int = 0


def render(taken: Taken) -> bytes:
    """The answer to the sender, as JSON: how many were taken, and each refused event with its place and the remedy."""
    lines = [_Line(one.index, one.refusal.id, one.refusal.reason, one.refusal.detail) for one in taken.refused]
    return msgspec.json.encode(_Answer(len(taken.events), lines, taken.not_billed))
