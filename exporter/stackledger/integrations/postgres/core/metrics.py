"""Metrics of a single server. postgres_exporter's names wherever they exist; ours say `stackledger_postgres_`.

Owns no parameter of the server (`settings`) and nothing between servers (`replication`).
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Common, Kind, Label, Metric, drop_after
from stackledger.units import BYTES, COUNT, RATIO, SECONDS, STATE, TIMESTAMP, Unit

PEER: Final = "postgres_exporter"
DATABASES: Final = 200
TABLES: Final = 501
_GONE_AT_ONCE: Final = drop_after(1)


class Datname(Label):
    """Name of the database (pg_database)."""

    bounded = False
    cap = DATABASES


class Datid(Label):
    """OID of the database (pg_database)."""

    bounded = False
    cap = DATABASES


class Schemaname(Label):
    """Schema of the table (pg_namespace); `other` for the tables not shown by name."""

    bounded = False
    cap = TABLES


class Relname(Label):
    """Name of the table (pg_class); `other` for the tables not shown by name."""

    bounded = False
    cap = TABLES


class Mode(Label):
    """Lock mode in lower case (pg_locks)."""


class Usename(Label):
    """Role of the session (pg_stat_activity); `other` beyond the 200 most common kinds of session."""

    bounded = False
    cap = 200


class State(Label):
    """State of the session (pg_stat_activity)."""


class ApplicationName(Label):
    """Name that the client gave itself (pg_stat_activity, pg_stat_replication)."""

    bounded = False
    cap = 200


class BackendType(Label):
    """Kind of server process (pg_stat_activity)."""


class WaitEventType(Label):
    """Kind of thing that the session waits for (pg_stat_activity)."""


class WaitEvent(Label):
    """What the session waits for (pg_stat_activity)."""

    bounded = False
    cap = 200


class Rolname(Label):
    """Name of the role (pg_roles)."""

    bounded = False
    cap = 500


class User(Label):
    """Role that ran the statement (pg_stat_statements)."""

    bounded = False
    cap = 500


class Queryid(Label):
    """Hash of the statement's shape (pg_stat_statements)."""

    bounded = False
    cap = 500


class Version(Label):
    """The server's version in full (version())."""


class ShortVersion(Label):
    """The server's version number (server_version)."""


class Server(Label):
    """Address of the server as it stands in the configuration; the same as `instance`."""


UP = Metric("pg_up", Kind.GAUGE, STATE, "1 if the node answered the last sweep, 0 if not (own sweep).", compat=PEER)
STATIC = Metric(
    "pg_static",
    Kind.INFO,
    STATE,
    "The server's version, in labels (version()).",
    labels=(ShortVersion, Version, Server),
    compat=PEER,
)

# -- databases -------------------------------------------------------------------------------------------------------


def _database(
    column: str, doc: str, *, kind: Kind = Kind.COUNTER, unit: Unit = COUNT
) -> Metric[Common | Datid | Datname]:
    name = f"pg_stat_database_{column}"
    source = f"{doc} (pg_stat_database {column})."
    return Metric(name, kind, unit, source, labels=(Datid, Datname), budget=DATABASES, compat=PEER)


BACKENDS = _database("numbackends", "Backends connected to the database", kind=Kind.GAUGE)
COMMITS = _database("xact_commit", "Transactions committed")
ROLLBACKS = _database("xact_rollback", "Transactions rolled back")
BLOCKS_READ = _database("blks_read", "Blocks read from outside the buffer cache")
BLOCKS_HIT = _database("blks_hit", "Blocks found in the buffer cache")
ROWS_RETURNED = _database(
    "tup_returned", "Live rows read by sequential scans and index entries returned by index scans"
)
ROWS_FETCHED = _database("tup_fetched", "Live rows fetched by index scans")
ROWS_INSERTED = _database("tup_inserted", "Rows inserted")
ROWS_UPDATED = _database("tup_updated", "Rows updated")
ROWS_DELETED = _database("tup_deleted", "Rows deleted")
CONFLICTS = _database("conflicts", "Queries cancelled by conflicts with recovery; standbys only")
TEMP_FILES = _database("temp_files", "Temporary files created by queries")
TEMP_BYTES = _database("temp_bytes", "Bytes written to temporary files by queries", unit=BYTES)
DEADLOCKS = _database("deadlocks", "Deadlocks detected")
BLOCK_READ_TIME = _database("blk_read_time", "Milliseconds spent reading blocks; 0 unless track_io_timing is on")
BLOCK_WRITE_TIME = _database("blk_write_time", "Milliseconds spent writing blocks; 0 unless track_io_timing is on")
STATS_RESET = _database("stats_reset", "Unix time of the last reset, 0 for never")
ACTIVE_TIME = Metric(
    "pg_stat_database_active_time_seconds_total",
    Kind.COUNTER,
    SECONDS,
    "Seconds that sessions spent running statements (pg_stat_database active_time).",
    labels=(Datid, Datname),
    budget=DATABASES,
    compat=PEER,
)
TRANSACTIONS = Metric(
    "stackledger_postgres_transactions_total",
    Kind.COUNTER,
    COUNT,
    "Transactions ended, committed or rolled back (pg_stat_database xact_commit and xact_rollback).",
    labels=(Datid, Datname),
    budget=DATABASES,
)


