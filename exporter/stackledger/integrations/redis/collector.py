"""Reading a Redis target: every node at once, one round trip each, in at most two waves a sweep.

The first wave asks the nodes that are remembered (at first: the seeds), the second those that the first has told of;
when no remembered node answers, it asks the seeds again. A node has less than half of the sweep's time, so that two
waves fit and a node that hangs costs only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import AuthError, ConnectError, ProtocolError, TargetError
from stackledger.integrations.redis import answers as read
from stackledger.integrations.redis import samples, slow_log, topology
from stackledger.integrations.redis.answers import Answers, Member
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.connection import Command, NodeConnection, denied
from stackledger.integrations.redis.patterns import shards as scan_shards
from stackledger.integrations.redis.patterns.scan import KeyScan
from stackledger.integrations.redis.state import RedisState
from stackledger.integrations.redis.topology import Topology

CLUSTER = "cluster"
_NODE_SHARE = 0.45
_PARALLEL = 64
_ASK_AGAIN_SECONDS = 300.0

_CONFIG_PARAMETERS = ("max*", "io-threads", "repl-backlog-size", "client-output-buffer-limit", "databases")


@dataclass(slots=True)
class _Node:
    """One address that we speak to: its connection, what its names are capped to, and what it has refused us."""

    connection: NodeConnection
    caps: samples.Caps
    clustered: bool = True
    histograms: bool = True
    refused: dict[str, tuple[TargetError, float]] = field(default_factory=dict)


@dataclass(slots=True)
class _Sweep:
    """What the waves of one sweep have brought, by the address that was dialled."""

    read: dict[str, Answers] = field(default_factory=dict)
    failed: dict[str, TargetError] = field(default_factory=dict)

    @property
    def tried(self) -> set[str]:
        return self.read.keys() | self.failed.keys()

    def by_id(self) -> dict[str, Answers]:
        """The answers of members of a cluster by node id; one of those that came under two addresses."""
        return {answer.me.id: answer for answer in self.read.values() if answer.me is not None}


class RedisSource:
    """One target. Not safe for two sweeps at once; the runner never does that."""

    def __init__(self, opening: Opening[RedisTarget, RedisState]) -> None:
        self._settings = opening.settings
        self._state = opening.state
        self._clock = opening.clock
        self._node_timeout = opening.timeout_seconds * _NODE_SHARE
        self._nodes: dict[str, _Node] = {}
        self._parallel = asyncio.Semaphore(_PARALLEL)
        self._cluster_shown = False
        self._sweeps = 0
        self._key_scan = _key_scan_of(opening, self._node_timeout)

    async def sweep(self, lane: str) -> Snapshot:
        """Read every node. Raises TargetError when none could be read."""
        del lane
        sweep = _Sweep()
        remembered = [node.dial for node in self._state.nodes.values()]
        await self._wave(sweep, remembered or self._settings.seeds)
        if sweep.read:
            read_already = sweep.by_id()
            told_of = self._dials(self._judged(sweep))
            await self._wave(sweep, [dial for id_, dial in told_of.items() if id_ not in read_already])
        else:
            await self._wave(sweep, self._settings.seeds)
        if not sweep.read:
            raise _worst(sweep.failed)
        return await self._snapshot(sweep)

    async def close(self) -> None:
        """End counting keys and drop every connection."""
        if self._key_scan is not None:
            await self._key_scan.close()
        nodes, self._nodes = self._nodes, {}
        for node in nodes.values():
            await node.connection.close()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _wave(self, sweep: _Sweep, addresses: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for address in dict.fromkeys(addresses):
                if address not in sweep.tried:
                    group.create_task(self._ask(sweep, address))

    async def _ask(self, sweep: _Sweep, address: str) -> None:
        node = self._nodes.get(address)
        if node is None:
            connection = NodeConnection(address, self._settings, self._clock)
            node = self._nodes[address] = _Node(connection, samples.Caps(self._settings.max_commands))
        try:
            async with self._parallel:
                sweep.read[address] = await self._answers(node)
        except TargetError as error:
            sweep.failed[address] = error

    async def _answers(self, node: _Node) -> Answers:
        facets = self._facets(node)
        commands = [("INFO", "ALL"), *(command for asked in facets.values() for command in asked)]
        replies = await node.connection.ask(commands, self._node_timeout)
        address = node.connection.address
        if isinstance(replies[0], RedisError):
            raise _explained(address, replies[0])
        info = read.parse_info(replies[0], address)
        node.clustered = info.get("cluster_enabled") == "1"
        return self._understood(node, info, dict(_dealt(replies[1:], facets)))

    def _facets(self, node: _Node) -> dict[str, tuple[Command, ...]]:
        """The commands of each aspect; one that was refused is left alone for a while: refusals count as errors."""
        latency: tuple[Command, ...] = (("LATENCY", "LATEST"),)
        if self._settings.latency_histograms and node.histograms:
            latency = (*latency, ("LATENCY", "HISTOGRAM"))
        config = self._settings.config_command
        facets: dict[str, tuple[Command, ...]] = {
            "cluster": (("CLUSTER", "NODES"), ("CLUSTER", "INFO")) if node.clustered else (),
            "slowlog": (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", str(slow_log.READ))),
            "latency": latency,
            "config": tuple((config, "GET", parameter) for parameter in _CONFIG_PARAMETERS) if config else (),
        }
        now = self._clock.monotonic()
        node.refused = {name: entry for name, entry in node.refused.items() if entry[1] > now}
        return {name: commands for name, commands in facets.items() if commands and name not in node.refused}

    def _understood(self, node: _Node, info: Mapping[str, str], replies: Mapping[str, list[Any]]) -> Answers:
        good, problems = self._sorted_out(node, info, replies)
        slow, latency = good.get("slowlog"), good.get("latency")
        cluster = good.get("cluster")
        address = node.connection.address
        return Answers(
            dialled=address,
            read_at=self._clock.now(),
            info=info,
            members=None if cluster is None else read.parse_members(cluster[0], address),
            cluster_info={} if cluster is None else read.parse_cluster_info(cluster[1]),
            slow_length=slow[0] if slow is not None and isinstance(slow[0], int) else None,
            slow=None if slow is None else read.parse_slow(slow[1]),
            spikes=() if latency is None else read.parse_spikes(latency[0]),
            histograms={} if latency is None else read.parse_histograms(latency[1] if len(latency) > 1 else None),
            config=read.parse_config(*good.get("config", ())),
            facets=problems,
        )

    def _sorted_out(
        self, node: _Node, info: Mapping[str, str], replies: Mapping[str, list[Any]]
    ) -> tuple[dict[str, list[Any]], dict[str, TargetError | None]]:
        """The replies of aspects that worked, and the problem of each that did not."""
        problems: dict[str, TargetError | None] = {name: error for name, (error, _) in node.refused.items()}
        good = {}
        for name, answered in replies.items():
            if name == "cluster" and not node.clustered:
                continue
            answers = [None if _unsupported(name, info, reply) else reply for reply in answered]
            node.histograms = node.histograms and (name != "latency" or answers == answered)
            error = next((reply for reply in answers if isinstance(reply, RedisError)), None)
            problems[name] = None if error is None else _explained(node.connection.address, error)
            if error is None:
                good[name] = answers
            else:
                node.refused[name] = (_explained(node.connection.address, error), self._again(error))
        return good, problems

    def _again(self, error: RedisError) -> float:
        """When to ask again: what is only temporary, at once."""
        lasting = "unknown" in str(error).lower() or isinstance(error, NoPermissionError)
        return self._clock.monotonic() + (_ASK_AGAIN_SECONDS if lasting else 0.0)

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judged(self, sweep: _Sweep) -> Topology | None:
        unread = {id_ for id_, node in self._state.nodes.items() if node.dial in sweep.failed}
        return topology.judge(list(sweep.by_id().values()), frozenset(unread - sweep.by_id().keys()))

    def _dials(self, seen: Topology | None) -> dict[str, str]:
        """Where to dial each member, by node id."""
        return {} if seen is None else {member.id: self._dial(member) for member in seen.members}

    def _dial(self, member: Member) -> str:
        """Its address; with TLS its name where it tells one, for that is what its certificate holds."""
        if member.hostname and self._settings.tls is not None:
            return f"{member.hostname}:{member.port}"
        return member.address

    async def _snapshot(self, sweep: _Sweep) -> Snapshot:
        seen = self._judged(sweep)
        parts: dict[str, Part] = {}
        failed: dict[str, TargetError] = {}
        for instance, answer, error in self._places(sweep, seen):
            if answer is not None:
                parts[instance] = self._node_part(instance, answer)
            elif error is not None:
                failed[instance] = error
        if seen is not None:
            by_id = sweep.by_id()
            dials = {id_: by_id[id_].dialled if id_ in by_id else dial for id_, dial in self._dials(seen).items()}
            topology.remember(self._state, seen, self._clock.now(), dials=dials)
            parts[CLUSTER] = samples.cluster_part(seen, self._state, by_id, self._clock.now())
            self._cluster_shown = True
            await self._forget(dials.values(), parts.keys() | failed.keys())
        elif self._cluster_shown and (error := _first(sweep.read.values(), "cluster")) is not None:
            failed[CLUSTER] = error
        facets = _facets_of(sweep.read.values())
        if self._key_scan is not None:
            facets["key_patterns"] = await self._count_keys(self._key_scan, sweep, seen, parts)
        return Snapshot(parts, failed, facets)

    async def _count_keys(
        self, scan: KeyScan, sweep: _Sweep, seen: Topology | None, parts: dict[str, Part]
    ) -> TargetError | None:
        """Tell what there is to scan, and show what was counted; what is wrong with it, if something is."""
        self._sweeps += 1
        on_masters = scan.on_masters
        if seen is not None:
            await scan.see(scan_shards.of_cluster(seen, sweep.by_id(), self._sweeps, masters_first=on_masters))
        elif not any(answer.info.get("cluster_enabled") == "1" for answer in sweep.read.values()):
            await scan.see(scan_shards.of_servers(sweep.read.values(), self._sweeps, masters_first=on_masters))
        scan.add_to(parts.setdefault(CLUSTER, Part(self._clock.now())))
        return scan.problem

    def _places(self, sweep: _Sweep, seen: Topology | None) -> Iterable[tuple[str, Answers | None, TargetError | None]]:
        """Every node that exists: its address, and its answers or why there are none."""
        by_id, dials = sweep.by_id(), self._dials(seen)
        for member in seen.members if seen is not None else ():
            dial = dials[member.id]
            known = self._state.nodes.get(member.id)
            error = sweep.failed.get(dial) or (sweep.failed.get(known.dial) if known is not None else None)
            yield member.address, by_id.get(member.id), error or _unreachable(member)
        for seed in self._settings.seeds:
            answer = sweep.read.get(seed)
            if seen is None or (answer is not None and (answer.me is None or answer.me.id not in dials)):
                yield seed, answer, sweep.failed.get(seed)

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


def _dealt(replies: list[Any], facets: Mapping[str, tuple[Command, ...]]) -> Iterable[tuple[str, list[Any]]]:
    """The flat list of replies, dealt out to the aspects that asked."""
    start = 0
    for name, commands in facets.items():
        yield name, replies[start : start + len(commands)]
        start += len(commands)


def _unsupported(facet: str, info: Mapping[str, str], reply: Any) -> bool:
    """Whether a refusal only tells that the server is too old for LATENCY HISTOGRAM (before 7.0)."""
    major = info.get("redis_version", "").partition(".")[0]
    old = major.isdigit() and int(major) < 7  # noqa: PLR2004 - the version that brought it
    return facet == "latency" and old and isinstance(reply, RedisError)


def _explained(address: str, error: RedisError) -> TargetError:
    if isinstance(error, NoPermissionError):
        return denied(address, error)
    return ProtocolError(
        f"Redis {address}: {error}; if the command is renamed or forbidden on purpose, see `config_command` and"
        " grants/monitor.acl"
    )


def _unreachable(member: Member) -> ConnectError:
    return ConnectError(
        f"Redis {member.address}: told of by other nodes, but not asked in this sweep; it is asked in the next"
    )


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
