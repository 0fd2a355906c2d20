"""Panels about replicas in step and data on disk."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.redis import info_metrics as i
from stackledger.integrations.redis import metrics as m
from stackledger.model import Panel, Query, Row, Style, ValueText
from stackledger.promql import select

_C = Cluster.variable()
_I = Instance.variable()
_YES_NO = (ValueText(0, "no", "red"), ValueText(1, "yes", "green"))

LINK_UP = Panel(
    key="master-link",
    title="Replicas connected to their master",
    queries=(Query(select(m.MASTER_LINK_UP, _C, _I), "{{instance}}"),),
    description="`no` is a replica that falls behind and cannot be promoted with fresh data: see its log for why the"
    " synchronisation fails.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
)
REPLICA_LAG = Panel(
    key="replica-lag",
    title="Time since replicas acknowledged",
    queries=(Query(select(m.REPLICA_LAG, _C, _I), "{{slave_ip}}:{{slave_port}}"),),
    description="Replicas acknowledge every second, so 0 and 1 are well. What rises is written on the master but lost"
    " if it dies now.",
    minimum=0,
)
FULL_SYNCS = Panel(
    key="full-syncs",
    title="Full resynchronisations",
    queries=(Query(select(i.SYNC_FULL, _C, _I).increase("1h"), "{{instance}}"),),
    description="Each copies all data and forks the master. More than a few an hour: the replication backlog is too"
    " small for the interruptions of the link; a replica that gets no further shows as RedisReplicationBroken.",
    minimum=0,
)
PERSISTENCE = Panel(
    key="persistence",
    title="Last snapshot and append-only writes worked",
    queries=(
        Query(select(i.RDB_LAST_STATUS, _C, _I), "{{instance}} snapshot"),
        Query(select(i.AOF_WRITE_STATUS, _C, _I), "{{instance}} append-only file"),
    ),
    description="`no` for a snapshot makes Redis refuse writes by default (MISCONF): mostly a full disk or no memory to"
    " fork.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
)

ROW = Row("Replication and persistence", (LINK_UP, REPLICA_LAG, FULL_SYNCS, PERSISTENCE), collapsed=True)
