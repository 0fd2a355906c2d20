"""Alerts on transactions.

Test series are written by hand after scrapes of a real broker with a transaction that no coordinator knew.
"""

from __future__ import annotations

from typing import Final

from stackledger.integrations.kafka.transactions import metrics as m
from stackledger.integrations.kafka.transactions import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, select

MAX_TIMEOUT_SECONDS: Final = 900.0
"""transaction.max.timeout.ms of Kafka's defaults: no coordinator lets a transaction be open for longer."""
_HANGING: Final = 'stackledger_kafka_hanging_transactions{cluster="orders"}'
_AGE: Final = 'stackledger_kafka_topic_open_transaction_age_seconds{cluster="orders",topic_name="payments"}'
_WHO: Final = {"cluster": "orders", "topic_name": "payments"}


def transaction_alerts() -> tuple[AlertRule, ...]:
    """Alerts on transactions."""
    return (_hanging(), _open_long())


def _hanging() -> AlertRule:
    return AlertRule(
        name="KafkaHangingTransaction",
        condition=above(select(m.HANGING), 0),
        hold="0s",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} hanging transactions block read_committed readers",
        description="No coordinator knows these transactions, so nobody will end them: readers with read_committed get"
        " nothing more from their partitions. Abort them with kafka-transactions.sh; the board lists what to abort.",
        panel=panels.HANGING,
        tests=(
            RuleTest(
                title="a producer's batch came after its transaction had ended",
                series={_HANGING: "0x20 1x20"},
                expect=(Silent("4m"), Fires("6m", ({"cluster": "orders"},))),
            ),
            RuleTest(title="only ordinary transactions", series={_HANGING: "0x40"}, expect=(Silent("8m"),)),
        ),
        inhibits=("KafkaTransactionOpenLong",),
    )


def _open_long() -> AlertRule:
    return AlertRule(
        name="KafkaTransactionOpenLong",
        condition=above(select(m.TOPIC_OPEN_AGE), MAX_TIMEOUT_SECONDS),
        hold="5m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: a transaction on {{ $labels.topic_name }} is open for"
        " {{ $value | humanizeDuration }}",
        description="Longer than brokers allow by default. Readers with read_committed wait for it. Find the producer"
        " (kafka-transactions.sh describe-producers) and end it, or abort the transaction.",
        panel=panels.OPEN_AGE,
        tests=(
            RuleTest(
                title="a producer keeps a transaction open",
                series={_AGE: "0+60x40"},
                expect=(Silent("19m"), Fires("22m", (_WHO,))),
                interval="1m",
            ),
            RuleTest(
                title="a batch of ten minutes", series={_AGE: "0+60x10 0x30"}, expect=(Silent("25m"),), interval="1m"
            ),
        ),
    )
