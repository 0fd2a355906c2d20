"""What a pass has to walk: the shards, and on which node of each. Pure.

In a cluster a shard is a set of slots, outside of one a history of replication: both outlive a failover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stackledger.integrations.redis import servers
from stackledger.integrations.redis.answers import Answers, pairs_of
from stackledger.integrations.redis.state import Server
from stackledger.integrations.redis.topology import Topology


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can be scanned now. A cursor is good only while all of this but `keys` stays as it is."""

    dial: str
    run_id: str
    master: bool
    follows: str


@dataclass(frozen=True, slots=True)
class ScanShard:
    """Keys that one node holds. `nodes` are those that may be scanned, best first; `databases` hold keys."""

    key: str
    label: str
    nodes: tuple[Node, ...]
    databases: tuple[int, ...]
    keys: float
    readonly: bool


@dataclass(frozen=True, slots=True)
class Map:
    """All shards as one sweep saw them. `number` rises with each sweep."""

    number: int
    shards: Mapping[str, ScanShard]


def of_cluster(seen: Topology, read: Mapping[str, Answers], number: int, *, masters_first: bool) -> Map:
    """The shards of a cluster; `read` holds the answers by node id. A shard that nobody can read has no node."""
    shards = {}
    for shard in seen.shards:
        members = [m for m in seen.members if shard.owner.id in (m.id, m.primary)]
        usable = [read[m.id] for m in members if m.id in read and m.id not in seen.failed]
        key = ",".join(f"{first}-{last}" for first, last in sorted(shard.owner.slots))
        shards[key] = _shard(key, f"slots {shard.label}", usable, masters_first=masters_first, readonly=True)
    return Map(number, shards)


def of_servers(answers: Iterable[Answers], known: Mapping[str, Server], number: int, *, masters_first: bool) -> Map:
    """The shards outside of a cluster: a master and the replicas that hold the same data, by the replication id.

    A known master that could not be read keeps its shard, and nobody's missed read changes the key of one. A Sentinel
    has no keys, whether it lets us ask or not.
    """
    groups: dict[str, list[Answers]] = {}
    for answer in (one for one in answers if servers.is_server(one.info)):
        groups.setdefault(servers.history_of(answer), []).append(answer)
    lost = {one.history: address for address, one in known.items() if one.master and not one.replaced}
    shards = {}
    for key in dict.fromkeys((*groups, *lost)):
        group = groups.get(key, [])
        name = min((answer.dialled for answer in group), default=lost.get(key, key))
        shards[key] = _shard(key, f"server {name}", group, masters_first=masters_first, readonly=False)
    return Map(number, shards)


def _shard(key: str, label: str, answers: Iterable[Answers], *, masters_first: bool, readonly: bool) -> ScanShard:
    usable = [answer for answer in answers if _whole(answer.info)]
    usable.sort(key=lambda answer: (servers.is_master(answer.info) is not masters_first, answer.dialled))
    best = usable[0].info if usable else {}
    counts = {name[2:]: pairs_of(value) for name, value in best.items() if name.startswith("db") and name[2:].isdigit()}
    return ScanShard(
        key=key,
        label=label,
        nodes=tuple(_node(answer) for answer in usable),
        databases=tuple(sorted(map(int, counts))),
        keys=sum(count.get("keys", 0) for count in counts.values()),
        readonly=readonly,
    )


def _node(answer: Answers) -> Node:
    info = answer.info
    follows = "" if servers.is_master(info) else f"{info.get('master_host')}:{info.get('master_port')}"
    return Node(answer.dialled, info.get("run_id", ""), servers.is_master(info), follows)


def _whole(info: Mapping[str, str]) -> bool:
    """Whether the node holds all data of its shard: a replica without its link falls behind, one that loads lacks keys.

    A replica lost its link when its master died; until it is promoted it holds what there is, but nobody can say so.
    """
    loading = info.get("loading", "0") != "0" or info.get("async_loading", "0") != "0"
    return not loading and (servers.is_master(info) or info.get("master_link_status") == "up")
