"""What a Redis target remembers between sweeps: its nodes, the failovers seen, the slow log read so far.

Bounded: one entry per node of the cluster or server outside one, a capped number of commands per node, one entry per
pattern of keys, per Sentinel and per master that Sentinels watch.
"""

from __future__ import annotations

import msgspec

from stackledger.collect.integration import State


class Remembered(msgspec.Struct):
    """One node as last seen: where it is and is dialled, whom it followed (empty: nobody), how many slots it served.

    `serves` tells whether it had slots when it was last well: a failed master has lost them to its replica.
    """

    address: str
    dial: str
    primary: str = ""
    slots: int = 0
    serves: bool = False


class SlowCommand(msgspec.Struct):
    """Slow executions of one command since we watch."""

    entries: int = 0
    seconds: float = 0.0


class SlowLog(msgspec.Struct):
    """How far the slow log of one server process was read, and what it said by command."""

    run_id: str
    last_id: int
    commands: dict[str, SlowCommand] = msgspec.field(default_factory=dict)


class WatchedMaster(msgspec.Struct):
    """One master that Sentinels watch, as last seen; `nodes` are all its addresses but those that nobody has met.

    `counted` is the epoch of the last failover that was counted, `tellers` are the ids of Sentinels that told of it.
    """

    address: str
    epoch: int
    nodes: list[str]
    counted: int
    tellers: list[str] = msgspec.field(default_factory=list)
    failovers: int = 0
    last_failover: float | None = None


class Server(msgspec.Struct):
    """One server outside a cluster as last read: whether it followed nobody, and which history of replication it held.

    `replaced` tells of a master that is away and whose history another one has gone on with.
    """

    master: bool
    history: str
    replaced: bool = False


class PatternCount(msgspec.Struct):
    """Keys of one pattern: how many, the estimate of their memory, how many sizes it rests on; keys by database."""

    keys: int = 0
    memory: float = 0.0
    sampled: int = 0
    databases: dict[int, int] = msgspec.field(default_factory=dict)


class KeyCounts(msgspec.Struct):
    """The last finished pass over all keys, and counters since we watch. `asked` is what the pass was told to count."""

    asked: dict[str, str] = msgspec.field(default_factory=dict)
    patterns: dict[str, PatternCount] = msgspec.field(default_factory=dict)
    began: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    passes: int = 0
    operations: int = 0
    restarts: int = 0


class RedisState(State):
    """The state of one target.

    `nodes` is by node id, `slow_logs` by address, `sentinels` by their ids, `watched` by the masters' names, `servers`
    by address.
    """

    nodes: dict[str, Remembered] = msgspec.field(default_factory=dict)
    failovers: int = 0
    last_failover: float | None = None
    slow_logs: dict[str, SlowLog] = msgspec.field(default_factory=dict)
    key_counts: KeyCounts = msgspec.field(default_factory=KeyCounts)
    sentinels: dict[str, Remembered] = msgspec.field(default_factory=dict)
    watched: dict[str, WatchedMaster] = msgspec.field(default_factory=dict)
    servers: dict[str, Server] = msgspec.field(default_factory=dict)
