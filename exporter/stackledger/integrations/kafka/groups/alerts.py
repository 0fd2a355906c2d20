"""Alerts on consumer groups: nobody reads, reading falls behind, records are about to be or are being lost."""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.groups import dashboard as board
from stackledger.integrations.kafka.groups import metrics as m
from stackledger.integrations.kafka.groups.verdict import LEVELS
from stackledger.integrations.kafka.labels import GroupId, TopicName
from stackledger.integrations.kafka.topics import metrics as of_topics
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, at_least, equals, select

LAG_HIGH_SECONDS: Final = 300.0
"""Five minutes: what the freshness SLO calls stale."""
_WHO: Final = {"cluster": "orders", "group_id": "billing", "topic_name": "payments"}
_LABELS: Final = 'cluster="orders",group_id="billing",topic_name="payments"'
_VERDICT: Final = f"stackledger_kafka_consumer_group_topic_verdict{{{_LABELS}}}"
_SECONDS: Final = f"stackledger_kafka_consumer_group_topic_lag_seconds{{{_LABELS}}}"
_HEADROOM: Final = f"stackledger_kafka_consumer_group_topic_retention_headroom_seconds{{{_LABELS}}}"
_LOST: Final = f"stackledger_kafka_consumer_group_topic_lost_records{{{_LABELS}}}"
_LAG: Final = f"stackledger_kafka_consumer_group_topic_lag{{{_LABELS}}}"
_PRODUCED: Final = 'stackledger_kafka_topic_records_produced_total{cluster="orders",topic_name="payments"}'


def group_alerts() -> tuple[AlertRule, ...]:
    """The alerts on groups."""
    return (_stopped(), _lag_high(), _lag_growing(), _retention_near(), _retention_loss(), _rewound())


def _stopped() -> AlertRule:
    producing = above(select(of_topics.RECORDS_PRODUCED).rate("2m"), 0)
    return AlertRule(
        name="KafkaConsumerStopped",
        condition=at_least(select(m.VERDICT), LEVELS["stalled"]).where(producing, on=(Cluster, TopicName)),
        hold="10s",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.group_id }} no longer reads {{ $labels.topic_name }}",
        description="Records arrive and the group commits nothing (verdict 3: it has no member that reads the topic; 2:"
        " it has members without progress). Look at the consumers' processes and logs, and restart them.",
        panel=board.VERDICTS,
        tests=(
            RuleTest(
                title="the consumers are killed while producers go on",
                series={_VERDICT: "0x8 2x3 3x20", _PRODUCED: "0+1500x40"},
                expect=(Silent("2m"), Fires("2m45s", (_WHO,)), Fires("5m", (_WHO,))),
            ),
            RuleTest(
                title="a group that nobody needs any more: no producer either",
                series={_VERDICT: "3x40", _PRODUCED: "5000x40"},
                expect=(Silent("5m"),),
            ),
            RuleTest(
                title="it reads records again on purpose",
                series={_VERDICT: "0x4 1x20 0x20", _PRODUCED: "0+1500x44"},
                expect=(Silent("3m"), Silent("8m")),
            ),
        ),
        inhibits=("KafkaConsumerLagHigh", "KafkaConsumerLagGrowing"),
    )


def _lag_high() -> AlertRule:
    return AlertRule(
        name="KafkaConsumerLagHigh",
        condition=above(select(m.LAG_SECONDS), LAG_HIGH_SECONDS),
        hold="5m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.group_id }} is {{ $value | humanizeDuration }} behind on"
        " {{ $labels.topic_name }}",
        description="The oldest record that the group has not committed is older than five minutes, for five minutes."
        " Look whether it consumes (Records consumed) and whether producers send more than usual.",
        panel=board.LAG_SECONDS,
        tests=(
            RuleTest(
                title="it falls behind by half a second a second",
                series={_SECONDS: "0+7.5x120"},
                expect=(Silent("12m"), Fires("17m", (_WHO,))),
            ),
            RuleTest(
                title="a burst that is worked off",
                series={_SECONDS: "0x4 400x12 0x40"},
                expect=(Silent("5m"), Silent("10m")),
            ),
        ),
    )


