"""The peers' names: labels as their own scrapes have them, values as Kafka's command line tools print them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from lab.kafka import KafkaCluster
from stackledger.integrations.kafka import KAFKA
from tests.integration.kafka.reading import Labels, Reader, Seen, only

pytestmark = pytest.mark.real("kafka")

NAMES = Path(__file__).parents[2] / "data" / "names"
FAMILIES = ("kminion_kafka_topic_", "kminion_kafka_broker_", "kminion_kafka_cluster_", "kminion_kafka_consumer_group_")
METRICS = {metric.name: metric for metric in KAFKA.metrics}
OUT_OF_SCOPE = {
    "kminion_exporter_offset_consumer_records_consumed_total": "we do not read the offsets topic",
    "kminion_log_messages_total": "the service counts its own log",
}
OURS = "names-"
Rows = dict[Labels, float]


def peer_names(peer: str = "kminion") -> dict[str, set[str]]:
    rows = (line.split(" ") for line in (NAMES / f"{peer}.txt").read_text().splitlines() if line)
    return {row[0]: set(filter(None, row[1].split(","))) for row in rows}


def row(**labels: object) -> Labels:
    return frozenset((name, str(value)) for name, value in labels.items())


class Tools:
    """What Kafka's own tools say, each asked once."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster

    def topics(self) -> Rows:
        found = {}
        configs = self._cluster.tool("configs", "--describe", "--entity-type", "topics", "--all")
        policies = {}
        for line in configs.splitlines():
            if match := re.match(r"All configs for topic (\S+) are:", line):
                topic = match[1]
            elif match := re.match(r"\s+cleanup\.policy=(\S+) ", line):
                policies[topic] = match[1]
        pattern = r"^Topic: (\S+)\s+TopicId: \S+\s+PartitionCount: (\d+)\s+ReplicationFactor: (\d+)"
        for topic, count, factor in re.findall(pattern, self._cluster.tool("topics", "--describe"), re.MULTILINE):
            labels = row(
                topic_name=topic, partition_count=count, replication_factor=factor, cleanup_policy=policies[topic]
            )
            found[labels] = 1.0
        return found

    def partitions(self) -> list[tuple[str, str, int, list[str], list[str]]]:
        """Topic, partition, leader, replicas, replicas in sync."""
        pattern = r"^\s+Topic: (\S+)\s+Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\S+)\s+Isr: (\S+)"
        rows = re.findall(pattern, self._cluster.tool("topics", "--describe"), re.MULTILINE)
        return [(topic, p, int(leader), all_.split(","), isr.split(",")) for topic, p, leader, all_, isr in rows]

    def offsets(self, when: str) -> dict[tuple[str, int], int]:
        printed = self._cluster.tool("get-offsets", "--topic", f"{OURS}.*", "--time", when)
        rows = (line.rsplit(":", 2) for line in printed.split())
        return {(topic, int(partition)): int(offset) for topic, partition, offset in rows}

    def brokers(self) -> dict[str, tuple[str, str, str]]:
        printed = self._cluster.tool("broker-api-versions")
        rows = re.findall(r"^(\S+):(\d+) \(id: (\d+) rack: (\S+)", printed, re.MULTILINE)
        return {key: (host, port, "" if rack == "null" else rack) for host, port, key, rack in rows}

    def quorum(self) -> dict[str, str]:
        printed = self._cluster.tool("metadata-quorum", "describe", "--status")
        return dict(re.findall(r"^(\w+):\s+(\S+)", printed, re.MULTILINE))

    def release(self) -> str:
        return re.findall(
            r"metadata\.version.*FinalizedVersionLevel: ([\d.]+)-", self._cluster.tool("features", "describe")
        )[0]

    def log_dirs(self) -> tuple[dict[str, int], dict[str, int]]:
        """Bytes by broker, and by topic."""
        printed = self._cluster.tool("log-dirs", "--describe").splitlines()[-1]
        brokers: dict[str, int] = defaultdict(int)
        topics: dict[str, int] = defaultdict(int)
        for broker in json.loads(printed)["brokers"]:
            for partition in (p for directory in broker["logDirs"] for p in directory["partitions"]):
                brokers[str(broker["broker"])] += partition["size"]
                topics[partition["partition"].rsplit("-", 1)[0]] += partition["size"]
        return brokers, topics

    def groups(self, what: str) -> list[list[str]]:
        printed = self._cluster.tool("consumer-groups", "--describe", "--all-groups", *what.split())
        return [line.split() for line in printed.splitlines() if line.startswith(OURS)]

    def protocols(self) -> dict[str, str]:
        rows = (line.split() for line in self._cluster.tool("groups", "--list").splitlines() if line.startswith(OURS))
        return {words[0]: words[2] if len(words) > 2 else "" for words in rows}


