"""Releases that people still run, live: what they can tell is exact, what they cannot is absent and no error."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from lab.kafka import KafkaCluster
from lab.kafka_zookeeper import ZooKeeperKafka
from stackledger.integrations.kafka.cluster import metrics as cm
from stackledger.integrations.kafka.groups import metrics as gm
from stackledger.integrations.kafka.peers.kminion import metrics as kminion
from stackledger.integrations.kafka.storage import metrics as sm
from stackledger.integrations.kafka.topics import metrics as tm
from stackledger.integrations.kafka.transactions import metrics as xm
from tests.conftest import running
from tests.integration.kafka.reading import Reader

pytestmark = pytest.mark.real("kafka")

RELEASES = {"2.8.2": ZooKeeperKafka, "3.9.1": KafkaCluster}


@pytest.fixture(scope="module", params=RELEASES)
def cluster(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    with running(RELEASES[request.param](version=request.param)) as lab:
        yield lab


def test_a_release(cluster: KafkaCluster) -> None:
    """In this order: a consumer that the lab keeps would dial the restarted broker and look like a socket of ours."""
    _dies_and_comes_back(cluster)
    _tells_everything(cluster)


def _dies_and_comes_back(cluster: KafkaCluster) -> None:
    topic = f"back-{uuid.uuid4().hex[:8]}"
    cluster.create_topic(topic)
    cluster.produce(topic, 10)
    with Reader(cluster.bootstrap, alone=False) as reader:
        assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic) == 0  # it was there before us
        cluster.kill(cluster.broker(1))
        cluster.restart(cluster.broker(1))
        reader.until(
            lambda seen: (
                seen.snapshot.complete
                and seen.one(cm.OFFLINE) == 0
                and seen.rows(kminion.TOPIC_INFO, topic_name=topic) != {}  # it may not know its topics yet
            )
        )
        cluster.produce(topic, 5)
        seen = reader.sweep()
        assert seen.one(tm.RECORDS_PRODUCED, topic_name=topic) == 5


def _tells_everything(cluster: KafkaCluster) -> None:
    topic = f"old-{uuid.uuid4().hex[:8]}"
    group = f"{topic}-g"
    with Reader(cluster.bootstrap, stable_offsets=True, alone=False) as reader:
        reader.sweep()
        cluster.create_topic(topic, partitions=3, config={"retention.ms": "3600000"})
        cluster.produce(topic, 300)
        with cluster.consumer(group, [topic]) as consumer:
            consumer.wait_consumed(300)
            live = reader.until(lambda seen: seen.rows(gm.LAG, group_id=group) != {} and seen.one(gm.LAG) == 0)
            assert live.one(gm.GROUP_MEMBERS, group_id=group) == 1
            assert live.one(gm.ASSIGNED, group_id=group) == 3
        cluster.produce(topic, 30)
        seen = reader.until(lambda seen: seen.one(gm.LAG, group_id=group) == 30)
        assert seen.snapshot.complete, seen.snapshot.facets
        assert seen.one(tm.RECORDS_PRODUCED, topic_name=topic) == 330
        assert seen.one(gm.STABLE_LAG, group_id=group) == 30
        assert seen.label(gm.GROUP_INFO, "group_type", group_id=group) == "classic"
        slow = reader.sweep("slow")
        assert slow.snapshot.complete, slow.snapshot.facets
        assert slow.one(tm.RETENTION, topic_name=topic) == 3600
        assert slow.one(sm.TOPIC_SIZE, topic_name=topic) > 0
        assert bool(seen.rows(cm.QUORUM_LEADER)) == (not isinstance(cluster, ZooKeeperKafka))
        assert bool(slow.rows(xm.OPEN)) == (not isinstance(cluster, ZooKeeperKafka))
        assert seen.one(cm.QUORUM_HAS_LEADER) == 1
