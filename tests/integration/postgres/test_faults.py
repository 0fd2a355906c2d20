"""Servers that refuse, hang, lock or talk nonsense cost only what they touch, and nothing is left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lab.postgres import PostgresCluster, PostgresNode
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError
from tests.integration.postgres.reading import of_cluster, opened, run, samples, sweep_until, target

pytestmark = pytest.mark.real("postgres")

Start = Callable[[AbstractContextManager[Any]], Any]
WRITABLE = "stackledger_postgres_writable_nodes"
WRONG = "wrong-password-of-the-test"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def backends(cluster: PostgresCluster, node: PostgresNode) -> int:
    return int(cluster.value(node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stackledger'"))


@asynccontextmanager
async def peer(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers every connection with some bytes, or accepts and says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read(8)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
            await reader.read()  # until the other side gives up
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_a_locked_table_costs_only_its_own_size(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=0))
    node = cluster.nodes[0]
    cluster.sql(node, "CREATE TABLE locked AS SELECT 1 AS x")
    cluster.sql(node, "CREATE TABLE free (id int PRIMARY KEY)")
    cluster.sql(node, "ANALYZE")

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path), seconds=3.0) as source:
            with cluster.connect(node) as holder:
                holder.execute("BEGIN")
                holder.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
                for _ in range(3):
                    began = time.monotonic()
                    fast, slow = await source.sweep("fast"), await source.sweep("slow")
                    assert time.monotonic() - began < 2.0
                    assert fast.complete, fast.facets
                    assert slow.complete, slow.facets
                assert backends(cluster, node) == 1
            shown = {
                dict(labels)["relname"] for labels in samples(fast.parts[node.address])["pg_stat_user_tables_seq_scan"]
            }
            sizes = {
                dict(labels)["relname"]
                for labels in samples(slow.parts[node.address])["pg_stat_user_tables_table_size_bytes"]
            }
            assert {"locked", "free"} <= shown
            assert sizes == shown - {"locked"}

    run(scenario())


def test_beyond_the_largest_tables_the_rest_is_one_exact_sum(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=0))
    node = cluster.nodes[0]
    for table in range(12):
        rows = 5_000 - table * 100
        cluster.sql(
            node,
            f"CREATE TABLE t{table} AS SELECT i, repeat('x', 90) AS note FROM generate_series(1, {rows}) i",
        )
    cluster.sql(node, "ANALYZE")

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, tables_top=4)) as source:
            fast, slow = await source.sweep("fast"), await source.sweep("slow")
            live = samples(fast.parts[node.address])["pg_stat_user_tables_n_live_tup"]
            named = {dict(labels)["relname"] for labels in live}
            assert named == {"t0", "t1", "t2", "t3", "other"}
            assert sum(live.values()) == sum(5_000 - table * 100 for table in range(12))
            sizes = samples(slow.parts[node.address])["pg_stat_user_tables_table_size_bytes"]
            whole = cluster.value(node, "SELECT sum(pg_table_size(relid)) FROM pg_stat_user_tables")
            assert sum(sizes.values()) == float(whole)
            # t4 outgrows t3: both are near the limit, so what is shown stays.
            cluster.sql(node, "INSERT INTO t4 SELECT * FROM t4")
            cluster.sql(node, "ANALYZE t4")
            again = samples((await source.sweep("fast")).parts[node.address])["pg_stat_user_tables_n_live_tup"]
            assert {dict(labels)["relname"] for labels in again} == named

    run(scenario())


def test_a_wrong_password_is_told_without_showing_it(postgres_cluster: PostgresCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(target(postgres_cluster, tmp_path, password=WRONG)) as source:
            before = None
            for _ in range(5):
                snapshot = await source.sweep("fast")
                before = before or open_files()
            assert snapshot.failed.keys() == {node.address for node in postgres_cluster.nodes}
            for error in snapshot.failed.values():
                assert isinstance(error, AuthError)
                assert "wrong user or password" in str(error)
                assert WRONG not in repr(error)
                assert error.__cause__ is None
                assert error.__context__ is None
            # A server that refuses us may well be the primary: nobody knows that there is none.
            assert of_cluster(snapshot, "stackledger_postgres_writable_nodes") is None
            assert open_files() <= before

    run(scenario())


def test_a_primary_that_is_frozen_is_unknown_until_its_standby_has_lost_it(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1, settings={"wal_receiver_timeout": "5s"}))
    primary, standby = cluster.nodes

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path), seconds=1.5) as source:
            await sweep_until(source, lambda s: s.complete)
            cluster.freeze(primary)
            try:
                first = await source.sweep("fast")
                assert isinstance(first.failed[primary.address], ReadTimeoutError)
                assert of_cluster(first, WRITABLE) is None
                gone = await sweep_until(source, lambda s: of_cluster(s, WRITABLE) == 0, seconds=30)
                assert gone.failed.keys() == {primary.address}
                cluster.freeze(standby)
                blind = await sweep_until(source, lambda s: len(s.failed) == 2)
                assert of_cluster(blind, WRITABLE) is None
            finally:
                cluster.thaw(standby)
                cluster.thaw(primary)

    run(scenario())


def test_a_cluster_that_is_stopped_takes_no_writes(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            await sweep_until(source, lambda s: s.complete)
            for node in reversed(cluster.nodes):
                cluster.shut_down(node)
            stopped = await sweep_until(source, lambda s: len(s.failed) == 2 and of_cluster(s, WRITABLE) is not None)
            assert of_cluster(stopped, WRITABLE) == 0

    run(scenario())


def test_a_role_without_pg_monitor_loses_only_what_needs_it(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=0))
    node = cluster.nodes[0]
    cluster.sql(node, "CREATE ROLE plain LOGIN PASSWORD 'plain'")

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, user="plain", password="plain")) as source:  # noqa: S106
            snapshot = await source.sweep("fast")
            assert isinstance(snapshot.facets["wal"], AuthError)
            assert "pg_monitor" in str(snapshot.facets["wal"])
            found = samples(snapshot.parts[node.address])
            assert "pg_wal_segments" not in found
            assert found["pg_stat_database_xact_commit"]

    run(scenario())


def test_the_documented_grants_are_enough(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=0))
    node = cluster.nodes[0]
    grants = Path(__file__).parents[3] / "exporter/stackledger/integrations/postgres/grants/monitor.sql"
    text = "\n".join(line for line in grants.read_text().splitlines() if not line.startswith("--"))
    with cluster.connect(node) as superuser:
        for statement in filter(
            str.strip, text.replace("monitor", "watcher").replace("pg_watcher", "pg_monitor").split(";")
        ):
            superuser.execute(statement)  # type: ignore[call-overload]
        superuser.execute("ALTER ROLE watcher PASSWORD 'secret'")

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, user="watcher", password="secret")) as source:  # noqa: S106
            for lane in ("fast", "slow"):
                snapshot = await source.sweep(lane)
                assert snapshot.complete, (snapshot.failed, snapshot.facets)

    run(scenario())


def test_a_database_that_does_not_exist_is_named_as_the_setting_to_check(
    postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with opened(target(postgres_cluster, tmp_path, dbname="nowhere")) as source:
            error = (await source.sweep("fast")).failed[postgres_cluster.nodes[0].address]
            assert isinstance(error, ConnectError)
            assert "dbname" in str(error)

    run(scenario())


def test_peers_that_hang_refuse_or_talk_nonsense_cost_only_themselves(
    postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            peer(None) as silent,
            peer(b"HTTP/1.0 400 Bad Request\r\n\r\n") as web,
            peer(b"\xff\xfe" * 40) as mad,
        ):
            real = postgres_cluster.nodes[0].address
            nodes = (real, silent, web, mad, "127.0.0.1:1")
            async with opened(target(postgres_cluster, tmp_path, nodes=nodes), seconds=3.0) as source:
                counts = []
                for _ in range(3):
                    began = time.monotonic()
                    snapshot = await source.sweep("fast")
                    assert time.monotonic() - began < 3.0
                    counts.append((open_files(), len(asyncio.all_tasks())))
                assert snapshot.parts.keys() == {real, "cluster"}
                assert isinstance(snapshot.failed[silent], ReadTimeoutError)
                assert isinstance(snapshot.failed[web], ProtocolError)
                assert isinstance(snapshot.failed[mad], ProtocolError)
                assert isinstance(snapshot.failed["127.0.0.1:1"], ConnectError)
                assert counts[-1][0] <= counts[0][0] + 4  # the peers' own ends of what was just given up
                assert backends(postgres_cluster, postgres_cluster.nodes[0]) == 1

    run(scenario())


def test_a_frozen_node_delays_nobody_and_leaves_one_backend_at_most(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    primary, standby = cluster.nodes

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path), seconds=1.5) as source:
            assert (await sweep_until(source, lambda s: s.complete)).complete
            cluster.freeze(standby)
            files = open_files()
            try:
                for _ in range(4):
                    began = time.monotonic()
                    snapshot = await source.sweep("fast")
                    assert time.monotonic() - began < 1.5
                    assert isinstance(snapshot.failed[standby.address], ReadTimeoutError)
                    assert of_cluster(snapshot, "stackledger_postgres_writable_nodes") == 1
                assert open_files() <= files
            finally:
                cluster.thaw(standby)
            await sweep_until(source, lambda s: s.complete)
            async with asyncio.timeout(20):
                while backends(cluster, standby) > 1:
                    await asyncio.sleep(0.1)
            assert backends(cluster, primary) == 1

    run(scenario())


def test_a_sweep_that_is_cancelled_leaves_nothing(postgres_cluster: PostgresCluster, tmp_path: Path) -> None:
    node = postgres_cluster.nodes[0]

    async def scenario() -> None:
        async with opened(target(postgres_cluster, tmp_path, nodes=(node.address,))) as source:
            await source.sweep("fast")
            files, tasks = open_files(), len(asyncio.all_tasks())
            for delay in (0.0, 0.001, 0.003, 0.005, 0.01, 0.02):
                for lane in ("fast", "slow"):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(delay):
                            await source.sweep(lane)
            assert len(asyncio.all_tasks()) == tasks
            snapshot = await source.sweep("fast")
            assert snapshot.complete
            assert open_files() <= files
            async with asyncio.timeout(20):
                while backends(postgres_cluster, node) > 1:
                    await asyncio.sleep(0.1)
        assert open_files() < files

    run(scenario())


def test_a_server_that_ended_our_session_is_read_again_at_once(
    postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    node = postgres_cluster.nodes[0]
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stackledger'"

    async def scenario() -> None:
        async with opened(target(postgres_cluster, tmp_path, nodes=(node.address,))) as source:
            await source.sweep("fast")
            postgres_cluster.sql(node, end)
            lost = await source.sweep("fast")
            assert isinstance(lost.failed[node.address], ConnectError)
            assert (await source.sweep("fast")).complete

    run(scenario())
