"""A share group with a live member, as Kafka 4.1 has them in preview: its type, its state, its members.

Not how far it is: the start offset that brokers tell (DescribeShareGroupOffsets) stays at 0 when every record has been
read and acknowledged, and moves only with a later write. A lag made of it would call a group stalled that has done all.
"""

from __future__ import annotations

import pytest

from lab import kafka_jars
from lab.kafka import KafkaCluster
from lab.process import Process
from stackledger.integrations.kafka.groups import metrics as gm
from tests.integration.kafka.reading import Reader

pytestmark = pytest.mark.real("kafka")

GROUP, TOPIC = "sharing", "shared"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"


@pytest.fixture
def cluster(kafka_cluster: KafkaCluster) -> KafkaCluster:
    kafka_cluster.tool("features", "upgrade", "--feature", "share.version=1")
    kafka_cluster.create_topic(TOPIC, partitions=2)
    words = ("--entity-type", "groups", "--entity-name", GROUP)
    kafka_cluster.tool("configs", "--alter", *words, "--add-config", "share.auto.offset.reset=earliest")
    return kafka_cluster


def test_a_share_group_is_as_visible_as_any_other(cluster: KafkaCluster) -> None:
    cluster.produce(TOPIC, 100)
    argv = kafka_jars.java(
        kafka_jars.fetch(), CONSUMER, "--bootstrap-server", cluster.bootstrap, "--topic", TOPIC, "--group", GROUP
    )
    with Reader(cluster.bootstrap) as reader:
        with Process(argv, name="share-consumer", directory=cluster.brokers[0].directory):
            seen = reader.until(
                lambda seen: (
                    seen.rows(gm.ASSIGNED, group_id=GROUP) != {} and seen.one(gm.ASSIGNED, group_id=GROUP) == 2
                ),
                timeout=90,
            )
            assert seen.snapshot.complete, seen.snapshot.facets
            assert seen.label(gm.GROUP_INFO, "group_type", group_id=GROUP) == "share"
            assert seen.label(gm.GROUP_INFO, "state", group_id=GROUP) == "Stable"
            assert seen.one(gm.GROUP_MEMBERS, group_id=GROUP) == 1
            assert seen.one(gm.GROUPS, group_type="share") == 1
            assert not seen.rows(gm.LAG, group_id=GROUP)
        gone = reader.until(lambda seen: seen.one(gm.GROUP_MEMBERS, group_id=GROUP) == 0, timeout=90)
        assert gone.label(gm.GROUP_INFO, "state", group_id=GROUP) == "Empty"
