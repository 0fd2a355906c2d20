"""Servers outside a cluster: what each was when it was last read, and whether another has taken its place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stackledger.collect.snapshot import Part
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.answers import Answers, mode_of
from stackledger.integrations.redis.roster import Place
from stackledger.integrations.redis.state import RedisState, Server


def is_server(info: Mapping[str, str]) -> bool:
    """Whether this is neither a member of a cluster nor a Sentinel."""
    return info.get("cluster_enabled") != "1" and mode_of(info) != "sentinel"


def is_master(info: Mapping[str, str]) -> bool:
    """Whether it follows nobody."""
    return info.get("role") != "slave"


def history_of(answer: Answers) -> str:
    """The history of replication that it holds, which its replicas share; its address where it tells of none."""
    return answer.info.get("master_replid") or answer.dialled


def remember(state: RedisState, places: Iterable[Place]) -> None:
    """Keep what every server was when it was last read; a promoted replica tells whose history it has gone on with."""
    seen = {address: answer for address, answer, _ in places}
    read = {address: answer for address, answer in seen.items() if answer is not None and is_server(answer.info)}
    taken = {answer.info.get("master_replid2") for answer in read.values() if is_master(answer.info)}
    servers = {address: Server(is_master(answer.info), history_of(answer)) for address, answer in read.items()}
    for address, before in state.servers.items():
        if address in seen and seen[address] is None:
            servers[address] = Server(before.master, before.history, before.replaced or before.history in taken)
    state.servers = servers


def add_servers(part: Part, state: RedisState, read: Iterable[str]) -> None:
    """Which of the servers that were ever read cannot be read now, and what they were."""
    well = set(read)
    for address, server in state.servers.items():
        part.add(m.SERVER_FAILED, float(address not in well), address, _role(server))


def _role(server: Server) -> str:
    if not server.master:
        return "slave"
    return "replaced" if server.replaced else "master"
