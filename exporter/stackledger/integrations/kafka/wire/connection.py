"""One connection to one broker: frames, pipelined requests, version negotiation, TLS and SASL.

Every waiting is the caller's to bound. A request that is cancelled leaves its correlation id behind: the late answer is
counted and dropped, and the connection goes on. A broker that owes too many such answers is not worth waiting for, so
the connection ends.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar, cast

from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError, ProtocolError, TargetError
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.session import (
    ApiVersions,
    ApiVersionsRequest,
    SaslAuthenticate,
    SaslAuthenticateRequest,
    SaslHandshakeRequest,
)
from stackledger.integrations.kafka.wire.request import Request, UnsupportedApiError, VersionRange, negotiate
from stackledger.integrations.kafka.wire.sasl import Credentials

A = TypeVar("A")

MAX_FRAME_BYTES: Final = 64 << 20
MAX_ABANDONED: Final = 16
CLOSE_SECONDS: Final = 1.0
_REAUTHENTICATE_AT: Final = 0.8  # of the session's lifetime
_MAX_SASL_STEPS: Final = 8
_LENGTH = struct.Struct(">i")
_CORRELATION_BYTES: Final = 4
_PREFIX_BYTES: Final = 4


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """host:port, with the brackets that an IPv6 address needs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Security:
    """How to reach a listener. A client certificate belongs into the TLS context.

    `server_name` is the name to expect in the brokers' certificates, where it differs from their addresses.
    """

    tls: ssl.SSLContext | None = None
    sasl: Credentials | None = None
    server_name: str | None = None


@dataclass(slots=True)
class Traffic:
    """What has gone over the wire, length prefixes included; shared by the connections of a cluster."""

    requests_sent: int = 0
    answers_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What the connections of one cluster have in common."""

    clock: Clock
    security: Security = field(default_factory=Security)
    client_id: str = "stackledger"
    max_frame_bytes: int = MAX_FRAME_BYTES
    """A larger answer is refused before it is read; 64 MiB hold some 2 million partitions."""
    traffic: Traffic = field(default_factory=Traffic)


class _Frames(asyncio.Protocol):
    """Cuts the stream into frames and gives each to whoever waits for its correlation id."""

    def __init__(self, address: Address, options: Options) -> None:
        self._address = address
        self._options = options
        self._buffer = bytearray()
        self._needed = _PREFIX_BYTES
        self._waiting: dict[int, asyncio.Future[bytes] | None] = {}
        self._abandoned = 0
        self._last_id = 0
        self._transport: asyncio.Transport | None = None
        self.failure: TargetError | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        """Requests that somebody still waits for."""
        return len(self._waiting) - self._abandoned

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(_lost_error(self._address, exc, b"" if self._needed == _PREFIX_BYTES else bytes(self._buffer[:4])))
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._options.traffic.bytes_received += len(data)
        self._buffer += data
        if len(self._buffer) < self._needed or self.failure is not None:
            return
        try:
            self._cut()
        except ProtocolError as error:
            self.fail(error)

    def _cut(self) -> None:
        buffer, start = self._buffer, 0
        while True:
            have = len(buffer) - start
            size = self._frame_size(start) if have >= _PREFIX_BYTES else 0
            self._needed = _PREFIX_BYTES + size
            if have < _PREFIX_BYTES or have < self._needed:
                break
            frame = bytes(memoryview(buffer)[start + _PREFIX_BYTES : start + self._needed])
            start += self._needed
            self._deliver(frame)
        del buffer[:start]

    def _frame_size(self, start: int) -> int:
        size = int(_LENGTH.unpack_from(self._buffer, start)[0])
        if _CORRELATION_BYTES <= size <= self._options.max_frame_bytes:
            return size
        prefix = bytes(self._buffer[start : start + _PREFIX_BYTES])
        raise ProtocolError(
            f"broker {self._address} announced an answer of {size} bytes (limit {self._options.max_frame_bytes}); "
            f"{_guess(prefix)}"
        )

    def _deliver(self, frame: bytes) -> None:
        correlation_id = int(_LENGTH.unpack_from(frame)[0])
        if correlation_id not in self._waiting:
            raise ProtocolError(f"broker {self._address} answered request {correlation_id}, which was never sent")
        self._options.traffic.answers_received += 1
        future = self._waiting.pop(correlation_id)
        if future is None:
            self._abandoned -= 1
        elif not future.done():
            future.set_result(frame[_CORRELATION_BYTES:])

    def next_id(self) -> int:
        """A correlation id that is not in use."""
        self._last_id = (self._last_id + 1) & 0x7FFFFFFF
        return self._last_id

    async def ask(self, correlation_id: int, frame: bytes) -> bytes:
        """Send a frame and wait for the answer's bytes behind the correlation id."""
        if self.failure is not None or self._transport is None:
            raise self.failure or ConnectError(f"broker {self._address}: not connected")
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = future
        self._options.traffic.requests_sent += 1
        self._options.traffic.bytes_sent += len(frame)
        self._transport.write(frame)
        try:
            return await future
        except asyncio.CancelledError:
            self._abandon(correlation_id)
            raise

    def _abandon(self, correlation_id: int) -> None:
        if correlation_id not in self._waiting:
            return
        self._waiting[correlation_id] = None
        self._abandoned += 1
        if self._abandoned > MAX_ABANDONED:
            self.fail(
                ConnectError(f"broker {self._address} owes {self._abandoned} answers that nobody waits for any more")
            )

    def fail(self, error: TargetError) -> None:
        """End the connection; everybody who waits gets `error`. Only the first reason counts."""
        if self.failure is not None:
            return
        self.failure = error
        waiting, self._waiting, self._abandoned = self._waiting, {}, 0
        self._buffer.clear()
        for future in waiting.values():
            if future is not None and not future.done():
                future.set_exception(error)
        if self._transport is not None:
            self._transport.abort()

    async def finish(self, clock: Clock) -> None:
        """End the connection and wait until the socket is gone."""
        self.fail(ConnectError(f"broker {self._address}: the connection was closed by us"))
        try:
            async with clock.timeout(CLOSE_SECONDS):
                await asyncio.shield(self.lost)
        except TimeoutError:
            return


