"""A node whose answers are cut or mangled on the wire: an error about that node, or values, never anything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackledger.clock import SystemClock
from stackledger.collect.integration import Opening
from stackledger.errors import TargetError
from stackledger.integrations.redis.collector import RedisSource
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.state import RedisState

RECORDED = Path(__file__).parents[2] / "unit" / "integrations" / "redis" / "recorded"
TIMEOUT_SECONDS = 0.5


def resp(value: Any) -> bytes:
    """A recorded answer as the bytes that the server sent."""
    if isinstance(value, dict):
        return f"-ERR {value['text']}\r\n".encode()
    if isinstance(value, int):
        return f":{value}\r\n".encode()
    if isinstance(value, list):
        return f"*{len(value)}\r\n".encode() + b"".join(map(resp, value))
    raw = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(raw), raw)


def spoken(version: str, of: str) -> bytes:
    replies = json.loads((RECORDED / f"{version}.json").read_text())[of]
    return b"".join(map(resp, replies.values()))


CLUSTER, SENTINEL = spoken("redis-7.0.15", "master"), spoken("redis-7.0.15", "sentinel")
mangled = st.tuples(
    st.sampled_from([CLUSTER, SENTINEL]),
    st.integers(0, 40_000),
    st.lists(st.tuples(st.integers(0, 40_000), st.binary(min_size=1, max_size=6)), max_size=4),
    st.booleans(),
)


def broken(text: bytes, cut: int, patches: list[tuple[int, bytes]]) -> bytes:
    """The text with some bytes overwritten, and its end missing."""
    whole = bytearray(text)
    for at, patch in patches:
        place = at % len(whole)
        whole[place : place + len(patch)] = patch
    return bytes(whole[: max(cut % (len(whole) + 1), 1)])


@asynccontextmanager
async def peer(answer: bytes, *, hang_up: bool) -> AsyncIterator[str]:
    """A server that answers every request with the same bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                writer.write(answer)
                await writer.drain()
                if hang_up:
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.sleep(0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled)
def test_a_node_that_lies_on_the_wire_costs_only_itself(lie: tuple[bytes, int, list[tuple[int, bytes]], bool]) -> None:
    text, cut, patches, hang_up = lie

    async def check() -> None:
        async with (
            peer(broken(text, cut, patches), hang_up=hang_up) as liar,
            peer(resp("redis_version:7.0.15\r\nrun_id:x\r\nredis_mode:standalone\r\n") * 12, hang_up=False) as honest,
        ):
            target = RedisTarget.model_validate({"name": "cache", "seeds": [liar, honest]})
            source = RedisSource(Opening(target, RedisState(), SystemClock(), TIMEOUT_SECONDS))
            try:
                snapshot = await asyncio.wait_for(source.sweep("fast"), TIMEOUT_SECONDS * 3)
            except TargetError as error:
                raise AssertionError("the honest node must be read") from error
            finally:
                await source.close()
            assert all(isinstance(error, TargetError) for error in snapshot.failed.values())
            assert all(error is None or isinstance(error, TargetError) for error in snapshot.facets.values())
            assert honest in snapshot.parts
            for part in snapshot.parts.values():
                assert all(value - value == 0 for rows in part.rows.values() for value in rows.values)

    asyncio.run(check())
