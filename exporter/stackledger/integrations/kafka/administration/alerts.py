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
    still = equals(select(m.REASSIGNING).changes("2h"), 0)
    return AlertRule(
        name="KafkaReassignmentStands",
        condition=above(select(m.REASSIGNING), 0).where(still),
        hold="1h",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} partitions on the move, and none arrives",
        description="No partition has finished its move for hours. Raise the throttle above what is written to these"
        " topics, or bring back the broker that is to take them; else cancel the reassignment.",
        panel=panels.REASSIGNING,
        tests=(
            RuleTest(
                title="the throttle is below what is written",
                series={_MOVING: "0x10 12x60"},
                expect=(Silent("2h50m"), Fires("4h30m", ({"cluster": "orders"},))),
                interval="5m",
            ),
            RuleTest(
                title="a large move that gets on",
                series={_MOVING: "0x10 60-1x50"},
                expect=(Silent("2h50m"), Silent("4h30m")),
                interval="5m",
            ),
        ),
    )