@pytest.fixture(scope="module")
def cluster(kafka_cluster_of_three: KafkaCluster) -> Iterator[KafkaCluster]:
    """Topics at rest with deleted records and a compacted one; groups that only commit, classic and KIP-848."""
    lab = kafka_cluster_of_three
    lab.create_topic("names-orders", partitions=6)
    lab.create_topic("names-compact", partitions=2, config={"cleanup.policy": "compact"})
    lab.create_topic("names-single", partitions=1)
    lab.produce("names-orders", 600)
    keyed = Producer(lab.client_settings())
    for number in range(40):  # a compacted topic takes records with keys only
        keyed.produce("names-compact", b"x", key=str(number).encode())
    assert keyed.flush(60) == 0
    lab.produce("names-single", 7)
    admin = AdminClient(lab.client_settings())
    for future in admin.delete_records([TopicPartition("names-orders", 2, 30)]).values():
        future.result(30)
    lab.commit("names-commits", {("names-orders", p): 50 + p for p in range(6)} | {("names-compact", 0): 3})
    with (
        lab.consumer("names-classic", ["names-orders"]) as classic,
        lab.consumer("names-crowded", ["names-single"]) as first,
        lab.consumer("names-crowded", ["names-single"]) as second,
        lab.consumer("names-modern", ["names-orders"], protocol="consumer") as modern,
    ):
        classic.wait_consumed(570)
        modern.wait_consumed(570)
        with Reader(lab.bootstrap) as reader:
            reader.until(lambda seen: _settled(seen, first.consumed + second.consumed))
        yield lab


def _settled(seen: Seen, consumed: int) -> bool:
    sums = seen.rows(METRICS["kminion_kafka_consumer_group_topic_offset_sum"])
    caught_up = [row(group_id=group, topic_name="names-orders") for group in ("names-classic", "names-modern")]
    crowded = seen.rows(METRICS["kminion_kafka_consumer_group_members"], group_id="names-crowded")
    done = all(sums.get(key) == 600 for key in caught_up) and consumed == 7
    return done and sums.get(row(group_id="names-crowded", topic_name="names-single")) == 7 and 2.0 in crowded.values()


@pytest.fixture(scope="module")
def expected(cluster: KafkaCluster) -> dict[str, Rows]:
    tools = Tools(cluster)
    return {**_of_topics(tools), **_of_brokers(tools), **_of_groups(tools)}


def _of_topics(tools: Tools) -> dict[str, Rows]:
    found: dict[str, Rows] = {"kminion_kafka_topic_info": tools.topics()}
    for name, when in (("high", "-1"), ("low", "-2")):
        offsets = tools.offsets(when)
        sums: dict[str, int] = defaultdict(int)
        for (topic, _), offset in offsets.items():
            sums[topic] += offset
        found[f"kminion_kafka_topic_partition_{name}_water_mark"] = {
            row(topic_name=topic, partition_id=partition): float(o) for (topic, partition), o in offsets.items()
        }
        found[f"kminion_kafka_topic_{name}_water_mark_sum"] = {row(topic_name=t): float(o) for t, o in sums.items()}
    _, sizes = tools.log_dirs()
    found["kminion_kafka_topic_log_dir_size_total_bytes"] = {row(topic_name=t): float(s) for t, s in sizes.items()}
    return found


