"""The server's own loop: seldom awake, and quick to end."""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.applications import Starlette

from stackledger.clock import SystemClock
from stackledger.serve.http import Server


async def _ended(server: Server) -> None:
    async with asyncio.timeout(0.5):  # less than one tick
        serving = asyncio.create_task(server.main_loop())
        await asyncio.sleep(0.01)
        assert not serving.done()
        server.end()
        await serving


def test_it_ends_at_once_and_knows_the_date_until_then() -> None:
    settings = uvicorn.Config(Starlette(), lifespan="off", log_config=None)
    settings.load()
    server = Server(settings, SystemClock())
    asyncio.run(_ended(server))
    assert server.should_exit
    assert b"date" in dict(server.server_state.default_headers)
