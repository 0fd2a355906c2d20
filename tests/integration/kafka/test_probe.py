"""The end-to-end probe on a real cluster of three brokers, healthy and broken on purpose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from lab.kafka import KafkaBroker, KafkaCluster
from stackledger.catalogue import Metric
from stackledger.errors import AuthError, TargetError
from stackledger.integrations.kafka.cluster import metrics as cm
from stackledger.integrations.kafka.peers.kminion import metrics as kminion
from stackledger.integrations.kafka.probe import metrics as m
from tests.conftest import running
from tests.integration.kafka.reading import Reader, Seen

pytestmark = pytest.mark.real("kafka")

QUICK = {"interval_seconds": 0.2, "timeout_seconds": 3.0}
"""Five messages a second and broker, so that tests need seconds, not minutes."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    """Of this file's own; leaders come back to a broker within seconds of its return."""
    with running(KafkaCluster(brokers=3, properties={"leader.imbalance.check.interval.seconds": "2"})) as lab:
        yield lab


def probing(cluster: KafkaCluster, topic: str, **settings: Any) -> Reader:
    return Reader(cluster.bootstrap, timeout_seconds=3.0, probe={**QUICK, "topic": topic, **settings})


class Neighbour(Reader):
    """One more of us in this process: whose sockets are whose, only the first one's close can tell."""

    def close(self) -> None:
        self._runner.run(self.source.close())
        self._runner.close()


