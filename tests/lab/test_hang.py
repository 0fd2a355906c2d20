"""Each misbehaving peer misbehaves in its one way, and counts what is open."""

from __future__ import annotations

import socket
import time

import pytest

from lab.hang import Fault, Peer


def connect(peer: Peer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", peer.port), timeout=2)


def test_hang_accepts_counts_and_never_answers() -> None:
    with Peer(Fault.HANG) as peer:
        with connect(peer) as first, connect(peer) as second:
            first.sendall(b"PING\r\n")
            second.settimeout(0.3)
            first.settimeout(0.3)
            for client in (first, second):
                with pytest.raises(TimeoutError):
                    client.recv(1)
            peer.wait_open(2)
        peer.wait_open(0)
        assert peer.accepted == 2


def test_refuse_holds_a_port_where_nothing_listens() -> None:
    with Peer(Fault.REFUSE) as peer, pytest.raises(ConnectionRefusedError):
        connect(peer)


def test_garbage_is_the_same_for_the_same_seed() -> None:
    answers = []
    for seed in (1, 1, 2):
        with Peer("garbage", seed=seed) as peer, connect(peer) as client:
            client.sendall(b"x")
            answers.append(client.recv(256, socket.MSG_WAITALL))
    assert answers[0] == answers[1] != answers[2]


def test_slow_sends_one_byte_a_second() -> None:
    with Peer(Fault.SLOW, answer=b"+PONG") as peer, connect(peer) as client:
        began = time.monotonic()
        assert [client.recv(10), client.recv(10)] == [b"+", b"P"]
        assert time.monotonic() - began > 0.8


def test_half_closes_in_the_middle_and_reset_breaks_off() -> None:
    with Peer(Fault.HALF, answer=b"HTTP/1.1 200 OK\r\n") as peer, connect(peer) as client:
        client.sendall(b"x")
        assert client.recv(100, socket.MSG_WAITALL) == b"HTTP/1.1"
    with Peer(Fault.RESET) as peer, connect(peer) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
