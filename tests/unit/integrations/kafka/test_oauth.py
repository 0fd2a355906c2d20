"""Tokens from an endpoint: a local server that answers as RFC 6749 says, or as a broken one does."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from stackledger.clock import ManualClock
from stackledger.errors import AuthError, ConnectError
from stackledger.integrations.kafka.config import OAuthClient
from stackledger.integrations.kafka.oauth import TokenEndpoint, fetch_token

SECRET = "t0ken-secret-5"  # noqa: S105 - made up, and looked for in messages


@contextmanager
def endpoint(answer: Callable[[str, dict[str, list[str]]], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = answer(self.headers.get("Authorization", ""), form)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/token"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", SECRET)


def client(url: str, scope: str = "kafka") -> OAuthClient:
    secret = {"env": "CLIENT_SECRET"}
    return OAuthClient.model_validate(
        {"token_url": url, "client_id": "monitor", "client_secret": secret, "scope": scope}
    )


def source(url: str, clock: ManualClock, scope: str = "kafka") -> TokenEndpoint:
    return TokenEndpoint(client(url, scope), clock)


def test_a_token_is_fetched_once_and_again_before_it_expires() -> None:
    asked: list[tuple[str, dict[str, list[str]]]] = []

    def answer(login: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        asked.append((login, form))
        return 200, json.dumps({"access_token": f"token-{len(asked)}", "expires_in": 300}).encode()

    async def use(url: str) -> list[str]:
        clock = ManualClock()
        tokens = source(url, clock)
        first = await asyncio.gather(tokens(), tokens(), tokens())
        await clock.advance(239)
        kept = await tokens()
        await clock.advance(2)
        return [*first, kept, await tokens()]

    with endpoint(answer) as url:
        assert asyncio.run(use(url)) == ["token-1"] * 4 + ["token-2"]
    assert base64.b64decode(asked[0][0].removeprefix("Basic ")).decode() == f"monitor:{SECRET}"
    assert asked[0][1] == {"grant_type": ["client_credentials"], "scope": ["kafka"]}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": "invalid_client"}', "401 invalid_client"),
        (400, b'{"error": "invalid_scope", "error_description": "t0ken-secret-5"}', "invalid_scope"),
        (403, b"<html>oops</html>", "403"),
        (200, b'{"token": "x"}', "no access_token"),
        (200, b"[1]", "no access_token"),
        (200, b"not json", "no access_token"),
    ],
)
def test_a_refusal_says_what_to_check_and_never_the_secret(status: int, body: bytes, said: str) -> None:
    with endpoint(lambda *_: (status, body)) as url:
        for ask in (lambda: asyncio.run(source(url, ManualClock())()), lambda: fetch_token(client(url))):
            with pytest.raises(AuthError, match=said) as error:
                ask()
            assert SECRET not in str(error.value)


def test_an_endpoint_in_trouble_is_no_refusal() -> None:
    with endpoint(lambda *_: (503, b"")) as url, pytest.raises(ConnectError, match="503"):
        asyncio.run(source(url, ManualClock())())


def test_a_secret_goes_over_https_unless_it_stays_on_this_machine() -> None:
    with pytest.raises(ValidationError, match="https://"):
        client("http://id.example.com/token")
    assert client("https://id.example.com/token")


def test_an_endpoint_that_is_away_is_no_refusal() -> None:
    with pytest.raises(ConnectError, match="cannot be reached"):
        asyncio.run(source("http://127.0.0.1:9/token", ManualClock())())


def test_a_token_without_a_stated_life_is_fetched_each_time() -> None:
    calls: list[int] = []

    def answer(*_: object) -> tuple[int, bytes]:
        calls.append(1)
        return 200, b'{"access_token": "x"}'

    async def twice(url: str) -> None:
        tokens = source(url, ManualClock(), scope="")
        await tokens()
        await tokens()

    with endpoint(answer) as url:
        asyncio.run(twice(url))
    assert len(calls) == 2


def test_a_thread_gets_the_same_token_with_its_life() -> None:
    with endpoint(lambda *_: (200, b'{"access_token": "x", "expires_in": 60}')) as url:
        assert fetch_token(client(url)) == ("x", 60.0)
    with pytest.raises(ConnectError, match="cannot be reached"):
        fetch_token(client("http://127.0.0.1:9/token"))
