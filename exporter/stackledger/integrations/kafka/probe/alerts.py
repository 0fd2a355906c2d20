"""Alerts on what the end-to-end probe sees. Silent where no target has it on.

Test series are written by hand after scrapes of a real cluster of three brokers.
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster, Le
from stackledger.integrations.kafka.labels import BrokerId
from stackledger.integrations.kafka.probe import metrics as m
from stackledger.integrations.kafka.probe import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, bucket, quantile, select
from stackledger.units import SECONDS

_STUCK_SECONDS: Final = 60.0
"""Six timeouts of a message; a leader's move after a broker's death takes one or two."""
_SLOW_SECONDS: Final = 1.0
"""Twenty times what a cluster in one region takes, and more than one that is spread over a continent."""


def probe_alerts() -> tuple[AlertRule, ...]:
    """Alerts on what the probe sees."""
    return (_failing(), _broker_failing(), _lost(), _slow())


def _one(metric: str, broker: int, le: str = "") -> str:
    bound = f',le="{le}"' if le else ""
    return f'stackledger_kafka_probe_{metric}{{cluster="orders",broker_id="{broker}"{bound}}}'


def _silence(broker: int) -> str:
    return _one("silence_seconds", broker)


def _failing() -> AlertRule:
    return AlertRule(
        name="KafkaProbeFailing",
        condition=above(select(m.SILENCE).min(Cluster), _STUCK_SECONDS),
        hold="30s",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: no record gets through for {{ $value | humanizeDuration }}",
        description="Of the probe's messages none came back, from any broker. Writers with acks=all fail as well, or"
        " readers get nothing. The panel of failures tells which: see whether enough replicas are in sync, and whether"
        " all brokers are away or just out of our reach.",
        panel=panels.SILENT,
        tests=(
            RuleTest(
                title="two of three brokers hang, so no partition has enough replicas in sync",
                series={_silence(1): "0.4x8 9+15x20", _silence(2): "0.2x8 8+15x20", _silence(3): "0.7x8 9+15x20"},
                expect=(Silent("3m"), Fires("4m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="one of three brokers takes nothing",
                series={_silence(1): "0.4x30", _silence(2): "0.2x8 8+15x22", _silence(3): "0.7x30"},
                expect=(Silent("5m"),),
            ),
        ),
        inhibits=("KafkaProbeBrokerFailing", "KafkaProbeSlow"),
    )


def _broker_failing() -> AlertRule:
    return AlertRule(
        name="KafkaProbeBrokerFailing",
        condition=above(select(m.SILENCE).max(Cluster, BrokerId), _STUCK_SECONDS),
        hold="1m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: no record gets through broker {{ $labels.broker_id }}",
        description="The broker leads a partition of the probe's topic, but nothing is written to it or read from it"
        " for over a minute, while others work: it hangs without having lost its leadership, or too few of its"
        " followers are in sync. Look at its log and disk; a restart moves its leaders.",
        panel=panels.SILENT,
        tests=(
            RuleTest(
                title="a broker hangs and stays leader",
                series={_silence(1): "0.4x40", _silence(2): "0.2x8 8+15x32"},
                expect=(Silent("3m45s"), Fires("5m", ({"cluster": "orders", "broker_id": "2"},))),
            ),
            RuleTest(
                title="a broker dies and its leaders move",
                series={_silence(1): "0.4x40", _silence(2): "0.2x8 8 _x31"},
                expect=(Silent("5m"),),
            ),
        ),
    )


def _lost() -> AlertRule:
    return AlertRule(
        name="KafkaProbeMessagesLost",
        condition=above(select(m.MISSING).max(Cluster, BrokerId), 0),
        hold="2m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} acknowledged messages never came",
        description="Messages that broker {{ $labels.broker_id }} acknowledged with acks=all cannot be read two minutes"
        " later. Either the partition cannot be read from here, or they are gone: an unclean leader election, a topic"
        " that was made anew. Records of users may be gone in the same way.",
        panel=panels.MISSING,
        tests=(
            RuleTest(
                title="acknowledged and gone",
                series={_one("missing_messages", 1): "0x40", _one("missing_messages", 2): "0x4 3x36"},
                expect=(Silent("2m30s"), Fires("4m", ({"cluster": "orders", "broker_id": "2"},))),
            ),
            RuleTest(
                title="a leader moves and the messages come late",
                series={_one("missing_messages", 2): "0x4 8x2 0x34"},
                expect=(Silent("2m"), Silent("4m")),
            ),
        ),
    )


def _slow() -> AlertRule:
    trips = bucket(m.ROUND_TRIP).rate("5m").sum(Cluster, BrokerId, Le)
    bounds = ("0.01", "0.5", "1.0", "2.5", "+Inf")

    def trips_of(broker: int, *counts: str) -> dict[str, str]:
        return {_one("round_trip_seconds_bucket", broker, le): row for le, row in zip(bounds, counts, strict=True)}

    return AlertRule(
        name="KafkaProbeSlow",
        condition=above(quantile(0.99, trips, SECONDS), _SLOW_SECONDS),
        hold="5m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: broker {{ $labels.broker_id }} takes {{ $value | humanizeDuration }}",
        description="One message in a hundred takes longer than this from sending to reading, for ten minutes. Compare"
        " the panels: slow to acknowledge means disks or followers, slow only to read means the fetching side. One"
        " broker alone points at its host, all of them at the network.",
        panel=panels.ROUND_TRIP,
        tests=(
            RuleTest(
                title="a twentieth of the messages takes two seconds",
                series=trips_of(1, *["0+15x80"] * 5)
                | trips_of(2, "0+14x80", "0+14x80", "0+14x80", "0+15x80", "0+15x80"),
                expect=(Silent("4m"), Fires("15m", ({"cluster": "orders", "broker_id": "2"},))),
            ),
            RuleTest(
                title="a leader moves: ten messages are slow",
                series=trips_of(2, "0+15x20 300x1 315+15x60", *["0+15x20 310x1 325+15x60"] * 4),
                expect=(Silent("8m"), Silent("12m"), Silent("15m")),
            ),
        ),
    )
