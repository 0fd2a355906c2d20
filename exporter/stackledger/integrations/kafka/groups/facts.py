"""What a group's commits in a topic amount to: lag, what was lost, the worst partition. Pure.

Most groups stand still between two sweeps, so facts are kept for as long as what they were made of stays the same
object: `merge` replaces offsets that changed and never changes them in place. Ages are no facts: they grow by
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import sub
from typing import NamedTuple

from stackledger.collect.snapshot import Key
from stackledger.integrations.kafka.groups.lag import Pick, picker
from stackledger.integrations.kafka.state import TopicMemory

Offsets = Mapping[int, int]


class Facts(NamedTuple):
    """Facts of one group in one topic."""

    known: Offsets
    """The commits in partitions whose end is known: the lag of the others is unknown, not zero."""
    lags: list[int]
    """Offsets between each of these commits and its end."""
    behind: Offsets
    """The commits that lag."""
    offsets: int
    lag: int
    lost: int
    """Offsets that were deleted before they were committed."""
    worst: int
    worst_partition: int
    """-1 where none lags."""
    room: int | None
    """The least that lies between the start of a log and a commit behind its end; below 0 where records were lost."""


class FactsMemory:
    """Facts by (group, topic), and what they were made of; those not asked for in a sweep are forgotten at its end."""

    def __init__(self) -> None:
        self._before: dict[Key, tuple[Offsets, Offsets, Offsets, Facts]] = {}
        self._now: dict[Key, tuple[Offsets, Offsets, Offsets, Facts]] = {}

    def of(self, key: Key, committed: Offsets, topic: TopicMemory) -> Facts:
        """The facts, found anew where the commits or the topic's offsets were replaced."""
        high, low = topic.high, topic.low
        row = self._now.get(key) or self._before.get(key)
        if row is None or row[0] is not committed or row[1] is not high or row[2] is not low:
            row = committed, high, low, facts_of(committed, high, low)
        self._now[key] = row
        return row[3]

    def end(self) -> None:
        """Forget what the sweep did not use."""
        self._before, self._now = self._now, {}


def facts_of(committed: Offsets, high: Offsets, low: Offsets) -> Facts:
    """The facts of these commits."""
    known, pick = committed, picker(committed)
    try:
        lags = list(map(sub, pick(high), known.values()))
    except KeyError:
        known = known_of(committed, high)
        pick = picker(known)
        lags = list(map(sub, pick(high), known.values()))
    behind = known
    if min(lags, default=1) <= 0:
        behind = {index: offset for (index, offset), lag in zip(known.items(), lags, strict=True) if lag > 0}
        lags = [max(lag, 0) for lag in lags]
    worst = max(lags, default=0)
    lost, room = _above(low, known, behind, pick)
    return Facts(
        known,
        lags,
        behind,
        sum(known.values()),
        sum(lags),
        lost,
        worst,
        [*known][lags.index(worst)] if worst else -1,
        room,
    )


def _above(low: Offsets, known: Offsets, behind: Offsets, pick: Pick) -> tuple[int, int | None]:
    """What was lost, and the least room of those that lag. Starts of logs that are not known tell nothing."""
    try:
        rooms = list(map(sub, known.values(), pick(low)))
    except KeyError:
        known, behind = known_of(known, low), known_of(behind, low)
        return _above(low, known, behind, picker(known))
    least = min(rooms, default=0)
    lost = -sum([room for room in rooms if room < 0]) if least < 0 else 0
    if len(behind) != len(known):
        least = min([offset - low[index] for index, offset in behind.items()], default=0)
    return lost, least if behind else None


def known_of(committed: Offsets, high: Offsets) -> Offsets:
    """The commits in partitions whose end is known."""
    if committed.keys() <= high.keys():
        return committed
    return {index: offset for index, offset in committed.items() if index in high}


def between(committed: Offsets, ends: Offsets) -> int:
    """Offsets between the commits and these ends, where they lie behind them."""
    commits = committed.values()
    gaps = list(map(sub, map(ends.get, committed, commits), commits))  # an end that is not known leaves no gap
    return sum(gaps) if min(gaps, default=0) >= 0 else sum(gap for gap in gaps if gap > 0)
