"""The statements about tables and statements of the user's, cut to the largest by a choice that stays put.

A table that was shown is kept while it is among the twice as many largest, so that growth around the limit does not
make series come and go. The ranking reads pg_class alone: no file and no lock.
"""

from __future__ import annotations

from typing import Final

from stackledger.integrations.postgres.query import Query

PARAMETERS: Final = ("tables_top", "tables_kept")


_CHOSEN: Final = """
    WITH ranked AS (
        SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltoastrelid,
               row_number() OVER (ORDER BY c.relpages DESC, c.oid) AS place
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 't', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND n.nspname !~ '^pg_toast'
    ), chosen AS (
        SELECT *, row_number() OVER (
            ORDER BY (oid = ANY ($2::oid[]) AND place <= 2 * $1::int) DESC, place) <= $1::int AS shown
        FROM ranked
    )
"""
_STAT_GAUGES: Final = {
    "n_live_tup": "pg_stat_get_live_tuples",
    "n_dead_tup": "pg_stat_get_dead_tuples",
    "n_mod_since_analyze": "pg_stat_get_mod_since_analyze",
}
_SHOWN: Final = """
    SELECT current_database() AS datname, c.nspname AS schemaname, c.relname, c.oid::int8 AS oid,
           c.relpages * current_setting('block_size')::float8 AS estimate,
"""
TABLES: Final = Query(
    "tables",
    _CHOSEN
    + _SHOWN
    + """
           s.seq_scan, s.seq_tup_read, COALESCE(s.idx_scan, 0) AS idx_scan,
           COALESCE(s.idx_tup_fetch, 0) AS idx_tup_fetch, s.n_tup_ins, s.n_tup_upd, s.n_tup_del, s.n_tup_hot_upd,
           s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
           COALESCE(extract(epoch FROM s.last_vacuum), 0)::float8 AS last_vacuum,
           COALESCE(extract(epoch FROM s.last_autovacuum), 0)::float8 AS last_autovacuum,
           COALESCE(extract(epoch FROM s.last_analyze), 0)::float8 AS last_analyze,
           COALESCE(extract(epoch FROM s.last_autoanalyze), 0)::float8 AS last_autoanalyze,
           s.vacuum_count, s.autovacuum_count, s.analyze_count, s.autoanalyze_count,
           COALESCE(i.heap_blks_read, 0) AS heap_blks_read, COALESCE(i.heap_blks_hit, 0) AS heap_blks_hit,
           COALESCE(i.idx_blks_read, 0) AS idx_blks_read, COALESCE(i.idx_blks_hit, 0) AS idx_blks_hit,
           COALESCE(i.toast_blks_read, 0) AS toast_blks_read, COALESCE(i.toast_blks_hit, 0) AS toast_blks_hit,
           COALESCE(i.tidx_blks_read, 0) AS tidx_blks_read, COALESCE(i.tidx_blks_hit, 0) AS tidx_blks_hit
    FROM chosen c JOIN pg_stat_user_tables s ON s.relid = c.oid JOIN pg_statio_user_tables i ON i.relid = c.oid
    WHERE c.shown ORDER BY c.oid
    """,
    PARAMETERS,
)
OTHER_TABLES: Final = Query(
    "other tables",
    _CHOSEN  # noqa: S608 - constants of ours
    + "SELECT current_database() AS datname, 'other' AS schemaname, 'other' AS relname,"
    + " sum(relpages) * current_setting('block_size')::float8 AS estimate, "
    + ", ".join(f"sum({function}(oid))::float8 AS {column}" for column, function in _STAT_GAUGES.items())
    + " FROM chosen WHERE NOT shown HAVING count(*) > 0",
    PARAMETERS,
)
OTHER_GAUGES: Final = tuple(_STAT_GAUGES)

# pg_table_size opens the table, its TOAST and its indexes; one that somebody has locked, or waits to lock, is left out.
_LOCKED: Final = """
    EXISTS (SELECT FROM pg_locks l WHERE l.mode = 'AccessExclusiveLock' AND l.locktype = 'relation'
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (l.relation IN (c.oid, c.reltoastrelid)
                 OR l.relation IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (c.oid, c.reltoastrelid))))
"""
TABLE_SIZES: Final = Query(
    "table sizes",
    f"""{_CHOSEN}
    SELECT current_database() AS datname, c.nspname AS schemaname, c.relname,
           pg_table_size(c.oid)::float8 AS table_size, pg_indexes_size(c.oid)::float8 AS index_size
    FROM chosen c WHERE c.shown AND NOT {_LOCKED} ORDER BY c.oid
    """,  # noqa: S608 - constants of ours
    PARAMETERS,
)
OTHER_SIZES: Final = Query(
    "other sizes",
    f"""{_CHOSEN}, rest AS MATERIALIZED (SELECT c.oid, {_LOCKED} AS locked FROM chosen c WHERE NOT c.shown)
    SELECT current_database() AS datname, 'other' AS schemaname, 'other' AS relname,
           sum(pg_table_size(oid))::float8 AS table_size, sum(pg_indexes_size(oid))::float8 AS index_size
    FROM rest WHERE NOT EXISTS (SELECT FROM rest WHERE locked) HAVING count(*) > 0
    """,  # noqa: S608 - constants of ours
    PARAMETERS,
)
DATABASE_SIZES: Final = Query(
    "database sizes",
    """
    SELECT datname, pg_database_size(oid)::float8 AS size FROM pg_database
    WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') ORDER BY oid
    """,
)


def statements(schema: str) -> Query:
    """The statements with the most time, from pg_stat_statements in its schema; those shown before stay as tables do.

    A statement that left the server's own table starts again at 0, which `rate` takes for what it is.
    """
    view = '"' + schema.replace('"', '""') + '".pg_stat_statements'
    return Query(
        "statements",
        f"""
        WITH summed AS (
            SELECT userid, dbid, queryid, sum(calls)::float8 AS calls, sum(total_exec_time) / 1000 AS seconds,
                   sum(rows)::float8 AS rows,
                   sum(COALESCE(to_jsonb(s) ->> 'shared_blk_read_time', to_jsonb(s) ->> 'blk_read_time')::float8)
                       / 1000 AS block_read_seconds,
                   sum(COALESCE(to_jsonb(s) ->> 'shared_blk_write_time', to_jsonb(s) ->> 'blk_write_time')::float8)
                       / 1000 AS block_write_seconds
            FROM {view}(false) s WHERE queryid IS NOT NULL GROUP BY 1, 2, 3
        ), ranked AS (
            SELECT *, row_number() OVER (ORDER BY seconds DESC, queryid, userid, dbid) AS place FROM summed
        )
        SELECT pg_get_userbyid(userid)::text AS "user", d.datname, queryid, calls, seconds, rows,
               block_read_seconds, block_write_seconds
        FROM ranked JOIN pg_database d ON d.oid = dbid
        ORDER BY (queryid = ANY ($2::int8[]) AND place <= 2 * $1::int) DESC, place LIMIT $1::int
        """,  # noqa: S608 - a quoted name from pg_extension
        ("statements_top", "statements_kept"),
    )


FAST: Final = (TABLES, OTHER_TABLES)
SLOW: Final = (TABLE_SIZES, OTHER_SIZES, DATABASE_SIZES)
