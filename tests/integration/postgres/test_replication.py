"""Lag that is right when idle, when stalled and when gone, on real servers that the tests break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from lab.postgres import PostgresCluster
from stackledger.collect.snapshot import Snapshot
from stackledger.errors import AuthError, ConnectError
from stackledger.integrations.postgres.failure import NotServingError
from tests.integration.postgres.reading import of_cluster, opened, run, samples, sweep_until, target

pytestmark = pytest.mark.real("postgres")

Start = Callable[[AbstractContextManager[Any]], Any]
CONNECTED = "stackledger_postgres_standby_connected"
REPLAY_BYTES = "stackledger_postgres_standby_replay_lag_bytes"
RECEIVE_BYTES = "stackledger_postgres_standby_receive_lag_bytes"
REPLAY_SECONDS = "stackledger_postgres_standby_replay_lag_seconds"
STALLED = "stackledger_postgres_standby_stalled_seconds"
WRITABLE = "stackledger_postgres_writable_nodes"


def write(cluster: PostgresCluster, rows: int = 2_000) -> None:
    cluster.sql(cluster.nodes[0], "CREATE TABLE IF NOT EXISTS log (note text)")
    cluster.sql(cluster.nodes[0], f"INSERT INTO log SELECT repeat('x', 500) FROM generate_series(1, {rows})")


def level(address: str) -> Callable[[Snapshot], bool]:
    return lambda snapshot: (
        of_cluster(snapshot, CONNECTED, address) == 1 and of_cluster(snapshot, REPLAY_BYTES, address) == 0
    )


def test_a_stalled_stream_shows_in_ours_and_not_in_the_peers(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=2))
    stalled, other = cluster.nodes[1], cluster.nodes[2]

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            write(cluster)
            await sweep_until(source, level(stalled.address))
            cluster.stall_stream(stalled)
            seen = []
            for _ in range(4):
                write(cluster)
                seen.append(await source.sweep("fast"))
                await asyncio.sleep(0.5)
            for name in (RECEIVE_BYTES, REPLAY_BYTES, REPLAY_SECONDS, STALLED):
                values = [of_cluster(snapshot, name, stalled.address) or 0.0 for snapshot in seen]
                assert values == sorted(values), (name, values)
                assert values[-1] > values[0], (name, values)
            last = seen[-1]
            assert (of_cluster(last, RECEIVE_BYTES, stalled.address) or 0) > 2_000_000
            assert (of_cluster(last, STALLED, stalled.address) or 0) > 1.0
            assert of_cluster(last, CONNECTED, stalled.address) == 1
            assert of_cluster(last, STALLED, other.address) == 0
            assert samples(last.parts[stalled.address])["pg_replication_lag_seconds"] == {(): 0.0}  # the peer's lie
            assert last.complete
            cluster.resume_stream(stalled)
            healed = await sweep_until(source, level(stalled.address))
            assert of_cluster(healed, STALLED, stalled.address) == 0
            assert of_cluster(healed, REPLAY_SECONDS, stalled.address) == 0

    run(scenario())


def test_a_standby_that_refuses_only_us_is_judged_by_its_stream(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    standby = cluster.nodes[1]

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            write(cluster)
            await sweep_until(source, level(standby.address))
            (standby.data / "pg_hba.conf").write_text("local all all trust\n")
            cluster.sql(standby, "SELECT pg_reload_conf()")
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stackledger'"
            cluster.sql(standby, end)
            refused = await sweep_until(source, lambda s: isinstance(s.failed.get(standby.address), AuthError))
            assert of_cluster(refused, CONNECTED, standby.address) == 1
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - began < 3.0:
                write(cluster, rows=200)
                snapshot = await source.sweep("fast")
                assert of_cluster(snapshot, CONNECTED, standby.address) == 1
                await asyncio.sleep(0.3)
            # Behind, if at all, by what was written last: never for as long as we are refused.
            assert (of_cluster(snapshot, STALLED, standby.address) or 0.0) < 1.5
            assert (of_cluster(snapshot, RECEIVE_BYTES, standby.address) or 0.0) < 1_000_000
            cluster.stall_stream(standby)
            stalled = await sweep_until(
                source, lambda s: write(cluster, rows=20) is None and (of_cluster(s, STALLED, standby.address) or 0) > 2
            )
            assert of_cluster(stalled, CONNECTED, standby.address) == 1
            cluster.resume_stream(standby)

    run(scenario())


def test_an_idle_cluster_has_no_lag_though_its_last_transaction_ages(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    standby = cluster.nodes[1]

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            write(cluster)
            first = await sweep_until(source, level(standby.address))
            await asyncio.sleep(2)
            last = await sweep_until(source, level(standby.address))
            ages = [
                samples(snapshot.parts[standby.address])["pg_replication_last_replay_seconds"][()]
                for snapshot in (first, last)
            ]
            assert ages[1] > ages[0] + 1.5
            assert of_cluster(last, REPLAY_SECONDS, standby.address) == 0
            assert of_cluster(last, STALLED, standby.address) == 0

    run(scenario())


def test_a_standby_that_is_gone_is_disconnected_and_nothing_is_reckoned_from_where_it_was(
    start: Start, tmp_path: Path
) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    standby = cluster.nodes[1]

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            write(cluster)
            await sweep_until(source, level(standby.address))
            cluster.kill(standby)
            gone = await sweep_until(source, lambda s: of_cluster(s, CONNECTED, standby.address) == 0)
            assert isinstance(gone.failed[standby.address], ConnectError)
            write(cluster)
            snapshot = await source.sweep("fast")
            for name in (RECEIVE_BYTES, REPLAY_BYTES, REPLAY_SECONDS, STALLED):
                assert of_cluster(snapshot, name, standby.address) is None, name
            cluster.restart(standby)
            back = await sweep_until(source, level(standby.address), seconds=40)
            assert back.complete

    run(scenario())


def test_without_its_primary_a_cluster_takes_no_writes_and_tells_no_lag(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    primary, standby = cluster.nodes

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            before = await source.sweep("fast")
            assert of_cluster(before, WRITABLE) == 1
            cluster.kill(primary)
            after = await sweep_until(source, lambda s: isinstance(s.failed.get(primary.address), NotServingError))
            assert standby.address in after.parts
            assert of_cluster(after, WRITABLE) == 0
            for name in (REPLAY_BYTES, REPLAY_SECONDS, STALLED, CONNECTED):
                assert of_cluster(after, name, standby.address) is None, name
            cluster.promote(standby)
            promoted = await sweep_until(source, lambda s: of_cluster(s, WRITABLE) == 1)
            assert samples(promoted.parts[standby.address])["stackledger_postgres_timeline"] == {(): 2.0}

    run(scenario())


def test_two_primaries_of_one_cluster_are_counted(start: Start, tmp_path: Path) -> None:
    cluster: PostgresCluster = start(PostgresCluster(standbys=1))
    identifier = cluster.value(cluster.nodes[0], "SELECT system_identifier::text FROM pg_control_system()")

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path)) as source:
            one = samples((await source.sweep("fast")).parts["cluster"])
            cluster.promote(cluster.nodes[1])
            two = samples((await source.sweep("fast")).parts["cluster"])
            copies = "stackledger_postgres_writable_copies"
            assert one[copies] == {(("system_identifier", identifier),): 1}
            assert two[copies] == {(("system_identifier", identifier),): 2}
            assert CONNECTED not in two

    run(scenario())
