"""Reading a Redis target: every node at once, one round trip each, in at most two waves a sweep.

The first wave asks the nodes that are remembered (at first: the seeds), the second those that the first has told of;
when no remembered node answers, it asks the seeds again. A node has less than half of the sweep's time, so that two
waves fit and a node that hangs costs only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import AuthError, ReadTimeoutError, TargetError
from stackledger.integrations.redis import roster, samples, servers, slow_log, topology
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import Access, RedisTarget
from stackledger.integrations.redis.connection import NodeConnection
from stackledger.integrations.redis.dialogue import Dialogue
from stackledger.integrations.redis.patterns import shards as scan_shards
from stackledger.integrations.redis.patterns.scan import KeyScan
from stackledger.integrations.redis.roster import Roster, Sweep
from stackledger.integrations.redis.sentinel import watch
from stackledger.integrations.redis.sentinel.samples import add_watch
from stackledger.integrations.redis.slots.answers import has_slot_stats
from stackledger.integrations.redis.slots.hot import HotSlots
from stackledger.integrations.redis.slots.sweep import slots_snapshot
from stackledger.integrations.redis.state import RedisState
from stackledger.integrations.redis.topology import Topology

CLUSTER = "cluster"
_NODE_SHARE = 0.45
_PARALLEL = 64


class RedisSource:
    """One target. Not safe for two sweeps at once; the runner never does that."""

    def __init__(self, opening: Opening[RedisTarget, RedisState]) -> None:
        self._settings = opening.settings
        self._state = opening.state
        self._clock = opening.clock
        self._node_timeout = opening.timeout_seconds * _NODE_SHARE
        self._nodes: dict[str, Dialogue] = {}
        self._parallel = asyncio.Semaphore(_PARALLEL)
        self._cluster_shown = False
        self._looked = asyncio.Event()
        self._blind: TargetError | None = None
        self._sweeps = 0
        self._hot_slots = HotSlots(opening.settings.hot_slots)
        self._masters: dict[str, tuple[str, str]] = {}
        self._key_scan = _key_scan_of(opening, self._node_timeout)

    async def sweep(self, lane: str) -> Snapshot:
        """Read every node. Raises TargetError when none could be read."""
        if lane == "slow":
            return await self._sweep_slots()
        sweep = Sweep()
        await self._wave(sweep, roster.remembered(self._state) or self._settings.seeds)
        if sweep.read:
            await self._wave(sweep, self._roster(sweep).left)
        if not any(answer.members or answer.sentinel for answer in sweep.read.values()):  # nobody who knows the others
            await self._wave(sweep, self._settings.seeds)
        snapshot = await self._snapshot(sweep) if sweep.read else None
        self._blind = _worst(sweep.failed) if snapshot is None else None
        self._looked.set()
        if snapshot is None:
            raise _worst(sweep.failed)
        return snapshot

    async def _sweep_slots(self) -> Snapshot:
        """The slow lane rests on what the fast one has found: it waits for its first, and is blind when that is."""
        try:
            async with self._clock.timeout(self._node_timeout):
                await self._looked.wait()
        except TimeoutError as error:
            raise ReadTimeoutError("no sweep of the fast lane has ended yet, so no master is known") from error
        if self._blind is not None:
            raise type(self._blind)(str(self._blind))
        return await slots_snapshot(
            self._hot_slots, self._masters, self._settings, clock=self._clock, timeout_seconds=self._node_timeout
        )

    async def close(self) -> None:
        """End counting keys and drop every connection."""
        if self._key_scan is not None:
            await self._key_scan.close()
        nodes, self._nodes = self._nodes, {}
        for node in nodes.values():
            await node.connection.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _wave(self, sweep: Sweep, addresses: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for address in dict.fromkeys(addresses):
                if address not in sweep.tried:
                    group.create_task(self._ask(sweep, address))

    async def _ask(self, sweep: Sweep, address: str) -> None:
        node = self._nodes.get(address)
        if node is None:
            connection = NodeConnection(address, self._access(sweep, address), self._clock)
            node = self._nodes[address] = Dialogue(connection, self._settings, self._clock)
        try:
            async with self._parallel:
                sweep.read[address] = await node.answers(self._node_timeout)
        except TargetError as error:
            sweep.failed[address] = error

    def _access(self, sweep: Sweep, address: str) -> Access:
        """The login for an address: Sentinels may have one of their own."""
        apart = self._settings.sentinel
        if apart is None:
            return self._settings
        known = {sentinel.dial for sentinel in (*self._state.sentinels.values(), *self._roster(sweep).sentinels)}
        return apart if address in known or address in self._settings.seeds else self._settings

    # -- judging -----------------------------------------------------------------------------------------------------

    def _roster(self, sweep: Sweep) -> Roster:
        return roster.of(sweep, self._state, self._settings)

    async def _snapshot(self, sweep: Sweep) -> Snapshot:
        seen = self._roster(sweep)
        parts: dict[str, Part] = {}
        failed: dict[str, TargetError] = {}
        places = list(seen.places())
        servers.remember(self._state, places)
        for instance, answer, error in places:
            if answer is not None:
                parts[instance] = self._node_part(instance, answer)
            elif error is not None:
                failed[instance] = error
        whole = self._whole(sweep, seen)
        if whole is not None:
            parts[CLUSTER] = whole
            await self._forget(seen.dials, parts.keys() | failed.keys())
        elif self._cluster_shown and (error := _first(sweep.read.values(), "cluster")) is not None:
            failed[CLUSTER] = error
        facets = _facets_of(sweep.read.values())
        if self._key_scan is not None:
            facets["key_patterns"] = await self._count_keys(self._key_scan, sweep, seen, parts)
        return Snapshot(parts, failed, facets)

    def _whole(self, sweep: Sweep, seen: Roster) -> Part | None:
        """What is true of the cluster, of the masters that Sentinels watch, or of several servers; and remember it."""
        now = self._clock.now()
        part = None
        if seen.topology is not None:
            topology.remember(self._state, seen.topology, now, dials=seen.member_dials)
            part = samples.cluster_part(seen.topology, self._state, sweep.by_id(), now)
            self._cluster_shown = True
            self._masters = self._telling_masters(seen.topology, sweep)
        if seen.watch is not None:
            if sweep.sentinels():
                watch.remember(self._state, seen.watch, now)
            part = part or Part(now)
            add_watch(part, seen.watch, self._state)
        if seen.alone and len(self._settings.seeds) > 1 and self._state.servers:
            part = Part(now)
            servers.add_servers(part, self._state, sweep.read)
        return part

    def _telling_masters(self, seen: Topology, sweep: Sweep) -> dict[str, tuple[str, str]]:
        """Masters that can be asked about single slots; one that this sweep has missed is still asked."""
        by_id = sweep.by_id()
        telling = {}
        for owner in (shard.owner for shard in seen.shards if self._settings.hot_slots):
            answer = by_id.get(owner.id)
            if answer is not None and has_slot_stats(answer.info):
                telling[owner.address] = (answer.dialled, answer.info.get("run_id", ""))
            elif answer is None and owner.address in self._masters:
                telling[owner.address] = self._masters[owner.address]
        return telling

    async def _count_keys(
        self, scan: KeyScan, sweep: Sweep, seen: Roster, parts: dict[str, Part]
    ) -> TargetError | None:
        """Tell what there is to scan, and show what was counted; what is wrong with it, if something is."""
        self._sweeps += 1
        on_masters = scan.on_masters
        if seen.topology is not None:
            await scan.see(scan_shards.of_cluster(seen.topology, sweep.by_id(), self._sweeps, masters_first=on_masters))
        elif not any(answer.info.get("cluster_enabled") == "1" for answer in sweep.read.values()):
            answers = [answer for _, answer, _ in seen.places() if answer is not None]
            known = self._state.servers
            await scan.see(scan_shards.of_servers(answers, known, self._sweeps, masters_first=on_masters))
        scan.add_to(parts.setdefault(CLUSTER, Part(self._clock.now())))
        return scan.problem

    def _node_part(self, instance: str, answer: Answers) -> Part:
        logs = self._state.slow_logs
        if answer.slow is not None:
            logs[instance] = slow_log.advance(logs.get(instance), answer.info.get("run_id", ""), answer.slow)
        return samples.node_part(answer, instance, self._nodes[answer.dialled].caps, logs.get(instance))

    async def _forget(self, dials: Iterable[str], instances: set[str]) -> None:
        """Let go of nodes that have left, and of second ways to the same node."""
        for address in self._nodes.keys() - set(dials):
            await self._nodes.pop(address).connection.close()
        for instance in self._state.slow_logs.keys() - instances:
            del self._state.slow_logs[instance]


def _key_scan_of(opening: Opening[RedisTarget, RedisState], timeout_seconds: float) -> KeyScan | None:
    settings = opening.settings
    if settings.key_patterns is None:
        return None
    counts = opening.state.key_counts
    return KeyScan(settings, settings.key_patterns, counts, clock=opening.clock, timeout_seconds=timeout_seconds)


def _first(answers: Iterable[Answers], facet: str) -> TargetError | None:
    return next((error for answer in answers if (error := answer.facets.get(facet)) is not None), None)


def _facets_of(answers: Iterable[Answers]) -> dict[str, TargetError | None]:
    """Per aspect the first problem of any node; an aspect that nobody was asked for is left out."""
    read_from = list(answers)
    names = dict.fromkeys(name for answer in read_from for name in answer.facets)
    return {name: _first(read_from, name) for name in names}


def _worst(errors: Mapping[str, TargetError]) -> TargetError:
    """The error that tells most when nothing could be read: one of credentials before one of the network."""
    return next((error for error in errors.values() if isinstance(error, AuthError)), next(iter(errors.values())))