def _conflict(cause: str, doc: str) -> Metric[Common | Datid | Datname | Server]:
    name = f"pg_stat_database_conflicts_confl_{cause}"
    source = f"Queries cancelled on a standby by {doc} (pg_stat_database_conflicts confl_{cause})."
    return Metric(name, Kind.COUNTER, COUNT, source, labels=(Datid, Datname, Server), budget=DATABASES, compat=PEER)


CONFLICT_BUFFERPIN = _conflict("bufferpin", "pinned buffers")
CONFLICT_DEADLOCK = _conflict("deadlock", "deadlocks")
CONFLICT_LOCK = _conflict("lock", "lock timeouts")
CONFLICT_SNAPSHOT = _conflict("snapshot", "snapshots that were too old")
CONFLICT_TABLESPACE = _conflict("tablespace", "tablespaces that were dropped")

DATABASE_LIMIT = Metric(
    "pg_database_connection_limit",
    Kind.GAUGE,
    COUNT,
    "Most connections to the database, -1 for no limit (pg_database datconnlimit).",
    labels=(Datname,),
    budget=DATABASES,
    compat=PEER,
)
DATABASE_SIZE = Metric(
    "pg_database_size_bytes",
    Kind.GAUGE,
    BYTES,
    "Bytes that the database takes on disk (pg_database_size, slow lane).",
    labels=(Datname,),
    budget=DATABASES,
    compat=PEER,
)
XID_AGE = Metric(
    "stackledger_postgres_oldest_transaction_id_age",
    Kind.GAUGE,
    COUNT,
    "Transactions since the oldest id that is not frozen in the database (age of pg_database datfrozenxid).",
    labels=(Datname,),
    budget=DATABASES,
)
MULTIXACT_AGE = Metric(
    "stackledger_postgres_oldest_multixact_age",
    Kind.GAUGE,
    COUNT,
    "Multixacts since the oldest that is not frozen in the database (mxid_age of pg_database datminmxid).",
    labels=(Datname,),
    budget=DATABASES,
)
WRAPAROUND = Metric(
    "stackledger_postgres_wraparound_ratio",
    Kind.GAUGE,
    RATIO,
    "Share of the 2^31 ids used up by the oldest transaction or multixact; writes stop near 1 (pg_database).",
)
FREEZE = Metric(
    "stackledger_postgres_freeze_ratio",
    Kind.GAUGE,
    RATIO,
    "Oldest transaction id's age over autovacuum_freeze_max_age; forced vacuums begin at 1 (pg_database).",
)

# -- sessions and locks ----------------------------------------------------------------------------------------------

SESSIONS = Metric(
    "pg_stat_activity_count",
    Kind.GAUGE,
    COUNT,
    "Sessions by database, state, role, application and wait; 0 for states that none is in (pg_stat_activity).",
    labels=(Datname, State, Usename, ApplicationName, BackendType, WaitEventType, WaitEvent),
    budget=2_000,
    compat=PEER,
    missing=_GONE_AT_ONCE,
)
SESSION_AGE = Metric(
    "pg_stat_activity_max_tx_duration",
    Kind.GAUGE,
    SECONDS,
    "Seconds that the longest transaction of such sessions has run (pg_stat_activity xact_start).",
    labels=(Datname, State, Usename, ApplicationName, BackendType, WaitEventType, WaitEvent),
    budget=2_000,
    compat=PEER,
    missing=_GONE_AT_ONCE,
)
CONNECTIONS = Metric(
    "stackledger_postgres_connections",
    Kind.GAUGE,
    COUNT,
    "Client connections, ours included (pg_stat_activity, backend_type client backend).",
)
CONNECTIONS_USABLE = Metric(
    "stackledger_postgres_connections_usable",
    Kind.GAUGE,
    COUNT,
    "Connections that ordinary roles can open in all (max_connections less the reserved ones).",
)
OLDEST_TRANSACTION = Metric(
    "stackledger_postgres_oldest_transaction_seconds",
    Kind.GAUGE,
    SECONDS,
    "Age of the oldest open transaction of a client, 0 when none is open (pg_stat_activity xact_start).",
    missing=_GONE_AT_ONCE,
)
OLDEST_IDLE_TRANSACTION = Metric(
    "stackledger_postgres_oldest_idle_transaction_seconds",
    Kind.GAUGE,
    SECONDS,
    "Longest time that a client's open transaction has been idle, 0 when none is (pg_stat_activity state_change).",
    missing=_GONE_AT_ONCE,
)
BLOCKED = Metric(
    "stackledger_postgres_blocked_backends",
    Kind.GAUGE,
    COUNT,
    "Backends that wait for a lock held by another (pg_stat_activity wait_event_type Lock).",
    missing=_GONE_AT_ONCE,
)
LONGEST_BLOCK = Metric(
    "stackledger_postgres_longest_lock_wait_seconds",
    Kind.GAUGE,
    SECONDS,
    "Longest time that a backend has waited for a lock, 0 when none waits (pg_locks waitstart).",
    missing=_GONE_AT_ONCE,
)
LOCKS = Metric(
    "pg_locks_count",
    Kind.GAUGE,
    COUNT,
    "Locks held or awaited by database and mode, 0 where there are none (pg_locks).",
    labels=(Datname, Mode),
    budget=DATABASES * 9,
    compat=PEER,
    missing=_GONE_AT_ONCE,
)
ROLE_LIMIT = Metric(
    "pg_roles_connection_limit",
    Kind.GAUGE,
    COUNT,
    "Most connections of the role, -1 for no limit (pg_roles rolconnlimit).",
    labels=(Rolname,),
    budget=500,
    compat=PEER,
)

