"""Is a group getting on? Pure: from commits, ends and members to ok, rewound, stalled or stopped, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import sub
from typing import Final, NamedTuple

from stackledger.integrations.kafka.groups.lag import picker

REWIND_SHOWN_SECONDS: Final = 300.0
"""How long a rewind stays visible: an evaluation every minute must see it, and a person who looks a little later."""

LEVELS: Final = {"ok": 0.0, "rewound": 1.0, "stalled": 2.0, "stopped": 3.0}
_REBALANCING: Final = frozenset({"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"})


class Judgement(NamedTuple):
    """The verdict and why."""

    verdict: str
    reason: str


CAUGHT_UP: Final = Judgement("ok", "caught_up")
_WAITING: Final = Judgement("ok", "waiting")
_PROGRESSING: Final = Judgement("ok", "progressing")


class Progress(NamedTuple):
    """What one sweep tells of a group in one topic."""

    waiting: dict[int, float]
    """Partitions with lag: since when the commit has not moved."""
    consumed: int
    """Offsets by which the commits went forward."""
    rewound: bool
    """Whether a commit went back."""


def progress(
    old: Mapping[int, int], new: Mapping[int, int], behind: Collection[int], *, waiting: Mapping[int, float], now: float
) -> Progress:
    """Compare two sweeps. A partition waits from the moment when it is first seen with lag and an unmoved commit.

    `behind` are the partitions with lag.
    """
    if old == new:
        return Progress({partition: waiting.get(partition, now) for partition in behind}, 0, rewound=False)
    try:
        steps = list(map(sub, new.values(), picker(new)(old)))
    except KeyError:  # what has no commit to be compared with has not moved
        new = {partition: offset for partition, offset in new.items() if partition in old}
        steps = list(map(sub, new.values(), picker(new)(old)))
    since = dict.fromkeys(behind, now)
    if 0 in steps:
        stood = {partition for partition, step in zip(new, steps, strict=True) if step == 0}
        since |= {partition: waiting.get(partition, now) for partition in behind if partition in stood}
    rewound = min(steps, default=0) < 0
    return Progress(since, sum([step for step in steps if step > 0]) if rewound else sum(steps), rewound=rewound)


class Situation(NamedTuple):
    """What the verdict rests on."""

    waiting: Mapping[int, float]
    readers: int | None
    """Members that read the topic; None where that is not known."""
    state: str
    rewound_at: float


def judge(situation: Situation, *, now: float, stuck_after: float) -> Judgement:
    """The verdict at `now`. Lag alone is no fault: only lag on which nobody has worked for `stuck_after` seconds."""
    longest = now - min(situation.waiting.values(), default=now)
    if situation.waiting and longest >= stuck_after:
        if situation.readers == 0 and situation.state not in _REBALANCING:
            return Judgement("stopped", "no_members")
        return Judgement("stalled", "rebalancing" if situation.state in _REBALANCING else "no_progress")
    if situation.rewound_at and now - situation.rewound_at < REWIND_SHOWN_SECONDS:
        return Judgement("rewound", "went_back")
    if not situation.waiting:
        return CAUGHT_UP
    return _WAITING if longest > 0 else _PROGRESSING
