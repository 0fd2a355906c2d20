"""Walking through the keys of one shard on one node: counted by pattern, some picked at random, their sizes asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import AskError, MovedError, NoPermissionError, RedisError, TryAgainError

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.redis.connection import NodeConnection, denied
from stackledger.integrations.redis.patterns.config import KeyPatterns
from stackledger.integrations.redis.patterns.glob import Sorter
from stackledger.integrations.redis.patterns.pace import Pace
from stackledger.integrations.redis.state import PatternCount

_SIZES_AT_ONCE = 16
_END = b"0"
_ELSEWHERE = (
    MovedError,
    AskError,
    TryAgainError,
)  # the key has moved since it was met: that says nothing of our rights


class NodeLeftError(TargetError):
    """The node that was walked is no more what it was: its cursor means nothing now."""

    reason = "moved"


@dataclass(slots=True)
class Picked:
    """Keys of one pattern: how many were met, by database too, and a random choice of them as (database, key)."""

    keys: int = 0
    databases: dict[int, int] = field(default_factory=dict)
    chosen: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What the walks of one target have in common: the budget, and what was done of it."""

    pace: Pace
    operations: int = 0

    async def take(self, operations: int) -> None:
        """Wait for the budget, and note what is done with it."""
        await self.pace.take(operations)
        self.operations += operations


class Walk:
    """One walk; made anew for each attempt, so that nothing counted before a failure is left."""

    def __init__(
        self,
        connection: NodeConnection,
        asked: KeyPatterns,
        tally: Tally,
        *,
        clock: Clock,
        timeout_seconds: float,
        still: Callable[[], bool],
    ) -> None:
        """`still` tells whether the node is what it was when the walk began."""
        self._connection = connection
        self._asked = asked
        self._tally = tally
        self._clock = clock
        self._timeout = timeout_seconds
        self._still = still
        self._sorter = Sorter(asked.patterns)
        self._found = {name: Picked() for name in self._sorter.names}
        self.seen = 0
        self.refused: TargetError | None = None

    async def run(self, databases: tuple[int, ...], *, readonly: bool) -> dict[str, PatternCount]:
        """Counts by pattern. Raises TargetError when the shard must be begun anew; `refused` tells of sizes refused."""
        if readonly:
            await self._ask(("READONLY",))
        for database in databases:
            await self._select(database, databases)
            await self._scan(database)
        return {name: await self._measured(picked, databases) for name, picked in self._found.items()}

    async def _select(self, database: int, databases: tuple[int, ...]) -> None:
        if databases != (0,):
            await self._ask(("SELECT", str(database)))

    async def _scan(self, database: int) -> None:
        before = {name: picked.keys for name, picked in self._found.items()}
        cursor = _END
        while True:
            if not self._still():
                raise NodeLeftError(
                    f"Redis {self._connection.address} changed its role or its slots while being scanned"
                )
            (reply,) = await self._ask(("SCAN", cursor, "COUNT", str(self._asked.keys_per_scan)))
            cursor = self._counted(reply, database)
            if cursor == _END:
                break
        for name, picked in self._found.items():
            picked.databases[database] = picked.keys - before[name]

    def _counted(self, reply: Any, database: int) -> bytes:
        """Count the keys of one answer; the next cursor."""
        match reply:
            case [bytes(cursor), list(keys)] if cursor.isdigit():
                self._pick(keys, database)
                self.seen += len(keys)
                return cursor
            case _:
                raise ProtocolError(f"Redis {self._connection.address} answers SCAN with something else")

    def _pick(self, keys: list[bytes], database: int) -> None:
        """Every key of a pattern has the same chance to be in the sample, however the server orders them."""
        found, name_of = self._found, self._sorter.name
        chance, most = self._clock.random, self._asked.samples
        for key in keys:  # runs for each key that there is: no call that can be spared
            picked = found[name_of(key)]
            picked.keys += 1
            if picked.keys <= most:
                picked.chosen.append((database, key))
            elif (place := int(chance() * picked.keys)) < most:
                picked.chosen[place] = (database, key)

    async def _measured(self, picked: Picked, databases: tuple[int, ...]) -> PatternCount:
        sizes: list[int] = []
        by_database: dict[int, list[bytes]] = {}
        for database, key in picked.chosen:
            by_database.setdefault(database, []).append(key)
        for database, keys in by_database.items():
            await self._select(database, databases)
            for start in range(0, len(keys), _SIZES_AT_ONCE):
                sizes += await self._sizes(keys[start : start + _SIZES_AT_ONCE])
        mean = sum(sizes) / len(sizes) if sizes else 0.0
        return PatternCount(picked.keys, mean * picked.keys, len(sizes), picked.databases)

    async def _sizes(self, keys: list[bytes]) -> list[int]:
        """Sizes of those that still exist; none after a refusal, which would be repeated for each."""
        if self.refused is not None:
            return []
        await self._tally.take(len(keys))
        replies = await self._connection.ask([("MEMORY", "USAGE", key) for key in keys], self._timeout)
        for reply in replies:
            if isinstance(reply, RedisError) and not isinstance(reply, _ELSEWHERE):
                self.refused = _explained(self._connection.address, reply)
        return [reply for reply in replies if isinstance(reply, int)]

    async def _ask(self, command: tuple[str | bytes, ...]) -> list[Any]:
        await self._tally.take(1)
        replies = await self._connection.ask([command], self._timeout)
        if isinstance(replies[0], RedisError):
            raise _explained(self._connection.address, replies[0])
        return replies


def _explained(address: str, error: RedisError) -> TargetError:
    if isinstance(error, NoPermissionError):
        denied_ = str(denied(address, error))
        return AuthError(f"{denied_} (its second user line is for key_patterns; `samples: 0` needs no MEMORY USAGE)")
    return ProtocolError(f"Redis {address}: {error}, while counting keys")


def summed(shards: Mapping[str, dict[str, PatternCount]]) -> dict[str, PatternCount]:
    """The counts of all shards together, by pattern."""
    total: dict[str, PatternCount] = {}
    for counts in shards.values():
        for name, count in counts.items():
            sum_ = total.setdefault(name, PatternCount())
            sum_.keys += count.keys
            sum_.memory += count.memory
            sum_.sampled += count.sampled
            for database, keys in count.databases.items():
                sum_.databases[database] = sum_.databases.get(database, 0) + keys
    return total
