"""A topic in Kafka as the inbox: whatever dies and whatever a message holds, each event counts once."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from lab import ports
from lab.kafka import KafkaCluster
from lab.process import wait_until
from stackledger.clock import SystemClock
from stackledger.domains.cost.config import CostSettings
from stackledger.domains.cost.topic import open_topic
from stackledger.errors import StorageError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.topic.reader import TopicReader
from tests.integration.ledger.cost_service import STACKLEDGER
from tests.integration.ledger.test_erase import Kept

pytestmark = pytest.mark.real("kafka")
KILLS = 60 if os.environ.get("STACKLEDGER_TORTURE") else 10
_names = itertools.count(1)


def _event(name: str, **more: Any) -> dict[str, Any]:
    event = {
        "id": name,
        "time": datetime.now(UTC).isoformat(),
        "source": "gateway",
        "provider": "openai",
        "model": "gpt-4o",
        "usage": {"input_uncached": 1000, "output": 100},
    }
    return event | more


@pytest.fixture
def topic(kafka_cluster: KafkaCluster) -> str:
    name = f"usage-{next(_names)}"
    kafka_cluster.create_topic(name, partitions=3)
    return name


@pytest.fixture
def produce(kafka_cluster: KafkaCluster, topic: str) -> Callable[..., None]:
    def send(*bodies: bytes | None, partition: int = 0, **headers: str) -> None:
        producer = Producer(kafka_cluster.client_settings())  # a new one, which knows the partitions of now
        for body in bodies:
            told = [(name.replace("_", "-"), value.encode()) for name, value in headers.items()]
            producer.produce(topic, body, partition=partition, headers=told)
        assert producer.flush(30) == 0

    return send


@pytest.fixture
def reader_of(kafka_cluster: KafkaCluster, topic: str) -> Iterator[Callable[[Kept], TopicReader]]:
    opened: list[TopicReader] = []

    def open_(kept: Kept) -> TopicReader:
        conf = {**kafka_cluster.client_settings(), "group.id": f"{topic}-lag"}
        opened.append(TopicReader(conf, topic, kept.engine, kept.applier, SystemClock(), body_bytes=1 << 20))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Iterator[Kept]:
    one = Kept(engine, tmp_path)
    yield one
    one.close()


def _read_all(reader: TopicReader, *, quiet: int = 3) -> None:
    """Until nothing has come a few times in a row; what fails is tried again, as the process does."""
    idle = 0
    while idle < quiet:
        try:
            idle = idle + 1 if reader.read_once() is None else 0
        except StorageError:
            idle = 0


def _ids(kept: Kept) -> list[str]:
    return [name for (name,) in kept.engine.query("SELECT id FROM llm_call ORDER BY id")]


def test_messages_are_bodies_of_the_usage_api_and_wrong_ones_block_nothing(
    kept: Kept, topic: str, produce: Any, reader_of: Any
) -> None:
    produce(json.dumps([_event("a"), _event("b")]).encode())
    produce(b"{not json", b"", None, b"\xff\xfe", b"[" * 100_000, json.dumps([_event("x" * 300)]).encode())
    produce(b"\n".join(json.dumps(_event(name)).encode() for name in "cd"), content_type="application/x-ndjson")
    produce(gzip.compress(json.dumps([_event("e")]).encode()), content_encoding="gzip")
    produce(gzip.compress(b" " * (2 << 20)), content_encoding="gzip")
    produce(json.dumps([_event("a"), _event("late", time="2020-01-01T00:00:00Z"), _event("f")]).encode(), partition=2)
    _read_all(reader_of(kept))
    assert _ids(kept) == list("abcdef")
    refused = kept.engine.query("SELECT reason, id, detail FROM refusal ORDER BY id")
    assert len(refused) == 8
    assert {reason for reason, _, _ in refused} == {"malformed", "too_late"}
    places = {one for _, one, _ in refused if one.startswith(topic)}
    assert places == {f"{topic}/0@{offset}" for offset in (1, 2, 3, 4, 5, 6, 9)}
    assert kept.engine.positions(topic) == {0: 10, 2: 1}
    _read_all(reader_of(kept))
    assert kept.engine.query("SELECT count(*) FROM refusal") == [(8,)]


@pytest.mark.parametrize("kept_by_the_store", [True, False])
def test_a_commit_that_fails_or_whose_answer_is_lost_neither_loses_nor_doubles(
    kept: Kept, topic: str, produce: Any, reader_of: Any, monkeypatch: pytest.MonkeyPatch, *, kept_by_the_store: bool
) -> None:
    produce(*(json.dumps([_event(f"{n}-{k}") for k in range(5)]).encode() for n in range(20)), b"wrong")
    reader, real, chance = reader_of(kept), type(kept.engine).apply, itertools.count()

    def apply(engine: Engine, *given: Any) -> Any:
        if next(chance) % 2:
            return real(engine, *given)
        if kept_by_the_store:
            real(engine, *given)
        raise StorageError("the answer was lost")

    monkeypatch.setattr(type(kept.engine), "apply", apply)
    for part in range(3):
        produce(json.dumps([_event(f"later-{part}")]).encode(), partition=part)
    _read_all(reader)
    assert len(_ids(kept)) == 103
    assert kept.engine.query("SELECT sum(events) FROM quarter") == [(103,)]
    assert kept.engine.query("SELECT count(*) FROM refusal") == [(1,)]
    assert kept.engine.positions(topic) == {0: 22, 1: 1, 2: 1}


def test_new_partitions_gaps_and_a_topic_made_anew(  # noqa: PLR0917 - fixtures
    kept: Kept, topic: str, produce: Any, reader_of: Any, kafka_cluster: KafkaCluster, caplog: pytest.LogCaptureFixture
) -> None:
    admin = AdminClient(kafka_cluster.client_settings())
    produce(*(json.dumps([_event(f"a{n}")]).encode() for n in range(10)))
    reader = reader_of(kept)
    _read_all(reader)
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result(30)
    wait_until(lambda: len(admin.list_topics(topic, 10).topics[topic].partitions) == 4, what="the new partition")
    produce(json.dumps([_event("new")]).encode(), partition=3)
    reader._look_at = 0.0
    _read_all(reader, quiet=6)
    assert "new" in _ids(kept)
    reader.close()
    produce(*(json.dumps([_event(f"b{n}")]).encode() for n in range(10)))
    for result in admin.delete_records([TopicPartition(topic, 0, 15)]).values():
        result.result(30)
    _read_all(reader_of(kept))
    assert "messages were deleted before they were read" in caplog.text
    assert _ids(kept) == sorted([*(f"a{n}" for n in range(10)), *(f"b{n}" for n in range(5, 10)), "new"])
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, what="the topic to go")
    kafka_cluster.create_topic(topic, partitions=3)
    produce(json.dumps([_event("again")]).encode())
    _read_all(reader_of(kept))
    assert "the topic was made anew" in caplog.text
    assert "again" in _ids(kept)
    assert kept.engine.positions(topic)[0] == 1


def test_a_topic_that_is_not_there_or_no_broker_is_told(kept: Kept, kafka_cluster: KafkaCluster) -> None:
    with ports.reserve(1) as held:
        for where in (kafka_cluster.bootstrap, f"127.0.0.1:{held.ports[0]}"):
            conf = {"bootstrap.servers": where, "group.id": "x", "log_level": 0}
            reader = TopicReader(conf, "no-such-topic", kept.engine, kept.applier, SystemClock(), body_bytes=1 << 20)
            with pytest.raises(StorageError, match="no-such-topic cannot be read"):
                reader.read_once()
            reader.close()


class _Ledger:
    """`stackledger serve --role ledger` with a topic, killed and started again."""

    def __init__(self, folder: Path, costs: dict[str, Any]) -> None:
        self.config = folder / "stackledger.yaml"
        self.config.write_text(yaml.safe_dump({"version": 1, "data_dir": "data", "costs": costs}))
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            words = ["serve", "--config", str(self.config), "--role", "ledger"]
            self.process = subprocess.Popen([STACKLEDGER, *words], stderr=log, stdout=log)

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        self.process.kill()
        self.process.wait()

    def report(self) -> dict[str, Any]:
        words = ["costs", "report", "--config", str(self.config), "--json", "--from", "2026-01-01"]
        done = subprocess.run([STACKLEDGER, *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        return dict(row)


class _Sender:
    """Produces messages until told to end; some events, and some whole messages, come more than once."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._producer = Producer(cluster.client_settings() | {"linger.ms": 5})
        self._topic = topic
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent: set[str] = set()
        self._thread.start()

    def _run(self) -> None:
        chance = random.Random(5)
        for number in itertools.count():
            if self._end.is_set():
                break
            names = [f"{number}-{k}" for k in range(20)] + chance.sample(sorted(self.sent), 1 if self.sent else 0)
            body = json.dumps([_event(name, time="2026-11-01T00:00:00Z") for name in names]).encode()
            for _ in range(1 + (chance.random() < 0.1)):
                self._producer.produce(self._topic, body, partition=chance.randrange(3))
            if chance.random() < 0.05:
                self._producer.produce(self._topic, b"nonsense", partition=chance.randrange(3))
            self.sent.update(names)
            self._producer.poll(0)
            time.sleep(0.005)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        assert self._producer.flush(30) == 0


