"""What every process that speaks HTTP shares: the server without signal handlers, its settings, its socket."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from stackledger.clients.settings import split_address
from stackledger.clock import Clock
from stackledger.config import Configuration
from stackledger.errors import ConfigError, Mistake

_GARBAGE_THRESHOLD: Final = 50_000
_TRIM_THRESHOLD: Final = -1
_MAP_THRESHOLD: Final = -3
"""Numbers of glibc's `mallopt`."""
_FREE_BYTES: Final = 128 * 1024
_TICK_SECONDS: Final = 1.0
"""How often the Date header is set anew."""


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own, for ours also reload and close targets; and it wakes more seldom."""

    def __init__(self, settings: uvicorn.Config, clock: Clock) -> None:
        super().__init__(settings)
        self._clock = clock
        self._told = asyncio.Event()

    def end(self) -> None:
        """Answer what is being answered, then end."""
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        """Tick once a second. Ten times, as uvicorn does it, would be most of the work of an idle service."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(_TICK_SECONDS):
                    await self._told.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def body_of(request: Request, limit: int, too_large: Exception) -> bytes:
    """The body as it was sent. Raises `too_large` as soon as more than `limit` bytes have come."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_large
        pieces.append(piece)
    return b"".join(pieces)


def give_memory_back() -> None:
    """Hold glibc to the limits it begins with: what is freed at the heap's end, or was a large piece, goes back.

    It would raise them to the largest piece that it saw freed, and then keep 3 MiB that nobody uses. Other C libraries
    have no such limits.
    """
    with contextlib.suppress(OSError, AttributeError):
        allocator = ctypes.CDLL(None)
        for limit in (_TRIM_THRESHOLD, _MAP_THRESHOLD):
            allocator.mallopt(limit, _FREE_BYTES)


def calm_garbage_collection() -> None:
    """Look for cycles seldom, and never again among what the start made.

    A sweep makes and frees hundreds of thousands of objects, none of them in cycles: the default would look for some
    every 700 objects, a twentieth of a sweep's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


def uvicorn_settings(configuration: Configuration, app: Starlette) -> uvicorn.Config:
    """The server's settings, loaded, so that a bad certificate is told before anything runs."""
    tls = configuration.root.http.tls
    settings = uvicorn.Config(
        app,
        http="h11",  # refuses headers above 64 KiB; the faster parser takes any size
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=str(tls.cert_file) if tls is not None else None,
        ssl_keyfile=str(tls.key_file) if tls is not None else None,
        ssl_ca_certs=str(tls.client_ca_file) if tls is not None and tls.client_ca_file is not None else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls is not None and tls.client_ca_file is not None else ssl.CERT_NONE,
    )
    try:
        settings.load()
    except (OSError, ssl.SSLError) as error:
        file, line, path = configuration.place("http", "tls")
        message = f"the certificate, its key or the client authority cannot be used: {error}"
        raise ConfigError([Mistake(path, message, file, line)]) from error
    return settings


def listen(address: str, configuration: Configuration, key: str) -> socket.socket:
    """A bound, listening socket. Raises ConfigError that names the configuration's key when it cannot be had."""
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {address}: {error.strerror}; choose another address or stop what is there"
        raise ConfigError([Mistake(key, message, str(configuration.path))]) from error
    listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return listener
