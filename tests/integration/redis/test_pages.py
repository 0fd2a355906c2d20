"""Every alert on Redis that pages fires for a real fault: what was read before and after it goes through promtool."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from lab import programs
from lab.redis import RedisCluster, RedisStandalone
from lab.redis_sentinel import RedisSentinels
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import TargetError
from stackledger.integrations.redis import REDIS
from stackledger.model import Severity
from tests.integration.redis.filling import fill
from tests.integration.redis.reading import Reader, reading, run, value_of

pytestmark = [pytest.mark.real("redis"), pytest.mark.real("promtool")]

Start = Callable[[Any], Any]
Series = dict[str, float]
PAGES = {alert.name for alert in REDIS.alerts() if alert.severity is Severity.PAGE}
PROVEN = {
    "RedisDown": "test_all_nodes_die",
    "RedisClusterSlotsUncovered": "test_a_shard_without_replica_dies",
    "RedisClusterStateFail": "test_a_shard_without_replica_dies",
    "RedisMasterDown": "test_a_master_dies_and_is_replaced",
    "RedisServerMasterDown": "test_a_listed_master_dies",
    "RedisSentinelMasterDown": "test_sentinels_have_nobody_to_promote",
    "RedisCommandsRefused": "test_memory_is_full",
    "RedisRejectedConnections": "test_clients_are_too_many",
}


def test_every_page_has_its_fault() -> None:
    assert set(PROVEN) == PAGES
    assert all(test in globals() for test in PROVEN.values())


def shown(snapshot: Snapshot) -> Series:
    """What the page would show of a sweep, by series in exposition spelling; histograms and summaries left out."""
    found: Series = {}
    for name, part in snapshot.parts.items():
        found |= dict(_samples(part))
        if part.instance:
            found[_spelt("redis_up", {"instance": name})] = 1.0
    return found | {_spelt("redis_up", {"instance": name}): 0.0 for name in snapshot.failed if name != "cluster"}


def _of(series: Series, name: str) -> list[float]:
    return [value for spelt, value in series.items() if spelt.partition("{")[0] == name]


def _samples(part: Part) -> Iterator[tuple[str, float]]:
    for metric, rows in part.rows.items():
        for key, value in zip(rows.keys, rows.values, strict=True):
            if len(key) == len(metric.label_names):
                labels = dict(zip(metric.label_names, key, strict=True))
                yield _spelt(metric.name, labels | ({"instance": part.instance} if metric.node else {})), value


def _spelt(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f"{label}={json.dumps(value)}" for label, value in {"cluster": "cache", **labels}.items())
    return f"{name}{{{inside}}}"


def fires(folder: Path, before: Series, after: Series, *, at: str = "5m") -> set[str]:
    """Names of the alerts that fire `at` that long, when the fault came after two minutes."""
    names = sorted({*before, *after})
    spelt = {
        name: f"{f'{before[name]}x7' if name in before else '_x8'} {f'{after[name]}x60' if name in after else 'stale'}"
        for name in names
    }
    rules = [{"alert": a.name, "expr": str(a.condition), "for": a.hold} for a in REDIS.alerts()]
    (folder / "rules.yaml").write_text(json.dumps({"groups": [{"name": "redis", "interval": "15s", "rules": rules}]}))
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in spelt.items()],
        "promql_expr_test": [
            {"expr": "count by (alertname) (ALERTS{alertstate='firing'})", "eval_time": at, "exp_samples": []}
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (folder / "tests.yaml").write_text(json.dumps(document))
    command = [programs.find("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr  # promtool lists what it got in place of nothing
    return {alert.name for alert in REDIS.alerts() if f'alertname="{alert.name}"' in told}


async def all_gone(reader: Reader, before: Snapshot) -> Series:
    """The series once nothing can be read: the runner holds every known part to be down."""
    with pytest.raises(TargetError):
        await reader.sweep()
    return {_spelt("redis_up", {"instance": name}): 0.0 for name, part in before.parts.items() if part.instance}


def test_all_nodes_die(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))

    async def check() -> None:
        async with reading(cluster.seeds) as reader:
            before = await reader.sweep()
            assert not fires(tmp_path, shown(before), shown(before))
            for node in cluster.nodes:
                cluster.kill(node)
            assert "RedisDown" in fires(tmp_path, shown(before), await all_gone(reader, before))

    run(check)


def test_a_shard_without_replica_dies(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))

    async def check() -> None:
        async with reading(cluster.seeds) as reader:
            before = await reader.sweep()
            cluster.kill(cluster.nodes[0])
            state = "redis_cluster_state"
            down = await reader.until(
                lambda s: not any(sum(value_of(part, state).values()) for part in s.parts.values())
            )
            fired = fires(tmp_path, shown(before), shown(down))
            assert {"RedisClusterSlotsUncovered", "RedisClusterStateFail"} <= fired
            assert "RedisDown" not in fired

    run(check)


def test_a_master_dies_and_is_replaced(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(RedisCluster())

    async def check() -> None:
        async with reading(cluster.seeds) as reader:
            before = await reader.sweep()
            cluster.kill(cluster.nodes[0])
            await asyncio.to_thread(cluster.wait_failover, 0, since=cluster.nodes[0])
            after = await reader.until(
                lambda s: (
                    value_of(s.parts["cluster"], "stackledger_redis_slot_views") == {(): 1}
                    and value_of(s.parts["cluster"], "stackledger_redis_failovers_total") == {(): 1}
                )
            )
            fired = fires(tmp_path, shown(before), shown(after))
            assert fired & PAGES == {"RedisMasterDown"}
            assert {"RedisNodeDown", "RedisShardWithoutReplica"} <= fired
            assert not fires(tmp_path, shown(before), shown(after), at="16m") & PAGES

    run(check)


def test_a_listed_master_dies(start: Start, tmp_path: Path) -> None:
    servers: RedisStandalone = start(RedisStandalone(replicas=2))
    master, second, third = servers.nodes

    async def check() -> None:
        async with reading([node.address for node in servers.nodes]) as reader:
            before = await reader.sweep()
            assert not fires(tmp_path, shown(before), shown(before))
            servers.kill(third)
            assert not fires(tmp_path, shown(before), shown(await reader.sweep())) & PAGES, "a replica is no page"
            servers.kill(master)
            down = await reader.sweep()
            assert fires(tmp_path, shown(before), shown(down)) & PAGES == {"RedisServerMasterDown"}
            servers.cli(second, "REPLICAOF", "NO", "ONE")
            promoted = await reader.sweep()
            assert not fires(tmp_path, shown(down), shown(promoted)) & PAGES, "another goes on with its data"
            servers.restart(master)
            assert not fires(tmp_path, shown(promoted), shown(await reader.sweep())) & PAGES

    run(check)


def test_a_master_restarts_without_its_data(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(node_timeout_ms=60_000))  # slower than the restart
    fill(cluster, [(b"k%d" % index, b"x") for index in range(6_000)])

    async def check() -> None:
        async with reading(cluster.seeds) as reader:
            before = await reader.sweep()
            await asyncio.to_thread(cluster.restart, cluster.nodes[0])
            keys = "stackledger_redis_shard_keys"
            after = await reader.until(lambda s: value_of(s.parts["cluster"], keys).get(("0-5460",)) == 0)
            assert "RedisShardEmptied" in fires(tmp_path, shown(before), shown(after))

    run(check)


def test_sentinels_have_nobody_to_promote(start: Start, tmp_path: Path) -> None:
    sentinels: RedisSentinels = start(RedisSentinels(replicas=0))
    master = sentinels.master()

    async def check() -> None:
        async with reading(sentinels.seeds[:1]) as reader:
            before = await reader.sweep()
            assert not fires(tmp_path, shown(before), shown(before))
            sentinels.servers.kill(master)
            name = "redis_sentinel_master_status"
            down = await reader.until(
                lambda s: not any(sum(value_of(part, name).values()) for part in s.parts.values())
            )
            assert fires(tmp_path, shown(before), shown(down)) & PAGES == {"RedisSentinelMasterDown"}

    run(check)


def test_memory_is_full(start: Start, tmp_path: Path) -> None:
    servers: RedisStandalone = start(RedisStandalone())

    async def check() -> None:
        async with reading([servers.node.address]) as reader:
            before = await reader.sweep()
            servers.cli(servers.node, "CONFIG", "SET", "maxmemory", "1")
            with redis.Redis("127.0.0.1", servers.node.port) as client:
                for index in range(200):
                    with suppress(redis.exceptions.OutOfMemoryError):
                        client.set(f"k{index}", "x")
            assert fires(tmp_path, shown(before), shown(await reader.sweep()), at="3m30s") & PAGES == {
                "RedisCommandsRefused"
            }

    run(check)


def test_clients_are_too_many(start: Start, tmp_path: Path) -> None:
    servers: RedisStandalone = start(RedisStandalone(config={"maxclients": "10"}))

    async def check() -> None:
        async with reading([servers.node.address]) as reader:
            before = await reader.sweep()
            with ExitStack() as clients:
                for _ in range(15):
                    clients.enter_context(socket.create_connection(("127.0.0.1", servers.node.port), timeout=5))
                # the kernel has accepted them all, the server turns them away in its own time
                after = await reader.until(lambda seen: max(_of(shown(seen), "redis_rejected_connections_total")) > 0)
            fired = fires(tmp_path, shown(before), shown(after), at="3m30s")
            assert fired & PAGES == {"RedisRejectedConnections"}

    run(check)
