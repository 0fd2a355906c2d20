"""The probe's pure parts: the shape of its topic, librdkafka's settings and log."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from stackledger.clock import ManualClock
from stackledger.errors import AuthError
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.probe import clients
from stackledger.integrations.kafka.probe.topic import command, led_by_none, places_of, spread
from stackledger.integrations.kafka.wire.messages.cluster import Partition, Topic

CLOCK = ManualClock()


def topic(*rows: tuple[int, tuple[int, ...]]) -> Topic:
    """Leader and replicas by partition."""
    partitions = [Partition(0, at, leader, 0, replicas, replicas, ()) for at, (leader, replicas) in enumerate(rows)]
    return Topic(0, UUID(int=1), is_internal=False, partitions=tuple(partitions))


def target(**settings: Any) -> KafkaTarget:
    return KafkaTarget(name="lab", bootstrap=("a:1", "b:2"), **settings)


def test_a_partition_without_leader_stays_with_the_broker_that_should_lead_it() -> None:
    assert places_of(topic((1, (1, 2)), (-1, (2, 3)), (1, (3, 1)))) == {0: 1, 1: 2, 2: 1}


def test_each_broker_is_preferred_once() -> None:
    rows = spread((1, 2, 3, 5), (5, 3, 2, 1), 3)
    assert rows == ((1, 2, 3), (2, 3, 5), (3, 5, 1), (5, 1, 2))
    assert spread((7,), (7,), 3) == ((7,),)
    assert led_by_none(topic(*((row[0], row) for row in rows)), (1, 2, 3, 5)) == []
    assert led_by_none(topic((2, (1, 2))), (1, 2, 4)) == [2, 4]


def test_the_command_for_an_administrator_names_the_replicas() -> None:
    text = command("probe-topic", ((1, 2), (2, 1)))
    assert "--topic probe-topic --replica-assignment 1:2,2:1 " in text
    assert "--config retention.ms=600000" in text


def test_off_by_default_and_on_with_nothing() -> None:
    assert target().probe is None
    probe = target(probe={}).probe
    assert probe is not None
    assert (probe.topic, probe.interval_seconds, probe.timeout_seconds) == ("stackledger-end-to-end", 1.0, 10.0)


@pytest.mark.parametrize("bad", [{"topic": "a b"}, {"interval_seconds": 0}, {"timeout_seconds": 0.5}, {"acks": 1}])
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        target(probe=bad)


def test_a_name_that_librdkafka_cannot_check_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"tls\.server_name"):
        target(probe={}, tls={"server_name": "kafka.example.com"})


def test_neither_settings_nor_probe_import_the_client() -> None:
    code = (
        "import sys, stackledger.integrations.kafka.probe.probe, stackledger.integrations.kafka.collector;"
        "print('confluent_kafka' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_plain_text_and_every_replica() -> None:
    conf = clients.producer_conf(target(probe={"timeout_seconds": 5}), CLOCK)
    assert conf["bootstrap.servers"] == "a:1,b:2"
    assert (conf["security.protocol"], conf["acks"], conf["message.timeout.ms"]) == ("PLAINTEXT", "all", 5000)
    assert not conf["allow.auto.create.topics"]
    assert not clients.consumer_conf(target(probe={}), CLOCK)["enable.auto.commit"]


def test_tls_and_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right-horse-9\n")
    sasl = {"mechanism": "SCRAM-SHA-256", "user": "me", "password": {"file": secret}}
    tls = {"ca_file": tmp_path / "ca.pem", "cert_file": tmp_path / "c.pem", "key_file": tmp_path / "k.pem"}
    conf = clients.producer_conf(target(probe={}, sasl=sasl, tls=tls), CLOCK)
    assert conf["security.protocol"] == "SASL_SSL"
    assert (conf["sasl.mechanism"], conf["sasl.username"], conf["sasl.password"]) == (
        "SCRAM-SHA-256",
        "me",
        "right-horse-9",
    )
    assert (conf["ssl.ca.location"], conf["ssl.key.location"]) == (str(tmp_path / "ca.pem"), str(tmp_path / "k.pem"))
    assert conf["ssl.endpoint.identification.algorithm"] == "https"
    assert clients.without_secrets("bad value right-horse-9", conf) == "bad value ..."
    careless = clients.producer_conf(target(probe={}, tls={"verify": False}), CLOCK)
    assert careless["security.protocol"] == "SSL"
    assert not careless["enable.ssl.certificate.verification"]


def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    settings = target(probe={}, sasl={"mechanism": "OAUTHBEARER", "token": {"file": token}})
    read = clients.producer_conf(settings, CLOCK)["oauth_cb"]
    assert read("")[0] == "first"
    token.write_text("second")
    assert read("") == ("second", CLOCK.now() + 300)
    token.unlink()
    with pytest.raises(AuthError, match="cannot be read"):
        clients.producer_conf(settings, CLOCK)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("_MSG_TIMED_OUT", "timed_out"),
        ("NOT_ENOUGH_REPLICAS", "not_enough_replicas"),
        ("TOPIC_AUTHORIZATION_FAILED", "unauthorized"),
        ("_UNKNOWN_TOPIC", "no_topic"),
        ("_QUEUE_FULL", "queue_full"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_reasons_are_few(code: str, reason: str) -> None:
    assert clients.reason_of(code) == reason
    assert reason in clients.REASONS


async def _minute(clock: ManualClock) -> None:
    await clock.advance(60)


def test_the_clients_log_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    clock = ManualClock()
    log = clients.ClientLog("lab", clock)
    with caplog.at_level(logging.INFO):
        for number in range(500):
            log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", f"attempt {number}")
        log.log(logging.WARNING, "%s [%s] %s", "OTHER", "rdkafka#1", "something else")
        asyncio.run(_minute(clock))
        log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", "still")
    texts = [record.getMessage() for record in caplog.records]
    assert texts == [
        "probe: FAIL [rdkafka#1] attempt 0",
        "probe: OTHER [rdkafka#1] something else",
        "probe: FAIL [rdkafka#1] still",
    ]
    assert [record.__dict__["left_out"] for record in caplog.records] == [0, 499, 0]
