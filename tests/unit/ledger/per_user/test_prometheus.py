"""The client that asks Prometheus for the number of users: what it refuses, and that no secret is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stackledger.clock import SystemClock
from stackledger.errors import QuestionError, UnreachableError
from stackledger.ledger.per_user.prometheus import Prometheus

_PIECE = 1 << 16
_MOST_PIECES = 1 << 11


class Hasty(SystemClock):
    """Twenty seconds pass between two looks."""

    def __init__(self) -> None:
        super().__init__()
        self._at_s = 0.0

    def monotonic(self) -> float:
        self._at_s += 20.0
        return self._at_s


class Endless:
    """A server whose answer does not end before 128 MiB. `sent` are the bytes that somebody took."""

    def __init__(self) -> None:
        self.sent = 0
        self.given_up = threading.Event()
        endless = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                try:
                    for _ in range(_MOST_PIECES):
                        self.wfile.write(b" " * _PIECE)
                        endless.sent += _PIECE
                except OSError:
                    endless.given_up.set()

            def log_message(self, *words: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def endless() -> Iterator[Endless]:
    one = Endless()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def test_an_answer_that_is_too_large_is_not_taken_whole(endless: Endless) -> None:
    with pytest.raises(QuestionError, match="mau gives very many series"):
        Prometheus(endless.address).value("mau", 0.0)
    assert endless.given_up.wait(20)
    assert endless.sent < _PIECE * _MOST_PIECES // 2


def test_an_answer_that_takes_too_long_is_given_up(endless: Endless) -> None:
    with pytest.raises(UnreachableError, match="does not end its answer within 30 s"):
        Prometheus(endless.address, clock=Hasty()).value("mau", 0.0)
    assert endless.given_up.wait(20)


def test_a_token_that_no_header_can_carry_is_told_and_not_repeated() -> None:
    with pytest.raises(UnreachableError, match="a character that no header can carry") as told:
        Prometheus("http://127.0.0.1:9", "\ufeffsecret").value("mau", 0.0)
    assert "secret" not in str(told.value)
    assert (told.value.__cause__, told.value.__suppress_context__) == (None, True)
