"""Panels about Sentinels and the masters that they watch."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.redis.sentinel import metrics as m
from stackledger.model import Panel, Query, Row, Style, ValueText
from stackledger.promql import select

_C = Cluster.variable()
_YES_NO = (ValueText(0, "no", "red"), ValueText(1, "yes", "green"))

MASTER_UP = Panel(
    key="sentinel-master-up",
    title="Masters that some Sentinel can reach",
    queries=(Query(select(m.STATUS, _C).max(Cluster, m.MasterName), "{{master_name}}"),),
    description="`no` means that every Sentinel holds the master to be down: nothing is written until a replica is"
    " promoted. Longer than a failover takes: see Failover possible.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
)
QUORUM = Panel(
    key="sentinel-quorum",
    title="Failover possible",
    queries=(Query(select(m.QUORUM, _C).max(Cluster, m.MasterName), "{{master_name}}"),),
    description="`no`: too few Sentinels reach one another to promote a replica. Everything works until the master"
    " dies, and then stays down: start the missing Sentinels.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
)
SENTINELS_OK = Panel(
    key="sentinels-ok",
    title="Sentinels that are reachable, of those known",
    queries=(
        Query(
            select(m.OK_SENTINELS, _C).max(Cluster, m.MasterName) / select(m.SENTINELS, _C).max(Cluster, m.MasterName),
            "{{master_name}}",
        ),
    ),
    description="Below 100 % a Sentinel is away: Nodes that answer us shows which. One that was taken away for good is"
    " forgotten with SENTINEL RESET.",
    minimum=0,
    maximum=1,
)
REPLICAS_OK = Panel(
    key="sentinel-replicas-ok",
    title="Replicas that Sentinels can reach",
    queries=(
        Query(select(m.OK_REPLICAS, _C).max(Cluster, m.MasterName), "{{master_name}}"),
        Query(select(m.REPLICAS, _C).max(Cluster, m.MasterName), "{{master_name}} known"),
    ),
    description="At 0 there is nobody to promote: the next failure of the master is an outage and may lose its data."
    " Below the known ones a replica is away.",
    minimum=0,
)
FAILOVERS = Panel(
    key="sentinel-failovers",
    title="Failovers by Sentinels",
    queries=(Query(select(m.FAILOVERS, _C).increase("1h"), "{{master_name}}"),),
    description="Masters that were replaced in the last hour. More than one that nobody ordered: masters die, or"
    " down-after-milliseconds is too short for the pauses of this network or host.",
    minimum=0,
)
VIEWS = Panel(
    key="sentinel-views",
    title="Different masters that Sentinels name",
    queries=(Query(select(m.VIEWS, _C), "{{master_name}}"),),
    description="1 is agreement. More for longer than a failover: a Sentinel is cut off and sends clients to the old"
    " master. SENTINEL GET-MASTER-ADDR-BY-NAME on each shows which.",
    minimum=0,
)

ROW = Row(
    "Sentinel (where Sentinels are the seeds)",
    (MASTER_UP, QUORUM, SENTINELS_OK, REPLICAS_OK, FAILOVERS, VIEWS),
    collapsed=True,
)
