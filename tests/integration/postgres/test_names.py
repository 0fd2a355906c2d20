"""Every postgres_exporter name that we expose, with the peer's labels and a value read by other means.

The servers hold still (no autovacuum, no load), a session holds a lock and a transaction open, and each value read by
SQL or from the disk before and after our sweep must enclose ours.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from lab.postgres import PostgresCluster, PostgresNode
from tests.conftest import running
from tests.integration.postgres.reading import Samples, opened, samples, target

pytestmark = pytest.mark.real("postgres")

PEER = "postgres_exporter"
NAMES = Path(__file__).parents[2] / "data" / "names" / "postgres_exporter.txt"
REQUIRED_SHARE = 0.9
# What describes that exporter's own process and scrapes; ours are stackledger_scrape_*.
OWN_PROCESS = ("pg_exporter_", "pg_scrape_collector_", "postgres_exporter_")
ADDED_BY_THE_RUNNER = {"pg_up"}
SLACK = 1e-6

Expected = dict[str, dict[tuple[tuple[str, str], ...], float]]
Reader = Callable[[PostgresCluster, PostgresNode, psycopg.Connection[Any]], Expected]


def key(**labels: object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in labels.items()))


def number(value: Any) -> float:
    """The peer's reading of a column: NULL is 0, a time is a Unix time."""
    if value is None:
        return 0.0
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)