@pytest.mark.timeout(600)
def test_killed_again_and_again_while_producers_go_on_the_totals_are_exact(
    kind: str, topic: str, kafka_cluster: KafkaCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    costs: dict[str, Any] = {"kafka": {"bootstrap": [kafka_cluster.bootstrap], "topic": topic, "group": f"{topic}-lag"}}
    if kind == "postgres":
        words = request.getfixturevalue("postgres_dsn").split()
        (tmp_path / "password").write_text("ledger-secret")
        costs["postgres"] = {
            "conninfo": " ".join(word for word in words if not word.startswith("password")),
            "password": {"file": str(tmp_path / "password")},
            "schema_name": "ledger_topic",
        }
    ledger, sender, chance = _Ledger(tmp_path, costs), _Sender(kafka_cluster, topic), random.Random(11)
    try:
        for _ in range(KILLS if kind == "duck" else KILLS // 2):
            ledger.start()
            time.sleep(chance.uniform(1.0, 3.5))
            ledger.kill()
        sender.stop()
        ledger.start()

        def all_read() -> bool:
            rows = kafka_cluster.group_rows(f"{topic}-lag")
            return len(rows) == 3 and all(row["LAG"] == "0" for row in rows)

        wait_until(all_read, what="the group's lag to be 0", timeout=120)
        row = ledger.report()
    finally:
        sender.stop()
        if ledger.process is not None:
            with suppress(ProcessLookupError):
                ledger.process.terminate()
            ledger.process.wait(20)
    assert len(sender.sent) > 1000
    assert row["events"] == len(sender.sent)
    assert row["unpriced_events"] == 0
    assert row["tokens"]["input_uncached"] == 1000 * len(sender.sent)
    assert "Traceback" not in ledger.log.read_text()


def test_it_logs_in_as_configured_and_a_refused_login_is_told(kept: Kept, start: Any, tmp_path: Path) -> None:
    cluster = start(KafkaCluster(sasl=("ledger", "sesame")))
    cluster.create_topic("usage")
    producer = Producer(cluster.client_settings())
    producer.produce("usage", json.dumps([_event("a")]).encode())
    assert producer.flush(30) == 0
    password = tmp_path / "password"
    sasl = {"mechanism": "SCRAM-SHA-512", "user": "ledger", "password": {"file": str(password)}}
    settings = CostSettings.model_validate(
        {"kafka": {"bootstrap": [cluster.bootstrap], "topic": "usage", "sasl": sasl}}
    )
    for shown in ("wrong", "sesame"):
        password.write_text(shown)
        reader = open_topic(settings, kept, SystemClock())  # type: ignore[arg-type]  # what it needs of a ledger
        assert reader is not None
        if shown == "wrong":
            with pytest.raises(StorageError) as told:
                reader.read_once()
            assert "wrong" not in str(told.value)
        else:
            _read_all(reader)
        reader.close()
    assert _ids(kept) == ["a"]
    assert kept.engine.positions("usage") == {0: 1}


def test_settings() -> None:
    with pytest.raises(ValueError, match="server_name"):
        CostSettings.model_validate({"kafka": {"bootstrap": ["a:1"], "topic": "t", "tls": {"server_name": "x"}}})
