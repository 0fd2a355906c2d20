"""Panels of what is written, and of how much of it was read in time."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.labels import TopicName
from stackledger.integrations.kafka.topics import metrics as m
from stackledger.model import Panel, Query, Style
from stackledger.promql import select

_C = Cluster.variable()

COMPLETENESS = Panel(
    key="offsets-completeness",
    title="Offsets that are fresh",
    queries=(Query(select(m.OFFSETS_COMPLETENESS, _C), "{{cluster}}"),),
    description="Share of the partitions whose offsets were read in the last sweep. Below 100 % the others show their"
    " last good values: lag and throughput of these partitions are older than they look.",
    style=Style.STAT,
    width=4,
    height=5,
    minimum=0,
    maximum=1,
)
PRODUCED = Panel(
    key="produced",
    title="Records produced, whole cluster",
    queries=(Query(select(m.RECORDS_PRODUCED, _C).rate().sum(Cluster), "{{cluster}}"),),
    description="Offsets appended a second. A fall to 0 while producers should run is an outage of writing: look for"
    " offline partitions and partitions that refuse writers.",
    width=12,
)
PRODUCED_BY_TOPIC = Panel(
    key="produced-by-topic",
    title="Records produced, ten busiest topics",
    queries=(Query(select(m.RECORDS_PRODUCED, _C).rate().sum(Cluster, TopicName).top(10), "{{topic_name}}"),),
    description="Offsets appended a second by topic. A topic that stands while others run has lost its producer; one"
    " that jumps may fill the disks.",
    width=12,
)
OFFSETS_AGE = Panel(
    key="offsets-age",
    title="Age of the oldest offset shown",
    queries=(Query(select(m.OFFSETS_AGE, _C), "{{cluster}}"),),
    description="0 when all is read. It grows while a broker is silent: lags of its partitions are as old as this.",
)
