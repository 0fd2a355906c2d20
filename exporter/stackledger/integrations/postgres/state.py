"""What a cluster's sweeps remember: the primary's path through its log, and where each standby was last seen."""

from __future__ import annotations

import msgspec

from stackledger.collect.integration import State


class Track(msgspec.Struct):
    """The (wall time, position) pairs at which the primary was seen to have moved on, rising in both."""

    system_identifier: str = ""
    times: list[float] = []
    positions: list[int] = []


class StandbyMemory(msgspec.Struct):
    """A standby as it was last seen. `moved_at` is when it was last seen level, receiving, or newly behind.

    `fed` is whether it had a stream when the primary was last read.
    """

    received: int
    replayed: int
    name: str
    slot: str | None
    seen_at: float
    moved_at: float
    level: bool
    fed: bool = False


class PostgresState(State):
    """Bounded: one track of at most `lag.TRACK_LENGTH` pairs, one memory a configured node, what tables are shown."""

    track: Track = msgspec.field(default_factory=Track)
    standbys: dict[str, StandbyMemory] = msgspec.field(default_factory=dict)
    tables: dict[str, list[int]] = msgspec.field(default_factory=dict)
    statements: dict[str, list[int]] = msgspec.field(default_factory=dict)
