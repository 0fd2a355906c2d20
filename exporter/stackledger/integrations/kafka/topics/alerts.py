"""Alerts on the reading of topics."""

from __future__ import annotations

from stackledger.integrations.kafka.topics import metrics as m
from stackledger.integrations.kafka.topics import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import below, select


def topic_alerts() -> tuple[AlertRule, ...]:
    """Alerts on the reading of topics."""
    return (_offsets_stale(),)


def _one(metric: str) -> str:
    return f'stackledger_kafka_{metric}{{cluster="orders"}}'


def _offsets_stale() -> AlertRule:
    return AlertRule(
        name="KafkaOffsetsStale",
        condition=below(select(m.OFFSETS_COMPLETENESS), 1),
        hold="10m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: only {{ $value | humanizePercentage }} of the offsets are fresh",
        description="For the other partitions the last good offsets are shown: their lag and throughput stand still"
        " on the boards, whatever happens. See which broker is silent, or which right is missing.",
        panel=panels.COMPLETENESS,
        tests=(
            RuleTest(
                title="a third of the partitions is silent",
                series={_one("offsets_completeness_ratio"): "1x4 0.67x60"},
                expect=(Silent("9m"), Fires("13m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="for the minutes of a restart",
                series={_one("offsets_completeness_ratio"): "1x4 0.67x12 1x40"},
                expect=(Silent("12m"),),
            ),
        ),
    )
