"""A local stand-in for the APIs of OpenAI and Anthropic, because the real ones cannot be had here.

Owns the listener and the count of what it answered. It answers in the documented shapes with numbers from a seed, and
no model is behind it. The count is kept from the numbers themselves, before any shape is made of them, so that whoever
adds up usage elsewhere can be compared with it to the token. It runs in threads of the calling process.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from lab import ports
from lab.llm import anthropic_shapes, openai_shapes
from lab.llm.draws import Asked, Draws, Used

ANSWER = "As the stand-in of a model I say that the blue heron flies at noon"
"""The text of every answer: whoever stores it stores what nobody may."""
_BODY_LIMIT_BYTES = 4 << 20
_PAUSE_SECONDS = 0.02
_BUSY = {"retry-after-ms": "20"}

Body = dict[str, Any]


@dataclass
class Count:
    """Calls that were answered, and what they used together."""

    calls: int = 0
    used: Used = field(default_factory=Used)


@dataclass(frozen=True)
class Reply:
    """An answer: one body, or the events of a stream with the name of each where the API names them."""

    body: Body | None = None
    events: Iterator[tuple[str, str]] | None = None
    status: int = 200
    headers: Mapping[str, str] | None = None


class Standin:
    """Listens on a loopback port from start() on. Every `busy_every`-th request is refused with 429, as at times."""

    def __init__(self, *, seed: int = 1, port: int | None = None, busy_every: int = 0) -> None:
        self.port = port or 0
        self._draws = Draws(seed)
        self._busy_every = busy_every
        self._requests = 0
        self._counts: dict[tuple[str, str], Count] = defaultdict(Count)
        self._lock = threading.Lock()
        self._open = ExitStack()

    @property
    def url(self) -> str:
        """Base address; OpenAI's clients add /v1 to it themselves, in their base_url."""
        return f"http://127.0.0.1:{self.port}"

    def counted(self) -> dict[tuple[str, str], Count]:
        """What was answered so far, by user and answering model."""
        with self._lock:
            return {key: Count(count.calls, count.used) for key, count in self._counts.items()}

    def start(self) -> Self:
        """Listen; on failure nothing stays open."""
        try:
            self.port = self.port or self._open.enter_context(ports.reserve(1)).ports[0]
            server = _WebServer(self.port, self)
            self._open.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="models", daemon=True)
            thread.start()
            self._open.callback(thread.join, 10)
            self._open.callback(server.shutdown)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close the port; the count stays readable."""
        self._open.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def answer(self, path: str, key: str, request: Body) -> Reply:
        """The answer to one request."""
        shapes = anthropic_shapes if path == "/v1/messages" else openai_shapes
        answerer = _ANSWERERS.get(path)
        if answerer is None:
            return Reply(shapes.error(f"no such path here: {path}", "not_found_error"), status=404)
        if not key:
            return Reply(shapes.error("no key was sent", "authentication_error"), status=401)
        with self._lock:
            self._requests += 1
            number = self._requests
        if self._busy_every and number % self._busy_every == 0:
            return Reply(shapes.error("come again soon", "rate_limit_error"), status=429, headers=_BUSY)
        return answerer(self, number, request)

    def _openai(self, request: Body, *, embeds: bool = False) -> tuple[str, Used]:
        model = openai_shapes.answering(request["model"])
        asked = openai_shapes.asked(request, embeds=embeds)
        return model, self._take(openai_shapes.user_of(request), model, asked)

    def chat(self, number: int, request: Body) -> Reply:
        """POST /v1/chat/completions."""
        model, used = self._openai(request)
        whole = openai_shapes.chat(number, int(time.time()), model, used, ANSWER)
        pieces = openai_shapes.chat_events(whole, ANSWER, with_usage=openai_shapes.wants_usage(request))
        return Reply(events=_unnamed(pieces)) if _streams(request) else Reply(whole)

    def responses(self, number: int, request: Body) -> Reply:
        """POST /v1/responses."""
        model, used = self._openai(request)
        whole = openai_shapes.response(number, int(time.time()), model, used, ANSWER)
        return Reply(events=_named(openai_shapes.response_events(whole, ANSWER))) if _streams(request) else Reply(whole)

    def embeddings(self, _number: int, request: Body) -> Reply:
        """POST /v1/embeddings."""
        model, used = self._openai(request, embeds=True)
        return Reply(openai_shapes.embeddings(model, used, request))

    def messages(self, number: int, request: Body) -> Reply:
        """POST /v1/messages."""
        model = str(request["model"])
        used = self._take(anthropic_shapes.user_of(request), model, anthropic_shapes.asked(request))
        whole = anthropic_shapes.message(number, model, used, ANSWER)
        pieces = anthropic_shapes.events(whole, used, ANSWER)
        return Reply(events=_named(pieces)) if _streams(request) else Reply(whole)

    def _take(self, user: str, model: str, asked: Asked) -> Used:
        with self._lock:
            used = self._draws.next(user, model, asked)
            count = self._counts[user, model]
            count.calls += 1
            count.used += used
        return used


_ANSWERERS: dict[str, Callable[[Standin, int, Body], Reply]] = {
    "/v1/chat/completions": Standin.chat,
    "/v1/responses": Standin.responses,
    "/v1/embeddings": Standin.embeddings,
    "/v1/messages": Standin.messages,
}


def _streams(request: Body) -> bool:
    return bool(request.get("stream"))


def _named(events: Iterator[Body]) -> Iterator[tuple[str, str]]:
    for event in events:
        yield event["type"], json.dumps(event)


def _unnamed(chunks: Iterator[Body]) -> Iterator[tuple[str, str]]:
    for chunk in chunks:
        yield "", json.dumps(chunk)
    yield "", "[DONE]"


class _WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away, as they do when they are stopped."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def __init__(self, port: int, standin: Standin) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.standin = standin


class _Request(BaseHTTPRequestHandler):
    server: _WebServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY_LIMIT_BYTES:
            self.close_connection = True
            self._send(Reply({}, status=413))
            return
        request = json.loads(self.rfile.read(length))
        key = self.headers.get("Authorization") or self.headers.get("x-api-key") or ""
        reply = self.server.standin.answer(self.path.partition("?")[0], key, request)
        time.sleep(_PAUSE_SECONDS)
        self._send(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing: the count is the log."""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in (reply.headers or {}).items():
            self.send_header(name, value)
        if reply.events is None:
            self._send_whole(json.dumps(reply.body).encode())
        else:
            self._send_stream(reply.events)

    def _send_whole(self, body: bytes) -> None:
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_stream(self, events: Iterator[tuple[str, str]]) -> None:
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, data in events:
            piece = (f"event: {name}\n" if name else "") + f"data: {data}\n\n"
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece.encode()), piece.encode()))
        self.wfile.write(b"0\r\n\r\n")
