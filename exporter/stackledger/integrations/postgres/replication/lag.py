"""How far a standby is behind, from what sweeps saw of the primary: pure functions, no clock, no I/O.

A position is a byte offset in the write-ahead log. A lag in seconds is the time since the primary was first *seen* past
the standby's position. So it is 0 on an idle cluster, grows when a stream stands still, and is below the
truth by at most the time between two sweeps; it never invents a lag. It takes a position of this sweep: one that is
only remembered stands still though the standby may not.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from stackledger.integrations.postgres.state import StandbyMemory, Track

TRACK_LENGTH: Final = 1_000


def follow(track: Track, system_identifier: str, now: float, position: int) -> None:
    """Note that the primary was at `position` at wall time `now`.

    Another cluster, or a position before the last (a new primary that has less), begins a new track. When the track is
    full every second pair of its older half goes: old lags get coarser, never wrong by more than a kept step.
    """
    if track.system_identifier != system_identifier or (track.positions and position < track.positions[-1]):
        track.system_identifier = system_identifier
        track.times, track.positions = [], []
    if track.positions and position == track.positions[-1]:
        return
    if track.times and now <= track.times[-1]:
        now = track.times[-1]  # the wall clock was set back: time stands still until it has caught up
    track.times.append(now)
    track.positions.append(position)
    if len(track.times) > TRACK_LENGTH:
        half = TRACK_LENGTH // 2
        track.times[:half] = track.times[1:half:2]
        track.positions[:half] = track.positions[1:half:2]


def seconds_behind(track: Track, now: float, position: int) -> float | None:
    """Seconds since the primary was first seen past `position`; 0 when it is not past it, None before any sight."""
    if not track.positions:
        return None
    first_past = bisect_right(track.positions, position)
    if first_past == len(track.positions):
        return 0.0
    return max(now - track.times[first_past], 0.0)


def bytes_behind(written: int, position: int) -> int:
    """Bytes between the primary and a standby. A standby read a moment later may be ahead: that is 0."""
    return max(written - position, 0)


@dataclass(frozen=True, slots=True)
class Sight:
    """A standby as a sweep sees it. `name` and `slot` are those that it uses upstream, None while it has no stream."""

    received: int
    replayed: int
    name: str | None
    slot: str | None


def remember(memory: StandbyMemory | None, sight: Sight, now: float, written: int | None) -> StandbyMemory:
    """The memory after a sight at `now`, with the primary at `written` (None: not known, so nothing can stall)."""
    level = written is None or sight.received >= written
    moved = memory is None or sight.received != memory.received
    # Behind for the first time is no stall yet: what was written just now is still on its way.
    moved_at = now if memory is None or level or moved or memory.level else memory.moved_at
    return StandbyMemory(
        received=sight.received,
        replayed=sight.replayed,
        name=sight.name or (memory.name if memory else ""),
        slot=sight.slot if sight.name else (memory.slot if memory else None),
        seen_at=now,
        moved_at=moved_at,
        level=level,
        fed=sight.name is not None if written is not None else memory is not None and memory.fed,
    )
