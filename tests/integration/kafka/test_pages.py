"""Every page about Kafka, brought about by a fault of a real cluster of three brokers, and gone when it is healed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from lab.kafka import KafkaCluster
from lab.process import wait_until
from stackledger.integrations.kafka import KAFKA
from stackledger.model import Severity
from tests.conftest import running
from tests.integration.kafka.raw_produce import leave_hanging
from tests.integration.kafka.watch import Watch, watching

pytestmark = pytest.mark.real("kafka", "prometheus")

PROPERTIES = {
    "transaction.partition.verification.enable": "false",
    "leader.imbalance.check.interval.seconds": "5",
}
PAGE_SECONDS = 0.05
"""The issue's bound on /metrics while a broker hangs; the least of several, for the machine is shared."""


PAGES = {alert.name for alert in KAFKA.alerts() if alert.severity is Severity.PAGE}


def test_every_page_has_its_fault() -> None:
    fired = set(re.findall(r'watch\.fires\(\s*"(\w+)"', Path(__file__).read_text()))
    assert fired == PAGES


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    """Of this file's own; each test leaves three live brokers behind."""
    with running(KafkaCluster(brokers=3, properties=PROPERTIES)) as lab:
        lab.create_topic("kept", partitions=6)
        lab.produce("kept", 60)
        yield lab


@pytest.fixture(scope="module")
def watch(cluster: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    target = {
        "name": "orders",
        "bootstrap": cluster.bootstrap.split(","),
        "stuck_after_seconds": 5,
        "probe": {"timeout_seconds": 2},
        "hanging_after_seconds": 0,
    }
    directory: Path = tmp_path_factory.mktemp("kafka-pages")
    with watching(directory, KAFKA, target, thresholds={"KafkaProbeFailing": 6}) as watched:
        yield watched


def test_kafka_unreachable(cluster: KafkaCluster, watch: Watch) -> None:
    for broker in cluster.brokers:
        cluster.freeze(broker)
    try:
        watch.fires("KafkaUnreachable", cluster="orders")
    finally:
        for broker in cluster.brokers:
            cluster.thaw(broker)
    watch.ends("KafkaUnreachable")
    watch.ends("KafkaNoController")


def test_kafka_partitions_offline_and_under_min_isr(cluster: KafkaCluster, watch: Watch) -> None:
    """One broker hangs: what it alone had is offline, what needs all three refuses writers; the page stays quick."""
    cluster.create_topic("alone", partitions=3, replicas=1)
    cluster.create_topic("strict", partitions=3, config={"min.insync.replicas": "3"})
    victim = cluster.broker(2)
    cluster.freeze(victim)
    try:
        watch.fires("KafkaOfflinePartitions", cluster="orders")
        watch.fires("KafkaUnderMinIsr", cluster="orders")
        assert min(watch.page_seconds() for _ in range(10)) < PAGE_SECONDS
    finally:
        cluster.thaw(victim)
    watch.ends("KafkaOfflinePartitions")
    watch.ends("KafkaUnderMinIsr")
    cluster.tool("topics", "--delete", "--topic", "alone")


def test_kafka_no_controller_and_nothing_gets_through(cluster: KafkaCluster, watch: Watch) -> None:
    leader = int(watch.prometheus.value("stackledger_kafka_quorum_leader_id") or 0)
    others = [broker for broker in cluster.brokers if broker.node_id != leader]
    victims = [cluster.broker(leader), others[0]]
    for victim in victims:
        cluster.freeze(victim)
    try:
        watch.fires("KafkaNoController", cluster="orders")
        watch.fires("KafkaProbeFailing", cluster="orders")
    finally:
        for victim in victims:
            cluster.thaw(victim)
    watch.ends("KafkaNoController")
    watch.ends("KafkaProbeFailing")


def test_kafka_consumer_stopped(cluster: KafkaCluster, watch: Watch) -> None:
    cluster.create_topic("billing", partitions=3)
    with cluster.producer("billing", rate=50):
        with cluster.consumer("billing", ["billing"]) as consumer:
            consumer.wait_consumed(50)
        watch.fires("KafkaConsumerStopped", cluster="orders", group_id="billing", topic_name="billing")
        with cluster.consumer("billing", ["billing"]):
            watch.ends("KafkaConsumerStopped")
    admin = AdminClient(cluster.client_settings())
    admin.delete_consumer_groups(["billing"])["billing"].result(30)


def test_kafka_retention_takes_records_that_were_not_read(cluster: KafkaCluster, watch: Watch) -> None:
    cluster.create_topic("short")
    cluster.produce("short", 300)
    cluster.commit("late", {("short", 0): 10})
    lost = 'stackledger_kafka_consumer_group_topic_lost_records{group_id="late"}'
    wait_until(lambda: watch.prometheus.value(lost) == 0, what="the group to be seen", timeout=60)
    admin = AdminClient(cluster.client_settings())
    for future in admin.delete_records([TopicPartition("short", 0, 200)]).values():
        future.result(30)
    watch.fires("KafkaTopicRetentionLoss", cluster="orders", group_id="late", topic_name="short")


def test_kafka_hanging_transaction(cluster: KafkaCluster, watch: Watch) -> None:
    cluster.create_topic("payments")
    leave_hanging(cluster, "payments", transactional_id="payments")
    watch.fires("KafkaHangingTransaction", cluster="orders")
    cluster.tool("transactions", "abort", "--topic", "payments", "--partition", "0", "--start-offset", "0")
    watch.ends("KafkaHangingTransaction")
