"""Filling a cluster with many keys fast: by slot, straight to the shard's master, in pipelines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import redis
from redis.crc import key_slot

from lab.redis import RedisCluster, RedisNode


def fill(cluster: RedisCluster, keys: Iterable[tuple[bytes, bytes]]) -> None:
    """SET every key, and wait until the replicas have them."""
    by_shard: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    bounds = [cluster.slots(shard)[1] for shard in range(cluster.shards)]
    for key, value in keys:
        slot = key_slot(key)
        by_shard[next(shard for shard, last in enumerate(bounds) if slot <= last)].append((key, value))
    for shard, pairs in by_shard.items():
        with client(cluster, cluster.master_of(shard)) as master, master.pipeline(transaction=False) as pipeline:
            for start in range(0, len(pairs), 5_000):
                for key, value in pairs[start : start + 5_000]:
                    pipeline.set(key, value)
                pipeline.execute()
            replicas = len(cluster.replicas_of(shard))
            assert master.execute_command("WAIT", replicas, 20_000) == replicas


def client(cluster: RedisCluster, node: RedisNode) -> redis.Redis:
    """A plain client of one node."""
    return redis.Redis("127.0.0.1", node.port, password=cluster.password)


def calls(cluster: RedisCluster, node: RedisNode, *commands: str) -> int:
    """How often the node executed the commands, by its own counters."""
    stats = cluster.info(node, "commandstats")
    found = (stats.get(f"cmdstat_{command}", "calls=0") for command in commands)
    return sum(int(text.partition("calls=")[2].partition(",")[0]) for text in found)
