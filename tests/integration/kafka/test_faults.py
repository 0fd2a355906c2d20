"""A cluster of three brokers that is broken on purpose: what holds, what is said, and that nothing leaks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.kafka import KafkaBroker, KafkaCluster
from lab.process import wait_until
from stackledger.errors import ConnectError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.cluster import metrics as cm
from stackledger.integrations.kafka.groups import metrics as gm
from stackledger.integrations.kafka.peers.kminion import metrics as kminion
from stackledger.integrations.kafka.storage import metrics as sm
from stackledger.integrations.kafka.topics import metrics as tm
from tests.conftest import running
from tests.integration.kafka.reading import Reader, Seen

pytestmark = pytest.mark.real("kafka")


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    """Of this file's own; each test leaves three live brokers behind."""
    with running(KafkaCluster(brokers=3, properties={"leader.imbalance.check.interval.seconds": "5"})) as lab:
        yield lab


@pytest.fixture
def reader(cluster: KafkaCluster) -> Iterator[Reader]:
    with Reader(cluster.bootstrap, timeout_seconds=3.0) as reader:
        reader.until(lambda seen: seen.snapshot.complete and seen.one(cm.UNDER_REPLICATED) == 0)
        yield reader


def error_of(seen: Seen, broker: KafkaBroker) -> TargetError | None:
    return seen.snapshot.failed.get(broker.address)


def test_a_frozen_broker_takes_nothing_away(cluster: KafkaCluster, reader: Reader) -> None:
    cluster.create_topic("frozen", partitions=9)
    cluster.produce("frozen", 900)
    for number in range(6):
        cluster.commit(f"frozen-{number}", {("frozen", p): 40 for p in range(9)})
    before = reader.until(lambda seen: len(_lags(seen)) == 6 and seen.one(tm.THROUGHPUT_WINDOW) > 0)
    victim = cluster.broker(2)
    cluster.freeze(victim)
    try:
        frozen = reader.sweep()  # the very first sweep, before the cluster itself has noticed
        assert isinstance(error_of(frozen, victim), ReadTimeoutError)
        assert frozen.snapshot.completeness < 1
        assert 0 < frozen.one(tm.OFFSETS_COMPLETENESS) < 1
        assert frozen.one(tm.OFFSETS_AGE) > 0
        assert frozen.one(tm.THROUGHPUT_WINDOW) == 0  # from here on nothing is shown
        assert _lags(frozen) == _lags(before)
        for metric in (kminion.TOPIC_HIGH_WATER_MARK_SUM, kminion.TOPIC_LOW_WATER_MARK_SUM, tm.RECORDS_PRODUCED):
            assert frozen.one(metric, topic_name="frozen") == before.one(metric, topic_name="frozen")
        assert len(frozen.rows(kminion.GROUP_TOPIC_PARTITION_LAG, topic_name="frozen")) == 54
        slow = reader.sweep("slow")  # a silent broker costs its disks and what only it knows
        assert isinstance(error_of(slow, victim), ReadTimeoutError)
        assert [name for name in ("quotas", "acls") if slow.snapshot.facets[name]] == []
        assert len(slow.rows(sm.LOG_DIR_USABLE)) == 2
        gone = reader.until(lambda seen: seen.one(cm.BROKERS) == 2, timeout=60)
        assert isinstance(error_of(gone, victim), TargetError)
        moved = reader.until(lambda seen: seen.one(tm.OFFSETS_COMPLETENESS) == 1 and seen.one(gm.GROUPS_HELD) == 0)
        assert _lags(moved) == _lags(before)
        assert moved.one(tm.RECORDS_PRODUCED, topic_name="frozen") == before.one(
            tm.RECORDS_PRODUCED, topic_name="frozen"
        )
        assert moved.one(cm.UNDER_REPLICATED) > 0
        assert moved.one(cm.ISR_SHRINKS) > 0
    finally:
        cluster.thaw(victim)
    healed = reader.until(lambda seen: seen.snapshot.complete and seen.one(cm.UNDER_REPLICATED) == 0, timeout=180)
    assert _lags(healed) == _lags(before)
    assert healed.one(cm.ISR_EXPANDS) > 0
    assert healed.one(tm.RECORDS_PRODUCED, topic_name="frozen") == before.one(tm.RECORDS_PRODUCED, topic_name="frozen")


def _lags(seen: Seen) -> dict[str, float]:
    return {dict(row)["group_id"]: lag for row, lag in seen.rows(gm.LAG, topic_name="frozen").items()}


