"""Alerts on brokers, partitions and the quorum. Pages hurt users now.

Test series are written by hand after scrapes of a real cluster of three brokers.
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.cluster import metrics as m
from stackledger.integrations.kafka.cluster import panels
from stackledger.integrations.kafka.labels import ReplicaId, Role
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, equals, select

_UP_1: Final = 'stackledger_kafka_broker_up{cluster="orders",instance="10.0.0.1:9092"}'
_UP_2: Final = 'stackledger_kafka_broker_up{cluster="orders",instance="10.0.0.2:9092"}'


def cluster_alerts() -> tuple[AlertRule, ...]:
    """Alerts on brokers, partitions and the quorum."""
    return (
        _unreachable(),
        _broker_down(),
        _offline_partitions(),
        _under_min_isr(),
        _under_replicated(),
        _no_controller(),
        _quorum_member_behind(),
    )


def _one(metric: str, labels: str = "") -> str:
    return f'stackledger_kafka_{metric}{{cluster="orders"{labels}}}'


def _unreachable() -> AlertRule:
    return AlertRule(
        name="KafkaUnreachable",
        condition=equals(select(m.UP).max(Cluster), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: no broker answers",
        description="None of the brokers that we know can be read. Either Kafka is down as a whole, or cannot be"
        " reached from here. Check one broker's process and log, then the network between us.",
        panel=panels.BROKERS_UP,
        tests=(
            RuleTest(
                title="both brokers go",
                series={_UP_1: "1x4 0x20", _UP_2: "1x4 0x20"},
                expect=(Silent("1m30s"), Fires("3m", ({"cluster": "orders"},))),
            ),
            RuleTest(title="one of two goes", series={_UP_1: "1x30", _UP_2: "0x30"}, expect=(Silent("5m"),)),
        ),
        inhibits=("KafkaBrokerDown", "KafkaOffsetsStale", "KafkaProbeFailing", "KafkaProbeBrokerFailing"),
    )


def _broker_down() -> AlertRule:
    return AlertRule(
        name="KafkaBrokerDown",
        condition=equals(select(m.UP), 0),
        hold="1m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: broker {{ $labels.instance }} is down",
        description="The broker cannot be read: its process ended, it hangs, or the network is cut. Its replicas"
        " are missing elsewhere, so the next loss may stop writers. Read its log and start it again.",
        panel=panels.UP_BY_BROKER,
        tests=(
            RuleTest(
                title="a broker dies and comes back",
                series={_UP_1: "1x80", _UP_2: "1x4 0x20 1x50"},
                expect=(
                    Silent("1m30s"),
                    Fires("3m", ({"cluster": "orders", "instance": "10.0.0.2:9092"},)),
                    Silent("8m"),
                ),
            ),
        ),
    )


def _offline_partitions() -> AlertRule:
    return AlertRule(
        name="KafkaOfflinePartitions",
        condition=above(select(m.OFFLINE), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} partitions have no leader",
        description="Nobody can read or write these partitions. Every broker that holds a replica in sync is away:"
        " bring one of them back. The board lists the topics.",
        panel=panels.OFFLINE,
        tests=(
            RuleTest(
                title="a topic with one replica loses its broker",
                series={_one("offline_partitions"): "0x4 2x30"},
                expect=(Silent("1m30s"), Fires("3m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="a leader moves within seconds",
                series={_one("offline_partitions"): "0x4 2x2 0x30"},
                expect=(Silent("2m"), Silent("4m")),
            ),
        ),
        inhibits=("KafkaUnderReplicated",),
    )


def _under_min_isr() -> AlertRule:
    return AlertRule(
        name="KafkaUnderMinIsr",
        condition=above(select(m.UNDER_MIN_ISR), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} partitions refuse writers (under min ISR)",
        description="Fewer replicas are in sync than min.insync.replicas, so producers with acks=all get"
        " NOT_ENOUGH_REPLICAS. Bring back the brokers that are down; else look for slow disks of followers.",
        panel=panels.UNDER_MIN_ISR,
        tests=(
            RuleTest(
                title="two of three replicas are gone",
                series={_one("under_min_isr_partitions"): "0x4 6x30"},
                expect=(Silent("1m30s"), Fires("3m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="one of three replicas is gone",
                series={
                    _one("under_min_isr_partitions"): "0x40",
                    _one("at_min_isr_partitions"): "0x4 6x30",
                },
                expect=(Silent("5m"),),
            ),
        ),
        inhibits=("KafkaUnderReplicated",),
    )


def _under_replicated() -> AlertRule:
    return AlertRule(
        name="KafkaUnderReplicated",
        condition=above(select(m.UNDER_REPLICATED), 0),
        hold="10m",
        severity=Severity.TICKET,
        summary="Kafka {{ $labels.cluster }}: {{ $value }} partitions lack a replica for 10 minutes",
        description="Writers go on, with less safety than configured. A restart heals within minutes; this lasts"
        " longer: a broker is down, or its disk or network cannot keep up.",
        panel=panels.REPLICATION,
        tests=(
            RuleTest(
                title="a broker stays away",
                series={_one("under_replicated_partitions"): "0x4 10x60"},
                expect=(Silent("9m"), Fires("13m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="a restart",
                series={_one("under_replicated_partitions"): "0x4 10x16 0x40"},
                expect=(Silent("5m"), Silent("13m")),
            ),
        ),
    )


def _no_controller() -> AlertRule:
    return AlertRule(
        name="KafkaNoController",
        condition=equals(select(m.QUORUM_HAS_LEADER), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Kafka {{ $labels.cluster }}: no active controller",
        description="The brokers find no controller: leaders cannot move, brokers cannot come back, topics cannot"
        " be made. A majority of the voters must be alive and reach each other: start them.",
        panel=panels.CONTROLLER,
        tests=(
            RuleTest(
                title="the majority of the voters is gone",
                series={_one("quorum_has_leader"): "1x4 0x30"},
                expect=(Silent("1m30s"), Fires("3m", ({"cluster": "orders"},))),
            ),
            RuleTest(
                title="an election",
                series={_one("quorum_has_leader"): "1x4 0x1 1x30"},
                expect=(Silent("2m"), Silent("4m")),
            ),
        ),
    )


def _quorum_member_behind() -> AlertRule:
    age = select(m.QUORUM_CAUGHT_UP_AGE, Role.eq("voter")).max(Cluster, ReplicaId)
    return AlertRule(
        name="KafkaQuorumMemberBehind",
        condition=above(age, 60),
        hold="5m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: voter {{ $labels.replica_id }} lags by {{ $value | humanizeDuration }}",
        description="The voter is dead or cut off from the controller. With a majority of such voters the cluster"
        " loses its controller. Look at that node's process, disk and network.",
        panel=panels.QUORUM_AGE,
        tests=(
            RuleTest(
                title="a voter stops",
                series={
                    _one("quorum_replica_caught_up_age_seconds", ',replica_id="2",role="voter"'): "0.4x4 0+15x40",
                    _one("quorum_replica_caught_up_age_seconds", ',replica_id="3",role="voter"'): "0.4x44",
                },
                expect=(Silent("5m"), Fires("8m", ({"cluster": "orders", "replica_id": "2"},))),
            ),
        ),
    )
