"""The slow lane: CLUSTER SLOT-STATS of every master that has it, on connections that last for the sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from stackledger.clock import Clock
from stackledger.collect.snapshot import WHOLE, Part, Snapshot
from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.connection import NodeConnection, denied
from stackledger.integrations.redis.slots import answers, metrics
from stackledger.integrations.redis.slots.answers import SlotStats
from stackledger.integrations.redis.slots.hot import HotSlots

_FACET = "slots"
_PARALLEL = 16

Masters = Mapping[str, tuple[str, str]]
"""Masters to ask, by their address: where to dial, and the run of the process."""


async def slots_snapshot(
    hot: HotSlots, masters: Masters, settings: RedisTarget, *, clock: Clock, timeout_seconds: float
) -> Snapshot:
    """The hot slots of all masters together. With one of them away nothing is new: a sum must not fall for that."""
    read: dict[int, tuple[str, SlotStats]] = {}
    failed: dict[str, TargetError] = {}
    turns = asyncio.Semaphore(_PARALLEL)

    async def ask(address: str, dial: str, process: str) -> None:
        async with turns:
            try:
                stats = await _stats(NodeConnection(dial, settings, clock), timeout_seconds)
            except TargetError as error:
                failed[address] = error
            else:
                read.update((slot, (process, stat)) for slot, stat in stats.items())

    async with asyncio.TaskGroup() as group:
        for address, (dial, process) in masters.items():
            group.create_task(ask(address, dial, process))
    now = clock.now()
    parts = {address: Part(now, instance=address) for address in masters if address not in failed}
    if failed:
        first = next(iter(failed.values()))
        return Snapshot(parts, {**failed, WHOLE: first}, {_FACET: first})
    if not masters:
        return Snapshot({})
    hot.advance(read)
    return Snapshot({**parts, WHOLE: _part(hot, now)}, {}, {_FACET: None})


async def _stats(connection: NodeConnection, timeout_seconds: float) -> dict[int, SlotStats]:
    try:
        (reply,) = await connection.ask([answers.COMMAND], timeout_seconds)
    finally:
        await connection.close()
    if isinstance(reply, RedisError):
        raise _explained(connection.address, reply)
    return answers.parse(reply, connection.address)


def _explained(address: str, error: RedisError) -> TargetError:
    if isinstance(error, NoPermissionError):
        return AuthError(f"{denied(address, error)} (+cluster|slot-stats), or set `hot_slots: 0`")
    return ProtocolError(f"Redis {address}: {error}; `hot_slots: 0` leaves CLUSTER SLOT-STATS alone")


def _part(hot: HotSlots, now: float) -> Part:
    part = Part(now)
    for name, keys in hot.keys.items():
        part.add(metrics.KEYS, keys, name)
    for name, gained in hot.gained.items() if hot.counts else _NOTHING:
        part.add(metrics.CPU, gained.cpu_usec / 1e6, name)
        part.add(metrics.NETWORK, gained.bytes_in, name, "in")
        part.add(metrics.NETWORK, gained.bytes_out, name, "out")
    return part


_NOTHING: tuple[tuple[str, Any], ...] = ()