def by_broker(seen: Seen, metric: Metric[Any], **labels: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for row, value in seen.rows(metric, **labels).items():
        broker = dict(row)["broker_id"]
        found[broker] = found.get(broker, 0.0) + value
    return found


def counts(seen: Seen, metric: Metric[Any]) -> dict[str, float]:
    """Observations of a histogram by broker."""
    found = {}
    for part in seen.snapshot.parts.values():
        family = part.rows.get(metric)
        for key, value in zip(family.keys, family.values, strict=True) if family else ():
            if key[0] == "_count":
                found[key[2]] = float(value)
    return found


def slow(seen: Seen) -> dict[str, float]:
    """Messages by broker that took over 2.5 s to be acknowledged."""
    found: dict[str, float] = {}
    for part in seen.snapshot.parts.values():
        family = part.rows.get(m.PRODUCE)
        for key, value in zip(family.keys, family.values, strict=True) if family else ():
            if key[:2] in (("_bucket", "2.5"), ("_bucket", "+Inf")):
                found[key[2]] = found.get(key[2], 0.0) + (value if key[1] == "+Inf" else -value)
    return found


def flows(seen: Seen, least: float = 3) -> bool:
    received = by_broker(seen, m.RECEIVED)
    return len(received) == 3 and min(received.values()) >= least


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kafka-probe")]


def test_a_healthy_cluster(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-healthy") as reader:
        reader.until(flows)
        seen = reader.until(lambda seen: flows(seen, 20))
        assert seen.snapshot.facets["probe"] is None
        assert seen.snapshot.complete
        sent, received = by_broker(seen, m.SENT), by_broker(seen, m.RECEIVED)
        assert sent.keys() == received.keys() == {"1", "2", "3"}
        assert all(0 <= sent[broker] - received[broker] <= 2 for broker in sent)  # what is under way
        assert not any(by_broker(seen, m.FAILED).values())
        assert not any(by_broker(seen, m.LOST).values())
        assert not any(by_broker(seen, m.STRAY).values())
        assert counts(seen, m.ROUND_TRIP) == received
        assert all(sent[broker] - 2 <= count for broker, count in counts(seen, m.PRODUCE).items())
        assert _fresh(seen, 3)
        partitions = {dict(row)["partition_id"]: v for row, v in seen.rows(kminion.E2E_RECEIVED).items()}
        assert partitions.keys() == {"0", "1", "2"}
        assert sum(partitions.values()) == sum(received.values())
        described = cluster.tool("topics", "--describe", "--topic", "probe-healthy")
        assert "retention.ms=600000" in described
        assert [line.split("Leader: ")[1][0] for line in described.splitlines() if "Leader: " in line] == list("123")
        assert len(threads()) == 2
    assert not threads()
    assert "stackledger-probe" not in cluster.tool("consumer-groups", "--list")


def test_off_is_off(cluster: KafkaCluster) -> None:
    with Reader(cluster.bootstrap) as reader:
        seen = reader.sweep()
        assert "probe" not in seen.snapshot.facets
        assert not any(seen.rows(metric) for metric in (m.SENT, m.SILENCE, kminion.E2E_PRODUCED))
        assert not threads()


def test_two_of_us_on_one_topic(cluster: KafkaCluster) -> None:
    settings = {**QUICK, "topic": "probe-shared"}
    with probing(cluster, "probe-shared") as one, Neighbour(cluster.bootstrap, probe=settings) as two:
        for reader in (one, two, one, two):
            seen = reader.until(lambda seen: flows(seen, 15))
            assert not any(by_broker(seen, m.LOST).values())
            assert not any(by_broker(seen, m.FAILED).values())
        for reader in (one, two):
            seen = reader.sweep()
            assert sum(by_broker(seen, m.STRAY, kind="foreign").values()) > 10
            assert not any(by_broker(seen, m.STRAY, kind="duplicate").values())
            sent, received = by_broker(seen, m.SENT), by_broker(seen, m.RECEIVED)
            assert all(0 <= sent[broker] - received[broker] <= 2 for broker in sent)


def test_counters_go_on_where_the_target_is_opened_again(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-again") as reader:
        before = by_broker(reader.until(flows), m.RECEIVED)
        reader._runner.run(reader.source.close())  # as a reload or a hanging sweep does
        assert not threads()
        after = by_broker(reader.until(lambda seen: sum(by_broker(seen, m.RECEIVED).values()) > 30), m.RECEIVED)
        assert all(after[broker] >= before[broker] for broker in before)


def follower(cluster: KafkaCluster, seen: Seen) -> KafkaBroker:
    """A broker that is not the active controller: without an election the others notice its death in 3 s here."""
    return next(broker for broker in cluster.brokers if broker.node_id != int(seen.one(cm.QUORUM_LEADER)))


def test_a_frozen_broker_costs_only_its_own_messages(cluster: KafkaCluster) -> None:
    """The others wait for it as a follower until it is declared dead (3 s here); nothing of theirs fails.

    A message that waits in the frozen broker fails, or is written by the new leader once the client knows it.
    """
    with probing(cluster, "probe-frozen", timeout_seconds=12.0) as reader:
        calm = reader.until(lambda seen: flows(seen, 10) and seen.one(cm.UNDER_REPLICATED) == 0)
        before, victim = by_broker(calm, m.RECEIVED), follower(cluster, calm)
        name = str(victim.node_id)
        cluster.freeze(victim)
        try:
            began = time.monotonic()
            reader.sweep()
            swept = time.monotonic() - began
            failing = reader.until(lambda seen: by_broker(seen, m.FAILED)[name] + slow(seen)[name] > 0, timeout=40)
            assert swept < reader.timeout_seconds  # as without a probe: the patience with the frozen broker
            for other in before.keys() - {name}:
                assert by_broker(failing, m.FAILED)[other] == by_broker(failing, m.LOST)[other] == 0
                assert by_broker(failing, m.RECEIVED)[other] > before[other] + 10
            moved = reader.until(lambda seen: _fresh(seen, 2), timeout=30)
            assert moved.snapshot.facets["probe"] is None
        finally:
            cluster.thaw(victim)
        reader.until(_all_lead, timeout=60)


def _all_lead(seen: Seen) -> bool:
    """Whether each broker leads again, and messages through it come back."""
    return seen.snapshot.complete and _fresh(seen, 3)


def test_closing_is_fast_while_a_broker_hangs(cluster: KafkaCluster) -> None:
    reader = probing(cluster, "probe-closing")
    with reader:
        reader.until(flows)
        victim = cluster.broker(3)
        cluster.freeze(victim)
        try:
            reader.sweep()
            time.sleep(1)
            began = time.monotonic()
            reader.close()
            assert time.monotonic() - began < 2
            assert not threads()
        finally:
            cluster.thaw(victim)
            reader.close = lambda: None  # type: ignore[method-assign]
    with Reader(cluster.bootstrap) as plain:
        plain.until(lambda seen: seen.snapshot.complete and seen.one(cm.UNDER_REPLICATED) == 0, timeout=90)


def test_a_killed_broker_and_its_return(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-killed") as reader:
        before = reader.until(lambda seen: flows(seen) and seen.one(cm.UNDER_REPLICATED) == 0)
        victim = follower(cluster, before)
        name = str(victim.node_id)
        cluster.kill(victim)
        try:
            gone = reader.until(lambda seen: name not in by_broker(seen, m.SILENCE), timeout=60)
            assert by_broker(gone, m.SENT)[name] >= by_broker(before, m.SENT)[name]  # it is dead, not forgotten
            moved = reader.until(lambda seen: _fresh(seen, 2), timeout=30)
            assert moved.snapshot.facets["probe"] is None
        finally:
            cluster.restart(victim)
        healed = reader.until(_all_lead, timeout=90)
        assert not any(by_broker(healed, m.MISSING).values())


def _fresh(seen: Seen, brokers: int) -> bool:
    silence = by_broker(seen, m.SILENCE)
    return len(silence) == brokers and max(silence.values()) < 2


def test_the_topic_is_deleted_under_us(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-deleted") as reader:
        reader.until(flows)
        cluster.tool("topics", "--delete", "--topic", "probe-deleted")
        began = by_broker(reader.sweep(), m.RECEIVED)
        healed = reader.until(
            lambda seen: all(count > began[key] + 20 for key, count in by_broker(seen, m.RECEIVED).items()), timeout=90
        )
        assert healed.snapshot.facets["probe"] is None
        assert "probe-deleted" in cluster.tool("topics", "--list")
        assert len(threads()) == 2


def test_a_topic_that_is_not_ours_to_make(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-absent", create=False) as reader:
        seen = reader.sweep()
        trouble = seen.snapshot.facets["probe"]
        assert isinstance(trouble, TargetError)
        command = str(trouble).partition("create it: ")[2]
        assert command.startswith("kafka-topics.sh --bootstrap-server HOST:9092 --create --topic probe-absent ")
        assert not threads()
        cluster.tool("topics", *command.split()[3:])  # what the message says is what helps
        assert reader.until(flows).snapshot.facets["probe"] is None


def test_a_broker_that_no_partition_prefers_gets_one(cluster: KafkaCluster) -> None:
    cluster.create_topic("probe-grown", partitions=1, replicas=1)
    with probing(cluster, "probe-grown") as reader:
        seen = reader.until(flows, timeout=90)
        assert {dict(row)["partition_id"] for row in seen.rows(kminion.E2E_PRODUCED)} == {"0", "1", "2"}
    cluster.tool("topics", "--delete", "--topic", "probe-grown")


def test_repeated_starts_leave_nothing(cluster: KafkaCluster) -> None:
    with probing(cluster, "probe-leaks") as reader:
        reader.until(flows)
        reader._runner.run(reader.source.close())
        before = (threading.active_count(), reader.open_sockets())
        for _ in range(5):
            reader.sweep()
            reader._runner.run(reader.source.close())
            assert (threading.active_count(), reader.open_sockets()) == before


def test_the_reader_pays_what_it_must(cluster: KafkaCluster) -> None:
    """CPU of the probe with three brokers and its usual second between messages."""
    with probing(cluster, "probe-cost", interval_seconds=1.0) as reader:
        reader.until(flows)
        began, cpu = time.monotonic(), time.process_time()
        time.sleep(5)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        print(f"the probe takes {share:.2%} of a CPU")
        assert share < 0.05


def test_a_broker_that_hangs_as_leader_is_seen_by_the_probe_alone(start: Callable[[Any], KafkaCluster]) -> None:
    """Nobody declares it dead, so its leadership never moves; the others drop it from their ISRs and go on.

    It is what KafkaProbeBrokerFailing is for: a time since the last message that grows, of this broker only.
    """
    patient = {"broker.session.timeout.ms": "600000", "replica.lag.time.max.ms": "3000"}
    kafka = start(KafkaCluster(brokers=3, properties=patient))
    with probing(kafka, "probe-hanging") as reader:
        calm = reader.until(flows)
        victim = follower(kafka, calm)
        name = str(victim.node_id)
        kafka.freeze(victim)
        try:
            seen = reader.until(lambda seen: _silent_alone(seen, name), timeout=60)
            assert by_broker(seen, m.FAILED, reason="timed_out")[name] > 10
            assert seen.one(cm.OFFLINE) == 0  # all metadata looks well
            assert by_broker(seen, m.SILENCE).keys() == {"1", "2", "3"}
        finally:
            kafka.thaw(victim)
        reader.until(_all_lead, timeout=60)


def _silent_alone(seen: Seen, broker: str) -> bool:
    silence = by_broker(seen, m.SILENCE)
    return silence[broker] > 15 and all(seconds < 3 for other, seconds in silence.items() if other != broker)


def test_too_few_replicas_in_sync_stop_every_message(start: Callable[[Any], KafkaCluster]) -> None:
    """Two of three brokers are killed: what is left has no quorum and no partition with two replicas in sync.

    It is what KafkaProbeFailing is for: the time since the last message grows for all.
    """
    kafka = start(KafkaCluster(brokers=3, properties={"leader.imbalance.check.interval.seconds": "2"}))
    with probing(kafka, "probe-alone") as reader:
        reader.until(flows)
        for broker in kafka.brokers[:2]:
            kafka.kill(broker)
        stuck = reader.until(lambda seen: min(by_broker(seen, m.SILENCE).values()) > 12, timeout=60)
        assert by_broker(stuck, m.SILENCE)
        assert sum(by_broker(stuck, m.FAILED).values()) > 10
        for broker in kafka.brokers[:2]:
            kafka.restart(broker)
        reader.until(_all_lead, timeout=90)


USER, PASSWORD = "prober", "right-horse-9"
ADMIN = ("admin", "wrong-horse-8")


def grant(admin: AdminClient, kind: ResourceType, name: str, operation: AclOperation) -> None:
    binding = AclBinding(
        kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, AclPermissionType.ALLOW
    )
    (future,) = admin.create_acls([binding]).values()
    future.result(30)


@pytest.fixture
def guarded(start: Callable[[Any], KafkaCluster]) -> KafkaCluster:
    """One broker that asks for rights, and a user with those of grants/acls.md for a reader that writes nothing."""
    authorizer = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN[0]};User:ANONYMOUS",
    }
    kafka: KafkaCluster = start(KafkaCluster(sasl=ADMIN, properties=authorizer))
    secret = f"SCRAM-SHA-256=[password={PASSWORD}]"
    kafka.tool("configs", "--alter", "--add-config", secret, "--entity-type", "users", "--entity-name", USER)
    admin = AdminClient(kafka.client_settings())
    for kind, name in ((ResourceType.BROKER, "kafka-cluster"), (ResourceType.TOPIC, "*"), (ResourceType.GROUP, "*")):
        grant(admin, kind, name, AclOperation.DESCRIBE)
    grant(admin, ResourceType.TOPIC, "*", AclOperation.DESCRIBE_CONFIGS)
    return kafka


def test_each_right_that_is_missing_is_named(
    guarded: KafkaCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And without Read, what is acknowledged never comes: what KafkaProbeMessagesLost is for."""
    (tmp_path / "password").write_text(PASSWORD)
    sasl = {"mechanism": "SCRAM-SHA-256", "user": USER, "password": {"file": tmp_path / "password"}}
    admin = AdminClient(guarded.client_settings())
    told = []

    def asks_for(right: str) -> Callable[[Seen], bool]:
        def holds(seen: Seen) -> bool:
            trouble = seen.snapshot.facets["probe"]
            told.append(str(trouble))
            return isinstance(trouble, AuthError) and f"grant {right} " in str(trouble)

        return holds

    probe = {**QUICK, "topic": "probe-guarded"}
    with Reader(guarded.bootstrap, sasl=sasl, probe=probe) as reader, caplog.at_level("DEBUG"):
        reader.until(asks_for("Create"))
        grant(admin, ResourceType.TOPIC, "probe-guarded", AclOperation.CREATE)
        seen = reader.until(asks_for("Write"))
        assert by_broker(seen, m.FAILED, reason="unauthorized")["1"] > 0
        grant(admin, ResourceType.TOPIC, "probe-guarded", AclOperation.WRITE)
        reader.until(asks_for("Read"))
        lost = reader.until(lambda seen: by_broker(seen, m.MISSING)["1"] > 5)
        assert by_broker(lost, m.LOST)["1"] > 5
        assert counts(lost, m.PRODUCE)["1"] > 5
        grant(admin, ResourceType.TOPIC, "probe-guarded", AclOperation.READ)
        healed = reader.until(lambda seen: by_broker(seen, m.MISSING)["1"] == 0 and _fresh(seen, 1))
        assert by_broker(healed, m.STRAY, kind="late")["1"] == by_broker(healed, m.LOST)["1"]
        assert reader.sweep().snapshot.complete
    assert not [text for text in (*told, caplog.text) if PASSWORD in text]
