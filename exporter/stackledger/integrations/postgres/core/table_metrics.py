"""Metrics of tables and statements: the families that grow, and so are cut to the largest.

Gauges of tables have a series `other`, exact at every read, for the tables not shown. Counters have none: as tables
move in and out of the sum it would fall and rise, and `rate` would take each fall for a restart. The database's own
counters (pg_stat_database) hold the exact totals.
"""

from __future__ import annotations

from typing import Any, Final

from stackledger.catalogue import Common, Kind, Metric
from stackledger.integrations.postgres.core.metrics import (
    PEER,
    TABLES,
    Datname,
    Queryid,
    Relname,
    Schemaname,
    User,
)
from stackledger.units import BYTES, COUNT, SECONDS, Unit

TableMetric = Metric[Common | Datname | Schemaname | Relname]
_COUNTER: Final = Kind.COUNTER
_GAUGE: Final = Kind.GAUGE


def _table(
    name: str, doc: str, *, kind: Kind = _COUNTER, unit: Unit = COUNT, view: str = "pg_stat_user_tables"
) -> TableMetric:
    full = f"{view}_{name}"
    return Metric(
        full, kind, unit, f"{doc} ({view}).", labels=(Datname, Schemaname, Relname), budget=TABLES, compat=PEER
    )


STAT: Final[dict[str, TableMetric]] = {
    "seq_scan": _table("seq_scan", "Sequential scans begun"),
    "seq_tup_read": _table("seq_tup_read", "Live rows fetched by sequential scans"),
    "idx_scan": _table("idx_scan", "Index scans begun"),
    "idx_tup_fetch": _table("idx_tup_fetch", "Live rows fetched by index scans"),
    "n_tup_ins": _table("n_tup_ins", "Rows inserted"),
    "n_tup_upd": _table("n_tup_upd", "Rows updated"),
    "n_tup_del": _table("n_tup_del", "Rows deleted"),
    "n_tup_hot_upd": _table("n_tup_hot_upd", "Rows updated without touching an index"),
    "n_live_tup": _table("n_live_tup", "Live rows, estimated", kind=_GAUGE),
    "n_dead_tup": _table("n_dead_tup", "Dead rows, estimated", kind=_GAUGE),
    "n_mod_since_analyze": _table("n_mod_since_analyze", "Rows changed since the last analyze, estimated", kind=_GAUGE),
    "last_vacuum": _table("last_vacuum", "Unix time of the last manual vacuum, 0 for never", kind=_GAUGE),
    "last_autovacuum": _table("last_autovacuum", "Unix time of the last autovacuum, 0 for never", kind=_GAUGE),
    "last_analyze": _table("last_analyze", "Unix time of the last manual analyze, 0 for never", kind=_GAUGE),
    "last_autoanalyze": _table("last_autoanalyze", "Unix time of the last automatic analyze, 0 for never", kind=_GAUGE),
    "vacuum_count": _table("vacuum_count", "Manual vacuums"),
    "autovacuum_count": _table("autovacuum_count", "Autovacuums"),
    "analyze_count": _table("analyze_count", "Manual analyzes"),
    "autoanalyze_count": _table("autoanalyze_count", "Automatic analyzes"),
}
"""By column of pg_stat_user_tables."""

_IO: Final = "pg_statio_user_tables"
STATIO: Final[dict[str, TableMetric]] = {
    "heap_blks_read": _table("heap_blocks_read", "Blocks of the table read from outside the cache", view=_IO),
    "heap_blks_hit": _table("heap_blocks_hit", "Blocks of the table found in the cache", view=_IO),
    "idx_blks_read": _table("idx_blocks_read", "Blocks of its indexes read from outside the cache", view=_IO),
    "idx_blks_hit": _table("idx_blocks_hit", "Blocks of its indexes found in the cache", view=_IO),
    "toast_blks_read": _table("toast_blocks_read", "Blocks of its TOAST table read from outside the cache", view=_IO),
    "toast_blks_hit": _table("toast_blocks_hit", "Blocks of its TOAST table found in the cache", view=_IO),
    "tidx_blks_read": _table("tidx_blocks_read", "Blocks of its TOAST index read from outside the cache", view=_IO),
    "tidx_blks_hit": _table("tidx_blocks_hit", "Blocks of its TOAST index found in the cache", view=_IO),
}
"""By column of pg_statio_user_tables."""

TABLE_SIZE = _table("table_size_bytes", "Bytes of the table with its TOAST, slow lane", kind=_GAUGE, unit=BYTES)
INDEX_SIZE = _table("index_size_bytes", "Bytes of all its indexes, slow lane", kind=_GAUGE, unit=BYTES)
TABLE_ESTIMATE: TableMetric = Metric(
    "stackledger_postgres_table_estimated_bytes",
    _GAUGE,
    BYTES,
    "Bytes of the table as of its last vacuum or analyze; read without a lock (pg_class relpages).",
    labels=(Datname, Schemaname, Relname),
    budget=TABLES,
)


def _statement(name: str, doc: str, unit: Unit = COUNT) -> Metric[Common | User | Datname | Queryid]:
    return Metric(
        f"pg_stat_statements_{name}_total",
        Kind.COUNTER,
        unit,
        f"{doc}, for the statements with the most time (pg_stat_statements, slow lane).",
        labels=(User, Datname, Queryid),
        budget=500,
        compat=PEER,
        conditional="pg_stat_statements installed in the database",
    )


STATEMENTS: Final[dict[str, Metric[Common | User | Datname | Queryid]]] = {
    "calls": _statement("calls", "Times the statement was run"),
    "seconds": _statement("seconds", "Seconds spent running the statement", SECONDS),
    "rows": _statement("rows", "Rows that the statement returned or changed"),
    "block_read_seconds": _statement("block_read_seconds", "Seconds the statement spent reading blocks", SECONDS),
    "block_write_seconds": _statement("block_write_seconds", "Seconds the statement spent writing blocks", SECONDS),
}
"""By column of our query."""

METRICS: Final[tuple[Metric[Any], ...]] = (
    *STAT.values(),
    *STATIO.values(),
    *STATEMENTS.values(),
    TABLE_SIZE,
    INDEX_SIZE,
    TABLE_ESTIMATE,
)
