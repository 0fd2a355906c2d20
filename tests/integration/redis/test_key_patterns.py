"""Keys by pattern on real servers: exact to the key, on the replicas, within the budget, through failovers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import MovedError

from lab.redis import RedisCluster, RedisStandalone
from stackledger.collect.snapshot import Snapshot
from stackledger.errors import AuthError, ReadTimeoutError
from stackledger.integrations.redis.state import RedisState
from tests.integration.redis.filling import calls, client, fill
from tests.integration.redis.reading import TIMEOUT_SECONDS, Reader, one, reading, run, value_of
from tests.unit.integrations.redis.test_patterns import GLOBS

pytestmark = pytest.mark.real("redis")

Start = Callable[[Any], Any]
SCAN = ("scan", "memory|usage", "readonly")
PATTERNS = {
    "sessions": "session:*",
    "baskets": "basket:[0-9]*",
    "carts": "basket:*",  # overlaps with the one before: what is left of it
    "users": "user:?????",
    "escaped": "a\\*b:*",
}
KEYS = {"sessions": 60_000, "baskets": 20_000, "carts": 5_000, "users": 10_000, "escaped": 3_000, "other": 2_000}
SIZES = {"sessions": 100, "baskets": 300, "carts": 20, "users": 50, "escaped": 10, "other": 1_000}


def spelt(name: str, index: int) -> bytes:
    return {
        "sessions": f"session:{index}".encode(),
        "baskets": f"basket:{index}".encode(),
        "carts": f"basket:x{index}".encode(),
        "users": f"user:{index:05}".encode(),
        "escaped": f"a*b:{index}".encode(),
        "other": b"\xff\xfe\r\n" + f"{index}".encode(),  # no text at all
    }[name]


def all_keys(share: float = 1.0) -> list[tuple[bytes, bytes]]:
    return [(spelt(name, i), b"x" * SIZES[name]) for name, count in KEYS.items() for i in range(int(count * share))]


def shown(snapshot: Snapshot, name: str) -> dict[str, float]:
    return {key[0]: value for key, value in value_of(snapshot.parts["cluster"], name).items()}


def counted(snapshot: Snapshot) -> dict[str, float]:
    return shown(snapshot, "stackledger_redis_key_pattern_keys")


def passes(snapshot: Snapshot) -> float:
    return one(snapshot.parts["cluster"], "stackledger_redis_key_scan_passes_total")


def progress(snapshot: Snapshot) -> float:
    return one(snapshot.parts["cluster"], "stackledger_redis_key_scan_progress_ratio")


def expected(share: float) -> dict[str, float]:
    return {name: int(count * share) for name, count in KEYS.items()}


def test_a_hundred_thousand_keys_are_counted_to_the_key_on_the_replicas_within_the_budget(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    fill(cluster, all_keys())
    budget = 400.0
    truth = {name: sampled_mean(cluster, name) * count for name, count in KEYS.items()}
    settings = {"patterns": PATTERNS, "operations_per_second": budget, "samples": 60}
    before = {node.address: calls(cluster, node, *SCAN) for node in cluster.nodes}

    async def check() -> None:
        async with reading(cluster.seeds[:1], key_patterns=settings) as reader:
            first = await reader.sweep()
            assert not counted(first), "nothing is shown before a pass has ended"
            assert passes(first) == 0
            done = await reader.until(passes)
            assert counted(done) == KEYS
            assert done.complete
            assert one(done.parts["cluster"], "stackledger_redis_key_scan_failing") == 0
            assert progress(done) == 1
            ended = one(done.parts["cluster"], "stackledger_redis_key_scan_last_pass_timestamp_seconds")
            assert ended == pytest.approx(time.time(), abs=30)
            estimates = shown(done, "stackledger_redis_key_pattern_estimated_memory_bytes")
            assert estimates == {name: pytest.approx(size, rel=0.05) for name, size in truth.items()}
            assert set(shown(done, "stackledger_redis_key_pattern_sampled_keys").values()) == {180}
            spent = {node.address: calls(cluster, node, *SCAN) - before[node.address] for node in cluster.nodes}
            assert [spent[node.address] for node in cluster.nodes[:3]] == [0, 0, 0], "no master was scanned"
            assert all(spent[node.address] > 300 for node in cluster.nodes[3:])
            total = sum(spent.values())
            assert total == one(done.parts["cluster"], "stackledger_redis_key_scan_operations_total")
            seconds = one(done.parts["cluster"], "stackledger_redis_key_scan_last_pass_duration_seconds")
            assert total <= budget * (seconds + 0.1) + 3 * 16, "never above the budget"
            await reader.sweep()
            assert sum(calls(cluster, node, *SCAN) for node in cluster.nodes) == total + sum(before.values()), "rests"

    run(check)


def sampled_mean(cluster: RedisCluster, name: str) -> float:
    """What the server itself says of one key of the pattern: all have the same size, but for digits."""
    for node in cluster.masters():
        with client(cluster, node) as server:
            for index in range(1000, 1100):
                with suppress(MovedError):
                    return float(server.execute_command("MEMORY USAGE", spelt(name, index)))
    raise AssertionError(name)


SLOW = {"patterns": PATTERNS, "operations_per_second": 30, "samples": 5, "keys_per_scan": 100}


async def in_the_middle(reader: Reader) -> None:
    await reader.until(lambda s: 0.15 < progress(s) < 0.7)


@pytest.mark.parametrize("victim", ["master", "scanned replica", "both"])
def test_a_node_lost_in_the_middle_of_a_pass_costs_no_key_and_counts_none_twice(start: Start, victim: str) -> None:
    share = 0.2
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=2 if victim == "both" else 1, node_timeout_ms=1500))
    fill(cluster, all_keys(share))
    master = cluster.nodes[0]
    replica = min(cluster.replicas_of(0), key=lambda node: node.address)

    async def check() -> None:
        async with reading(cluster.seeds[1:2], key_patterns=SLOW) as reader:
            await in_the_middle(reader)
            for node in {"master": [master], "scanned replica": [replica], "both": [replica, master]}[victim]:
                cluster.kill(node)
            if victim != "scanned replica":
                await asyncio.to_thread(cluster.wait_failover, 0, since=master)
            done = await reader.until(passes, seconds=90)
            assert counted(done) == expected(share)
            assert one(done.parts["cluster"], "stackledger_redis_key_scan_shard_restarts_total") >= 1
            assert one(done.parts["cluster"], "stackledger_redis_key_scan_failing") == 0

    run(check)


def test_slots_that_move_in_the_middle_of_a_pass_are_walked_again(start: Start) -> None:
    share = 0.1
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))
    fill(cluster, all_keys(share))
    giver, taker = cluster.nodes[:2]
    ids = {node.address: cluster.cli(node, "CLUSTER", "MYID") for node in (giver, taker)}

    def move(slots: range) -> None:
        for slot in slots:
            cluster.cli(taker, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[giver.address])
            cluster.cli(giver, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[taker.address])
            keys = []
            with client(cluster, giver) as source:
                keys = source.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000)
                if keys:
                    source.execute_command("MIGRATE", "127.0.0.1", taker.port, "", 0, 5000, "KEYS", *keys)
            for node in (taker, giver):
                cluster.cli(node, "CLUSTER", "SETSLOT", str(slot), "NODE", ids[taker.address])

    async def check() -> None:
        async with reading(cluster.seeds[:1], key_patterns=SLOW) as reader:
            await in_the_middle(reader)
            await asyncio.to_thread(move, range(30))
            done = await reader.until(passes, seconds=60)
            assert counted(done) == expected(share)
            assert one(done.parts["cluster"], "stackledger_redis_key_scan_shard_restarts_total") >= 2

    run(check)


def test_a_frozen_replica_delays_no_sweep_and_is_said(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(node_timeout_ms=60_000))
    fill(cluster, all_keys(0.1))
    replica = cluster.replicas_of(0)[0]

    async def check() -> None:
        async with reading(cluster.seeds[:1], key_patterns=SLOW) as reader:
            await in_the_middle(reader)
            cluster.freeze(replica)
            began = time.monotonic()
            await reader.sweep()
            assert time.monotonic() - began < TIMEOUT_SECONDS
            failing = await reader.until(lambda s: s.facets["key_patterns"])
            assert isinstance(failing.facets["key_patterns"], ReadTimeoutError)
            assert one(failing.parts["cluster"], "stackledger_redis_key_scan_failing") == 1
            done = await reader.until(passes, seconds=60)  # on the master, since the replica cannot be read
            assert counted(done) == expected(0.1)
            assert one(done.parts["cluster"], "stackledger_redis_key_scan_failing") == 0
            cluster.thaw(replica)

    run(check)


GRANTS = Path("exporter/stackledger/integrations/redis/grants/monitor.acl")


def granted(line: str) -> str:
    return next(row for row in GRANTS.read_text().splitlines() if row.startswith(line)).partition(" >PASSWORD ")[2]


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        (granted("# user"), None),
        (granted("# user").replace(" +memory|usage", ""), "memory"),
        (granted("# user").replace(" %R~*", ""), "second user line"),
        (granted("user"), "readonly"),
    ],
    ids=["granted", "no sizes", "no keys", "neither"],
)
def test_rights(start: Start, tmp_path: Path, rules: str, error: str | None) -> None:
    cluster: RedisCluster = start(RedisCluster(acl_user=("watch", "pw"), acl_rules=rules, tls=True))
    assert cluster.certificates is not None
    for index in range(40):
        cluster.cli(cluster.nodes[0], "-c", "SET", f"session:{index}", "x")
    file = tmp_path / "password"
    file.write_text("pw")
    access = {"username": "watch", "password": {"file": str(file)}}
    access["tls"] = {"ca_file": str(cluster.certificates.authority)}

    async def check() -> None:
        async with reading(cluster.seeds[:1], key_patterns={"patterns": PATTERNS}, **access) as reader:
            if error is None:
                done = await reader.until(passes)
                assert done.complete
                assert shown(done, "stackledger_redis_key_pattern_sampled_keys")["sessions"] == 40
                return
            failing = await reader.until(lambda s: s.facets["key_patterns"])
            assert isinstance(failing.facets["key_patterns"], AuthError)
            assert error in str(failing.facets["key_patterns"]).lower()
            assert "pw" not in str(failing.facets["key_patterns"]).split()
            assert [name for name, problem in failing.facets.items() if problem] == ["key_patterns"]
            if error != "readonly":
                counts = await reader.until(passes)
                assert counted(counts)["sessions"] == 40, "the counts do not need the sizes"
                assert "sessions" not in shown(counts, "stackledger_redis_key_pattern_estimated_memory_bytes")

    run(check)


def test_servers_outside_a_cluster_with_several_databases(
    start: Start, record_coverage: Callable[[str, str, str], None]
) -> None:
    servers: RedisStandalone = start(RedisStandalone(replicas=1))
    for database, count in (("0", 5), ("3", 7)):
        for index in range(count):
            servers.cli(servers.node, "-n", database, "SET", f"session:{database}:{index}", "x" * 50)
    seeds = [node.address for node in servers.nodes]

    async def check() -> None:
        async with reading(seeds, key_patterns={"patterns": PATTERNS, "interval_seconds": 10}) as reader:
            done = await reader.until(passes)
            assert counted(done)["sessions"] == 12, "each key once, though two servers have it"
            by_database = value_of(done.parts["cluster"], "redis_keys_count")
            assert {key: count for key, count in by_database.items() if count} == {
                ("db0", "session:*"): 5,
                ("db3", "session:*"): 7,
            }
            seconds = one(done.parts["cluster"], "stackledger_redis_key_scan_last_pass_duration_seconds")
            in_ms = one(done.parts["cluster"], "redis_last_key_groups_scrape_duration_milliseconds")
            assert in_ms == pytest.approx(seconds * 1e3)
            for name in ("redis_keys_count", "redis_last_key_groups_scrape_duration_milliseconds"):
                record_coverage("redis_exporter", name, "asserted")
            assert shown(done, "stackledger_redis_key_pattern_sampled_keys")["sessions"] == 12
            assert calls(servers, servers.node, "scan") == 0  # type: ignore[arg-type]

    run(check)


def test_the_last_pass_outlives_a_restart_of_the_service_and_another_question_does_not(start: Start) -> None:
    servers: RedisStandalone = start(RedisStandalone())
    servers.cli(servers.node, "SET", "session:1", "x")
    state = RedisState()
    seeds = [servers.node.address]

    async def check() -> None:
        async with reading(seeds, state=state, key_patterns={"patterns": PATTERNS}) as reader:
            await reader.until(passes)
        async with reading(seeds, state=state, key_patterns={"patterns": PATTERNS}) as reader:
            assert counted(await reader.sweep())["sessions"] == 1
            assert calls(servers, servers.node, "scan") == 1, "the next pass is not due"  # type: ignore[arg-type]
        async with reading(seeds, state=state, key_patterns={"patterns": {"sessions": "s*"}}) as reader:
            assert not counted(await reader.sweep())
            assert counted(await reader.until(lambda s: passes(s) == 2)) == {"sessions": 1, "other": 0}

    run(check)


def test_globs_are_the_servers(start: Start) -> None:
    """The cases that the unit tests hold, by the server's own word."""
    servers: RedisStandalone = start(RedisStandalone())
    with client(servers, servers.node) as server:  # type: ignore[arg-type]
        for pattern, key, matches in GLOBS:
            server.flushall()
            server.set(key, "x")
            assert bool(server.keys(pattern)) is matches, (pattern, key)