def rows(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def columns(found: list[dict[str, Any]], prefix: str, labels: tuple[str, ...], **renamed: str) -> Expected:
    """`prefix_column` for every column that is no label, under another name where `renamed` says so."""
    expected: Expected = {}
    for row in found:
        labelled = key(**{label: row[label] for label in labels})
        for column, value in row.items():
            if column not in labels:
                expected.setdefault(f"{prefix}_{renamed.get(column, column)}", {})[labelled] = number(value)
    return expected


def databases(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    found = rows(sql, "SELECT * FROM pg_stat_database WHERE datname IS NOT NULL")
    for row in found:
        row["active_time_seconds_total"] = row.pop("active_time") / 1000
        row["stats_reset"] = int(number(row["stats_reset"]))
        row["numbackends"] += row["datname"] == "postgres"  # ours, which is there only while it sweeps
    expected = columns(found, "pg_stat_database", ("datid", "datname"))
    limits = rows(sql, "SELECT datname, datconnlimit FROM pg_database")
    expected["pg_database_connection_limit"] = {key(datname=r["datname"]): r["datconnlimit"] for r in limits}
    sizes = rows(sql, "SELECT datname, pg_database_size(datname) AS size FROM pg_database")
    expected["pg_database_size_bytes"] = {key(datname=r["datname"]): float(r["size"]) for r in sizes}
    conflicts = [{**row, "server": node.address} for row in rows(sql, "SELECT * FROM pg_stat_database_conflicts")]
    return expected | columns(conflicts, "pg_stat_database_conflicts", ("datid", "datname", "server"))


def tables(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    labels = ("datname", "schemaname", "relname")
    found = rows(sql, "SELECT current_database() AS datname, * FROM pg_stat_user_tables")
    for row in found:
        relid = row.pop("relid")
        size = rows(sql, f"SELECT pg_total_relation_size({relid}) AS whole, pg_indexes_size({relid}) AS indexes")[0]
        row["index_size_bytes"] = size["indexes"]
        row["table_size_bytes"] = size["whole"] - size["indexes"]
    io = rows(sql, "SELECT current_database() AS datname, * FROM pg_statio_user_tables")
    for row in io:
        del row["relid"]
    blocks = {name: name.replace("_blks_", "_blocks_") for name in io[0]}
    return columns(found, "pg_stat_user_tables", labels) | columns(io, "pg_statio_user_tables", labels, **blocks)


def server(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    expected = columns(rows(sql, "SELECT archived_count, failed_count FROM pg_stat_archiver"), "pg_stat_archiver", ())
    writer = rows(sql, "SELECT * FROM pg_stat_bgwriter")[0]
    for column, value in writer.items():
        read = int(number(value)) if column == "stats_reset" else number(value)
        expected[f"pg_stat_bgwriter_{column}_total"] = {(): read}
    files = [path for path in (node.data / "pg_wal").iterdir() if len(path.name) == 24]
    expected["pg_wal_segments"] = {(): len(files)}
    expected["pg_wal_size_bytes"] = {(): sum(path.stat().st_size for path in files)}
    roles = rows(sql, "SELECT rolname, rolconnlimit FROM pg_authid")
    expected["pg_roles_connection_limit"] = {key(rolname=r["rolname"]): r["rolconnlimit"] for r in roles}
    version = rows(sql, "SELECT version(), current_setting('server_version') AS short")[0]
    static = key(version=version["version"], short_version=version["short"], server=node.address)
    expected["pg_static"] = {static: 1}
    return expected


def sessions(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    """Sessions and locks of the one named `holder`, and how many kinds with a count there are in all."""
    held = rows(sql, "SELECT *, extract(epoch FROM clock_timestamp() - xact_start) AS age FROM pg_stat_activity")
    names = ("datname", "state", "usename", "application_name", "backend_type", "wait_event_type", "wait_event")
    expected: Expected = {"pg_stat_activity_count": {}, "pg_stat_activity_max_tx_duration": {}, "pg_locks_count": {}}
    for row in held:
        if row["application_name"] == "holder":
            labels = key(**{name: row[name] for name in names})
            expected["pg_stat_activity_count"][labels] = 1
            expected["pg_stat_activity_max_tx_duration"][labels] = float(row["age"])
    modes = "access share,row share,row exclusive,share update exclusive,share,share row exclusive,exclusive"
    for database in rows(sql, "SELECT oid, datname FROM pg_database"):
        query = "SELECT mode FROM pg_locks WHERE pid <> pg_backend_pid() AND database = "
        count = Counter(row["mode"].lower() for row in rows(sql, query + str(database["oid"])))
        for mode in [m.replace(" ", "") + "lock" for m in modes.split(",")] + ["accessexclusivelock", "sireadlock"]:
            expected["pg_locks_count"][key(datname=database["datname"], mode=mode)] = count[mode]
    return expected


def settings(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    """What a fresh session of the same role is shown, converted by the server's own functions."""
    expected: Expected = {}
    with psycopg.connect(cluster.dsn(node), autocommit=True) as session:
        for row in rows(session, "SELECT name, unit, vartype, current_setting(name) AS shown FROM pg_settings"):
            if row["vartype"] not in ("bool", "integer", "real"):
                continue
            name, shown = "pg_settings_" + row["name"].replace(".", "_"), row["shown"]
            if row["vartype"] == "bool":
                expected[name] = {(): float(shown == "on")}
            elif row["unit"] is None:
                expected[name] = {(): float(shown)}
            elif row["unit"] in ("ms", "s", "min"):
                epoch = "SELECT extract(epoch FROM %s::interval)::float8"
                value = -1.0 if shown == "-1" else session.execute(epoch, [shown]).fetchone()[0]  # type: ignore[index]
                expected[name + "_seconds"] = {(): value}
            else:
                size = "SELECT pg_size_bytes(%s)::float8"
                value = -1.0 if shown == "-1" else session.execute(size, [shown]).fetchone()[0]  # type: ignore[index]
                expected[name + "_bytes"] = {(): value}
    return expected


def statements(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    query = """
        SELECT r.rolname AS "user", d.datname, queryid, sum(calls) AS calls_total,
               sum(total_exec_time) / 1000 AS seconds_total, sum(s.rows) AS rows_total,
               sum(blk_read_time) / 1000 AS block_read_seconds_total,
               sum(blk_write_time) / 1000 AS block_write_seconds_total
        FROM public.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
        WHERE query LIKE '%FROM shop.orders%' GROUP BY 1, 2, 3
    """
    return columns(rows(sql, query), "pg_stat_statements", ("user", "datname", "queryid"))


def replication(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    standby = rows(sql, "SELECT pg_is_in_recovery() AS standby")[0]["standby"]
    expected: Expected = {"pg_replication_is_replica": {(): float(standby)}}
    if standby:
        query = "SELECT extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS age"
        expected["pg_replication_last_replay_seconds"] = {(): float(rows(sql, query)[0]["age"])}
    else:
        # 0 by the peer's rule; the stalled stream in test_replication.py shows what that is worth on a standby.
        expected["pg_replication_lag_seconds"] = {(): 0.0}
    here = rows(sql, "SELECT pg_current_wal_lsn() AS lsn")[0]["lsn"] if not standby else None
    for slot in rows(sql, "SELECT * FROM pg_replication_slots") if here else ():
        name = {"slot_name": slot["slot_name"]}
        by_database, by_type = key(**name, database=slot["database"] or ""), key(**name, slot_type=slot["slot_type"])
        family = "pg_replication_slots"
        retained = (
            f"SELECT pg_wal_lsn_diff('{here}', '{slot['restart_lsn']}') AS b, pg_wal_lsn_diff('{here}', '0/0') AS c"
        )
        found = rows(sql, retained)[0]
        for suffix, labels, value in (
            ("active", by_database, slot["active"]),
            ("pg_wal_lsn_diff", by_database, found["b"]),
            ("slot_current_wal_lsn", by_type, found["c"]),
            ("slot_is_active", by_type, slot["active"]),
            ("wal_status", key(**dict(by_type), wal_status=slot["wal_status"]), 1),
        ):
            expected.setdefault(f"{family}_{suffix}", {})[labels] = float(value)
    return expected


READERS: tuple[Reader, ...] = (databases, tables, server, sessions, settings, statements, replication)


@pytest.fixture(scope="module")
def quiet() -> Iterator[PostgresCluster]:
    """A cluster of its own that holds still: no autovacuum, no timed checkpoint, archiving switched on."""
    settings = {"autovacuum": "off", "checkpoint_timeout": "1h", "archive_mode": "on", "archive_command": "true"}
    with running(PostgresCluster(standbys=1, settings=settings)) as cluster:
        primary = cluster.nodes[0]
        cluster.pgbench_init()
        cluster.sql(primary, "SELECT pg_create_logical_replication_slot('feed', 'pgoutput')")
        cluster.sql(primary, "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int, note text)")
        cluster.sql(primary, "INSERT INTO shop.orders SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i")
        cluster.sql(primary, "DELETE FROM shop.orders WHERE id < 1000")
        cluster.sql(primary, "ANALYZE")
        for _ in range(5):
            cluster.sql(primary, "SELECT count(*) FROM shop.orders")
        cluster.wait_caught_up(cluster.nodes[1])
        yield cluster


def read(cluster: PostgresCluster, node: PostgresNode, sql: psycopg.Connection[Any]) -> Expected:
    expected: Expected = {}
    for reader in READERS:
        expected |= reader(cluster, node, sql)
    return expected


def bracketed(cluster: PostgresCluster, node: PostgresNode, folder: Path) -> tuple[Expected, Samples, Expected]:
    """Values read by SQL before our two lanes, ours, and by SQL after them."""

    async def ours() -> Samples:
        async with opened(target(cluster, folder)) as source:
            fast, slow = await source.sweep("fast"), await source.sweep("slow")
        assert fast.complete, (fast.failed, fast.facets)
        assert slow.complete, (slow.failed, slow.facets)
        return samples(fast.parts[node.address]) | samples(slow.parts[node.address])

    with cluster.connect(node) as sql, cluster.connect(node) as holder:
        holder.execute("SET application_name = 'holder'")
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE shop.orders IN ACCESS SHARE MODE")
        before = read(cluster, node, sql)
        mine = asyncio.run(ours())
        return before, mine, read(cluster, node, sql)


def check(name: str, before: Expected, mine: Samples, after: Expected) -> None:
    """Every series that other means see, ours has, with a value between theirs."""
    assert before[name], f"{name}: other means saw nothing to compare"
    for labels, low in before[name].items():
        assert labels in mine[name], f"{name}: no series {labels} among {list(mine[name])[:3]}"
        high, value = after[name][labels], mine[name][labels]
        margin = SLACK * max(abs(low), abs(high), 1.0)
        assert min(low, high) - margin <= value <= max(low, high) + margin, (name, labels, low, value, high)


def test_names_on_the_primary(
    quiet: PostgresCluster, tmp_path: Path, record_coverage: Callable[[str, str, str], None]
) -> None:
    node = quiet.nodes[0]
    before, mine, after = bracketed(quiet, node, tmp_path)
    # On the standby: a primary never replays.
    standby_before, standby_mine, standby_after = bracketed(quiet, quiet.nodes[1], tmp_path)
    statuses: dict[str, str] = {}
    for line in NAMES.read_text().splitlines():
        name, _, labels = line.partition(" ")
        wanted = set(filter(None, labels.strip().split(",")))
        source = (before, mine, after) if name in mine else (standby_before, standby_mine, standby_after)
        if name in ADDED_BY_THE_RUNNER:
            statuses[name] = "exposed"
        elif name.startswith(OWN_PROCESS):
            statuses[name] = "out of scope"
        elif name not in source[1]:
            statuses[name] = "missing"
        else:
            assert {label for label, _ in next(iter(source[1][name]))} == wanted, name
            check(name, *source)
            statuses[name] = "asserted"
        record_coverage(PEER, name, statuses[name])
    share = list(statuses.values()).count("asserted") / len(statuses)
    assert share >= REQUIRED_SHARE, [name for name, status in statuses.items() if status != "asserted"]


def test_names_on_a_standby(quiet: PostgresCluster, tmp_path: Path) -> None:
    before, mine, after = bracketed(quiet, quiet.nodes[1], tmp_path)
    names = [name for name in before if before[name] and name in mine]
    assert len(names) > 300
    for name in names:
        check(name, before, mine, after)


def test_our_read_only_session_does_not_show_in_the_parameters(quiet: PostgresCluster, tmp_path: Path) -> None:
    _, primary, _ = bracketed(quiet, quiet.nodes[0], tmp_path)
    _, standby, _ = bracketed(quiet, quiet.nodes[1], tmp_path)
    for name in ("default_transaction_read_only", "transaction_read_only", "statement_timeout_seconds"):
        assert primary[f"pg_settings_{name}"] == {(): 0.0}, name
    assert standby["pg_settings_transaction_read_only"] == {(): 1.0}
