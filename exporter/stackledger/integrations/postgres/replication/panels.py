"""Panels about who leads, who follows, and how far behind. The thresholds are the alerts'."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.postgres.replication import metrics as m
from stackledger.model import Panel, Query, Style, ValueText
from stackledger.promql import select

_YES_NO = (ValueText(0, "no", "red"), ValueText(1, "yes", "green"))

WRITABLE = Panel(
    key="writable-nodes",
    title="Nodes that take writes",
    queries=(Query(select(m.WRITABLE, Cluster.variable()), "{{cluster}}"),),
    description="Must be 1. At 0 nobody can write: find the failed primary or promote a standby. At 2 the cluster is "
    "split and loses what one half accepted: stop one of them now.",
    style=Style.STAT,
    width=4,
    height=4,
)
COPIES = Panel(
    key="writable-copies",
    title="Writable copies of the same cluster",
    queries=(Query(select(m.WRITABLE_COPIES, Cluster.variable()).max(Cluster), "{{cluster}}"),),
    description="Above 1, two servers born of the same initdb both take writes and drift apart. Fence the one with the "
    "lower timeline at once.",
    width=8,
    minimum=0,
)
CONNECTED = Panel(
    key="standby-connected",
    title="Standby is being fed",
    queries=(Query(select(m.STANDBY_CONNECTED, Cluster.variable()), "{{standby}}"),),
    description="A standby that reads no falls behind and protects nothing. Look at its log for why the stream broke.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
    width=12,
    height=6,
)
REPLAY_SECONDS = Panel(
    key="replay-lag-seconds",
    title="Replay lag",
    queries=(Query(select(m.REPLAY_LAG, Cluster.variable()), "{{standby}}"),),
    description="Age of what a reader of the standby misses. It stays 0 on an idle cluster and grows when a stream "
    "stands still. Above a minute, look for long queries on the standby, its disk and the network.",
    minimum=0,
)
REPLAY_BYTES = Panel(
    key="replay-lag-bytes",
    title="Write-ahead log not yet replayed",
    queries=(Query(select(m.REPLAY_LAG_BYTES, Cluster.variable()), "{{standby}}"),),
    description="What would have to be replayed before the standby could take over. If it grows while the standby is "
    "being fed, the standby is too slow or its stream stands still.",
    minimum=0,
)
STALLED = Panel(
    key="standby-stalled",
    title="Standby receives nothing though behind",
    queries=(Query(select(m.STALLED, Cluster.variable()), "{{standby}}"),),
    description="Rises when a stream's connection lives and carries nothing: PostgreSQL's own lag reads 0 "
    "or NULL then. "
    "End the stream's WAL sender on the primary, so that the standby connects anew.",
    minimum=0,
)
RECEIVE_BYTES = Panel(
    key="receive-lag-bytes",
    title="Write-ahead log not yet received",
    queries=(Query(select(m.RECEIVE_LAG_BYTES, Cluster.variable()), "{{standby}}"),),
    description="What would be lost if the primary died now. Steady growth means the network or the WAL sender.",
    minimum=0,
)
SLOT_RETAINED = Panel(
    key="slot-retained",
    title="Log held back by replication slots",
    queries=(Query(select(m.SLOT_RETAINED, Cluster.variable(), Instance.variable()), "{{instance}} {{slot_name}}"),),
    description="A slot that nobody reads keeps every file until the disk is full. Drop slots of standbys "
    "that are gone.",
    minimum=0,
)
WAL_WRITTEN = Panel(
    key="wal-written",
    title="Write-ahead log written",
    queries=(Query(select(m.POSITION, Cluster.variable(), Instance.variable()).rate(), "{{instance}}"),),
    description="The rate that standbys and archive must keep up with. A jump comes from a bulk load or "
    "full page writes.",
    minimum=0,
)
TIMELINE = Panel(
    key="timeline",
    title="Timeline by node",
    queries=(Query(select(m.TIMELINE, Cluster.variable(), Instance.variable()), "{{instance}}"),),
    description="Rises by one at each promotion. A node that stays on a lower one did not follow and must be rebuilt.",
)
STREAMS = Panel(
    key="streams",
    title="Streams and their state",
    queries=(Query(select(m.STREAM, Cluster.variable(), Instance.variable())),),
    description="One row a standby as its upstream sees it. A row missing or not streaming is a standby not fed.",
    style=Style.TABLE,
    width=12,
)
UNSENT = Panel(
    key="stream-unsent",
    title="Written but not sent",
    queries=(
        Query(select(m.STREAM_UNSENT, Cluster.variable(), Instance.variable()), "{{instance}} {{application_name}}"),
    ),
    description="Growth here means that the WAL sender or the network is the brake, not the standby.",
    minimum=0,
)
