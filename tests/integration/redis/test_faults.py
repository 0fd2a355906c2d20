"""What a person on call would meet, on real servers: killed, frozen, cut off, locked out; and that nothing leaks."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lab.process import ServerFailedError, wait_until
from lab.redis import RedisCluster, RedisNode, RedisStandalone
from stackledger.collect.snapshot import Snapshot
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.redis.state import RedisState
from tests.integration.redis.reading import TIMEOUT_SECONDS, one, reading, run, value_of

pytestmark = pytest.mark.real("redis")

Start = Callable[[Any], Any]
FIRST_SHARD = ("0-5460",)
ADMIN, FIRST, SECOND = "administrator", "first", "second"


def of_cluster(snapshot: Snapshot, name: str) -> dict[tuple[str, ...], float]:
    return value_of(snapshot.parts["cluster"], name)


def test_a_healthy_cluster_from_one_seed(redis_cluster: RedisCluster) -> None:
    async def check() -> None:
        async with reading(redis_cluster.seeds[2:3]) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert set(snapshot.parts) == {*redis_cluster.seeds, "cluster"}
            for node in redis_cluster.nodes:
                assert snapshot.parts[node.address].instance == node.address
            assert of_cluster(snapshot, "stackledger_redis_slots_uncovered") == {(): 0}
            assert of_cluster(snapshot, "stackledger_redis_slot_views") == {(): 1}
            assert of_cluster(snapshot, "stackledger_redis_epoch_conflicts") == {(): 0}
            assert of_cluster(snapshot, "stackledger_redis_shard_replicas") == dict.fromkeys(
                [("0-5460",), ("5461-10921",), ("10922-16383",)], 1
            )

    run(check)


def test_one_connection_and_one_round_trip_per_node(redis_cluster: RedisCluster) -> None:
    def connections() -> list[int]:
        return [int(redis_cluster.info(node, "stats")["total_connections_received"]) for node in redis_cluster.nodes]

    async def check() -> None:
        async with reading(redis_cluster.seeds[:1]) as reader:
            await reader.sweep()
            before = connections()
            for _ in range(5):
                await reader.sweep()
            assert connections() == [count + 1 for count in before], "only the redis-cli of the second look is new"

    run(check)


def test_two_names_of_one_node_are_one_part_and_one_connection(redis_cluster: RedisCluster) -> None:
    port = redis_cluster.nodes[0].port

    async def check() -> None:
        async with reading([f"localhost:{port}", f"127.0.0.1:{port}"]) as reader:
            for _ in range(2):
                snapshot = await reader.sweep()
                assert set(snapshot.parts) == {*redis_cluster.seeds, "cluster"}
                assert len(reader.source._nodes) == 6

    run(check)


def test_a_seed_is_still_read_where_the_cluster_may_not_be_asked(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(
        RedisCluster(masters=3, replicas=0, acl_user=("watch", "pw"), acl_rules="-@all +ping +info +config|get")
    )
    file = tmp_path / "password"
    file.write_text("pw")

    async def check() -> None:
        async with reading(cluster.seeds[:1], username="watch", password={"file": str(file)}) as reader:
            snapshot = await reader.sweep()
            assert isinstance(snapshot.facets["cluster"], AuthError)
            assert "grants/monitor.acl" in str(snapshot.facets["cluster"])
            assert set(snapshot.parts) == set(cluster.seeds[:1])

    run(check)


def test_a_killed_master_is_seen_through_the_whole_failover(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    master = cluster.nodes[0]
    failed = (master.address, "master")

    async def check() -> None:
        async with reading(cluster.seeds[:1]) as reader:  # the seed is the node that dies
            before = await reader.sweep()
            assert of_cluster(before, "stackledger_redis_failovers_total") == {(): 0}
            cluster.kill(master)
            after = await reader.sweep()
            assert isinstance(after.failed[master.address], ConnectError)
            assert len(after.parts) == 6, "five nodes and the cluster"
            seen = await reader.until(lambda snapshot: of_cluster(snapshot, "stackledger_redis_failovers_total")[()])
            assert of_cluster(seen, "stackledger_redis_shard_replicas")[FIRST_SHARD] == 0
            assert of_cluster(seen, "stackledger_redis_node_failed")[failed] == 1
            settled = await reader.until(lambda s: of_cluster(s, "stackledger_redis_slot_views")[()] == 1)
            assert of_cluster(settled, "stackledger_redis_slots_uncovered") == {(): 0}
            assert of_cluster(settled, "stackledger_redis_failovers_total") == {(): 1}
            assert one(settled.parts["cluster"], "stackledger_redis_last_failover_timestamp_seconds") == pytest.approx(
                time.time(), abs=60
            )
            promoted = cluster.wait_failover(0, since=master)
            assert one(settled.parts[promoted.address], "redis_cluster_state") == 1, "what others show is all green"
            cluster.restart(master)
            healed = await reader.until(
                lambda s: s.complete and of_cluster(s, "stackledger_redis_shard_replicas")[FIRST_SHARD] == 1
            )
            assert of_cluster(healed, "stackledger_redis_node_failed")[master.address, "slave"] == 0
            assert failed not in of_cluster(healed, "stackledger_redis_node_failed")
            assert of_cluster(healed, "stackledger_redis_failovers_total") == {(): 1}

    run(check)


def test_a_master_without_slots_that_dies_is_no_failed_master(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))
    spare: RedisCluster = start(RedisCluster(masters=1, replicas=0))
    (node,) = spare.nodes
    spare.cli(node, "CLUSTER", "FLUSHSLOTS")
    cluster.cli(cluster.nodes[0], "CLUSTER", "MEET", "127.0.0.1", str(node.port))

    async def check() -> None:
        async with reading(cluster.seeds[:1]) as reader:
            name = "stackledger_redis_node_failed"
            await reader.until(lambda s: (node.address, "idle") in of_cluster(s, name) and s.complete)
            spare.kill(node)
            dead = await reader.until(lambda s: of_cluster(s, name)[node.address, "idle"])
            assert sum(value for (_, role), value in of_cluster(dead, name).items() if role == "master") == 0
            assert of_cluster(dead, "stackledger_redis_slots_uncovered") == {(): 0}

    run(check)


def promote(cluster: RedisCluster, node: RedisNode) -> None:
    """Ask until it happens: masters vote for one failover of a shard in twice the node timeout."""
    while cluster.role(node) != "master":
        cluster.cli(node, "CLUSTER", "FAILOVER")
        with suppress(ServerFailedError):
            wait_until(lambda: cluster.role(node) == "master", what="a promotion", timeout=3)


def test_a_failover_by_hand_is_counted_once_each_way(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    master, (replica,) = cluster.nodes[0], cluster.replicas_of(0)

    async def check() -> None:
        async with reading(cluster.seeds) as reader:
            await reader.sweep()
            for count, node in ((1, replica), (2, master)):
                await asyncio.to_thread(cluster.wait_ok)
                await reader.until(
                    lambda s, follower=node: (
                        (follower.address, "slave") in of_cluster(s, "stackledger_redis_node_failed")
                    )
                )
                await asyncio.to_thread(promote, cluster, node)
                seen = await reader.until(
                    lambda s, n=count: of_cluster(s, "stackledger_redis_failovers_total")[()] == n
                )
                assert of_cluster(seen, "stackledger_redis_slots_uncovered") == {(): 0}
            for _ in range(5):
                last = await reader.sweep()
            assert of_cluster(last, "stackledger_redis_failovers_total") == {(): 2}

    run(check)


def test_a_forced_failover_of_a_dead_master_is_counted_once(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(node_timeout_ms=60_000))  # nothing happens by itself
    master, (replica,) = cluster.nodes[0], cluster.replicas_of(0)

    async def check() -> None:
        async with reading(cluster.seeds[1:2]) as reader:
            await reader.sweep()
            cluster.kill(master)
            cluster.cli(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
            seen = await reader.until(lambda s: of_cluster(s, "stackledger_redis_failovers_total")[()])
            settled = await reader.until(lambda s: of_cluster(s, "stackledger_redis_slot_views")[()] == 1)
            assert set(seen.failed) == {master.address}
            assert of_cluster(settled, "stackledger_redis_failovers_total") == {(): 1}
            assert of_cluster(settled, "stackledger_redis_slots_uncovered") == {(): 0}

    run(check)


def test_a_slot_on_its_way_is_seen_on_both_sides(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))
    giver, taker = cluster.nodes[:2]
    ids = {node.address: cluster.cli(node, "CLUSTER", "MYID") for node in (giver, taker)}

    async def check() -> None:
        async with reading(cluster.seeds[:1]) as reader:
            cluster.cli(taker, "CLUSTER", "SETSLOT", "7", "IMPORTING", ids[giver.address])
            cluster.cli(giver, "CLUSTER", "SETSLOT", "7", "MIGRATING", ids[taker.address])
            half = await reader.sweep()
            assert one(half.parts[giver.address], "stackledger_redis_slots_migrating") == 1
            assert one(half.parts[taker.address], "stackledger_redis_slots_importing") == 1
            assert of_cluster(half, "stackledger_redis_slots_uncovered") == {(): 0}
            for node in (taker, giver):
                cluster.cli(node, "CLUSTER", "SETSLOT", "7", "NODE", ids[taker.address])
            moved = await reader.until(
                lambda s: (
                    ("0-6+1",) in of_cluster(s, "stackledger_redis_shard_replicas")
                    and of_cluster(s, "stackledger_redis_slot_views")[()] == 1
                )
            )
            assert one(moved.parts[giver.address], "stackledger_redis_slots_migrating") == 0
            assert of_cluster(moved, "stackledger_redis_failovers_total") == {(): 0}

    run(check)


def test_a_shard_without_replica_that_dies_leaves_its_slots_uncovered(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))

    async def check() -> None:
        async with reading(cluster.seeds[1:2]) as reader:
            await reader.sweep()
            cluster.kill(cluster.nodes[0])
            seen = await reader.until(lambda s: of_cluster(s, "stackledger_redis_slots_uncovered")[()])
            assert of_cluster(seen, "stackledger_redis_slots_uncovered") == {(): 5461}
            assert of_cluster(seen, "stackledger_redis_range_slots_uncovered") == {("0-5460",): 5461}
            assert ("0-5460",) not in of_cluster(seen, "stackledger_redis_shard_keys"), "dark is not empty"
            down = await reader.until(lambda s: one(s.parts[cluster.seeds[1]], "redis_cluster_state") == 0)
            assert one(down.parts[cluster.seeds[1]], "stackledger_redis_view_slots_uncovered") == 5461

    run(check)


def test_a_frozen_replica_costs_only_itself(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    replica = cluster.nodes[3]

    async def check() -> None:
        async with reading(cluster.seeds[:1]) as reader:
            await reader.sweep()
            cluster.freeze(replica)
            began = time.monotonic()
            snapshot = await reader.sweep()
            assert time.monotonic() - began < TIMEOUT_SECONDS
            assert isinstance(snapshot.failed[replica.address], ReadTimeoutError)
            assert "PING" in str(snapshot.failed[replica.address])
            assert len(snapshot.parts) == 6
            gone = await reader.until(
                lambda s: of_cluster(s, "stackledger_redis_node_failed")[replica.address, "slave"]
            )
            assert of_cluster(gone, "stackledger_redis_shard_replicas")[FIRST_SHARD] == 0
            cluster.thaw(replica)
            await reader.until(
                lambda s: s.complete and of_cluster(s, "stackledger_redis_shard_replicas")[FIRST_SHARD] == 1
            )

    run(check)


def test_the_state_finds_the_cluster_again_when_the_seed_is_gone(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    state = RedisState()

    async def learn() -> None:
        async with reading(cluster.seeds[5:], state=state) as reader:
            await reader.sweep()

    async def go_on() -> None:
        async with reading(cluster.seeds[5:], state=state) as reader:
            snapshot = await reader.sweep()
            assert set(snapshot.parts) == {*cluster.seeds[:5], "cluster"}
            assert set(snapshot.failed) == {cluster.seeds[5]}
        with pytest.raises(ConnectError):
            async with reading(cluster.seeds[5:]) as reader:  # without the state there is nobody to ask
                await reader.sweep()

    run(learn)
    cluster.kill(cluster.nodes[5])
    run(go_on)


def test_a_node_that_was_forgotten_leaves_no_part_and_no_connection(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster())
    leaving = cluster.nodes[5]

    async def check() -> None:
        async with reading(cluster.seeds[:1]) as reader:
            await reader.sweep()
            id_ = cluster.cli(leaving, "CLUSTER", "MYID")
            cluster.kill(leaving)
            for node in cluster.live():
                cluster.cli(node, "CLUSTER", "FORGET", id_)
            snapshot = await reader.until(lambda s: leaving.address not in s.failed)
            assert leaving.address not in snapshot.parts
            assert id_ not in reader.state.nodes
            assert leaving.address not in reader.source._nodes

    run(check)


def test_a_changed_password_is_told_and_recovered_from(start: Start, tmp_path: Path) -> None:
    cluster: RedisCluster = start(RedisCluster(password=FIRST))
    file = tmp_path / "password"
    file.write_text("first\n")

    def change() -> None:
        for node in cluster.nodes:
            cluster.cli(node, "CONFIG", "SET", "masterauth", "second")
            cluster.cli(node, "CONFIG", "SET", "requirepass", "second")
        cluster.password = SECOND
        for node in cluster.nodes:
            cluster.cli(node, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    async def check() -> None:
        async with reading(cluster.seeds[:1], password={"file": str(file)}) as reader:
            assert (await reader.sweep()).complete
            change()
            with pytest.raises(AuthError, match="set `username` and `password`") as caught:
                await reader.sweep()
            assert "first" not in str(caught.value)
            assert "second" not in str(caught.value)
            file.write_text("second\n")
            assert (await reader.sweep()).complete

    run(check)


def test_a_least_rights_user_over_tls_reads_everything(start: Start, tmp_path: Path) -> None:
    lines = Path("exporter/stackledger/integrations/redis/grants/monitor.acl").read_text().splitlines()
    rules = next(line for line in lines if line.startswith("user ")).partition(" >PASSWORD ")[2]
    cluster: RedisCluster = start(
        RedisCluster(password=ADMIN, acl_user=("stackledger", "watcher"), acl_rules=rules, tls=True)
    )
    file = tmp_path / "password"
    file.write_text("watcher")
    assert cluster.certificates is not None
    access = {"username": "stackledger", "password": {"file": str(file)}}

    async def check() -> None:
        async with reading(cluster.seeds[:1], tls={"ca_file": str(cluster.certificates.authority)}, **access) as reader:
            snapshot = await reader.sweep()
            assert snapshot.complete
            assert len(snapshot.parts) == 7
            assert value_of(snapshot.parts[cluster.seeds[0]], "redis_commands_latencies_usec")
        with pytest.raises(ConnectError, match="`tls` is on"):  # an authority that we do not know
            async with reading(cluster.seeds[:1], tls={}, **access) as reader:
                await reader.sweep()
        with pytest.raises(TargetError, match=r"TLS|tls"):
            async with reading(cluster.seeds[:1], **access) as reader:
                await reader.sweep()

    run(check)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"acl_rules": "-@all +ping +info +cluster|info +cluster|nodes +slowlog +latency"}, AuthError),
        ({"config": {"rename-command": "CONFIG hidden"}}, ProtocolError),
    ],
    ids=["forbidden", "renamed"],
)
def test_config_out_of_reach_costs_only_config(
    start: Start, tmp_path: Path, options: dict[str, Any], error: type[TargetError]
) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0, acl_user=("watch", "pw"), **options))
    file = tmp_path / "password"
    file.write_text("pw")
    access = {"username": "watch", "password": {"file": str(file)}}
    if "config" in options:
        access = {}

    async def check() -> None:
        async with reading(cluster.seeds[:1], **access) as reader:
            for _ in range(3):
                snapshot = await reader.sweep()
                assert isinstance(snapshot.facets["config"], error)
                assert [name for name, problem in snapshot.facets.items() if problem] == ["config"]
                assert not snapshot.failed
                part = snapshot.parts[cluster.seeds[0]]
                assert value_of(part, "redis_memory_used_bytes")
                assert not value_of(part, "redis_config_maxclients")
            rejected = cluster.info(cluster.nodes[0], "stats")["total_error_replies"]
            await reader.sweep()
            assert cluster.info(cluster.nodes[0], "stats")["total_error_replies"] == rejected, "asked again at once"
        if "config" in options:
            async with reading(cluster.seeds[:1], config_command="hidden") as reader:
                snapshot = await reader.sweep()
                assert snapshot.complete
                assert value_of(snapshot.parts[cluster.seeds[0]], "redis_config_maxclients")

    run(check)


def test_servers_outside_a_cluster(start: Start) -> None:
    servers: RedisStandalone = start(RedisStandalone(replicas=1))
    seeds = [node.address for node in servers.nodes]

    async def check() -> None:
        async with reading(seeds) as reader:
            snapshot = await reader.sweep()
            assert set(snapshot.parts) == {*seeds, "cluster"}
            assert snapshot.complete
            assert len(value_of(snapshot.parts[seeds[0]], "redis_db_keys")) == 16
            (link,) = value_of(snapshot.parts[seeds[1]], "redis_master_link_up").values()
            assert link == 1
            errors = servers.info(servers.node, "stats")["total_error_replies"]
            await reader.sweep()
            assert servers.info(servers.node, "stats")["total_error_replies"] == errors, "CLUSTER is not asked again"
            servers.kill(servers.node)
            snapshot = await reader.until(lambda s: seeds[0] in s.failed)
            assert set(snapshot.parts) == {seeds[1], "cluster"}
            failed = value_of(snapshot.parts["cluster"], "stackledger_redis_server_failed")
            assert failed == {(seeds[0], "master"): 1, (seeds[1], "slave"): 0}

    run(check)


def test_a_restarted_server_is_read_in_the_same_sweep(start: Start) -> None:
    servers: RedisStandalone = start(RedisStandalone())

    async def check() -> None:
        async with reading([servers.node.address]) as reader:
            await reader.sweep()
            servers.restart(servers.node)
            snapshot = await reader.sweep()
            assert snapshot.complete

    run(check)


def test_refusals_and_slow_commands_are_counted(start: Start) -> None:
    servers: RedisStandalone = start(RedisStandalone(config={"enable-debug-command": "yes"}))

    async def check() -> None:
        async with reading([servers.node.address]) as reader:
            part = (await reader.sweep()).parts[servers.node.address]
            assert set(value_of(part, "stackledger_redis_commands_refused_total").values()) == {0}
            servers.cli(servers.node, "CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(Exception, match="OOM"):
                servers.cli(servers.node, "SET", "a", "b")
            for _ in range(3):
                servers.cli(servers.node, "DEBUG", "SLEEP", "0.02")
            part = (await reader.sweep()).parts[servers.node.address]
            assert value_of(part, "stackledger_redis_commands_refused_total")[("OOM",)] == 1
            assert value_of(part, "stackledger_redis_slowlog_entries_total") == {("debug",): 3}
            (seconds,) = value_of(part, "stackledger_redis_slowlog_seconds_total").values()
            assert 0.06 <= seconds < 1
            servers.restart(servers.node)
            servers.cli(servers.node, "DEBUG", "SLEEP", "0.02")
            part = (await reader.sweep()).parts[servers.node.address]
            assert value_of(part, "stackledger_redis_slowlog_entries_total") == {("debug",): 4}

    run(check)


# -- peers that are no Redis -------------------------------------------------------------------------------------------


@contextmanager
def peer(answer: bytes | None) -> Iterator[str]:
    """A server that answers every connection with `answer`, or never, until the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            if answer is not None:
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, ReadTimeoutError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError),
        (b"\x16\x03\x01\x02\x00\x01\x00", ProtocolError),
        (b"+OK\r\n" * 20, ProtocolError),
        (b"$-1\r\n" * 20, ProtocolError),
        (b"*" + b"9" * 40 + b"\r\n", ProtocolError),
        (b"-ERR max number of clients reached\r\n" * 20, TargetError),
        (b"$1000000\r\nhalf an answer", ReadTimeoutError),
    ],
)
def test_a_peer_that_is_no_redis(answer: bytes | None, error: type[TargetError]) -> None:
    async def check() -> None:
        async with reading([address], timeout_seconds=1.5) as reader:
            with pytest.raises(error, match=address):
                await reader.sweep()

    with peer(answer) as address:
        run(check)