def _of_brokers(tools: Tools) -> dict[str, Rows]:
    brokers, quorum = tools.brokers(), tools.quorum()
    sizes, _ = tools.log_dirs()
    info, disks = {}, {}
    for key, (host, port, rack) in brokers.items():
        is_controller = str(key == quorum["LeaderId"]).lower()
        labels = {"broker_id": key, "address": host, "port": port, "rack_id": rack}
        info[row(**labels, is_controller=is_controller)] = 1.0
        disks[row(**labels)] = float(sizes[key])
    cluster = row(
        cluster_version=f"v{tools.release()}",
        broker_count=len(brokers),
        controller_id=quorum["LeaderId"],
        cluster_id=quorum["ClusterId"],
    )
    return {
        "kminion_kafka_broker_info": info,
        "kminion_kafka_broker_log_dir_size_total_bytes": disks,
        "kminion_kafka_cluster_info": {cluster: 1.0},
    }


def _of_groups(tools: Tools) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(dict)
    protocols = tools.protocols()
    prefix = "kminion_kafka_consumer_group"
    for group, _, coordinator, strategy, state, members in tools.groups("--state"):
        labels = row(
            group_id=group,
            protocol="" if strategy == "-" else strategy,
            protocol_type=protocols[group],
            state=state,
            coordinator_id=coordinator.strip("()"),
        )
        found[f"{prefix}_info"][labels] = float(state == "Stable")
        found[f"{prefix}_members"][row(group_id=group)] = float(members)
    for group, topic, partition, committed, _, lag, *_ in tools.groups("--offsets"):
        if committed == "-":
            continue
        by_topic = row(group_id=group, topic_name=topic)
        found[f"{prefix}_topic_partition_lag"][row(group_id=group, topic_name=topic, partition_id=partition)] = float(
            lag
        )
        for name, value in (("lag", lag), ("offset_sum", committed)):
            rows = found[f"{prefix}_topic_{name}"]
            rows[by_topic] = rows.get(by_topic, 0.0) + float(value)
    for group, _, _, _, partitions, *rest in tools.groups("--members --verbose"):
        _count_member(found, group, int(partitions), rest)
    return dict(found)


def _count_member(found: dict[str, Rows], group: str, partitions: int, rest: list[str]) -> None:
    prefix = "kminion_kafka_consumer_group"
    if not partitions:
        rows = found[f"{prefix}_empty_members"]
        rows[row(group_id=group)] = rows.get(row(group_id=group), 0.0) + 1
        return
    assignment = next(word for word in rest if ":" in word)
    for topic, numbers in re.findall(r"([^:;]+):([\d,]+)", assignment):
        by_topic = row(group_id=group, topic_name=topic)
        for name, count in (("topic_members", 1), ("topic_assigned_partitions", len(numbers.strip(",").split(",")))):
            rows = found[f"{prefix}_{name}"]
            rows[by_topic] = rows.get(by_topic, 0.0) + count


@pytest.fixture(scope="module")
def exposed(cluster: KafkaCluster, expected: dict[str, Rows]) -> dict[str, Rows]:
    """Read by us after the tools, and once more what the tools may have seen older."""
    with Reader(cluster.bootstrap) as reader:
        fast, slow = reader.sweep(), reader.sweep("slow")
    assert not fast.snapshot.failed
    assert fast.snapshot.complete
    return {name: {**fast.rows(metric), **slow.rows(metric)} for name, metric in METRICS.items()}


def ours(name: str, rows: Rows) -> Rows:
    """What is at rest: our own topics and groups, and everything that speaks of brokers."""
    if name.startswith("kminion_kafka_topic_"):
        return only(rows, "topic_name", OURS)
    return only(rows, "group_id", OURS) if "consumer_group" in name else rows


