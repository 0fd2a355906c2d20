"""SASL mechanisms as plain exchanges of bytes: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER. No input or output.

Sources: RFC 4616 (PLAIN), RFC 5802 and 7677 (SCRAM), RFC 7628 (OAUTHBEARER). Passwords go out as UTF-8 without
SASLprep, because Kafka stores them like that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from stackledger.errors import AuthError

ScramMechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]

_HASHES: Mapping[str, str] = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_MAX_ITERATIONS = 65_536
"""Kafka allows 4,096 to 16,384; far more would let a false broker stop the event loop."""
_MIN_ITERATIONS = 4_096
_SEPARATOR = "\x01"


class Exchange(Protocol):
    """The client's side of one authentication."""

    def respond(self, challenge: bytes) -> bytes | None:
        """The next message, None when nothing is left to send; AuthError where the server cannot be trusted."""


class Credentials(Protocol):
    """Who we are, by which mechanism."""

    @property
    def mechanism(self) -> str:
        """The name that SaslHandshake carries."""

    async def start(self) -> tuple[bytes, Exchange]:
        """The first message, and what answers the challenges that follow."""


class _Done:
    """An exchange that ends with its first message."""

    def respond(self, challenge: bytes) -> None:
        """Nothing is left to send."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A name and a password in clear; wants TLS."""

    username: str
    password: str = field(repr=False)

    @property
    def mechanism(self) -> str:
        """PLAIN."""
        return "PLAIN"

    async def start(self) -> tuple[bytes, Exchange]:
        """The only message."""
        return f"\0{self.username}\0{self.password}".encode(), _Done()


@dataclass(frozen=True, slots=True)
class Scram:
    """A name and a password that never crosses the wire; the server proves that it knows it as well."""

    username: str
    password: str = field(repr=False)
    mechanism: ScramMechanism = "SCRAM-SHA-512"

    async def start(self) -> tuple[bytes, Exchange]:
        """The first message, with a fresh nonce."""
        exchange = ScramExchange(self, nonce=secrets.token_urlsafe(24))
        return exchange.first(), exchange


class ScramExchange:
    """One SCRAM conversation."""

    def __init__(self, credentials: Scram, *, nonce: str) -> None:
        self._password = credentials.password.encode()
        self._hash = _HASHES[credentials.mechanism]
        self._nonce = nonce
        name = credentials.username.replace("=", "=3D").replace(",", "=2C")
        self._first_bare = f"n={name},r={nonce}"
        self._server_signature: bytes | None = None

    def first(self) -> bytes:
        """The opening message."""
        return f"n,,{self._first_bare}".encode()

    def respond(self, challenge: bytes) -> bytes | None:
        """The proof after the first challenge; None after the second, in which the server proves itself."""
        fields = _scram_fields(challenge)
        if self._server_signature is None:
            return self._prove(fields, challenge.decode())
        if not hmac.compare_digest(_base64(fields, "v"), self._server_signature):
            raise AuthError(
                "the server's SCRAM signature is wrong: it does not know the password, so it is not trusted"
            )
        return None

    def _prove(self, fields: Mapping[str, str], challenge: str) -> bytes:
        nonce = fields.get("r", "")
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise AuthError("the server's SCRAM nonce does not continue ours: something between us replays messages")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, _base64(fields, "s"), _iterations(fields))
        final = f"c=biws,r={nonce}"
        auth = f"{self._first_bare},{challenge},{final}".encode()
        client_key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self._hash, client_key).digest(), auth)
        self._server_signature = self._hmac(self._hmac(salted, b"Server Key"), auth)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._hash)


def _scram_fields(challenge: bytes) -> dict[str, str]:
    try:
        text = challenge.decode()
    except UnicodeDecodeError:
        raise AuthError("the server's SCRAM message is not text") from None
    fields = {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}
    if "e" in fields:
        raise AuthError(f"the server ended the SCRAM exchange: {fields['e']}")
    return fields


def _iterations(fields: Mapping[str, str]) -> int:
    text = fields.get("i", "")
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0  # noqa: PLR2004 - keeps int() cheap
    if not _MIN_ITERATIONS <= count <= _MAX_ITERATIONS:
        raise AuthError(
            f"the server asks for {text!r:.40} SCRAM iterations, outside {_MIN_ITERATIONS} to {_MAX_ITERATIONS}: "
            "store the user's password again with an iteration count in that range"
        )
    return count


def _base64(fields: Mapping[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(fields.get(name, ""), validate=True)
    except (binascii.Error, ValueError):
        raise AuthError(f"the server's SCRAM field {name} is not base64") from None


@dataclass(frozen=True, slots=True)
class OAuthBearer:
    """A token from `token()`, asked for at every authentication, so that it may change; what it raises is passed on."""

    token: Callable[[], Awaitable[str]] = field(repr=False)
    extensions: tuple[tuple[str, str], ...] = ()
    """Pairs that the broker's validator may want (KIP-342)."""

    @property
    def mechanism(self) -> str:
        """OAUTHBEARER."""
        return "OAUTHBEARER"

    async def start(self) -> tuple[bytes, Exchange]:
        """The first message; AuthError for a token that cannot be sent."""
        token = (await self.token()).strip()
        if not token or not token.isascii() or _SEPARATOR in token:
            raise AuthError("the token source gave an empty or unprintable token: check where the token comes from")
        pairs = (("auth", f"Bearer {token}"), *self.extensions)
        body = "".join(f"{key}={value}{_SEPARATOR}" for key, value in pairs)
        return f"n,,{_SEPARATOR}{body}{_SEPARATOR}".encode(), _OAuthExchange()


class _OAuthExchange:
    """A challenge is a refusal here; one more message makes the server state it as an error."""

    def respond(self, challenge: bytes) -> bytes | None:
        """The acknowledgement of a refusal."""
        return _SEPARATOR.encode() if challenge else None