# -- nothing leaks -----------------------------------------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_repeated_failures_leak_neither_sockets_nor_tasks(start: Start) -> None:
    cluster: RedisCluster = start(RedisCluster(masters=3, replicas=0))
    cluster.freeze(cluster.nodes[1])

    async def check() -> None:
        async with reading([*cluster.seeds, silent, garbage], timeout_seconds=1.0) as reader:
            for _ in range(5):
                await reader.sweep()
            files, tasks = open_files(), len(asyncio.all_tasks())
            for _ in range(10):
                await reader.sweep()
            for _ in range(5):  # the runner cancels a sweep that is late
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.sweep()
            async with reading([silent, garbage], timeout_seconds=0.2) as hopeless:
                for _ in range(15):
                    with pytest.raises(TargetError):
                        await hopeless.sweep()
            assert len((await reader.sweep()).parts) == 3, "two nodes and the cluster, after the cancellations"
            assert open_files() <= files + 2 * 15, "but for the peers' ends, which they hold"
            assert len(asyncio.all_tasks()) == tasks

    with peer(None) as silent, peer(b"garbage\r\n") as garbage:
        before = open_files()
        run(check)
        assert open_files() <= before + 2 * 16, "the peers hold their ends until they are closed"
    cluster.thaw(cluster.nodes[1])
