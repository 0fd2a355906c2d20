"""A real Apache Kafka cluster in KRaft mode on loopback: every node is broker and controller at once.

Owns the brokers, their faults, exact records and commits, and an independent read through Kafka's own tools.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lab import kafka_jars, ports, workdir
from lab.kafka_load import LiveConsumer, LiveProducer
from lab.process import Process, ServerFailedError, wait_until

CLUSTER_ID = "c3RhY2tsZWRnZXItbGFiMQ"  # any 16 bytes in URL-safe base64
TOOLS = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "share-groups": "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
    "groups": "org.apache.kafka.tools.GroupsCommand",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "configs": "kafka.admin.ConfigCommand",
    "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "transactions": "org.apache.kafka.tools.TransactionsCommand",
    "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "features": "org.apache.kafka.tools.FeatureCommand",
    "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}


@dataclass
class KafkaBroker:
    """One node: its id (from 1), client port, controller port, folder and process."""

    node_id: int
    port: int
    controller_port: int
    directory: Path
    process: Process = field(repr=False)

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"


class KafkaCluster:
    """`brokers` nodes of Kafka's `version`, in KRaft mode.

    sasl=(user, password) asks clients for it, by PLAIN and both SCRAM mechanisms.
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        sasl: tuple[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        heap_mib: int = 256,
        version: str = kafka_jars.VERSION,
    ) -> None:
        self.version = version
        self.brokers: list[KafkaBroker] = []
        self.sasl = sasl
        self._count = brokers
        self._properties = dict(properties or {})
        self._heap_mib = heap_mib
        self._jars = Path()
        self._open = ExitStack()

    def start(self) -> Self:
        """Start and wait until every broker knows all; ProgramMissingError without Java or jars; all or nothing."""
        try:
            self._jars = kafka_jars.fetch(self.version)
            self._prepare()
            with ThreadPoolExecutor(self._count) as pool:
                list(pool.map(self._format, self.brokers))
            for broker in self.brokers:
                broker.process.start()
            for broker in self.brokers:
                broker.process.wait_ready(partial(self._ready, broker), timeout=180)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every broker, free the ports, remove the folder; a second call does nothing."""
        self._open.close()
        self.brokers = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Every broker's host:port, joined by commas."""
        return ",".join(broker.address for broker in self.brokers)

    def client_settings(self, *, broker: KafkaBroker | None = None) -> dict[str, str | int | float | bool]:
        """Settings for a confluent-kafka client, credentials included; of one broker's bootstrap when one is given."""
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": broker.address if broker else self.bootstrap,
            "log_level": 0,  # a broker that a test killed is no news
        }
        if self.sasl:
            user, password = self.sasl
            settings |= {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
            settings |= {"sasl.username": user, "sasl.password": password}
        return settings

    def broker(self, node_id: int) -> KafkaBroker:
        """The broker with that id."""
        return self.brokers[node_id - 1]

    def kill(self, broker: KafkaBroker) -> None:
        """SIGKILL one broker."""
        broker.process.kill()

    def restart(self, broker: KafkaBroker) -> None:
        """Start a killed broker again, after stopping a running one; returns when it knows all live brokers."""
        broker.process.stop(grace=60)
        broker.process.start()
        broker.process.wait_ready(partial(self._ready, broker), timeout=180)

    def freeze(self, broker: KafkaBroker) -> None:
        """Stop the broker's process where it is: connections open and stay, nothing is answered."""
        broker.process.freeze()

    def thaw(self, broker: KafkaBroker) -> None:
        """Let a frozen broker go on."""
        broker.process.thaw()

    def create_topic(
        self, name: str, *, partitions: int = 1, replicas: int | None = None, config: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic (replicas: min(3, brokers) unless given) and wait until every partition has a leader."""
        factor = replicas or min(3, self._count)
        admin = AdminClient(self.client_settings())
        admin.create_topics([NewTopic(name, partitions, factor, config=dict(config or {}))])[name].result(60)
        wait_until(lambda: self._has_leaders(admin, name, partitions), what=f"leaders of {name}")

    def produce(self, topic: str, count: int, *, partition: int | None = None, size: int = 100) -> dict[int, int]:
        """Append exactly `count` records, evenly over the partitions or all to one; returns the count by partition."""
        admin = AdminClient(self.client_settings())
        targets = [partition] if partition is not None else _partitions(admin, topic)
        wanted = Counter(targets[number % len(targets)] for number in range(count))
        producer = Producer(self.client_settings() | {"linger.ms": 20, "enable.idempotence": True})
        missing = wanted
        deadline = time.monotonic() + 120
        while missing := _send(producer, topic, missing, size=size):
            if time.monotonic() > deadline:
                raise ServerFailedError(f"{missing.total()} of {count} records were not accepted by {topic}")
            time.sleep(0.2)
        return dict(wanted)

    def commit(self, group: str, offsets: Mapping[tuple[str, int], int], *, timeout: float = 60.0) -> None:
        """Commit offsets by (topic, partition) for a group without members; returns when every one was accepted."""
        admin = AdminClient(self.client_settings())
        rows = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        wait_until(partial(_commit, admin, group, rows), what=f"commits of {group}", timeout=timeout)

    def consumer(
        self, group: str, topics: Sequence[str], *, protocol: str = "classic", pause_seconds: float = 0.0
    ) -> LiveConsumer:
        """A running member of `group` (protocol classic or consumer); stop() leaves, and so does the cluster's stop."""
        settings = self.client_settings()
        live = LiveConsumer(settings, group=group, topics=topics, protocol=protocol, pause_seconds=pause_seconds)
        self._open.callback(live.stop)
        return live.start()

    def producer(self, topic: str, *, rate: float = 100.0, size: int = 100) -> LiveProducer:
        """A running producer of about `rate` records a second; the cluster's stop ends it too."""
        live = LiveProducer(self.client_settings(), topic=topic, rate=rate, size=size)
        self._open.callback(live.stop)
        return live.start()

    def tool(self, name: str, *words: str, timeout: float = 120.0) -> str:
        """What one of Kafka's own tools prints: a name of TOOLS, or a main class; bootstrap and login are added."""
        properties = self.brokers[0].directory / "client.properties"
        login = ["--bootstrap-server", self.bootstrap, "--command-config", str(properties)]
        argv = kafka_jars.java(self._jars, TOOLS.get(name, name), *login, *words)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise ServerFailedError(f"Kafka's {name} failed: {(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout

    def end_offsets(self, topic: str, *, earliest: bool = False) -> dict[int, int]:
        """Latest (or earliest) offset by partition, as Kafka's get-offsets prints it."""
        printed = self.tool("get-offsets", "--topic", topic, "--time", "-2" if earliest else "-1")
        rows = (line.rsplit(":", 2) for line in printed.split())
        return {int(partition): int(offset) for name, partition, offset in rows if name == topic}

    def group_rows(self, group: str) -> list[dict[str, str]]:
        """Rows of Kafka's consumer-groups --describe by column head: TOPIC, PARTITION, CURRENT-OFFSET, LAG, ..."""
        lines = [line.split() for line in self.tool("consumer-groups", "--describe", "--group", group).splitlines()]
        head = next((index for index, words in enumerate(lines) if words[:1] == ["GROUP"]), len(lines))
        return [dict(zip(lines[head], words, strict=False)) for words in lines[head + 1 :] if words]

    def _prepare(self) -> None:
        held = self._open.enter_context(ports.reserve(2 * self._count))
        root = workdir.create("kafka")
        self._open.callback(workdir.remove, root)
        for index in range(self._count):
            node_id = index + 1
            directory = workdir.subfolder(root, f"broker{node_id}")
            argv = kafka_jars.java(self._jars, "kafka.Kafka", "server.properties", heap_mib=self._heap_mib)
            process = Process(argv, name=f"kafka-{node_id}", directory=directory)
            client, controller = held.ports[2 * index : 2 * index + 2]
            self.brokers.append(KafkaBroker(node_id, client, controller, directory, process))
            # The data goes anyway, and a polite stop of a whole cluster waits long for the quorum that it takes down.
            self._open.callback(process.kill)

    def _write_properties(self, broker: KafkaBroker) -> None:
        _write(broker.directory / "server.properties", self._server_properties(broker) | self._properties)
        _write(broker.directory / "client.properties", self._login_properties())

    def _format(self, broker: KafkaBroker) -> None:
        self._write_properties(broker)
        words = ["format", "--cluster-id", CLUSTER_ID, "--config", "server.properties"]
        if self.sasl:
            user, password = self.sasl
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                words += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        argv = kafka_jars.java(self._jars, "kafka.tools.StorageTool", *words)
        done = subprocess.run(argv, cwd=broker.directory, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            raise ServerFailedError(f"formatting Kafka's storage failed: {done.stderr.strip()[-1000:]}")

    def _server_properties(self, broker: KafkaBroker) -> dict[str, str]:
        voters = (f"{other.node_id}@127.0.0.1:{other.controller_port}" for other in self.brokers)
        listeners = f"CLIENT://{broker.address},CONTROLLER://127.0.0.1:{broker.controller_port}"
        protocol = "SASL_PLAINTEXT" if self.sasl else "PLAINTEXT"
        return {
            "process.roles": "broker,controller",
            "node.id": str(broker.node_id),
            "controller.quorum.voters": ",".join(voters),
            "listeners": listeners,
            "advertised.listeners": f"CLIENT://{broker.address}",
            "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(broker.directory / "data"),
            **self._sizes(),
            **self._sasl_properties(),
        }

    def _sizes(self) -> dict[str, str]:
        factor, in_sync = str(min(3, self._count)), str(min(2, self._count))
        internal = ("transaction.state.log", "share.coordinator.state.topic")
        return {
            "auto.create.topics.enable": "false",
            "default.replication.factor": factor,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": factor,
            "offsets.topic.num.partitions": "4",
            **{f"{topic}.replication.factor": factor for topic in internal},
            **{f"{topic}.min.isr": in_sync for topic in internal},
            **{f"{topic}.num.partitions": "4" for topic in internal},
            "group.initial.rebalance.delay.ms": "0",
            # A killed broker comes back only when its old session is over (by default 9 s).
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "1000",
            "log.cleaner.dedupe.buffer.size": str(8 << 20),
            "num.network.threads": "2",
            "num.io.threads": "4",
        }

    def _sasl_properties(self) -> dict[str, str]:
        if not self.sasl:
            return {}
        user, password = self.sasl
        plain = f'{_jaas("plain.PlainLoginModule", user, password)} user_{user}="{password}";'
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.client.plain.sasl.jaas.config": plain,
            "listener.name.client.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.client.scram-sha-512.sasl.jaas.config": scram,
        }

    def _login_properties(self) -> dict[str, str]:
        if not self.sasl:
            return {}
        jaas = f"{_jaas('plain.PlainLoginModule', *self.sasl)};"
        return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas}

    def _ready(self, broker: KafkaBroker) -> bool:
        live = sum(other.process.alive() for other in self.brokers)
        if not ports.is_listening(broker.port):
            return False
        return len(AdminClient(self.client_settings(broker=broker)).list_topics(timeout=5).brokers) >= live

    def _has_leaders(self, admin: AdminClient, topic: str, partitions: int) -> bool:
        rows = admin.list_topics(topic, 10).topics[topic].partitions.values()
        return len(rows) == partitions and all(row.leader > 0 for row in rows)


def _partitions(admin: AdminClient, topic: str) -> list[int]:
    """A topic's partitions, once the broker that is asked knows them: it may not be the one that made them."""
    found: list[int] = []

    def known() -> bool:
        found[:] = sorted(admin.list_topics(topic, 30).topics[topic].partitions)
        return bool(found)

    wait_until(known, what=f"partitions of {topic}")
    return found


def _send(producer: Producer, topic: str, wanted: Mapping[int, int], *, size: int) -> Counter[int]:
    """Send, and count by partition what was not accepted: a fresh topic's partitions may be unknown for a while."""
    refused: Counter[int] = Counter()

    def settled(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused[message.partition() or 0] += 1

    for partition, count in wanted.items():
        for _ in range(count):
            while True:
                try:
                    producer.produce(topic, b"x" * size, partition=partition, on_delivery=settled)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.poll(0)
    producer.flush(120)
    return refused


def _commit(admin: AdminClient, group: str, rows: list[TopicPartition]) -> bool:
    """False while the coordinator is loading or refuses single partitions, which the call itself does not report."""
    try:
        (answer,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, rows)]).values()
        return not any(row.error for row in answer.result(30).topic_partitions)
    except KafkaException as error:
        raise ServerFailedError(f"commit of {group}: {error}") from error


def _jaas(module: str, user: str, password: str) -> str:
    return f'org.apache.kafka.common.security.{module} required username="{user}" password="{password}"'


def _write(path: Path, properties: Mapping[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
