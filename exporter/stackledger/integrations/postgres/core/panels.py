"""Panels about single servers: are they up, saturated, blocked, failing. The thresholds are the alerts'."""

from __future__ import annotations

from typing import Any

from stackledger.catalogue import Cluster, Instance, Metric
from stackledger.integrations.postgres.core import metrics as m
from stackledger.integrations.postgres.core import table_metrics as tm
from stackledger.model import Panel, Query, Style
from stackledger.promql import RATE_INTERVAL, Vector, select
from stackledger.units import SECONDS


def _nodes(metric: Metric[Any]) -> Vector[Any]:
    return select(metric, Cluster.variable(), Instance.variable())


def _rate(metric: Metric[Any]) -> Vector[Any]:
    return _nodes(metric).rate(RATE_INTERVAL)


UP = Panel(
    key="nodes-up",
    title="Nodes that answer",
    queries=(Query(select(m.UP, Cluster.variable()).sum(Cluster), "{{cluster}}"),),
    description="Fewer than configured: a node is down, hangs or refuses us. The list below shows which.",
    style=Style.STAT,
    width=4,
    height=4,
)
UP_BY_NODE = Panel(
    key="node-up",
    title="Node answers",
    queries=(Query(_nodes(m.UP), "{{instance}}"),),
    description="0 while a node does not answer our sweep. Look at the host, then at the server's log.",
    width=12,
    height=6,
    minimum=0,
    maximum=1,
)
CONNECTIONS = Panel(
    key="connections-used",
    title="Connections used",
    queries=(Query(_nodes(m.CONNECTIONS) / _nodes(m.CONNECTIONS_USABLE), "{{instance}}"),),
    description="At 100 % new clients are refused. Find who opens so many (sessions below), or put a pooler in front.",
    minimum=0,
    maximum=1,
)
WRAPAROUND = Panel(
    key="wraparound",
    title="Transaction ids used up",
    queries=(Query(_nodes(m.WRAPAROUND), "{{instance}}"),),
    description="Near 100 % the server refuses writes. Find what holds vacuum back: old transactions, slots, prepared "
    "transactions; then vacuum the oldest tables.",
    minimum=0,
    maximum=1,
)
OLDEST_TRANSACTION = Panel(
    key="oldest-transaction",
    title="Oldest open transaction",
    queries=(
        Query(_nodes(m.OLDEST_TRANSACTION), "{{instance}}"),
        Query(_nodes(m.OLDEST_IDLE_TRANSACTION), "{{instance}} idle in it"),
    ),
    description="Holds back vacuum on the whole cluster and keeps locks. End a forgotten session.",
    minimum=0,
)
BLOCKED = Panel(
    key="blocked-backends",
    title="Backends waiting for a lock",
    queries=(Query(_nodes(m.BLOCKED), "{{instance}}"),),
    description="A queue that stays is behind one session: pg_blocking_pids of a waiting one names it.",
    minimum=0,
)
LONGEST_BLOCK = Panel(
    key="longest-lock-wait",
    title="Longest wait for a lock",
    queries=(Query(_nodes(m.LONGEST_BLOCK), "{{instance}}"),),
    description="How long the unluckiest backend waits. Minutes mean a migration or a forgotten transaction.",
    minimum=0,
)
TRANSACTIONS = Panel(
    key="transactions",
    title="Transactions",
    queries=(Query(_rate(m.TRANSACTIONS).sum(Cluster, Instance), "{{instance}}"),),
    description="A sudden fall to nothing with clients connected is an outage; look at locks and at the disk.",
    minimum=0,
)
ROLLBACK_RATIO = Panel(
    key="rollback-ratio",
    title="Transactions rolled back",
    queries=(
        Query(_rate(m.ROLLBACKS).sum(Cluster, Instance) / _rate(m.TRANSACTIONS).sum(Cluster, Instance), "{{instance}}"),
    ),
    description="Each is a failed or abandoned piece of work. Above a few per cent look for errors in the clients.",
    minimum=0,
    maximum=1,
)
DEADLOCKS = Panel(
    key="deadlocks",
    title="Deadlocks",
    queries=(Query(select(m.DEADLOCKS, Cluster.variable(), Instance.variable()).increase("15m"), "{{datname}}"),),
    description="Each one failed a transaction. The server's log names both statements; take locks in one order.",
    minimum=0,
)
CACHE_HITS = Panel(
    key="cache-hits",
    title="Blocks found in the buffer cache",
    queries=(
        Query(
            _rate(m.BLOCKS_HIT).sum(Cluster, Instance)
            / (_rate(m.BLOCKS_HIT).sum(Cluster, Instance) + _rate(m.BLOCKS_READ).sum(Cluster, Instance)),
            "{{instance}}",
        ),
    ),
    description="A fall means the working set outgrew the cache or a large scan ran. Compare with the tables below.",
    minimum=0,
    maximum=1,
)
TEMP = Panel(
    key="temp-bytes",
    title="Temporary files written",
    queries=(Query(_rate(m.TEMP_BYTES).sum(Cluster, Instance), "{{instance}}"),),
    description="Sorts and hashes that do not fit work_mem. Steady amounts cost disk time: raise work_mem "
    "for the query.",
    minimum=0,
)
CHECKPOINTS = Panel(
    key="checkpoints",
    title="Checkpoints",
    queries=(
        Query(_rate(m.CHECKPOINTS_TIMED), "{{instance}} timed"),
        Query(_rate(m.CHECKPOINTS_REQUESTED), "{{instance}} requested"),
    ),
    description="Requested ones that outnumber timed ones mean max_wal_size is too small for the writes.",
    minimum=0,
)
ARCHIVE = Panel(
    key="archive-failing",
    title="Archiving fails",
    queries=(Query(_nodes(m.ARCHIVE_FAILING), "{{instance}}"),),
    description="1 while the newest attempt failed: point-in-time recovery ends there and the log piles up on disk.",
    minimum=0,
    maximum=1,
)
WAL_SIZE = Panel(
    key="wal-size",
    title="Write-ahead log on disk",
    queries=(Query(_nodes(m.WAL_SIZE), "{{instance}}"),),
    description="Growth beyond max_wal_size means that a slot or the archive holds files back.",
    minimum=0,
)
DATABASE_SIZE = Panel(
    key="database-size",
    title="Size of databases",
    queries=(Query(_nodes(m.DATABASE_SIZE).max(Cluster, m.Datname), "{{datname}}"),),
    description="Compare the slope with the free disk. A fast rise with no new rows is bloat.",
    minimum=0,
)
SESSIONS = Panel(
    key="sessions",
    title="Sessions by state",
    queries=(Query(_nodes(m.SESSIONS).sum(Cluster, Instance, m.State), "{{instance}} {{state}}"),),
    description="Many idle in transaction hold locks and old rows; many active beyond the cores wait for each other.",
    minimum=0,
    stacked=True,
)
TABLE_SIZES = Panel(
    key="table-sizes",
    title="Largest tables",
    queries=(Query(_nodes(tm.TABLE_SIZE).max(Cluster, m.Datname, m.Schemaname, m.Relname).top(10), "{{relname}}"),),
    description="The ten largest, with their TOAST. One that grows without new rows needs vacuum.",
    minimum=0,
)
DEAD_ROWS = Panel(
    key="dead-rows",
    title="Dead rows by table",
    queries=(Query(_nodes(tm.STAT["n_dead_tup"]).max(Cluster, m.Schemaname, m.Relname).top(10), "{{relname}}"),),
    description="Rows that vacuum has not removed. A steady rise means that autovacuum is held back or too slow.",
    minimum=0,
)
STATEMENT_TIME = Panel(
    key="statement-time",
    title="Statements with the most time",
    queries=(Query(_nodes(tm.STATEMENTS["seconds"]).rate().top(10), "{{instance}} {{queryid}}"),),
    description="Seconds a second by statement. Look the id up in pg_stat_statements to see its text.",
    minimum=0,
)
ROWS_CHANGED = Panel(
    key="rows-changed",
    title="Rows written",
    queries=(
        Query(_rate(m.ROWS_INSERTED).sum(Cluster, Instance), "{{instance}} inserted"),
        Query(_rate(m.ROWS_UPDATED).sum(Cluster, Instance), "{{instance}} updated"),
        Query(_rate(m.ROWS_DELETED).sum(Cluster, Instance), "{{instance}} deleted"),
    ),
    description="What the load consists of. A change in its shape explains changes in the log and in vacuum.",
    minimum=0,
)
UPTIME = Panel(
    key="uptime",
    title="Time since start",
    queries=(Query(_nodes(m.STARTED).age(), "{{instance}}"),),
    description="A drop is a restart. One that nobody ordered is a crash: read the server's log.",
    style=Style.STAT,
    unit=SECONDS,
    width=8,
    height=4,
)
