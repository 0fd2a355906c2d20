"""The metrics of transactions, read in the slow lane."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric, drop_after
from stackledger.integrations.kafka import labels as of


class TransactionState(Label):
    """State of a transactional id, as its coordinator names it."""

    values = (
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "PrepareEpochFence",
        "Dead",
    )


class ProducerId(Label):
    """Producer that the transaction belongs to."""


class StartOffset(Label):
    """First offset of the transaction in the partition."""


TRANSACTIONAL_IDS = Metric(
    "stackledger_kafka_transactional_ids",
    Kind.GAUGE,
    units.COUNT,
    "Transactional ids in the state; absent where Kafka is older than 3.0 (ListTransactions).",
    labels=(TransactionState,),
    budget=12,
    node=False,
)
OPEN = Metric(
    "stackledger_kafka_open_transactions",
    Kind.GAUGE,
    units.COUNT,
    "Transactions that are open in a partition and hold its last stable offset back (DescribeProducers).",
    node=False,
)
HANGING = Metric(
    "stackledger_kafka_hanging_transactions",
    Kind.GAUGE,
    units.COUNT,
    "Open transactions that no coordinator knows: nobody will end them (DescribeProducers, ListTransactions).",
    node=False,
)
TOPIC_OPEN_AGE = Metric(
    "stackledger_kafka_topic_open_transaction_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Least age of the topic's oldest open transaction; only topics that have one (DescribeProducers).",
    labels=(of.TopicName,),
    budget=101,
    node=False,
    missing=drop_after(1),
    conditional="an open transaction",
)
HANGING_INFO = Metric(
    "stackledger_kafka_hanging_transaction_info",
    Kind.INFO,
    units.STATE,
    "Always 1; what kafka-transactions.sh abort needs to end the transaction (DescribeProducers).",
    labels=(of.TopicName, of.PartitionId, ProducerId, StartOffset),
    budget=50,
    node=False,
    missing=drop_after(1),
    conditional="a hanging transaction",
)
