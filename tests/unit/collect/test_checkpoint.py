from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackledger.collect.checkpoint import Checkpoints
from stackledger.collect.integration import State


class Counters(State):
    """Some counters."""

    seen: int = 0
    by_name: dict[str, float] = msgspec.field(default_factory=dict)


class Other(State):
    """Of another shape."""

    text: str = ""


class Unsaveable(State):
    """Holds what msgpack cannot."""

    thing: Any = None


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save("redis/main", Counters(7, {"a": 1.5}), began=100.0)
    assert Checkpoints(tmp_path).load("redis/main", Counters, now=999.0) == (Counters(7, {"a": 1.5}), 100.0)
    assert [path.name for path in (tmp_path / "redis").iterdir()] == ["main.state"]


def test_targets_do_not_share_a_file(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for name in ("redis/a", "redis/a.b", "redis/a.c", "kafka/a"):
        store.save(name, Counters(len(name)), began=1.0)
    for name in ("redis/a", "redis/a.b", "redis/a.c", "kafka/a"):
        assert store.load(name, Counters, now=2.0)[0].seen == len(name)


def test_without_a_directory_nothing_is_kept() -> None:
    store = Checkpoints(None)
    store.save("redis/main", Counters(7), began=1.0)
    store.forget("redis/main")
    assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80", b"\xff" * 100, b"\x94\x01\xa1x\xcb"])
def test_a_file_that_is_broken_is_set_aside(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "redis" / "main.state"
    file.parent.mkdir()
    file.write_bytes(content)
    store = Checkpoints(tmp_path)
    assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)
    assert file.with_suffix(".unreadable").read_bytes() == content
    assert len(caplog.records) == 1
    store.save("redis/main", Counters(1), began=9.0)
    assert store.load("redis/main", Counters, now=10.0) == (Counters(1), 9.0)


def test_any_cut_of_a_file_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    store = Checkpoints(tmp_path)
    store.save("redis/main", Counters(7, {"a": 1.5}), began=100.0)
    file = tmp_path / "redis" / "main.state"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)


def test_the_state_of_another_kind_is_not_taken(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save("redis/main", Other("x"), began=1.0)
    assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)


def test_where_nothing_can_be_written_the_service_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("not a directory")
    for directory in (Path("/proc/nowhere"), tmp_path / "file"):
        store = Checkpoints(directory)
        store.save("redis/main", Counters(7), began=1.0)
        assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)
        store.forget("redis/main")
    assert any("not saved" in record.getMessage() for record in caplog.records)


def test_what_cannot_even_be_set_aside_is_left(tmp_path: Path) -> None:
    (tmp_path / "redis" / "main.state" / "inside").mkdir(parents=True)
    (tmp_path / "redis" / "main.unreadable").write_text("a file in the way")
    assert Checkpoints(tmp_path).load("redis/main", Counters, now=9.0) == (Counters(), 9.0)


def test_a_state_that_cannot_be_written_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Checkpoints(tmp_path)
    for thing in (object(), 2**70, "\udc80"):
        store.save("redis/main", Unsaveable(thing), began=1.0)
    assert len(caplog.records) == 3
    assert list(tmp_path.rglob("*.state")) == []


def test_saves_at_once_leave_a_whole_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Checkpoints(tmp_path)
    states = [Counters(size, {str(i): 1.0 for i in range(size)}) for size in (1, 500, 2000)]
    threads = [
        threading.Thread(target=lambda s=s: [store.save("redis/main", s, began=1.0) for _ in range(5)]) for s in states
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caplog.records == []
    assert store.load("redis/main", Counters, now=9.0)[0] in states


def test_a_forgotten_target_begins_anew(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save("redis/main", Counters(7), began=1.0)
    store.forget("redis/main")
    store.forget("redis/main")
    assert store.load("redis/main", Counters, now=9.0) == (Counters(), 9.0)