def _lag_growing() -> AlertRule:
    behind = above(select(m.LAG_SECONDS), 60)
    return AlertRule(
        name="KafkaConsumerLagGrowing",
        condition=above(select(m.LAG).deriv("15m"), 1).where(behind, on=(Cluster, GroupId, TopicName)),
        hold="15m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: lag of {{ $labels.group_id }} on {{ $labels.topic_name }} grows"
        " {{ $value | humanize }} records/s",
        description="For half an hour the group has been slower than its producers. It will not catch up by itself: add"
        " members up to the number of partitions, or make the work per record cheaper.",
        panel=board.TREND,
        tests=(
            RuleTest(
                title="10 records a second are left over",
                series={_LAG: "0+150x160", _SECONDS: "0+5x160"},
                expect=(Silent("15m"), Fires("35m", (_WHO,))),
            ),
            RuleTest(
                title="a batch job: lag that stays within a minute",
                series={_LAG: "0+150x160", _SECONDS: "30x160"},
                expect=(Silent("35m"),),
            ),
        ),
    )


def _retention_near() -> AlertRule:
    used = select(m.LAG_SECONDS) / (select(m.LAG_SECONDS) + select(m.RETENTION_HEADROOM))
    return AlertRule(
        name="KafkaTopicRetentionNear",
        condition=above(used, 0.8),
        hold="5m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.group_id }} soon loses records of {{ $labels.topic_name }}",
        description="The oldest record that waits has used up {{ $value | humanizePercentage }} of retention.ms. At"
        " 100 % it is deleted unread: lengthen the retention, then mend the consumer.",
        panel=board.HEADROOM,
        tests=(
            RuleTest(
                title="a day's retention, 20 hours behind",
                series={_SECONDS: "72000x40", _HEADROOM: "14400x40"},
                expect=(Silent("4m"), Fires("8m", (_WHO,))),
            ),
            RuleTest(
                title="a day's retention, caught up",
                series={_SECONDS: "0x40", _HEADROOM: "86400x40"},
                expect=(Silent("8m"),),
            ),
        ),
    )


def _retention_loss() -> AlertRule:
    return AlertRule(
        name="KafkaTopicRetentionLoss",
        condition=above(select(m.LOST_RECORDS).delta("10m"), 0),
        hold="0s",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.group_id }} loses unread records of {{ $labels.topic_name }}",
        description="Retention is deleting records that the group has not read: it will jump over them. Lengthen"
        " retention.ms of the topic at once, then mend the consumer.",
        panel=board.LOST,
        tests=(
            RuleTest(
                title="a segment is deleted",
                series={_LOST: "0x20 5000x60"},
                expect=(Silent("4m"), Fires("6m", (_WHO,)), Silent("18m")),
            ),
            RuleTest(
                title="an old loss, noticed at the first sweep", series={_LOST: "5000x60"}, expect=(Silent("12m"),)
            ),
        ),
    )


def _rewound() -> AlertRule:
    return AlertRule(
        name="KafkaConsumerRewound",
        condition=equals(select(m.VERDICT), LEVELS["rewound"]),
        hold="0s",
        severity=Severity.INFO,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.group_id }} went back in {{ $labels.topic_name }}",
        description="Commits moved backwards: records are read again. Fine if somebody reset the offsets on purpose;"
        " else the offsets had expired, or the topic was truncated.",
        panel=board.VERDICTS,
        tests=(
            RuleTest(
                title="offsets are reset",
                series={_VERDICT: "0x4 1x20 0x20"},
                expect=(Silent("30s"), Fires("2m", (_WHO,)), Silent("8m")),
            ),
        ),
    )