@pytest.mark.parametrize("name", [name for name in peer_names() if name.startswith(FAMILIES)])
def test_value_and_labels_are_kafkas_own(
    name: str,
    cluster: KafkaCluster,
    expected: dict[str, Rows],
    exposed: dict[str, Rows],
    record_coverage: Callable[[str, str, str], None],
) -> None:
    record_coverage("kminion", name, "missing")
    assert set(METRICS[name].label_names) == peer_names()[name]
    record_coverage("kminion", name, "exposed")
    if name == "kminion_kafka_broker_log_dir_size_total_bytes":
        _assert_between(expected[name], exposed[name], _of_brokers(Tools(cluster))[name])
    else:
        assert ours(name, exposed[name]) == ours(name, expected[name])
        assert ours(name, exposed[name])
    record_coverage("kminion", name, "asserted")


def _assert_between(before: Rows, exposed: Rows, after: Rows) -> None:
    """Commits of other tests' groups may make __consumer_offsets grow, or compaction shrink it."""
    assert before.keys() == exposed.keys() == after.keys()
    for key, value in exposed.items():
        low, high = sorted((before[key], after[key]))
        assert low <= value <= high


@pytest.mark.parametrize("name", ["empty_members", "topic_members", "topic_assigned_partitions"])
def test_families_of_live_groups(name: str, expected: dict[str, Rows], exposed: dict[str, Rows]) -> None:
    """kminion has these only while groups have members, so they are not in the list of an idle scrape."""
    family = f"kminion_kafka_consumer_group_{name}"
    assert ours(family, exposed[family]) == expected[family]
    assert expected[family]


def test_all_topic_broker_and_group_families_are_there(
    exposed: dict[str, Rows], record_coverage: Callable[[str, str, str], None]
) -> None:
    missing = []
    for name in peer_names():
        if name.startswith(FAMILIES):
            missing += [] if exposed.get(name) else [name]
        elif name in METRICS:
            assert exposed[name], name
            assert set(METRICS[name].label_names) == peer_names()[name]
            record_coverage("kminion", name, "exposed")
        else:
            assert name in OUT_OF_SCOPE
            record_coverage("kminion", name, "out of scope")
    assert not missing


def test_own_traffic_is_what_the_sweeps_sent(exposed: dict[str, Rows]) -> None:
    (sent,) = exposed["kminion_kafka_requests_sent_total"].values()
    (received,) = exposed["kminion_kafka_requests_received_total"].values()
    assert sent == received >= 18


def test_every_declared_metric_has_samples(exposed: dict[str, Rows]) -> None:
    bare = {m.name for m in KAFKA.metrics if not m.conditional and m is not KAFKA.up and not exposed[m.name]}
    assert not bare


def test_partition_health_is_what_kafka_topics_says(cluster: KafkaCluster, exposed: dict[str, Rows]) -> None:
    flags = {
        "stackledger_kafka_offline_partitions": "--unavailable-partitions",
        "stackledger_kafka_under_replicated_partitions": "--under-replicated-partitions",
        "stackledger_kafka_under_min_isr_partitions": "--under-min-isr-partitions",
        "stackledger_kafka_at_min_isr_partitions": "--at-min-isr-partitions",
    }
    for name, flag in flags.items():
        printed = cluster.tool("topics", "--describe", flag)
        (value,) = exposed[name].values()
        assert value == len(re.findall(r"^\s+Topic: ", printed, re.MULTILINE)), name


def test_quorum_is_what_metadata_quorum_says(cluster: KafkaCluster, exposed: dict[str, Rows]) -> None:
    told = Tools(cluster).quorum()
    assert exposed["stackledger_kafka_quorum_leader_id"][row()] == float(told["LeaderId"])
    assert exposed["stackledger_kafka_quorum_leader_epoch"][row()] == float(told["LeaderEpoch"])
    assert exposed["stackledger_kafka_quorum_has_leader"][row()] == 1
    assert set(exposed["stackledger_kafka_quorum_replica_lag"]) == {row(replica_id=n, role="voter") for n in (1, 2, 3)}


# -- kafka_exporter's names, chosen by `names: kafka_exporter` ---------------------------------------------------------

