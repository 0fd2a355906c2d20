"""What administrators did, on a real cluster: a throttled reassignment, quotas, access control lists, settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.kafka import KafkaCluster
from stackledger.errors import AuthError
from stackledger.integrations.kafka.administration import metrics as am
from stackledger.integrations.kafka.storage import metrics as sm
from stackledger.integrations.kafka.topics import metrics as tm
from tests.conftest import running
from tests.integration.kafka.reading import Reader

pytestmark = pytest.mark.real("kafka")

ADMIN = ("admin", "right-horse-9")
ACL = "org.apache.kafka.tools.AclCommand"


def test_a_reassignment_under_way(kafka_cluster_of_three: KafkaCluster, tmp_path: Path) -> None:
    """Throttled to a kilobyte a second, so that it lasts until it is cancelled."""
    cluster = kafka_cluster_of_three
    cluster.create_topic("moving", partitions=2, replicas=1)
    cluster.produce("moving", 4_000, size=1_000)
    described = cluster.tool("topics", "--describe", "--topic", "moving")
    homes = {int(p): int(leader) for p, leader in re.findall(r"Partition: (\d+)\s+Leader: (\d+)", described)}
    moves = [{"topic": "moving", "partition": p, "replicas": [home % 3 + 1]} for p, home in homes.items()]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": moves}))
    with Reader(cluster.bootstrap) as reader:
        reader.sweep()
        assert reader.sweep("slow").one(am.REASSIGNING) == 0
        words = ("--reassignment-json-file", str(plan))
        cluster.tool("reassign-partitions", *words, "--execute", "--throttle", "1000")
        try:
            seen = reader.sweep("slow")
            assert seen.one(am.REASSIGNING) == 2
            assert seen.one(am.TOPIC_REASSIGNING, topic_name="moving") == 2
        finally:
            cluster.tool("reassign-partitions", *words, "--cancel")
        gone = reader.sweep("slow")
        assert gone.one(am.REASSIGNING) == 0
        assert not gone.rows(am.TOPIC_REASSIGNING)
        # It has one replica, less than the cluster's minimum in sync: another test would find it wanting.
        cluster.tool("topics", "--delete", "--topic", "moving")
        reader.until(lambda seen: not seen.rows(tm.RECORDS_PRODUCED, topic_name="moving"))


def test_settings_of_topics(kafka_cluster: KafkaCluster) -> None:
    config = {
        "retention.ms": "3600000",
        "retention.bytes": "1048576",
        "max.message.bytes": "2097152",
        "unclean.leader.election.enable": "true",
    }
    kafka_cluster.create_topic("set", partitions=2, config=config)
    kafka_cluster.create_topic("unset", config={"cleanup.policy": "compact"})
    with Reader(kafka_cluster.bootstrap) as reader:
        reader.sweep()
        seen = reader.sweep("slow")
        assert seen.one(tm.PARTITIONS, topic_name="set") == 2
        assert seen.one(tm.REPLICATION_FACTOR, topic_name="set") == 1
        assert seen.one(tm.RETENTION, topic_name="set") == 3600
        assert seen.one(tm.RETENTION_SIZE, topic_name="set") == 1048576
        assert seen.one(tm.MAX_MESSAGE, topic_name="set") == 2097152
        assert seen.one(tm.UNCLEAN, topic_name="set") == 1
        assert not seen.rows(tm.UNCLEAN, topic_name="unset")
        assert not seen.rows(tm.RETENTION, topic_name="unset")  # a compacted topic deletes nothing by age
        assert seen.one(tm.SINGLE_REPLICA) >= 2
        kafka_cluster.tool(
            "configs",
            "--alter",
            "--entity-type",
            "topics",
            "--entity-name",
            "set",
            "--add-config",
            "retention.ms=60000",
        )
        reader.until(lambda _: reader.sweep("slow").one(tm.RETENTION, topic_name="set") == 60)


def test_feature_levels_are_what_kafkas_tool_says(kafka_cluster: KafkaCluster) -> None:
    printed = kafka_cluster.tool("features", "describe")
    rows = re.findall(r"Feature: (\S+)\s.*SupportedMaxVersion: (\S+)\s+FinalizedVersionLevel: (\S+)", printed)
    with Reader(kafka_cluster.bootstrap) as reader:
        seen = reader.sweep("slow")
    assert rows
    for feature, _, finalized in rows:
        agreed = {dict(row)["feature"]: value for row, value in seen.rows(am.FEATURE_LEVEL).items()}.get(feature, 0.0)
        if finalized.isdigit():  # metadata.version is printed as a release
            assert agreed == float(finalized), feature
        assert seen.one(am.FEATURE_SUPPORTED, feature=feature) >= agreed


@pytest.fixture(scope="module")
def guarded() -> Iterator[KafkaCluster]:
    """A broker with access control lists; `admin` may do everything, `reader` what it is given."""
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "listener.name.client.plain.sasl.jaas.config": (
            "org.apache.kafka.common.security.plain.PlainLoginModule required"
            ' username="admin" password="right-horse-9" user_admin="right-horse-9" user_reader="second-horse-7";'
        ),
    }
    with running(KafkaCluster(sasl=ADMIN, properties=properties)) as lab:
        lab.create_topic("guarded")
        yield lab


def as_reader(cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, **settings: object) -> Reader:
    monkeypatch.setenv("READER_PASSWORD", "second-horse-7")
    sasl = {"mechanism": "PLAIN", "user": "reader", "password": {"env": "READER_PASSWORD"}}
    return Reader(cluster.bootstrap, sasl=sasl, **settings)


def grant(cluster: KafkaCluster, *words: str) -> None:
    cluster.tool(ACL, "--add", "--allow-principal", "User:reader", *words)


def test_every_right_that_is_missing_is_named_and_costs_only_its_facet(
    guarded: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(guarded, "--operation", "Describe", "--topic", "*")
    with as_reader(guarded, monkeypatch) as reader:
        fast, slow = reader.sweep(), reader.sweep
        assert fast.one(tm.OFFSETS_COMPLETENESS) == 1
        assert isinstance(fast.snapshot.facets["quorum"], AuthError)
        narrow = slow("slow")  # hardly any right: what may be read is read
        assert isinstance(narrow.snapshot.facets["log_dirs"], AuthError)
        assert narrow.snapshot.facets["transactions"] is None
        assert narrow.rows(am.FEATURE_LEVEL)
        assert reader.sweep().one(tm.OFFSETS_COMPLETENESS) == 1
        grant(guarded, "--operation", "Describe", "--cluster")
        reader.until(lambda _: slow("slow").snapshot.facets["log_dirs"] is None)
        seen = slow("slow")
        refused = {name for name, error in seen.snapshot.facets.items() if error is not None}
        assert refused == {"configs", "quotas"}
        assert all(isinstance(seen.snapshot.facets[name], AuthError) for name in refused)
        grant(guarded, "--operation", "DescribeConfigs", "--topic", "*")
        grant(guarded, "--operation", "DescribeConfigs", "--cluster")
        grant(guarded, "--operation", "Describe", "--group", "*")
        grant(guarded, "--operation", "Describe", "--transactional-id", "*")
        reader.until(lambda _: slow("slow").snapshot.complete)
        whole = reader.until(lambda seen: seen.snapshot.complete)
        assert whole.snapshot.complete
        counted = slow("slow")
        printed = guarded.tool(ACL, "--list")
        assert counted.one(am.ACLS) == printed.count("principal=") == 6
        assert counted.rows(sm.LOG_DIR_SIZE)


def test_quotas_by_whom_they_bind(guarded: KafkaCluster) -> None:
    with Reader(
        guarded.bootstrap, sasl={"mechanism": "PLAIN", "user": "admin", "password": {"env": "ADMIN"}}
    ) as reader:
        for entity in (("users", "alice"), ("users", "bob"), ("clients", "batch")):
            words = ("--entity-type", entity[0], "--entity-name", entity[1])
            guarded.tool("configs", "--alter", *words, "--add-config", "producer_byte_rate=1000000")
        seen = reader.sweep("slow")
        assert seen.one(am.QUOTAS, entity_type="user") == 2
        assert seen.one(am.QUOTAS, entity_type="client-id") == 1


@pytest.fixture(autouse=True)
def _admin_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN", ADMIN[1])
