"""A small SMTP server without TLS: one session of it.

Owns the protocol (RFC 5321: EHLO, AUTH PLAIN and LOGIN, MAIL, RCPT, DATA, RSET, NOOP, QUIT); where mail goes is the
caller's.
"""

from __future__ import annotations

import base64
import binascii
import socketserver
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

MAX_BYTES = 10 << 20
_LONGEST_LINE = 8_192


@dataclass(frozen=True)
class Mail:
    """One accepted mail: envelope and the message as it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class MailServer(socketserver.ThreadingTCPServer):
    """Accepts mail and hands each to `deliver`; asks for `login` (user, password) when one is given."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, *, deliver: Callable[[Mail], None], login: tuple[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.deliver = deliver
        self.login = login


class _Session(socketserver.StreamRequestHandler):
    server: MailServer
    timeout: ClassVar[float] = 30.0
    _sender: str | None
    _recipients: list[str]

    def handle(self) -> None:
        self._greeted = False
        self._logged_in = self.server.login is None
        self._forget()
        self._say(220, "lab ready")
        try:
            while (line := self.rfile.readline(_LONGEST_LINE)) and self._obey(line):
                pass
        except OSError:
            return  # the client left or fell silent

    def _obey(self, line: bytes) -> bool:
        verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        steps: dict[str, Callable[[str], None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: self._say(250, "OK"),
            "QUIT": lambda _: self._say(221, "bye"),
        }
        step = steps.get(verb.upper())
        if step is None:
            self._say(502, "command not implemented")
        else:
            step(rest)
        return verb.upper() != "QUIT"

    def _ehlo(self, _name: str) -> None:
        self._greeted = True
        features = ["lab", "PIPELINING", "8BITMIME", "SMTPUTF8", f"SIZE {MAX_BYTES}"]
        features += ["AUTH PLAIN LOGIN"] if self.server.login else []
        for feature in features[:-1]:
            self.wfile.write(f"250-{feature}\r\n".encode())
        self._say(250, features[-1])

    def _helo(self, _name: str) -> None:
        self._greeted = True
        self._say(250, "lab")

    def _auth(self, words: str) -> None:
        mechanism, _, initial = words.partition(" ")
        if self.server.login is None:
            self._say(502, "no authentication here")
        elif mechanism.upper() == "PLAIN":
            self._decide(tuple(self._secret(initial, "").split("\0")[1:]))
        elif mechanism.upper() == "LOGIN":
            self._decide((self._secret(initial, "Username:"), self._secret("", "Password:")))
        else:
            self._say(504, "PLAIN or LOGIN only")

    def _secret(self, initial: str, prompt: str) -> str:
        if not initial:
            self._say(334, base64.b64encode(prompt.encode()).decode())
            initial = self.rfile.readline(_LONGEST_LINE).decode("ascii", "replace").strip()
        try:
            return base64.b64decode(initial, validate=True).decode("utf-8", "replace")
        except binascii.Error:
            return ""

    def _decide(self, given: tuple[str, ...]) -> None:
        self._logged_in = given == self.server.login
        if self._logged_in:
            self._say(235, "2.7.0 authenticated")
        else:
            self._say(535, "5.7.8 authentication credentials invalid")

    def _mail(self, argument: str) -> None:
        if not self._greeted:
            self._say(503, "say EHLO first")
        elif not self._logged_in:
            self._say(530, "5.7.0 authentication required")
        elif self._sender is not None:
            self._say(503, "one sender a mail")
        else:
            self._sender = _address(argument, "FROM:")
            self._say(*((250, "OK") if self._sender is not None else (501, "MAIL FROM:<address>")))

    def _rcpt(self, argument: str) -> None:
        recipient = _address(argument, "TO:")
        if self._sender is None:
            self._say(503, "say MAIL first")
        elif not recipient:
            self._say(501, "RCPT TO:<address>")
        else:
            self._recipients.append(recipient)
            self._say(250, "OK")

    def _data(self, _argument: str) -> None:
        if self._sender is None or not self._recipients:
            self._say(503, "say MAIL and RCPT first")
            return
        self._say(354, "end with a dot on its own line")
        content = self._content()
        if len(content) > MAX_BYTES:
            self._say(552, "message too big")
        else:
            self.server.deliver(Mail(self._sender, tuple(self._recipients), content))
            self._say(250, "OK")
        self._forget()

    def _content(self) -> bytes:
        """The message up to the lone dot; what goes over the limit is read and dropped."""
        lines, size = [], 0
        while (line := self.rfile.readline()) and line.rstrip(b"\r\n") != b".":
            size += len(line)
            if size <= MAX_BYTES + 1:
                lines.append(line[1:] if line.startswith(b".") else line)
        if not line:
            raise ConnectionError("the client left in the middle of a mail")
        return b"".join(lines) if size <= MAX_BYTES else b"\0" * (MAX_BYTES + 1)

    def _rset(self, _argument: str) -> None:
        self._forget()
        self._say(250, "OK")

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


def _address(argument: str, keyword: str) -> str | None:
    """The address in `FROM:<a@b> SIZE=1`; empty for the null sender, None when it is not of that form."""
    head, rest = argument[: len(keyword)], argument[len(keyword) :].strip()
    if head.upper() != keyword or not rest.startswith("<") or ">" not in rest:
        return None
    return rest[1 : rest.index(">")]