class Connection:
    """An authenticated connection whose versions are negotiated. Made by `Connection.open`."""

    def __init__(self, address: Address, options: Options, frames: _Frames) -> None:
        self.address = address
        self._options = options
        self._frames = frames
        self._versions: dict[type[Request[object]], int | None] = {}
        self._expires: float | None = None
        self.api_versions = ApiVersions(0, {ApiVersionsRequest.api_key: VersionRange(0, 4)}, {}, -1)

    @classmethod
    async def open(cls, address: Address, options: Options) -> Connection:
        """Connect, negotiate, authenticate.

        ConnectError, AuthError or ProtocolError, each naming the address; cancelling leaves no socket behind.
        """
        security = options.security
        loop = asyncio.get_running_loop()
        try:
            _, frames = await loop.create_connection(
                lambda: _Frames(address, options),
                address.host,
                address.port,
                ssl=security.tls,
                server_hostname=None if security.tls is None else security.server_name or address.host,
            )
        except (OSError, ValueError, OverflowError) as error:  # the latter two: a host or port that cannot exist
            raise _connect_error(address, error) from error
        connection = cls(address, options, frames)
        try:
            await connection._negotiate()
            await connection._authenticate()
        except BaseException:
            frames.fail(ConnectError(f"broker {address}: the connection was never established"))
            raise
        return connection

    @property
    def usable(self) -> bool:
        """Whether a new request may be sent: connected, and the session not about to expire."""
        if self._frames.failure is not None:
            return False
        return self._expires is None or self._options.clock.monotonic() < self._expires

    @property
    def in_flight(self) -> int:
        """Requests that somebody waits for."""
        return self._frames.in_flight

    def version_of(self, request: type[Request[A]]) -> int | None:
        """The version that `request` will be sent with, None where the broker does not offer the API."""
        key = cast("type[Request[object]]", request)
        if key not in self._versions:
            self._versions[key] = negotiate(request, self.api_versions.apis)
        return self._versions[key]

    async def request(self, request: Request[A]) -> A:
        """The broker's answer.

        UnsupportedApiError before anything is sent, ConnectError where the connection ends meanwhile, ProtocolError for
        an answer that makes no sense (the connection stays in step). May be cancelled at any moment.
        """
        version = self.version_of(type(request))
        if version is None:
            raise UnsupportedApiError(
                f"broker {self.address} does not offer {request.name} in a version between {request.versions[0]} and "
                f"{request.versions[-1]}: its Kafka is too old for this part, or the feature is not enabled"
            )
        return await self._ask(request, version)

    async def _ask(self, request: Request[A], version: int) -> A:
        correlation_id = self._frames.next_id()
        frame = request.encode(version, correlation_id=correlation_id, client_id=self._options.client_id)
        payload = await self._frames.ask(correlation_id, frame)
        try:
            return request.answer(payload, version)
        except ProtocolError as error:
            raise ProtocolError(f"broker {self.address}: {error}") from error

    async def _negotiate(self) -> None:
        """Ask with our newest version; an older broker refuses it and says in the same breath what it has (KIP-511)."""
        answer = await self._ask(ApiVersionsRequest(), ApiVersionsRequest.versions[-1])
        if answer.error_code == ErrorCode.UNSUPPORTED_VERSION:
            version = negotiate(ApiVersionsRequest, answer.apis) or 0
            answer = await self._ask(ApiVersionsRequest(), version)
        if answer.error_code:
            raise ProtocolError(f"broker {self.address} refused ApiVersions: {error_name(answer.error_code)}")
        self.api_versions = answer
        self._versions.clear()

    async def _authenticate(self) -> None:
        credentials = self._options.security.sasl
        if credentials is None:
            return
        started = self._options.clock.monotonic()
        await self._handshake(credentials.mechanism)
        try:
            lifetime_ms = await self._exchange(credentials)
        except AuthError as error:
            raise AuthError(f"broker {self.address}, {credentials.mechanism}: {error}") from error
        if lifetime_ms > 0:
            self._expires = started + lifetime_ms / 1000 * _REAUTHENTICATE_AT

    async def _handshake(self, mechanism: str) -> None:
        try:
            answer = await self.request(SaslHandshakeRequest(mechanism))
        except ConnectError as error:
            raise ConnectError(f"{error}; it may be a listener without SASL: compare the security protocols") from error
        if answer.error_code == ErrorCode.ILLEGAL_SASL_STATE:
            raise AuthError(
                f"broker {self.address} does not use SASL on this listener: remove the credentials or take another port"
            )
        if answer.error_code:
            offered = ", ".join(answer.mechanisms) or "none"
            raise AuthError(
                f"broker {self.address} does not accept {mechanism} ({error_name(answer.error_code)}); "
                f"it offers {offered}"
            )

    async def _exchange(self, credentials: Credentials) -> int:
        """Run the mechanism to its end; the session's lifetime in milliseconds, 0 for no limit."""
        message, exchange = await credentials.start()
        for _ in range(_MAX_SASL_STEPS):
            answer = await self.request(SaslAuthenticateRequest(message))
            _check_authenticated(answer)
            following = exchange.respond(answer.data)
            if following is None:
                return answer.session_lifetime_ms
            message = following
        raise AuthError(f"no end after {_MAX_SASL_STEPS} messages")

    def abort(self) -> None:
        """Close without waiting."""
        self._frames.fail(ConnectError(f"broker {self.address}: the connection was closed by us"))

    async def close(self) -> None:
        """Close and wait, at most a second, until the socket is gone. Whoever waits for an answer gets ConnectError."""
        await self._frames.finish(self._options.clock)


