"""Alerts on log directories.

Test series are written by hand after scrapes of a real cluster of three brokers.
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.kafka.labels import LogDir
from stackledger.integrations.kafka.storage import metrics as m
from stackledger.integrations.kafka.storage import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import below, equals, select

_PLACE: Final = 'instance="10.0.0.1:9092",log_dir="/var/lib/kafka"'
_SOON_SECONDS: Final = 3 * 86_400.0
_IN_DIR: Final = {"cluster": "orders", "instance": "10.0.0.1:9092", "log_dir": "/var/lib/kafka"}


def storage_alerts() -> tuple[AlertRule, ...]:
    """Alerts on log directories."""
    return (
        _disk_almost_full(),
        _disk_full_soon(),
        _log_dir_failed(),
    )


def _one(metric: str) -> str:
    return f'stackledger_kafka_{metric}{{cluster="orders",{_PLACE}}}'


def _disk_almost_full() -> AlertRule:
    free = (select(m.LOG_DIR_USABLE) / select(m.LOG_DIR_CAPACITY)).min(Cluster, Instance, LogDir)
    return AlertRule(
        name="KafkaDiskAlmostFull",
        condition=below(free, 0.1),
        hold="5m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.instance }} has {{ $value | humanizePercentage }} free",
        description="A broker whose volume fills up stops with all its replicas. Shorten the retention of the"
        " largest topic, add space, or move partitions to another broker.",
        panel=panels.DISK_USABLE,
        tests=(
            RuleTest(
                title="8 of 100 GB are left",
                series={
                    _one("log_dir_usable_bytes"): "8e9x40",
                    _one("log_dir_volume_bytes"): "100e9x40",
                },
                expect=(Silent("4m"), Fires("8m", (_IN_DIR,))),
            ),
            RuleTest(
                title="30 of 100 GB are left",
                series={
                    _one("log_dir_usable_bytes"): "30e9x40",
                    _one("log_dir_volume_bytes"): "100e9x40",
                },
                expect=(Silent("8m"),),
            ),
        ),
    )


def _disk_full_soon() -> AlertRule:
    growth = select(m.LOG_DIR_USABLE).deriv("6h").minus_from(0).clamp_min(1)
    left = select(m.LOG_DIR_USABLE).over(growth, on=(Cluster, Instance, LogDir))
    scarce = below((select(m.LOG_DIR_USABLE) / select(m.LOG_DIR_CAPACITY)).min(Cluster, Instance, LogDir), 0.4)
    return AlertRule(
        name="KafkaDiskFullSoon",
        condition=below(left, _SOON_SECONDS).where(scarce, on=(Cluster, Instance, LogDir)),
        hold="1h",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.instance }} is full in {{ $value | humanizeDuration }}",
        description="At the pace of the last six hours the volume of the log directory fills up within three days, and"
        " a full volume takes the broker down. Shorten the retention of what grows, add space, or move partitions.",
        panel=panels.DISK_FULL_IN,
        tests=(
            RuleTest(
                title="0.5 GB an hour, 20 of 100 GB are left",
                series={_one("log_dir_usable_bytes"): "20e9-40e6x100", _one("log_dir_volume_bytes"): "100e9x100"},
                expect=(Silent("30m"), Fires("7h", (_IN_DIR,))),
                interval="5m",
            ),
            RuleTest(
                title="the same pace with 80 of 100 GB left",
                series={_one("log_dir_usable_bytes"): "80e9-40e6x100", _one("log_dir_volume_bytes"): "100e9x100"},
                expect=(Silent("7h"),),
                interval="5m",
            ),
            RuleTest(
                title="segments come and go, nothing grows",
                series={_one("log_dir_usable_bytes"): "20e9x100", _one("log_dir_volume_bytes"): "100e9x100"},
                expect=(Silent("7h"),),
                interval="5m",
            ),
        ),
    )


def _log_dir_failed() -> AlertRule:
    return AlertRule(
        name="KafkaLogDirFailed",
        condition=equals(select(m.LOG_DIR_FAILED), 1),
        hold="1m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $labels.instance }} lost {{ $labels.log_dir }}",
        description="The broker met a disk error and gave the directory up. Its replicas there are offline; others"
        " serve them. Replace the disk and restart the broker.",
        panel=panels.LOG_DIR_FAILED,
        tests=(
            RuleTest(
                title="a disk error",
                series={_one("log_dir_failed"): "0x4 1x20"},
                expect=(Silent("1m30s"), Fires("4m", (_IN_DIR,))),
            ),
        ),
    )
