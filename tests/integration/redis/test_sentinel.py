"""Sentinels on real servers: found, read with their own login, lost, and their failovers counted once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.process import wait_until
from lab.redis import RedisStandalone
from lab.redis_sentinel import RedisSentinels
from stackledger.collect.snapshot import Snapshot
from stackledger.errors import AuthError, ConnectError, ReadTimeoutError
from stackledger.integrations.redis import REDIS
from stackledger.integrations.redis.state import RedisState
from tests.integration.redis.reading import TIMEOUT_SECONDS, reading, run, value_of

pytestmark = pytest.mark.real("redis")

Start = Callable[[Any], Any]
NAMES = Path(__file__).parents[2] / "data" / "names" / "redis_exporter_sentinel.txt"


def of_whole(snapshot: Snapshot, name: str) -> dict[tuple[str, ...], float]:
    return value_of(snapshot.parts["cluster"], name)


def failovers(snapshot: Snapshot) -> float:
    return of_whole(snapshot, "stackledger_redis_sentinel_failovers_total").get(("orders",), -1)


def servers(sentinels: RedisSentinels) -> set[str]:
    return {node.address for node in sentinels.servers.nodes}


def test_one_sentinel_tells_of_all_nodes_with_the_names_and_values_of_redis_exporter(
    start: Start, record_coverage: Callable[[str, str, str], None]
) -> None:
    sentinels: RedisSentinels = start(RedisSentinels())
    master = sentinels.master()

    async def check() -> None:
        async with reading(sentinels.seeds[1:2]) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert set(snapshot.parts) == {*sentinels.seeds, *servers(sentinels), "cluster"}
            assert of_whole(snapshot, "stackledger_redis_sentinels") == {(): 3}
            assert of_whole(snapshot, "stackledger_redis_sentinel_master_views") == {("orders",): 1}
            assert failovers(snapshot) == 0
            assert len(value_of(snapshot.parts[master.address], "redis_connected_slave_lag_seconds")) == 2
            part = snapshot.parts[sentinels.seeds[0]]
            assert not value_of(part, "redis_db_keys"), "a Sentinel has no databases"
            of_master = ("orders", master.address)
            expected = {
                "redis_sentinel_masters": {(): 1},
                "redis_sentinel_tilt": {(): 0},
                "redis_sentinel_running_scripts": {(): 0},
                "redis_sentinel_scripts_queue_length": {(): 0},
                "redis_sentinel_simulate_failure_flags": {(): 0},
                "redis_sentinel_master_status": {(*of_master, "ok"): 1},
                "redis_sentinel_master_slaves": {of_master: 2},
                "redis_sentinel_master_sentinels": {of_master: 3},
                "redis_sentinel_master_ok_slaves": {of_master: 2},
                "redis_sentinel_master_ok_sentinels": {of_master: 3},
                "redis_sentinel_master_setting_ckquorum": {of_master: 2},
                "redis_sentinel_master_setting_failover_timeout": {of_master: 6000},
                "redis_sentinel_master_setting_parallel_syncs": {of_master: 1},
                "redis_sentinel_master_setting_down_after_milliseconds": {of_master: 1500},
                "redis_sentinel_master_config_epoch": {of_master: 0},
            }
            assert {name: value_of(part, name) for name in expected} == expected
            ((labels, reachable),) = value_of(part, "redis_sentinel_master_ckquorum_status").items()
            told = sentinels.cli(sentinels.nodes[0], "SENTINEL", "CKQUORUM", "orders")
            assert (labels, reachable) == (("orders", told), 1)
            (silence,) = value_of(part, "redis_sentinel_master_last_ok_ping_reply_seconds").values()
            assert 0 <= silence < 3
            shown = {metric.name for metric in part.rows if metric.name.startswith("redis_sentinel_")}
            listed = set(NAMES.read_text().split())
            for name in listed:
                record_coverage("redis_exporter (Sentinel)", name, "asserted" if name in shown else "out of scope")
            assert listed - shown == {name for name in REDIS.left_out if "_sentinel_" in name}
            assert shown <= listed

    run(check)


def test_a_killed_master_is_replaced_counted_once_and_found_again(start: Start) -> None:
    sentinels: RedisSentinels = start(RedisSentinels())
    master = sentinels.master()

    async def check() -> None:
        async with reading(sentinels.seeds[:1]) as reader:
            await reader.sweep()
            sentinels.servers.kill(master)
            down = await reader.until(lambda s: ("orders", master.address, "odown") in statuses(s))
            assert isinstance(down.failed[master.address], ConnectError)
            seen = await reader.until(failovers)
            promoted = await asyncio.to_thread(sentinels.wait_failover, since=master)
            settled = await reader.until(
                lambda s: of_whole(s, "stackledger_redis_sentinel_master_views")["orders",] == 1 and len(s.parts) == 6
            )
            assert failovers(settled) == failovers(seen) == 1
            at = of_whole(settled, "stackledger_redis_sentinel_last_failover_timestamp_seconds")["orders",]
            assert at == pytest.approx(time.time(), abs=60)
            assert ("orders", promoted.address, "ok") in statuses(settled)
            assert set(settled.failed) == {master.address}, "it is still a replica that should be there"
            sentinels.servers.restart(master)
            healed = await reader.until(lambda s: s.complete and oks(s, "slaves") == {2.0}, seconds=60)
            assert set(healed.parts) == {*sentinels.seeds, *servers(sentinels), "cluster"}
            assert failovers(healed) == 1

    run(check)


def statuses(snapshot: Snapshot) -> set[tuple[str, ...]]:
    return {labels for part in snapshot.parts.values() for labels in value_of(part, "redis_sentinel_master_status")}


def oks(snapshot: Snapshot, of: str) -> set[float]:
    name = f"redis_sentinel_master_ok_{of}"
    return {value for part in snapshot.parts.values() for value in value_of(part, name).values()}


def test_a_replica_that_was_gone_before_anybody_looked_is_no_node_that_is_down(start: Start) -> None:
    sentinels: RedisSentinels = start(RedisSentinels(replicas=2))
    _, lost, other = sentinels.servers.nodes
    sentinels.servers.kill(lost)
    ask = ("SENTINEL", "REPLICAS", sentinels.name)
    wait_until(
        lambda: all("s_down" in sentinels.cli(one, *ask) for one in sentinels.nodes), what="Sentinels to miss it"
    )

    async def check() -> None:
        async with reading(sentinels.seeds[:1]) as reader:
            assert lost.address not in (await reader.sweep()).failed
            sentinels.servers.kill(other)
            assert set((await reader.sweep()).failed) == {other.address}
            sentinels.servers.restart(lost)
            found = await reader.until(lambda s: lost.address in s.parts)
            assert set(found.failed) == {other.address}
            sentinels.servers.kill(lost)
            assert set((await reader.sweep()).failed) == {lost.address, other.address}, "it was read once"

    run(check)


def test_lost_sentinels_cost_only_themselves_until_the_quorum_is_gone(start: Start) -> None:
    sentinels: RedisSentinels = start(RedisSentinels())
    state = RedisState()

    async def check() -> None:
        async with reading(sentinels.seeds[:1], state=state) as reader:
            await reader.sweep()
            sentinels.kill(sentinels.nodes[0])  # the seed
            lost = await reader.until(lambda s: oks(s, "sentinels") == {2.0})
            assert set(lost.failed) == {sentinels.seeds[0]}
            assert quorums(lost) == {1.0}
            sentinels.freeze(sentinels.nodes[1])
            began = time.monotonic()
            frozen = await reader.sweep()
            assert time.monotonic() - began < TIMEOUT_SECONDS
            assert isinstance(frozen.failed[sentinels.seeds[1]], ReadTimeoutError)
            assert set(frozen.parts) == {sentinels.seeds[2], *servers(sentinels), "cluster"}
            await reader.until(lambda s: quorums(s) == {0.0})
            sentinels.kill(sentinels.nodes[2])
            blind = await reader.sweep()
            assert set(blind.failed) == set(sentinels.seeds), "no Sentinel is left"
            assert set(blind.parts) == {*servers(sentinels), "cluster"}, "the servers are still read, from memory"
            assert failovers(blind) == 0
            sentinels.thaw(sentinels.nodes[1])
        async with reading(sentinels.seeds[:1], state=state) as reader:  # a restart of the service; the seed is dead
            again = await reader.until(lambda s: sentinels.seeds[1] in s.parts)
            assert set(again.failed) == {sentinels.seeds[0], sentinels.seeds[2]}

    run(check)


def quorums(snapshot: Snapshot) -> set[float]:
    name = "redis_sentinel_master_ckquorum_status"
    return {value for part in snapshot.parts.values() for value in value_of(part, name).values()}


def test_sentinels_and_servers_have_their_own_logins(start: Start, tmp_path: Path) -> None:
    sentinels: RedisSentinels = start(RedisSentinels(password="watcher", servers_password="keeper"))  # noqa: S106
    files = {}
    for name in ("watcher", "keeper"):
        files[name] = tmp_path / name
        files[name].write_text(name)

    async def check() -> None:
        apart = {"sentinel": {"password": {"file": str(files["watcher"])}}, "password": {"file": str(files["keeper"])}}
        async with reading(sentinels.seeds[:1], **apart) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert len(snapshot.parts) == 7
        async with reading(sentinels.seeds[:1], password={"file": str(files["keeper"])}) as reader:
            with pytest.raises(AuthError, match="under `sentinel`") as caught:
                await reader.sweep()
            assert "keeper" not in str(caught.value)
        files["keeper"].write_text("wrong")
        async with reading(sentinels.seeds[:1], **apart) as reader:
            snapshot = await reader.sweep()
            assert set(snapshot.failed) == servers(sentinels), "only the servers refuse us"
            assert all(isinstance(error, AuthError) for error in snapshot.failed.values())

    run(check)


def test_a_frozen_master_is_said_and_its_return_as_a_replica_is_no_second_failover(start: Start) -> None:
    sentinels: RedisSentinels = start(RedisSentinels())
    master = sentinels.master()

    async def check() -> None:
        async with reading(sentinels.seeds) as reader:
            await reader.sweep()
            sentinels.servers.freeze(master)
            frozen = await reader.sweep()
            assert isinstance(frozen.failed[master.address], ReadTimeoutError)
            await reader.until(failovers)
            sentinels.servers.thaw(master)
            back = await reader.until(
                lambda s: (
                    s.complete and set(value_of(s.parts[master.address], "redis_master_link_up").values()) == {1.0}
                ),
                seconds=60,
            )
            assert failovers(back) == 1

    run(check)


def test_a_least_rights_user_of_a_sentinel_reads_everything(start: Start, tmp_path: Path) -> None:
    sentinels: RedisSentinels = start(RedisSentinels())
    grants = Path("exporter/stackledger/integrations/redis/grants/sentinel.acl").read_text().splitlines()[-1]
    file = tmp_path / "password"
    file.write_text("w")
    for node in sentinels.nodes:
        rules = grants.partition(" >PASSWORD ")[2].split()
        sentinels.cli(node, "ACL", "SETUSER", "stackledger", "on", ">w", *rules)

    async def check() -> None:
        login = {"username": "stackledger", "password": {"file": str(file)}}
        async with reading(sentinels.seeds[:1], sentinel=login) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert quorums(snapshot) == {1.0}
        for node in sentinels.nodes:
            sentinels.cli(node, "ACL", "SETUSER", "stackledger", "-sentinel|ckquorum")
        async with reading(sentinels.seeds[:1], sentinel=login) as reader:
            snapshot = await reader.sweep()
            assert isinstance(snapshot.facets["sentinel"], AuthError)
            assert "sentinel" in str(snapshot.facets["sentinel"])

    run(check)


def test_a_server_that_is_no_sentinel_is_read_as_it_is(start: Start) -> None:
    alone: RedisStandalone = start(RedisStandalone())

    async def check() -> None:
        async with reading([alone.node.address], sentinel={}) as reader:
            snapshot = await reader.sweep()
            assert set(snapshot.parts) == {alone.node.address}
            assert snapshot.complete

    run(check)