def _check_authenticated(answer: SaslAuthenticate) -> None:
    if answer.error_code:
        said = f" ({answer.error_message})" if answer.error_message else ""
        raise AuthError(
            f"{error_name(answer.error_code)}{said}: check the user, the password or token, and that the user exists "
            "for this mechanism"
        )


def _connect_error(address: Address, error: Exception) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(
            f"broker {address}: its certificate is not trusted ({error.verify_message}): check the CA and the host name"
        )
    if isinstance(error, ssl.SSLError) or type(error) is ConnectionResetError:  # a listener without TLS resets at once
        why = (
            error.reason if isinstance(error, ssl.SSLError) else error.strerror
        ) or "the broker closed the connection"
        return ConnectError(
            f"broker {address}: TLS handshake failed ({why}): is this the TLS listener, and does it want a client "
            "certificate?"
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return ConnectError(f"broker {address}: cannot connect ({reason}): is it running, and is the address right?")


def _lost_error(address: Address, error: Exception | None, prefix: bytes) -> ConnectError:
    if isinstance(error, ssl.SSLError):
        return _connect_error(address, error)
    reason = f" ({error})" if error is not None else ""
    remedy = _guess(prefix) if prefix else "it stopped, or its listener wants TLS or SASL that is not configured"
    return ConnectError(f"broker {address} closed the connection{reason}: {remedy}")


def _guess(prefix: bytes) -> str:
    """What the other side probably is, from the first four bytes of its answer."""
    if prefix[:2] in (b"\x15\x03", b"\x16\x03"):
        return "it speaks TLS: configure TLS or take the plain listener's port"
    if prefix == b"HTTP":
        return "it speaks HTTP: this is not a Kafka port"
    return "is this a Kafka listener, and the limit high enough?"
