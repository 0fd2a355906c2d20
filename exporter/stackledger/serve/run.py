"""The process: socket, signals, HTTP server, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from stackledger.clients.settings import split_address
from stackledger.clock import Clock
from stackledger.config import Configuration
from stackledger.errors import ConfigError, Mistake
from stackledger.serve.app import build
from stackledger.serve.observer import Observer

_LOG = logging.getLogger(__name__)


_GARBAGE_THRESHOLD: Final = 50_000
_TICK_SECONDS: Final = 1.0
"""How often the Date header is set anew."""


class _Server(uvicorn.Server):
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


async def run(configuration: Configuration, clock: Clock) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reloads. Raises ConfigError when the address cannot be had."""
    observer = Observer(configuration, clock)
    settings = _uvicorn_settings(configuration, build(observer))
    listener = _listen(configuration)
    server = _Server(settings, clock)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = asyncio.create_task(observer.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, server.end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await observer.start()
    _calm_garbage_collection()
    _LOG.info("serving", extra={"address": configuration.root.http.listen, "targets": len(observer.targets)})
    try:
        await server.serve(sockets=[listener])
    finally:
        await observer.close()
        listener.close()


def _calm_garbage_collection() -> None:
    """Look for cycles seldom, and never again among what the start made.

    A sweep makes and frees hundreds of thousands of objects, none of them in cycles: the default would look for some
    every 700 objects, a twentieth of a sweep's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


def _uvicorn_settings(configuration: Configuration, app: FastAPI) -> uvicorn.Config:
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


def _listen(configuration: Configuration) -> socket.socket:
    address = configuration.root.http.listen
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {address}: {error.strerror}; choose another address or stop what is there"
        raise ConfigError([Mistake("http.listen", message, str(configuration.path))]) from error
    listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return listener
