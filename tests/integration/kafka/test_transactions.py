"""Transactions on a real broker: open, ended, and hanging, as Kafka's own tool sees them and ends them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from lab.kafka import KafkaCluster
from stackledger.integrations.kafka.groups import metrics as gm
from stackledger.integrations.kafka.transactions import metrics as xm
from tests.integration.kafka.raw_produce import leave_hanging
from tests.integration.kafka.reading import Reader

pytestmark = pytest.mark.real("kafka")


@pytest.fixture
def cluster(kafka_cluster: KafkaCluster) -> KafkaCluster:
    return kafka_cluster


@pytest.fixture
def topic(cluster: KafkaCluster) -> str:
    name = f"tx-{uuid.uuid4().hex[:8]}"
    cluster.create_topic(name)
    return name


@pytest.fixture
def reader(cluster: KafkaCluster) -> Iterator[Reader]:
    with Reader(cluster.bootstrap, hanging_after_seconds=0) as reader:
        reader.sweep()
        yield reader


def test_an_open_transaction_is_seen_until_it_ends(cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    producer = Producer(cluster.client_settings() | {"transactional.id": topic})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(topic, b"x", partition=0)
    producer.flush(30)
    written = time.time()
    try:
        for _ in range(3):  # however often it is looked at, a transaction with a coordinator does not hang
            reader.sweep()
            seen = reader.sweep("slow")
            assert seen.snapshot.facets["transactions"] is None
            assert seen.one(xm.OPEN) == 1
            assert seen.one(xm.HANGING) == 0
            assert seen.one(xm.TRANSACTIONAL_IDS, transaction_state="Ongoing") == 1
        time.sleep(1.0)
        age = reader.sweep("slow").one(xm.TOPIC_OPEN_AGE, topic_name=topic)
        assert 1.0 <= age <= time.time() - written
        producer.commit_transaction(60)
        reader.sweep()
        done = reader.sweep("slow")
        assert done.one(xm.OPEN) == 0
        assert not done.rows(xm.TOPIC_OPEN_AGE)
    finally:
        producer.purge()


def test_a_transaction_that_nobody_will_end_hangs_until_it_is_aborted(
    cluster: KafkaCluster, topic: str, reader: Reader
) -> None:
    producer_id = leave_hanging(cluster, topic, transactional_id=topic)
    reader.sweep()
    first = reader.sweep("slow")
    assert (first.one(xm.OPEN), first.one(xm.HANGING)) == (1, 0)  # it might just have ended
    second = reader.sweep("slow")
    assert second.one(xm.HANGING) == 1
    wanted = {"topic_name": topic, "partition_id": "0", "producer_id": str(producer_id), "start_offset": "0"}
    assert set(second.rows(xm.HANGING_INFO)) == {frozenset(wanted.items())}
    cluster.tool("transactions", "abort", "--topic", topic, "--partition", "0", "--start-offset", "0")
    reader.sweep()
    done = reader.sweep("slow")
    assert (done.one(xm.OPEN), done.one(xm.HANGING)) == (0, 0)
    assert not done.rows(xm.HANGING_INFO)


def test_the_end_of_a_transaction_is_no_lag_that_anybody_could_work_off(cluster: KafkaCluster, topic: str) -> None:
    """A reader commits after the last record, and the commit marker behind it stays unread: neither late nor stuck."""
    producer = Producer(cluster.client_settings() | {"transactional.id": topic})
    producer.init_transactions(60)
    group = f"{topic}-read"
    cluster.commit(group, {(topic, 0): 0})
    with Reader(cluster.bootstrap, stuck_after_seconds=1.0) as reader:
        reader.sweep()
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, b"x", partition=0)
        producer.commit_transaction(60)
        cluster.commit(group, {(topic, 0): 5})
        time.sleep(1.5)
        for _ in range(3):
            seen = reader.sweep()
            time.sleep(0.6)
        assert seen.one(gm.LAG, group_id=group) == 1  # offsets are offsets: it is shown as it is
        assert seen.one(gm.LAG_SECONDS, group_id=group) == 0
        assert seen.one(gm.VERDICT, group_id=group) == 0
        producer.begin_transaction()
        producer.produce(topic, b"x", partition=0)
        producer.commit_transaction(60)
        stuck = reader.until(lambda seen: seen.one(gm.VERDICT, group_id=group) != 0)
        assert stuck.one(gm.LAG, group_id=group) == 3
        assert stuck.one(gm.LAG_SECONDS, group_id=group) >= 1


def test_one_record_that_waits_is_lag_where_there_are_no_transactions(cluster: KafkaCluster, topic: str) -> None:
    group = f"{topic}-one"
    cluster.produce(topic, 5)
    cluster.commit(group, {(topic, 0): 4})
    with Reader(cluster.bootstrap, stuck_after_seconds=1.0) as reader:
        reader.until(lambda seen: seen.one(gm.VERDICT, group_id=group) != 0, timeout=10)


def test_transactions_can_be_left_out(cluster: KafkaCluster) -> None:
    with Reader(cluster.bootstrap, transactions=False) as reader:
        reader.sweep()
        seen = reader.sweep("slow")
        assert seen.snapshot.complete
        assert not seen.rows(xm.OPEN)
        assert not seen.rows(xm.TRANSACTIONAL_IDS)
