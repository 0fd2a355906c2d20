"""One persistent connection to one Redis node, and redis-py's errors turned into ours with what to do about them.

Owns connecting, sending many commands at once, and letting go. It retries once, when a kept connection turns out to be
closed; redis-py's own retries are off, so that only the caller's timeout decides.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stackledger.clients.settings import split_address
from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.redis.config import Access

Command = tuple[str | bytes, ...]


class _Link(Connection):
    """redis-py's connection with our TLS context and a way to drop the socket at once."""

    def __init__(self, *, context: ssl.SSLContext | None, server_name: str | None, **options: Any) -> None:
        super().__init__(**options)
        self._context = context
        self._server_name = server_name

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = {"host": self.host, "port": self.port}
        if self._context is None:
            return arguments
        return arguments | {"ssl": self._context, "server_hostname": self._server_name or self.host}

    async def abort(self) -> None:
        """Drop the socket without a farewell, which a frozen peer would never answer."""
        if self._writer is not None:
            self._writer.transport.abort()
        await self.disconnect(nowait=True)


class NodeConnection:
    """The connection to one address; made when first asked, kept until it fails or `close`."""

    def __init__(self, address: str, access: Access, clock: Clock, *, raw: bool = False) -> None:
        """`raw`: answers are bytes, as keys need; and a connection that was lost is an error, never another one."""
        self.address = address
        self._raw = raw
        self._access = access
        self._clock = clock
        self._link: _Link | None = None
        self._packed: tuple[Sequence[Command], bytes] | None = None

    async def ask(self, commands: Sequence[Command], timeout_seconds: float) -> list[Any]:
        """The answers in order, an error reply as a value. Raises TargetError; then the connection is gone."""
        try:
            async with self._clock.timeout(timeout_seconds):
                return await self._ask(commands)
        except TargetError:
            raise
        except (TimeoutError, redis_errors.RedisError, OSError, ValueError) as error:
            raise self._explained(error, timeout_seconds) from error

    async def close(self) -> None:
        """Drop the socket; never raises."""
        link, self._link = self._link, None
        if link is not None:
            await link.abort()

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        kept = self._link is not None
        try:
            return await self._round_trip(commands)
        except redis_errors.AuthenticationError:
            raise
        except (redis_errors.ConnectionError, OSError):
            if not kept or self._raw:
                raise
            return await self._round_trip(commands)  # the server was restarted, or closed an idle connection

    async def _round_trip(self, commands: Sequence[Command]) -> list[Any]:
        try:
            link = self._link
            if link is None:
                link = self._link = self._new_link()
                await link.connect()  # type: ignore[no-untyped-call]
            await link.send_packed_command(self._pack(link, commands), check_health=False)
            return [await self._read(link) for _ in commands]
        except BaseException:  # a cancelled read leaves answers behind that would be taken for the next ones
            await self.close()
            raise

    def _pack(self, link: _Link, commands: Sequence[Command]) -> bytes:
        """The commands as they are sent; those of the sweep before are packed."""
        if self._packed is None or self._packed[0] != commands:
            self._packed = (list(commands), b"".join(link.pack_commands(commands)))
        return self._packed[1]

    @staticmethod
    async def _read(link: _Link) -> Any:
        try:
            return await link.read_response(disconnect_on_error=False)
        except (redis_errors.ResponseError, redis_errors.BusyLoadingError) as refusal:
            return refusal

    def _new_link(self) -> _Link:
        host, port = split_address(self.address)
        access = self._access
        return _Link(
            host=host,
            port=port,
            username=access.username,
            password=None if access.password is None else access.password.read(),
            context=None if access.tls is None else access.tls.context(),
            server_name=None if access.tls is None else access.tls.server_name,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            decode_responses=not self._raw,
            encoding_errors="replace",
            protocol=2,
            driver_info=None,
        )

    def _explained(self, error: Exception, timeout_seconds: float) -> TargetError:
        where = f"Redis {self.address}"
        if isinstance(error, TimeoutError | redis_errors.TimeoutError):
            return ReadTimeoutError(
                f"{where} did not answer within {timeout_seconds:g} s; it is frozen, cut off, or busy with one command:"
                " try PING with redis-cli from here"
            )
        if isinstance(error, redis_errors.AuthenticationError):
            user = self._access.username or "default"
            return AuthError(
                f"{where} refuses user {user!r}: {error}; set `username` and `password` to a user of the server"
                " (of Sentinels: under `sentinel`)"
            )
        if isinstance(error, redis_errors.NoPermissionError):
            return denied(self.address, error)
        if isinstance(error, redis_errors.ConnectionError | OSError):
            return ConnectError(
                f"{where}: {str(error).rstrip('.')}; check that it runs, that the address is right, and whether it"
                f" speaks TLS (`tls` is {'on' if self._access.tls else 'off'})"
            )
        return ProtocolError(f"{where} answers what is not Redis ({error}); check the address and `tls`")


def denied(address: str, error: Exception) -> AuthError:
    """The error for a right that our user lacks; `error` names the command."""
    return AuthError(f"Redis {address}: {error}; give the monitoring user this right, see grants/monitor.acl")
