"""Alerts on what administrators did."""

from __future__ import annotations

from typing import Final

from stackledger.integrations.kafka.administration import metrics as m
from stackledger.integrations.kafka.administration import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, equals, select

_MOVING: Final = 'stackledger_kafka_reassigning_partitions{cluster="orders"}'


def administration_alerts() -> tuple[AlertRule, ...]:
    """Alerts on what administrators did."""
    return (_reassignment_stands(),)


def _reassignment_stands() -> AlertRule:
    still = equals(select(m.REASSIGNING).changes("6h"), 0)
    then = above(select(m.REASSIGNING).offset("6h"), 0)  # a window without history shows no change either
    return AlertRule(
        name="KafkaReassignmentStands",
        condition=above(select(m.REASSIGNING), 0).where(still).where(then),
        hold="10m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} partitions on the move, and none arrives",
        description="No partition has finished its move for hours. Raise the throttle above what is written to these"
        " topics, or bring back the broker that is to take them; else cancel the reassignment.",
        panel=panels.REASSIGNING,
        tests=(
            RuleTest(
                title="the throttle is below what is written",
                series={_MOVING: "0x10 12x120"},
                expect=(Silent("6h30m"), Fires("7h30m", ({"cluster": "orders"},))),
                interval="5m",
            ),
            RuleTest(
                title="a large move that gets on",
                series={_MOVING: "0x10 120-1x110"},
                expect=(Silent("6h30m"), Silent("7h30m")),
                interval="5m",
            ),
        ),
    )
