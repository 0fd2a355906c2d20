"""Discovered targets in the running service: followed, never all lost, told when the source fails."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from stackledger.clock import SystemClock
from stackledger.config import load
from stackledger.exposition import Format
from stackledger.serve.observer import Observer

CONFIG = """version: 1
integrations:
  redis:
    interval_seconds: 3600
    targets: [{name: fixed, seeds: ["127.0.0.1:1"]}]
    discover:
      - kind: file
        files: ["redis-*.json"]
        refresh_seconds: 1
        target: {username: watcher, password: {file: secret}}
"""


def group(name: str, *addresses: str) -> dict[str, object]:
    return {"targets": list(addresses), "labels": {"cluster": name}}


async def until(observer: Observer, *wanted: str) -> None:
    async with asyncio.timeout(20):
        while set(observer.targets) != {f"redis/{name}" for name in wanted}:
            await asyncio.sleep(0.05)


async def page_until(observer: Observer, line: str) -> None:
    async with asyncio.timeout(20):
        while line not in (await observer.page.text(Format.PROMETHEUS)).decode():
            await asyncio.sleep(0.05)


def test_targets_are_followed_and_an_empty_or_broken_list_keeps_them(tmp_path: Path) -> None:
    config, listed = tmp_path / "stackledger.yaml", tmp_path / "redis-a.json"
    config.write_text(CONFIG)

    async def session() -> None:
        observer = Observer(load(config), SystemClock())
        listed.write_text(json.dumps([group("one", "127.0.0.1:1"), group("two", "127.0.0.1:2")]))
        await observer.start()
        try:
            await until(observer, "fixed", "one", "two")
            assert observer.targets["redis/one"].settings.username == "watcher"
            good = 'stackledger_discovery_success{environment="production",integration="redis"} 1'
            await page_until(observer, good)
            for broken in ("[]", "{", '[{"targets": ["nonsense"]}]'):
                listed.write_text(broken)
                await page_until(observer, good[:-1] + "0")
                assert set(observer.targets) == {"redis/fixed", "redis/one", "redis/two"}
                listed.write_text(json.dumps([group("one", "127.0.0.1:1"), group("two", "127.0.0.1:2")]))
                await page_until(observer, good)
            listed.write_text(json.dumps([group("two", "127.0.0.1:2"), group("three", "127.0.0.1:3")]))
            await until(observer, "fixed", "two", "three")
            config.write_text(CONFIG.replace("watcher", "other"))
            assert await observer.reload() == []
            assert set(observer.targets) == {"redis/fixed", "redis/two", "redis/three"}, "none is lost meanwhile"
            async with asyncio.timeout(20):
                while observer.targets["redis/two"].settings.username != "other":
                    await asyncio.sleep(0.05)
            assert observer.targets["redis/two"].settings.password.file == tmp_path / "secret"
            config.write_text(CONFIG.partition("    discover:")[0])
            assert await observer.reload() == []
            await until(observer, "fixed")
        finally:
            await observer.close()

    asyncio.run(session())
