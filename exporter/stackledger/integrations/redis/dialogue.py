"""What is asked of one node in a sweep, and what becomes of its replies, refusals included. One round trip each.

Owns the commands by aspect, and what a node has shown to be: a server, a member of a cluster, or a Sentinel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from redis.exceptions import NoPermissionError, RedisError

from stackledger.clock import Clock
from stackledger.errors import ProtocolError, TargetError
from stackledger.integrations.redis import answers as read
from stackledger.integrations.redis import slow_log
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.connection import Command, NodeConnection, denied
from stackledger.integrations.redis.samples import Caps
from stackledger.integrations.redis.sentinel import answers as sentinel

_ASK_AGAIN_SECONDS = 300.0
_CONFIG_PARAMETERS = ("max*", "io-threads", "repl-backlog-size", "client-output-buffer-limit", "databases")
_INFO: Command = ("INFO", "ALL")

Replies = Mapping[str, list[Any]]


class Dialogue:
    """One address that we speak to: its connection, what its names are capped to, and what it has refused us."""

    def __init__(self, connection: NodeConnection, settings: RedisTarget, clock: Clock) -> None:
        self.connection = connection
        self.caps = Caps(settings.max_commands)
        self._settings = settings
        self._clock = clock
        self._known = False
        self._clustered = False
        self._sentinel = False
        self._watched: tuple[str, ...] = ()
        self._histograms = True
        self._refused: dict[str, tuple[TargetError, float]] = {}

    async def answers(self, timeout_seconds: float) -> Answers:
        """All that the node says. The first time it is asked what it is before it is asked for more."""
        if not self._known:
            timeout_seconds /= 3
            self._learn((await self._ask({}, timeout_seconds))[0])
            if self._sentinel:
                _, replies = await self._ask({"sentinel": (sentinel.MASTERS,)}, timeout_seconds)
                self._watch(replies)
        asked = self._watched
        info, replies = await self._ask(self._facets(), timeout_seconds)
        self._learn(info)
        return self._understood(info, replies, asked)

    async def _ask(self, facets: Mapping[str, tuple[Command, ...]], seconds: float) -> tuple[dict[str, str], Replies]:
        commands = [_INFO, *(command for asked in facets.values() for command in asked)]
        replies = await self.connection.ask(commands, seconds)
        if isinstance(replies[0], RedisError):
            raise _explained(self.connection.address, replies[0])
        return read.parse_info(replies[0], self.connection.address), dict(_dealt(replies[1:], facets))

    def _learn(self, info: Mapping[str, str]) -> None:
        self._known = True
        self._clustered = info.get("cluster_enabled") == "1"
        self._sentinel = read.mode_of(info) == "sentinel"

    def _watch(self, replies: Replies) -> None:
        """Whom a Sentinel watches: their details are asked from the next time on."""
        self._watched = sentinel.names_of((replies.get("sentinel") or [None])[0]) or self._watched

    def _facets(self) -> dict[str, tuple[Command, ...]]:
        """The commands of each aspect; one that was refused is left alone for a while: refusals count as errors."""
        now = self._clock.monotonic()
        self._refused = {name: entry for name, entry in self._refused.items() if entry[1] > now}
        facets = {"sentinel": sentinel.commands(self._watched)} if self._sentinel else self._server_facets()
        return {name: commands for name, commands in facets.items() if commands and name not in self._refused}

    def _server_facets(self) -> dict[str, tuple[Command, ...]]:
        latency: tuple[Command, ...] = (("LATENCY", "LATEST"),)
        if self._settings.latency_histograms and self._histograms:
            latency = (*latency, ("LATENCY", "HISTOGRAM"))
        config = self._settings.config_command
        return {
            "cluster": (("CLUSTER", "NODES"), ("CLUSTER", "INFO")) if self._clustered else (),
            "slowlog": (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", str(slow_log.READ))),
            "latency": latency,
            "config": tuple((config, "GET", parameter) for parameter in _CONFIG_PARAMETERS) if config else (),
        }

    def _understood(self, info: Mapping[str, str], replies: Replies, asked: tuple[str, ...]) -> Answers:
        good, problems = self._sorted_out(info, replies)
        slow, latency, cluster = good.get("slowlog"), good.get("latency"), good.get("cluster")
        address = self.connection.address
        self._watch(good)
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
            sentinel=sentinel.parse(good["sentinel"], asked, address) if "sentinel" in good else None,
            facets=problems,
        )

    def _sorted_out(
        self, info: Mapping[str, str], replies: Replies
    ) -> tuple[dict[str, list[Any]], dict[str, TargetError | None]]:
        """The replies of aspects that worked, and the problem of each that did not."""
        problems: dict[str, TargetError | None] = {name: error for name, (error, _) in self._refused.items()}
        good = {}
        for name, answered in replies.items():
            if name == "cluster" and not self._clustered:
                continue
            answers = [None if _unsupported(name, info, reply) else reply for reply in answered]
            self._histograms = self._histograms and (name != "latency" or answers == answered)
            error = next((reply for reply in answers if isinstance(reply, RedisError)), None)
            if name == "sentinel" and not sentinel.refused(answers):
                error = None  # a master that is unknown by now, or a quorum that is not there, is an answer
            problems[name] = None if error is None else _explained(self.connection.address, error)
            if error is None:
                good[name] = answers
            else:
                self._refused[name] = (_explained(self.connection.address, error), self._again(error))
        return good, problems

    def _again(self, error: RedisError) -> float:
        """When to ask again: what is only temporary, at once."""
        lasting = "unknown" in str(error).lower() or isinstance(error, NoPermissionError)
        return self._clock.monotonic() + (_ASK_AGAIN_SECONDS if lasting else 0.0)


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
