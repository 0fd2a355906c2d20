"""Panels of what is written, and of how much of it was read in time."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.labels import TopicName
from stackledger.integrations.kafka.topics import metrics as m
from stackledger.model import ColumnStyle, Panel, Query, Style, ValueText
from stackledger.promql import select
from stackledger.units import BYTES, COUNT, SECONDS

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
SETTINGS = Panel(
    key="topic-settings",
    title="Topics and their settings",
    queries=(
        Query(select(m.PARTITIONS, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.REPLICATION_FACTOR, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.MIN_IN_SYNC, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.RETENTION, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.RETENTION_SIZE, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.MAX_MESSAGE, _C).max(Cluster, TopicName), "{{topic_name}}"),
        Query(select(m.UNCLEAN, _C).max(Cluster, TopicName), "{{topic_name}}"),
    ),
    description="One replica means that a broker's disk is the only copy. A minimum in sync equal to the replicas stops"
    " writers at the first broker that is down. Unclean elections trade records for availability.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("A", "Partitions", COUNT),
        ColumnStyle("B", "Replicas", COUNT),
        ColumnStyle("C", "Min in sync", COUNT),
        ColumnStyle("D", "Retention", SECONDS),
        ColumnStyle("E", "Retention per partition", BYTES),
        ColumnStyle("F", "Largest batch", BYTES),
        ColumnStyle("G", "Unclean election"),
    ),
    width=24,
)
SINGLE_REPLICA = Panel(
    key="single-replica-topics",
    title="Topics with one replica",
    queries=(Query(select(m.SINGLE_REPLICA, _C), "{{cluster}}"),),
    description="Their records are lost with one disk, and they are offline whenever their broker is. Add replicas with"
    " kafka-reassign-partitions.sh; KafkaOfflinePartitions tells when it has happened.",
    width=8,
)
LOWEST_MINUTE = Panel(
    key="lowest-minute",
    title="Lowest minute of the window",
    queries=(
        Query(select(m.LOWEST_MINUTE, _C), "{{cluster}} {{direction}}, lowest"),
        Query(select(m.PEAK_MINUTE, _C), "{{cluster}} {{direction}}, peak"),
        Query(select(m.THROUGHPUT_TARGET, _C), "{{cluster}} target"),
    ),
    description="What the cluster has been shown to carry is its lowest minute, not its peak. Nothing is drawn after a"
    " partial reading until a whole minute was read again.",
    width=8,
)
THROUGHPUT_REACHED = Panel(
    key="throughput-reached",
    title="Target throughput",
    queries=(Query(select(m.THROUGHPUT_REACHED, _C), "{{cluster}}"),),
    description="Whether every minute of a whole window reached the target, produced and consumed, while the lag did"
    " not grow. No value means that it was not shown: the window is not full, or a reading was partial.",
    style=Style.STAT,
    values=(ValueText(0, "not reached", "orange"), ValueText(1, "reached", "green")),
    width=4,
)
THROUGHPUT_WINDOW = Panel(
    key="throughput-window",
    title="Readings without a gap",
    queries=(Query(select(m.THROUGHPUT_WINDOW, _C), "{{cluster}}"),),
    description="How much of the window is full. It falls to 0 whenever a broker was silent or a sweep was late.",
    width=4,
)
LAG_GROWTH = Panel(
    key="lag-growth",
    title="Growth of all lag over the window",
    queries=(Query(select(m.LAG_GROWTH, _C), "{{cluster}}"),),
    description="Above 0 consumers are slower than producers: what is produced is then more than the cluster, with its"
    " consumers, can carry.",
    width=8,
)
HELD_BACK = Panel(
    key="open-transaction-records",
    title="Records that open transactions hold back",
    queries=(Query(select(m.OPEN_TRANSACTION_RECORDS, _C).max(Cluster, TopicName).top(10), "{{topic_name}}"),),
    description="Written, but not yet to be had by readers with read_committed. Empty unless the target's settings say"
    " `stable_offsets: true`.",
    width=12,
)
