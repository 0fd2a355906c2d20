"""The board `postgres`: is it broken, is it saturated, is it failing; details fold out."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.postgres.core import metrics as core
from stackledger.integrations.postgres.core import panels as c
from stackledger.integrations.postgres.replication import panels as r
from stackledger.model import Dashboard, Folder, Row, Variable
from stackledger.promql import select


def dashboards() -> tuple[Dashboard, ...]:
    """One board for all clusters."""
    return (
        Dashboard(
            uid="postgres",
            title="PostgreSQL",
            folder=Folder.TECHNICAL,
            description="For whoever is on call: does a primary take writes, do the standbys follow, what runs out?",
            rows=(
                Row("Is it broken?", (c.UP, r.WRITABLE, c.UPTIME, r.COPIES, r.CONNECTED, c.UP_BY_NODE)),
                Row("Replication", (r.REPLAY_SECONDS, r.REPLAY_BYTES, r.STALLED)),
                Row("Saturation", (c.CONNECTIONS, c.BLOCKED, c.OLDEST_TRANSACTION, c.WRAPAROUND)),
                Row("Work and errors", (c.TRANSACTIONS, c.ROLLBACK_RATIO, c.DEADLOCKS, c.ARCHIVE, c.CACHE_HITS)),
                Row(
                    "Replication in detail",
                    (r.RECEIVE_BYTES, r.UNSENT, r.SLOT_RETAINED, r.WAL_WRITTEN, r.TIMELINE, r.STREAMS),
                    collapsed=True,
                ),
                Row(
                    "Server in detail",
                    (c.SESSIONS, c.LONGEST_BLOCK, c.ROWS_CHANGED, c.TEMP, c.CHECKPOINTS, c.WAL_SIZE),
                    collapsed=True,
                ),
                Row(
                    "Databases, tables, statements",
                    (c.DATABASE_SIZE, c.TABLE_SIZES, c.DEAD_ROWS, c.STATEMENT_TIME),
                    collapsed=True,
                ),
            ),
            variables=(
                Variable(label=Cluster, source=select(core.UP), heading="Cluster"),
                Variable(label=Instance, source=select(core.UP, Cluster.variable()), heading="Node"),
            ),
            tags=("postgres", "service"),
        ),
    )