NOT_OURS = "kafka_exporter_build_info"
"""Facts of that program's build."""


@pytest.fixture(scope="module")
def exposed_for_kafka_exporter(cluster: KafkaCluster, expected: dict[str, Rows]) -> dict[str, Rows]:
    with Reader(cluster.bootstrap, names="kafka_exporter") as reader:
        fast, slow = reader.sweep(), reader.sweep("slow")
    return {name: {**fast.rows(metric), **slow.rows(metric)} for name, metric in METRICS.items()}


def _of_kafka_exporter(tools: Tools, kminion: dict[str, Rows]) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(dict)
    for topic, partition, leader, replicas, in_sync in tools.partitions():
        at = row(topic=topic, partition=partition)
        found["kafka_topic_partition_leader"][at] = leader
        found["kafka_topic_partition_replicas"][at] = len(replicas)
        found["kafka_topic_partition_in_sync_replica"][at] = len(in_sync)
        found["kafka_topic_partition_leader_is_preferred"][at] = float(replicas[0] == str(leader))
        found["kafka_topic_partition_under_replicated_partition"][at] = float(len(in_sync) < len(replicas))
        whole = row(topic=topic)
        found["kafka_topic_partitions"][whole] = found["kafka_topic_partitions"].get(whole, 0) + 1
    for name, when in (("current", "-1"), ("oldest", "-2")):
        found[f"kafka_topic_partition_{name}_offset"] = {
            row(topic=topic, partition=partition): offset for (topic, partition), offset in tools.offsets(when).items()
        }
    brokers = tools.brokers()
    found["kafka_brokers"] = {row(): len(brokers)}
    found["kafka_broker_info"] = {row(id=key, address=f"{host}:{port}"): 1 for key, (host, port, _) in brokers.items()}
    for group, topic, partition, committed, _, lag, *_ in tools.groups("--offsets"):
        if committed != "-":
            at = row(consumergroup=group, topic=topic, partition=partition)
            found["kafka_consumergroup_current_offset"][at] = float(committed)
            found["kafka_consumergroup_lag"][at] = float(lag)
    renamed = {"group_id": "consumergroup", "topic_name": "topic"}
    for theirs, its in (("topic_offset_sum", "current_offset_sum"), ("topic_lag", "lag_sum"), ("members", "members")):
        rows = kminion[f"kminion_kafka_consumer_group_{theirs}"]
        found[f"kafka_consumergroup_{its}"] = {
            row(**{renamed[name]: value for name, value in labels}): value for labels, value in rows.items()
        }
    return found


def test_kafka_exporters_names(
    cluster: KafkaCluster,
    expected: dict[str, Rows],
    exposed_for_kafka_exporter: dict[str, Rows],
    record_coverage: Callable[[str, str, str], None],
) -> None:
    wanted = _of_kafka_exporter(Tools(cluster), expected)
    for name, labels in peer_names("kafka_exporter").items():
        record_coverage("kafka_exporter", name, "out of scope" if name == NOT_OURS else "missing")
        if name == NOT_OURS:
            continue
        assert set(METRICS[name].label_names) == labels
        rows, keyed = exposed_for_kafka_exporter[name], "consumergroup" if "consumergroup" in name else "topic"
        if keyed in labels:
            rows = only(rows, keyed, OURS)
            wanted[name] = only(wanted[name], keyed, OURS)
        assert rows == wanted[name], name
        assert rows, name
        record_coverage("kafka_exporter", name, "asserted")


def test_never_both_peers(exposed: dict[str, Rows], exposed_for_kafka_exporter: dict[str, Rows]) -> None:
    assert not [name for name, rows in exposed.items() if name.startswith("kafka_") and rows]
    assert not [name for name, rows in exposed_for_kafka_exporter.items() if name.startswith("kminion_") and rows]
    ours = [name for name in exposed if name.startswith("stackledger_kafka_")]
    assert {n for n in ours if exposed[n]} == {n for n in ours if exposed_for_kafka_exporter[n]}
