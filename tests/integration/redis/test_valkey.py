"""The newest Valkey, live: the cluster, keys by pattern, hot slots, Sentinels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.programs import ProgramMissingError
from lab.redis import RedisCluster
from lab.redis_sentinel import RedisSentinels
from lab.redis_versions import valkey_server
from stackledger.collect.snapshot import Snapshot
from stackledger.errors import AuthError, ConnectError, ReadTimeoutError
from tests.conftest import skip_or_fail
from tests.integration.redis.filling import fill
from tests.integration.redis.reading import Reader, one, reading, run, value_of

pytestmark = pytest.mark.real("valkey")

Start = Callable[[Any], Any]
COUNTING = {"cluster-slot-stats-enabled": "yes"}


@pytest.fixture(scope="session")
def valkey() -> Path:
    try:
        return valkey_server()
    except ProgramMissingError as missing:
        skip_or_fail(missing)


def slots(snapshot: Snapshot, name: str) -> dict[str, float]:
    return {key[0]: value for key, value in value_of(snapshot.parts["cluster"], name).items()}


async def slow(reader: Reader) -> Snapshot:
    return await reader.source.sweep("slow")


def test_hot_slots_in_a_cluster(start: Start, valkey: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(server=valkey, config=COUNTING))
    fill(cluster, [(b"{hot}%d" % index, b"x") for index in range(400)])  # one hash tag is one slot
    fill(cluster, [(b"k%d" % index, b"x") for index in range(2_000)])
    hot = cluster.cli(cluster.nodes[0], "CLUSTER", "KEYSLOT", "{hot}")

    async def check() -> None:
        async with reading(cluster.seeds[:1], hot_slots=8) as reader:
            with pytest.raises(ReadTimeoutError, match="fast lane"):
                await slow(reader)
            fast, _ = await asyncio.gather(reader.sweep(), slow(reader))  # as the schedule starts them
            assert fast.complete
            ((software, version, _),) = value_of(fast.parts[cluster.seeds[0]], "stackledger_redis_server_info")
            assert (software, version.partition(".")[0]) == ("valkey", "9")
            first = await slow(reader)
            assert first.complete
            assert not first.failed
            keys = slots(first, "stackledger_redis_slot_keys")
            assert keys[hot] >= 400
            assert sum(keys.values()) == 2_400, "`other` is exact"
            assert len(keys) <= 9
            assert sum(slots(first, "stackledger_redis_slot_cpu_seconds_total").values()) == 0, "the first look"
            for _ in range(30):
                cluster.cli(cluster.nodes[0], "-c", "GET", "{hot}1")
            busy = slots(await slow(reader), "stackledger_redis_slot_cpu_seconds_total")
            assert busy[hot] > 0
            assert busy[hot] == max(busy.values())

    run(check)


def test_a_master_away_holds_the_hot_slots_and_a_failover_counts_nothing_twice(start: Start, valkey: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(server=valkey, config=COUNTING))
    fill(cluster, [(b"k%d" % index, b"x") for index in range(500)])
    master = cluster.nodes[0]

    async def check() -> None:
        async with reading(cluster.seeds[1:2], hot_slots=8) as reader:
            await reader.sweep()
            await slow(reader)
            cluster.kill(master)
            away = await slow(reader)
            assert isinstance(away.failed["cluster"], ConnectError)
            assert set(away.failed) == {master.address, "cluster"}
            assert 0 < away.completeness < 1
            await reader.until(lambda s: value_of(s.parts["cluster"], "stackledger_redis_failovers_total")[()])
            await asyncio.to_thread(cluster.wait_failover, 0, since=master)
            after = await slow(reader)
            assert after.complete
            assert sum(slots(after, "stackledger_redis_slot_keys").values()) == 500

    run(check)


def test_counting_switched_off_leaves_the_keys_and_a_missing_right_is_said(
    start: Start, valkey: Path, tmp_path: Path
) -> None:
    grants = Path("exporter/stackledger/integrations/redis/grants/monitor.acl").read_text().splitlines()
    rules = next(line for line in grants if line.startswith("user ")).partition(" >PASSWORD ")[2]
    cluster: RedisCluster = start(RedisCluster(server=valkey, acl_user=("watch", "pw"), acl_rules=rules))
    file = tmp_path / "password"
    file.write_text("pw")
    login = {"username": "watch", "password": {"file": str(file)}}

    async def check() -> None:
        async with reading(cluster.seeds[:1], **login) as reader:
            await reader.sweep()
            refused = (await slow(reader)).facets["slots"]
            assert isinstance(refused, AuthError)
            assert "+cluster|slot-stats" in str(refused)
            for node in cluster.nodes:
                cluster.cli(node, "ACL", "SETUSER", "watch", "+cluster|slot-stats")
            granted = await slow(reader)
            assert granted.complete
            assert slots(granted, "stackledger_redis_slot_keys") == {"other": 0}
            assert not slots(granted, "stackledger_redis_slot_cpu_seconds_total")
        async with reading(cluster.seeds[:1], hot_slots=0, **login) as reader:
            await reader.sweep()
            assert (await slow(reader)).complete

    run(check)


def test_keys_by_pattern_and_a_failover(start: Start, valkey: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(server=valkey))
    fill(cluster, [(b"session:%d" % index, b"x" * 50) for index in range(3_000)])
    patterns = {"patterns": {"sessions": "session:*"}, "operations_per_second": 20}
    master = cluster.nodes[0]

    async def check() -> None:
        async with reading(cluster.seeds[1:2], key_patterns=patterns) as reader:
            await reader.until(lambda s: one(s.parts["cluster"], "stackledger_redis_key_scan_progress_ratio") > 0.1)
            cluster.kill(master)
            done = await reader.until(
                lambda s: value_of(s.parts["cluster"], "stackledger_redis_key_pattern_keys"), seconds=60
            )
            assert slots(done, "stackledger_redis_key_pattern_keys") == {"sessions": 3_000, "other": 0}

    run(check)


def test_sentinels(start: Start, valkey: Path) -> None:
    sentinels: RedisSentinels = start(RedisSentinels(server=valkey))

    async def check() -> None:
        async with reading(sentinels.seeds[:1]) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert len(snapshot.parts) == 7
            master = sentinels.master()
            sentinels.servers.kill(master)
            name = "stackledger_redis_sentinel_failovers_total"
            await reader.until(lambda s: value_of(s.parts["cluster"], name) == {("orders",): 1})

    run(check)


def test_a_server_without_slot_stats_is_not_asked(redis_cluster: RedisCluster) -> None:
    async def check() -> None:
        async with reading(redis_cluster.seeds[:1]) as reader:
            await reader.sweep()
            errors = redis_cluster.info(redis_cluster.nodes[0], "stats")["total_error_replies"]
            assert (await slow(reader)).complete
            assert redis_cluster.info(redis_cluster.nodes[0], "stats")["total_error_replies"] == errors

    run(check)
