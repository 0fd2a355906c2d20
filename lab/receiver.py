"""A local stand-in for Slack, PagerDuty and a mail server, which keeps what it is sent with the time of arrival.

Owns the two listeners and the record in memory and as JSON lines; what the services answer is lab.webhooks', the mail
protocol is lab.mailbox's. It runs in threads of the calling process.
"""

from __future__ import annotations

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab import ports, webhooks
from lab.mailbox import Mail, MailServer
from lab.process import ServerFailedError
from lab.webhooks import Answer

SLACK_PATH = "/services/"
PAGERDUTY_PATH = "/v2/enqueue"
_BODY_LIMIT_BYTES = 4 << 20


class Service(StrEnum):
    """Which service a message was meant for."""

    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"


@dataclass(frozen=True)
class Received:
    """One accepted message: when it came (Unix seconds), for which service, where to (path or addresses), its content.

    The content is the decoded JSON; of a mail: from, subject, and the text and html parts.
    """

    at: float
    service: Service
    to: str
    content: Mapping[str, Any]

    def mentions(self, text: str) -> bool:
        """True when the content holds the text anywhere."""
        return text in json.dumps(self.content, ensure_ascii=False)


class Receiver:
    """Listens on two loopback ports from start() on. `login` makes the mail server ask for user and password."""

    def __init__(
        self,
        record: Path | None = None,
        *,
        login: tuple[str, str] | None = None,
        http_port: int | None = None,
        smtp_port: int | None = None,
    ) -> None:
        self.http_port = http_port or 0
        self.smtp_port = smtp_port or 0
        self.refused: list[Answer] = []
        self._record = record
        self._login = login
        self._messages: list[Received] = []
        self._arrived = threading.Condition()
        self._open = ExitStack()

    @property
    def slack_url(self) -> str:
        """Address for Alertmanager's slack_configs api_url."""
        return f"http://127.0.0.1:{self.http_port}{SLACK_PATH}T00000000/B00000000/lab"

    @property
    def pagerduty_url(self) -> str:
        """Address for Alertmanager's pagerduty_configs url."""
        return f"http://127.0.0.1:{self.http_port}{PAGERDUTY_PATH}"

    @property
    def smtp_address(self) -> str:
        """host:port for Alertmanager's smtp_smarthost (with smtp_require_tls: false)."""
        return f"127.0.0.1:{self.smtp_port}"

    @property
    def messages(self) -> list[Received]:
        """All accepted messages so far, oldest first."""
        with self._arrived:
            return list(self._messages)

    def start(self) -> Self:
        """Listen; on failure nothing stays open."""
        try:
            free = self._open.enter_context(ports.reserve(2)).ports
            self.http_port, self.smtp_port = self.http_port or free[0], self.smtp_port or free[1]
            self._serve(_WebServer(self.http_port, self))
            self._serve(MailServer(self.smtp_port, deliver=self._deliver, login=self._login))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close both ports; what was received stays readable."""
        self._open.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def wait_for(self, wanted: Callable[[Received], bool], *, timeout: float = 60.0) -> Received:
        """The first message, past or to come, that `wanted` accepts; ServerFailedError when none came in time."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._arrived:
            while True:
                for message in self._messages[seen:]:
                    if wanted(message):
                        return message
                seen = len(self._messages)
                if not self._arrived.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise ServerFailedError(f"no such message within {timeout:.0f} s; {seen} others came")

    def answer(self, path: str, content: bytes) -> Answer:
        """The answer to a POST, after keeping what is accepted."""
        if path == PAGERDUTY_PATH:
            service, answer = Service.PAGERDUTY, webhooks.pagerduty(content)
        elif path.startswith(SLACK_PATH):
            service, answer = Service.SLACK, webhooks.slack(content)
        else:
            return Answer(404, "not found")
        if answer.accepted is not None:
            self._keep(service, path, answer.accepted)
        else:
            self.refused.append(answer)
        return answer

    def _deliver(self, mail: Mail) -> None:
        parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
        content = {"from": mail.sender, "subject": str(parsed["Subject"] or "")}
        for kind, name in (("plain", "text"), ("html", "html")):
            part = parsed.get_body((kind,))
            if part is not None:
                content[name] = str(part.get_content())
        self._keep(Service.EMAIL, ", ".join(mail.recipients), content)

    def _keep(self, service: Service, to: str, content: Mapping[str, Any]) -> None:
        message = Received(time.time(), service, to, content)
        with self._arrived:
            self._messages.append(message)
            if self._record is not None:
                with self._record.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")
            self._arrived.notify_all()

    def _serve(self, server: MailServer | ThreadingHTTPServer) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        self._open.callback(server.server_close)
        thread.start()
        self._open.callback(thread.join, 10)
        self._open.callback(server.shutdown)


class _WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.receiver = receiver


class _Request(BaseHTTPRequestHandler):
    server: _WebServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY_LIMIT_BYTES:
            self.close_connection = True
            self._reply(Answer(413, ""))
        else:
            self._reply(self.server.receiver.answer(self.path, self.rfile.read(length)))

    def log_message(self, *_: object) -> None:
        """Say nothing: the record is the log."""

    def _reply(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json" if answer.body.startswith("{") else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