def test_settings_that_the_slow_lane_was_too_late_for_do_not_mark_the_fast_one(reader: Reader) -> None:
    late = ReadTimeoutError("DescribeConfigs did not answer within 0.6 s")
    reader.source._config_errors["slow"] = late  # beside a silent broker
    assert reader.sweep().snapshot.facets["configs"] is None
    assert reader.sweep("slow").snapshot.facets["configs"] is None  # and its own next reading mends it


def test_a_killed_broker_and_its_return(cluster: KafkaCluster, reader: Reader) -> None:
    cluster.create_topic("killed", partitions=6)
    cluster.create_topic("killed-alone", partitions=3, replicas=1)
    cluster.create_topic("killed-strict", partitions=3, config={"min.insync.replicas": "3"})
    cluster.produce("killed", 600)
    before = reader.until(lambda seen: bool(seen.rows(tm.RECORDS_PRODUCED, topic_name="killed-strict")))
    victim = cluster.broker(3)
    cluster.kill(victim)
    dead = reader.sweep()
    assert isinstance(error_of(dead, victim), ConnectError)
    dead = reader.until(lambda seen: seen.one(cm.OFFLINE) == 1, timeout=60)
    assert isinstance(error_of(dead, victim), ConnectError)
    assert dead.one(cm.BROKERS_EXPECTED) == 3
    assert dead.rows(cm.TOPIC_UNHEALTHY, topic_name="killed-alone", problem="offline")
    under = reader.until(
        lambda seen: bool(seen.rows(cm.TOPIC_UNHEALTHY, topic_name="killed-strict", problem="under_min_isr"))
    )
    assert under.one(cm.TOPIC_UNHEALTHY, topic_name="killed-strict", problem="under_min_isr") == 3
    assert under.one(cm.UNDER_MIN_ISR) == 3 + 1  # the offline partition takes no writes either
    assert under.one(kminion.TOPIC_HIGH_WATER_MARK_SUM, topic_name="killed") == 600
    cluster.produce("killed", 300)
    more = reader.until(lambda seen: seen.one(kminion.TOPIC_HIGH_WATER_MARK_SUM, topic_name="killed") == 900)
    produced = before.one(tm.RECORDS_PRODUCED, topic_name="killed")
    assert more.one(tm.RECORDS_PRODUCED, topic_name="killed") == produced + 300
    cluster.restart(victim)
    back = reader.until(
        lambda seen: seen.snapshot.complete and seen.one(cm.UNDER_REPLICATED) == 0 and seen.one(cm.OFFLINE) == 0,
        timeout=90,
    )
    assert back.one(tm.RECORDS_PRODUCED, topic_name="killed") == produced + 300
    assert back.one(cm.UNDER_MIN_ISR) == 0
    assert back.one(tm.OFFSETS_COMPLETENESS) == 1
    assert back.label(kminion.BROKER_INFO, "broker_id", port=str(victim.port)) == "3"
    # Its partitions have one replica: a later test that stops a broker would wait for them in vain.
    cluster.tool("topics", "--delete", "--topic", "killed-alone")
    reader.until(lambda seen: not seen.rows(kminion.TOPIC_INFO, topic_name="killed-alone"))


def test_without_a_quorum_there_is_no_controller(cluster: KafkaCluster, reader: Reader) -> None:
    """The controller and one more voter freeze; the third broker answers what it can, and says so."""
    leader = int(reader.sweep().one(cm.QUORUM_LEADER))
    others = [broker for broker in cluster.brokers if broker.node_id != leader]
    victims = [cluster.broker(leader), others[0]]
    for victim in victims:
        cluster.freeze(victim)
    try:
        seen = reader.until(lambda seen: seen.rows(cm.QUORUM_HAS_LEADER) == {frozenset(): 0.0}, timeout=60)
        assert seen.snapshot.facets["quorum"] is not None
        assert seen.label(kminion.CLUSTER_INFO, "controller_id") == "-1"
    finally:
        for victim in victims:
            cluster.thaw(victim)
    reader.until(lambda seen: seen.snapshot.complete and seen.one(cm.QUORUM_HAS_LEADER) == 1, timeout=90)


def test_repeated_failures_leak_nothing(cluster: KafkaCluster, reader: Reader) -> None:
    victim = cluster.broker(1)
    steady = reader.open_sockets()
    cluster.freeze(victim)
    try:
        began = time.monotonic()
        for _ in range(6):
            assert isinstance(error_of(reader.sweep(), victim), TargetError)
        assert time.monotonic() - began < 6 * reader.timeout_seconds
        assert reader.open_sockets() <= steady + 1  # closing one and opening the next may overlap
    finally:
        cluster.thaw(victim)
    reader.until(lambda seen: seen.snapshot.complete, timeout=90)
    wait_until(lambda: reader.open_sockets() <= steady, what="sockets to be closed", timeout=10)
