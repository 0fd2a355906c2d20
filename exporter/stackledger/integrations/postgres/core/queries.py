"""The statements that read a single server. None takes a lock on a table of the user's, but for the slow lane's sizes.

Columns are named after what they feed. A column that only some versions have is asked through to_jsonb, so that its
absence is NULL and not an error.
"""

from __future__ import annotations

from typing import Final

from stackledger.integrations.postgres.query import Query

_SESSION_KINDS: Final = 200

DATABASES: Final = Query(
    "databases",
    """
    SELECT datid::text, datname, numbackends, xact_commit, xact_rollback, xact_commit + xact_rollback AS transactions,
           blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts,
           temp_files, temp_bytes, deadlocks, blk_read_time, blk_write_time, active_time / 1000.0 AS active_seconds,
           COALESCE(floor(extract(epoch FROM stats_reset)), 0)::float8 AS stats_reset
    FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY datid
    """,
)
CONFLICTS: Final = Query(
    "conflicts",
    """
    SELECT datid::text, datname, confl_bufferpin, confl_deadlock, confl_lock, confl_snapshot, confl_tablespace
    FROM pg_stat_database_conflicts ORDER BY datid
    """,
)
LIMITS: Final = Query("limits", "SELECT datname, datconnlimit FROM pg_database ORDER BY oid")
ROLES: Final = Query("roles", "SELECT rolname, rolconnlimit FROM pg_roles ORDER BY oid")
WRAPAROUND: Final = Query(
    "wraparound",
    """
    SELECT datname, age(datfrozenxid) AS xid_age, mxid_age(datminmxid) AS multixact_age,
           greatest(age(datfrozenxid), mxid_age(datminmxid)) / 2147483648.0 AS wraparound,
           age(datfrozenxid) / current_setting('autovacuum_freeze_max_age')::float8 AS freeze
    FROM pg_database ORDER BY oid
    """,
)
SESSIONS: Final = Query(
    "sessions",
    f"""
    WITH seen AS (
        SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event, count(*) AS number,
               max(extract(epoch FROM now() - xact_start))::float8 AS age,
               row_number() OVER (ORDER BY count(*) DESC, datname, usename, application_name, state) AS place
        FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), folded AS (
        SELECT datname, state, sum(number)::float8 AS number, max(age) AS age,
               CASE WHEN place <= {_SESSION_KINDS} THEN usename ELSE 'other' END AS usename,
               CASE WHEN place <= {_SESSION_KINDS} THEN application_name ELSE 'other' END AS application_name,
               CASE WHEN place <= {_SESSION_KINDS} THEN backend_type ELSE 'other' END AS backend_type,
               CASE WHEN place <= {_SESSION_KINDS} THEN wait_event_type ELSE 'other' END AS wait_event_type,
               CASE WHEN place <= {_SESSION_KINDS} THEN wait_event ELSE 'other' END AS wait_event
        FROM seen GROUP BY 1, 2, 5, 6, 7, 8, 9
    )
    SELECT d.datname, s.state, COALESCE(usename, '') AS usename, COALESCE(application_name, '') AS application_name,
           COALESCE(backend_type, '') AS backend_type, COALESCE(wait_event_type, '') AS wait_event_type,
           COALESCE(wait_event, '') AS wait_event, COALESCE(number, 0) AS number, COALESCE(age, 0) AS age
    FROM (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                 ('fastpath function call'), ('disabled')) AS s (state)
    CROSS JOIN pg_database d LEFT JOIN folded f ON f.state = s.state AND f.datname = d.datname
    """,  # noqa: S608 - a constant of ours
)
PRESSURE: Final = Query(
    "pressure",
    """
    SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - COALESCE(current_setting('reserved_connections', true)::int, 0) AS usable,
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked,
           COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (
               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0)::float8 AS oldest_transaction,
           COALESCE(max(extract(epoch FROM clock_timestamp() - state_change)) FILTER (
               WHERE state LIKE 'idle in transaction%'), 0)::float8 AS oldest_idle_transaction
    FROM pg_stat_activity
    """,
)
LOCKS: Final = Query(
    "locks",
    """
    WITH held AS (SELECT database, lower(mode) AS mode, count(*) AS number FROM pg_locks
                  WHERE database IS NOT NULL AND pid <> pg_backend_pid() GROUP BY 1, 2)
    SELECT d.datname, m.mode, COALESCE(number, 0) AS number
    FROM (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
                 ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'),
                 ('sireadlock')) AS m (mode)
    CROSS JOIN pg_database d LEFT JOIN held h ON h.database = d.oid AND h.mode = m.mode
    """,
)
LOCK_WAIT: Final = Query(
    "lock wait",
    """
    SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8 AS longest
    FROM pg_locks WHERE NOT granted
    """,
)
WAL: Final = Query(
    "wal",
    """
    SELECT count(*) AS segments, sum(size)::float8 AS size FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'
    """,
)
ARCHIVER: Final = Query(
    "archiver",
    """
    SELECT archived_count, failed_count, extract(epoch FROM now() - last_archived_time)::float8 AS last_archive_age,
           COALESCE(last_failed_time > COALESCE(last_archived_time, '-infinity'), false)::int AS failing
    FROM pg_stat_archiver
    """,
)
BACKGROUND_COLUMNS: Final = (
    "checkpoints_timed",
    "checkpoints_req",
    "checkpoint_write_time",
    "checkpoint_sync_time",
    "buffers_checkpoint",
    "buffers_clean",
    "maxwritten_clean",
    "buffers_backend",
    "buffers_backend_fsync",
    "buffers_alloc",
)
BACKGROUND: Final = Query(
    "bgwriter",
    "SELECT "  # noqa: S608 - constants of ours
    + ", ".join(f"(to_jsonb(b) ->> '{column}')::float8 AS {column}" for column in BACKGROUND_COLUMNS)
    + ", COALESCE(floor(extract(epoch FROM stats_reset)), 0)::float8 AS stats_reset FROM pg_stat_bgwriter b",
)
# Our session changed a few parameters; for those the value before is told. A transaction of others is read-only by
# their default or because the server is a standby.
SETTINGS: Final = Query(
    "settings",
    """
    SELECT name, unit, vartype,
           CASE WHEN name = 'transaction_read_only' THEN
               (SELECT CASE WHEN d.reset_val = 'on' OR pg_is_in_recovery() THEN 'on' ELSE 'off' END
                FROM pg_settings d WHERE d.name = 'default_transaction_read_only')
           WHEN source = 'session' THEN reset_val ELSE setting END AS setting
    FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real')
    """,
)

FAST: Final = (
    DATABASES,
    CONFLICTS,
    LIMITS,
    ROLES,
    WRAPAROUND,
    SESSIONS,
    PRESSURE,
    LOCKS,
    LOCK_WAIT,
    WAL,
    ARCHIVER,
    BACKGROUND,
)
