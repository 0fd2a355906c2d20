"""From a node's answers to samples: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stackledger.collect.snapshot import Part
from stackledger.integrations.postgres.core import metrics as m
from stackledger.integrations.postgres.core import queries as q
from stackledger.integrations.postgres.core import table_metrics as tm
from stackledger.integrations.postgres.core import table_queries as tq
from stackledger.integrations.postgres.core.settings import SETTINGS, value_of
from stackledger.integrations.postgres.query import Answer, Family, Query
from stackledger.integrations.postgres.view import NodeView

_TABLE: Final = ("datname", "schemaname", "relname")
_SESSION: Final = (
    "datname",
    "state",
    "usename",
    "application_name",
    "backend_type",
    "wait_event_type",
    "wait_event",
)
_BACKGROUND: Final = (
    m.CHECKPOINTS_TIMED,
    m.CHECKPOINTS_REQUESTED,
    m.CHECKPOINT_WRITE_TIME,
    m.CHECKPOINT_SYNC_TIME,
    m.BUFFERS_CHECKPOINT,
    m.BUFFERS_CLEAN,
    m.MAXWRITTEN_CLEAN,
    m.BUFFERS_BACKEND,
    m.BUFFERS_BACKEND_FSYNC,
    m.BUFFERS_ALLOC,
)
_DATABASE: Final = {
    "numbackends": m.BACKENDS,
    "xact_commit": m.COMMITS,
    "xact_rollback": m.ROLLBACKS,
    "transactions": m.TRANSACTIONS,
    "blks_read": m.BLOCKS_READ,
    "blks_hit": m.BLOCKS_HIT,
    "tup_returned": m.ROWS_RETURNED,
    "tup_fetched": m.ROWS_FETCHED,
    "tup_inserted": m.ROWS_INSERTED,
    "tup_updated": m.ROWS_UPDATED,
    "tup_deleted": m.ROWS_DELETED,
    "conflicts": m.CONFLICTS,
    "temp_files": m.TEMP_FILES,
    "temp_bytes": m.TEMP_BYTES,
    "deadlocks": m.DEADLOCKS,
    "blk_read_time": m.BLOCK_READ_TIME,
    "blk_write_time": m.BLOCK_WRITE_TIME,
    "active_seconds": m.ACTIVE_TIME,
    "stats_reset": m.STATS_RESET,
}
_PRESSURE: Final = {
    "connections": m.CONNECTIONS,
    "usable": m.CONNECTIONS_USABLE,
    "blocked": m.BLOCKED,
    "oldest_transaction": m.OLDEST_TRANSACTION,
    "oldest_idle_transaction": m.OLDEST_IDLE_TRANSACTION,
}
_ARCHIVER: Final = {
    "archived_count": m.ARCHIVED,
    "failed_count": m.ARCHIVE_FAILED,
    "last_archive_age": m.ARCHIVE_AGE,
    "failing": m.ARCHIVE_FAILING,
}

FAMILIES: Final = (
    Family(q.DATABASES, ("datid", "datname"), _DATABASE),
    Family(q.LIMITS, ("datname",), {"datconnlimit": m.DATABASE_LIMIT}),
    Family(q.ROLES, ("rolname",), {"rolconnlimit": m.ROLE_LIMIT}),
    Family(q.WRAPAROUND, ("datname",), {"xid_age": m.XID_AGE, "multixact_age": m.MULTIXACT_AGE}),
    Family(q.SESSIONS, _SESSION, {"number": m.SESSIONS, "age": m.SESSION_AGE}),
    Family(q.PRESSURE, (), _PRESSURE),
    Family(q.LOCKS, ("datname", "mode"), {"number": m.LOCKS}),
    Family(q.LOCK_WAIT, (), {"longest": m.LONGEST_BLOCK}),
    Family(q.WAL, (), {"segments": m.WAL_SEGMENTS, "size": m.WAL_SIZE}),
    Family(q.ARCHIVER, (), _ARCHIVER),
    Family(
        q.BACKGROUND,
        (),
        dict(zip(q.BACKGROUND_COLUMNS, _BACKGROUND, strict=True)) | {"stats_reset": m.BGWRITER_RESET},
    ),
    Family(tq.TABLES, _TABLE, {**tm.STAT, **tm.STATIO, "estimate": tm.TABLE_ESTIMATE}),
    Family(
        tq.OTHER_TABLES,
        _TABLE,
        {"estimate": tm.TABLE_ESTIMATE} | {column: tm.STAT[column] for column in tq.OTHER_GAUGES},
    ),
    Family(tq.TABLE_SIZES, _TABLE, {"table_size": tm.TABLE_SIZE, "index_size": tm.INDEX_SIZE}),
    Family(tq.OTHER_SIZES, _TABLE, {"table_size": tm.TABLE_SIZE, "index_size": tm.INDEX_SIZE}),
    Family(tq.DATABASE_SIZES, ("datname",), {"size": m.DATABASE_SIZE}),
)


def add(part: Part, node: NodeView) -> None:
    """Everything that the node told about itself."""
    answers = node.answers
    for family in FAMILIES:
        if family.query in answers:
            family.add(part, answers[family.query])
    _add_conflicts(part, node)
    _add_worst(part, answers)
    if q.SETTINGS in answers:
        _add_settings(part, answers[q.SETTINGS])
    for query, answer in answers.items():
        if query.facet == "statements":
            Family(query, ("user", "datname", "queryid"), tm.STATEMENTS).add(part, answer)


def add_identity(part: Part, node: NodeView) -> None:
    """Who the server is: once a node, in the lane that always runs."""
    identity = node.identity
    part.add(m.STATIC, 1, identity.short_version, identity.version, node.address)
    part.add(m.STARTED, identity.started)


def _add_conflicts(part: Part, node: NodeView) -> None:
    answer = node.answers.get(q.CONFLICTS)
    causes = {
        "confl_bufferpin": m.CONFLICT_BUFFERPIN,
        "confl_deadlock": m.CONFLICT_DEADLOCK,
        "confl_lock": m.CONFLICT_LOCK,
        "confl_snapshot": m.CONFLICT_SNAPSHOT,
        "confl_tablespace": m.CONFLICT_TABLESPACE,
    }
    for record in answer.records() if answer else ():
        for column, metric in causes.items():
            part.add(metric, record[column], record["datid"], record["datname"], node.address)


def _add_worst(part: Part, answers: Mapping[Query, Answer]) -> None:
    records = answers[q.WRAPAROUND].records() if q.WRAPAROUND in answers else []
    for column, metric in (("wraparound", m.WRAPAROUND), ("freeze", m.FREEZE)):
        part.add(metric, max((float(record[column]) for record in records), default=None))


def _add_settings(part: Part, answer: Answer) -> None:
    for record in answer.records():
        metric = SETTINGS.get(record["name"])
        value = _number(record)
        if metric is not None and value is not None:
            part.add(metric, value)


def _number(record: Mapping[str, Any]) -> float | None:
    """The parameter's value, or None where a vendor's server gives a unit or text that nobody else knows."""
    try:
        return value_of(record["setting"], record["unit"], record["vartype"])
    except ValueError:
        return None
