"""Peers that hang, talk nonsense or refuse the password: one clear error, in time, and nothing left open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab.kafka import KafkaCluster
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.cluster import metrics as cm
from tests.conftest import running
from tests.integration.kafka.reading import Reader

USER, PASSWORD = "reader", "right-horse-9"


@contextmanager
def peer(answer: bytes | None) -> Iterator[tuple[str, Callable[[], int]]]:
    """A listener that accepts and says `answer`, or nothing at all; its address, and how many connections it has."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.append(connection)
                    if answer is not None:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", lambda: len(accepted)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, ReadTimeoutError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", TargetError),
        (b"\x00\x00\x00\x08\x00\x00\x00\x01\xff\xff\xff\xff", ProtocolError),
        (b"\x7f\xff\xff\xff", TargetError),
    ],
    ids=["silence", "http", "garbage", "flood"],
)
def test_a_peer_that_is_no_broker(answer: bytes | None, expected: type[TargetError]) -> None:
    with peer(answer) as (address, held), Reader(address, timeout_seconds=1.0, foreign=held) as reader:
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(expected):
                reader.sweep()
            assert time.monotonic() - began < 1.0
        assert reader.open_sockets() <= 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with Reader(address, timeout_seconds=1.0) as reader:
        for lane in ("fast", "slow", "fast"):
            with pytest.raises(ConnectError, match=address):
                reader.sweep(lane)


def test_one_dead_bootstrap_server_is_no_obstacle(kafka_cluster: KafkaCluster) -> None:
    with peer(None) as (silent, held):
        bootstrap = f"{silent},{kafka_cluster.bootstrap}"
        with Reader(bootstrap, timeout_seconds=3.0, foreign=held) as reader:
            assert reader.sweep().one(cm.BROKERS) == 1


@pytest.fixture(scope="module")
def guarded() -> Iterator[KafkaCluster]:
    with running(KafkaCluster(sasl=(USER, PASSWORD))) as cluster:
        yield cluster


@pytest.fixture
def login(tmp_path: Path) -> Callable[[str, str], dict[str, object]]:
    def settings(mechanism: str, password: str) -> dict[str, object]:
        secret = tmp_path / "password"
        secret.write_text(f"{password}\n")
        return {"mechanism": mechanism, "user": USER, "password": {"file": str(secret)}}

    return settings


@pytest.mark.real("kafka")
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_right_password(
    guarded: KafkaCluster, login: Callable[[str, str], dict[str, object]], mechanism: str
) -> None:
    with Reader(guarded.bootstrap, sasl=login(mechanism, PASSWORD)) as reader:
        seen = reader.sweep()
        assert seen.snapshot.complete
        assert reader.sweep("slow").snapshot.complete


@pytest.mark.real("kafka")
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password(
    guarded: KafkaCluster, login: Callable[[str, str], dict[str, object]], mechanism: str
) -> None:
    with Reader(guarded.bootstrap, sasl=login(mechanism, "wrong-horse-1")) as reader:
        for _ in range(3):
            with pytest.raises(AuthError) as raised:
                reader.sweep()
            assert "wrong-horse" not in str(raised.value)
        assert reader.open_sockets() <= 1


@pytest.mark.real("kafka")
def test_a_password_that_is_rotated(guarded: KafkaCluster, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong-horse-1")
    sasl = {"mechanism": "PLAIN", "user": USER, "password": {"file": str(secret)}}
    with Reader(guarded.bootstrap, sasl=sasl) as reader:
        with pytest.raises(AuthError):
            reader.sweep()
        secret.write_text(PASSWORD)
        assert reader.sweep().snapshot.complete


@pytest.mark.real("kafka")
def test_a_wrong_password_at_several_addresses_is_still_one(
    guarded: KafkaCluster, login: Callable[[str, str], dict[str, object]]
) -> None:
    several = f"{guarded.bootstrap},{guarded.bootstrap.replace('127.0.0.1', 'localhost')}"
    with Reader(several, sasl=login("PLAIN", "wrong-horse-1")) as reader, pytest.raises(AuthError):
        reader.sweep()


@pytest.mark.real("kafka")
def test_no_password_where_one_is_wanted(guarded: KafkaCluster) -> None:
    with Reader(guarded.bootstrap, timeout_seconds=2.0) as reader, pytest.raises(TargetError):
        reader.sweep()
