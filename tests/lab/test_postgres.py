"""Real PostgreSQL servers: streaming, stalled, killed, promoted and gone."""

from __future__ import annotations

import psycopg
import pytest

from lab import ports
from lab.postgres import PostgresCluster
from lab.process import ServerFailedError, wait_until

pytestmark = pytest.mark.real("postgres")
LAG = (
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), state FROM pg_stat_replication "
    "WHERE application_name = %s"
)


def test_a_stalled_stream_keeps_its_connection_and_catches_up_when_resumed(start, own_processes) -> None:
    before = own_processes()
    cluster = start(PostgresCluster())
    primary, standby, other = cluster.nodes
    held = [node.port for node in cluster.nodes]
    assert cluster.primary is primary
    cluster.pgbench_init()
    cluster.wait_caught_up(standby)
    cluster.wait_caught_up(other)
    cluster.stall_stream(standby)
    load = cluster.pgbench(rate=200)
    wait_until(lambda: cluster.sql(primary, LAG, [standby.name])[0][0] > 20_000, what="lag to grow")
    assert cluster.sql(primary, LAG, [standby.name])[0][1] == "streaming"
    load.stop()
    cluster.wait_caught_up(other)
    cluster.resume_stream(standby)
    wait_until(lambda: cluster.sql(primary, LAG, [standby.name])[0][0] == 0, what="lag to go")
    cluster.stop()
    assert own_processes() == before
    assert all(map(ports.is_free, held))


def test_a_killed_primary_comes_back_and_a_standby_can_be_promoted(start) -> None:
    cluster = start(PostgresCluster(standbys=1))
    primary, standby = cluster.nodes
    cluster.kill(primary)
    with pytest.raises(psycopg.OperationalError):
        cluster.sql(primary, "SELECT 1")
    with pytest.raises(ServerFailedError, match="no live primary"):
        _ = cluster.primary
    cluster.restart(primary)
    assert cluster.primary is primary
    cluster.shut_down(primary)
    cluster.promote(standby)
    assert cluster.primary is standby


def test_the_monitor_role_needs_its_password_and_sees_what_monitors_see(start) -> None:
    cluster = start(PostgresCluster(standbys=0))
    dsn = cluster.dsn(cluster.primary)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM pg_stat_statements").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE t (x int)")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn, password="wrong")  # noqa: S106


def test_a_bad_setting_fails_with_postgres_own_words_and_leaves_nothing(own_processes) -> None:
    before = own_processes()
    with pytest.raises(ServerFailedError, match=r"(?s)pg0 ended.*no_such_setting"):
        PostgresCluster(settings={"no_such_setting": "1"}).start()
    assert own_processes() == before
