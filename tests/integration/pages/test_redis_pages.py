"""Every page about Redis, brought about by a fault of a real cluster, and gone when it is healed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.process import wait_until
from lab.redis import RedisCluster
from stackledger.integrations.redis import REDIS
from tests.integration.pages.watch import Watch, watching

pytestmark = pytest.mark.real("redis", "prometheus")

REFUSED = 200


@pytest.fixture
def cluster(start: Callable[[Any], Any]) -> RedisCluster:
    """Three masters with a replica each; each test breaks one of its own."""
    return start(RedisCluster())


@pytest.fixture
def watch(cluster: RedisCluster, tmp_path: Path) -> Iterator[Watch]:
    with watching(tmp_path, REDIS, {"name": "cache", "seeds": [cluster.nodes[0].address]}) as watched:
        known = 'count(redis_up{cluster="cache"} == 1)'
        wait_until(lambda: watched.prometheus.value(known) == len(cluster.nodes), what="every node to be read")
        yield watched


def test_redis_down(cluster: RedisCluster, watch: Watch) -> None:
    for node in cluster.nodes:
        cluster.freeze(node)
    try:
        watch.fires("RedisDown", cluster="cache")
    finally:
        for node in cluster.nodes:
            cluster.thaw(node)
    watch.ends("RedisDown")


def test_redis_master_down_then_a_shard_that_nobody_serves(cluster: RedisCluster, watch: Watch) -> None:
    """A master dies and its replica takes over; then that one dies too, and the whole cluster refuses."""
    first = cluster.master_of(0)
    cluster.kill(first)
    watch.fires("RedisMasterDown", cluster="cache", node=first.address)
    heir = cluster.wait_failover(0, since=first)
    cluster.kill(heir)
    watch.fires("RedisClusterSlotsUncovered", cluster="cache")
    watch.fires("RedisClusterStateFail", cluster="cache")
    cluster.restart(heir)
    watch.ends("RedisClusterSlotsUncovered")
    watch.ends("RedisClusterStateFail")


def test_redis_commands_refused_and_connections_rejected(cluster: RedisCluster, watch: Watch) -> None:
    """More replicas are demanded than there are; then the limit of clients is reached."""
    master = cluster.master_of(1)
    cluster.cli(master, "CONFIG", "SET", "min-replicas-to-write", "2")
    first_slot, last_slot = cluster.slots(1)
    keys = (f"key-{number}" for number in range(100))
    key = next(k for k in keys if first_slot <= int(cluster.cli(master, "CLUSTER", "KEYSLOT", k)) <= last_slot)
    with socket.create_connection(("127.0.0.1", master.port)) as client:
        client.sendall(f"SET {key} x\r\n".encode() * REFUSED)
        assert client.recv(64).startswith(b"-NOREPLICAS")
    watch.fires("RedisCommandsRefused", cluster="cache", reason="NOREPLICAS")
    cluster.cli(master, "CONFIG", "SET", "min-replicas-to-write", "0")
    with ExitStack() as held:
        cluster.cli(master, "CONFIG", "SET", "maxclients", "30")
        for _ in range(60):
            held.enter_context(socket.create_connection(("127.0.0.1", master.port)))
        watch.fires("RedisRejectedConnections", cluster="cache", instance=master.address)