# -- write-ahead log, archive, checkpoints ---------------------------------------------------------------------------

WAL_SEGMENTS = Metric("pg_wal_segments", Kind.GAUGE, COUNT, "Files of write-ahead log (pg_ls_waldir).", compat=PEER)
WAL_SIZE = Metric("pg_wal_size_bytes", Kind.GAUGE, BYTES, "Bytes of write-ahead log kept (pg_ls_waldir).", compat=PEER)
ARCHIVED = Metric(
    "pg_stat_archiver_archived_count", Kind.COUNTER, COUNT, "Files archived (pg_stat_archiver).", compat=PEER
)
ARCHIVE_FAILED = Metric(
    "pg_stat_archiver_failed_count", Kind.COUNTER, COUNT, "Failed attempts to archive (pg_stat_archiver).", compat=PEER
)
ARCHIVE_AGE = Metric(
    "pg_stat_archiver_last_archive_age",
    Kind.GAUGE,
    SECONDS,
    "Seconds since a file was last archived (pg_stat_archiver last_archived_time).",
    compat=PEER,
    conditional="archiving switched on and a file archived",
)
ARCHIVE_FAILING = Metric(
    "stackledger_postgres_archive_failing",
    Kind.GAUGE,
    STATE,
    "1 if the newest attempt to archive failed, 0 if not or if there was none (pg_stat_archiver).",
)


def _background(column: str, doc: str) -> Metric[Common]:
    name = f"pg_stat_bgwriter_{column}_total"
    until_16 = column.startswith("checkpoint") or column in (
        "buffers_checkpoint",
        "buffers_backend",
        "buffers_backend_fsync",
    )
    condition = "a server older than 17" if until_16 else ""
    return Metric(name, Kind.COUNTER, COUNT, f"{doc} (pg_stat_bgwriter {column}).", compat=PEER, conditional=condition)


CHECKPOINTS_TIMED = _background("checkpoints_timed", "Checkpoints begun because the time had come")
CHECKPOINTS_REQUESTED = _background("checkpoints_req", "Checkpoints that were requested, most for lack of WAL space")
CHECKPOINT_WRITE_TIME = _background("checkpoint_write_time", "Milliseconds spent writing checkpoints")
CHECKPOINT_SYNC_TIME = _background("checkpoint_sync_time", "Milliseconds spent syncing checkpoints")
BUFFERS_CHECKPOINT = _background("buffers_checkpoint", "Buffers written by checkpoints")
BUFFERS_CLEAN = _background("buffers_clean", "Buffers written by the background writer")
MAXWRITTEN_CLEAN = _background("maxwritten_clean", "Rounds that the background writer stopped early")
BUFFERS_BACKEND = _background("buffers_backend", "Buffers that backends had to write themselves")
BUFFERS_BACKEND_FSYNC = _background("buffers_backend_fsync", "Syncs that backends had to do themselves")
BUFFERS_ALLOC = _background("buffers_alloc", "Buffers allocated")
BGWRITER_RESET = _background("stats_reset", "Unix time of the last reset")
STARTED = Metric(
    "stackledger_postgres_start_timestamp_seconds",
    Kind.GAUGE,
    TIMESTAMP,
    "When the server was started (pg_postmaster_start_time).",
)
