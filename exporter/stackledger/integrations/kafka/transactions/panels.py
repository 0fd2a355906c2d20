"""Panels of transactions."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.labels import PartitionId, TopicName
from stackledger.integrations.kafka.transactions import metrics as m
from stackledger.integrations.kafka.transactions.metrics import ProducerId, StartOffset, TransactionState
from stackledger.model import ColumnStyle, Panel, Query, Style
from stackledger.promql import select

_C = Cluster.variable()

HANGING = Panel(
    key="hanging-transactions",
    title="Hanging transactions",
    queries=(Query(select(m.HANGING, _C), "{{cluster}}"),),
    description="Open transactions that nobody will end. Above 0, readers with read_committed get nothing more from"
    " these partitions and compaction stops there: abort them, see the table.",
    width=6,
)
OPEN = Panel(
    key="open-transactions",
    title="Open transactions",
    queries=(Query(select(m.OPEN, _C), "{{cluster}}"),),
    description="Transactions that are open in a partition. Some are usual where producers are transactional; a number"
    " that only rises means that producers begin and never end.",
    width=6,
)
OPEN_AGE = Panel(
    key="open-transaction-age",
    title="Oldest open transaction, by topic",
    queries=(Query(select(m.TOPIC_OPEN_AGE, _C).max(Cluster, TopicName), "{{topic_name}}"),),
    description="Readers with read_committed are at least so far behind on the topic, whatever their lag says. Minutes"
    " mean a producer that hangs; its coordinator aborts after transaction.timeout.ms.",
    width=6,
)
STATES = Panel(
    key="transactional-ids",
    title="Transactional ids, by state",
    queries=(Query(select(m.TRANSACTIONAL_IDS, _C).sum(Cluster, TransactionState), "{{transaction_state}}"),),
    description="Ids that stay in PrepareCommit or PrepareAbort wait for a broker that is to write their end. Ids that"
    " only grow in number come from producers that take a new id at each start.",
    width=6,
)
TO_ABORT = Panel(
    key="transactions-to-abort",
    title="Hanging transactions: what to abort",
    queries=(
        Query(
            select(m.HANGING_INFO, _C).max(Cluster, TopicName, PartitionId, ProducerId, StartOffset), "{{topic_name}}"
        ),
    ),
    description="What kafka-transactions.sh abort wants to know; empty when all is well. The runbook of"
    " KafkaHangingTransaction has the command.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("partition_id", "Partition"),
        ColumnStyle("start_offset", "Start offset"),
        ColumnStyle("producer_id", "Producer"),
    ),
    width=12,
)
