"""The observing process: signals, HTTP server, and a clean end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from stackledger.clock import Clock
from stackledger.config import Configuration
from stackledger.serve.app import build
from stackledger.serve.http import Server, calm_garbage_collection, give_memory_back, listen, uvicorn_settings
from stackledger.serve.observer import Observer
from stackledger.serve.supervise import STARTED_AGAIN, ask_to_restart_others

_LOG = logging.getLogger(__name__)


async def run(configuration: Configuration, clock: Clock) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reloads. Raises ConfigError when the address cannot be had."""
    give_memory_back()
    observer = Observer(
        configuration, clock, others_changed=ask_to_restart_others, others_differ=STARTED_AGAIN in os.environ
    )
    settings = uvicorn_settings(configuration, build(observer))
    listener = listen(configuration.root.http.listen, configuration, "http.listen")
    server = Server(settings, clock)
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
    calm_garbage_collection()
    _LOG.info("serving", extra={"address": configuration.root.http.listen, "targets": len(observer.targets)})
    try:
        await server.serve(sockets=[listener])
    finally:
        await observer.close()
        listener.close()
