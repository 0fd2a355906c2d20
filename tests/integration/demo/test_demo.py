"""The demo as a user runs it: every fault brings its page, and however it ends, nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import procfs, programs
from lab.demo import systems
from lab.demo.faults import FAULTS

ROOT = Path(__file__).parents[3]
WITHOUT_JAVA = ("redis-server", "redis-cli", "prometheus", "promtool", "alertmanager", "amtool")
TOOLS = ("sh", "setpriv", "env")


class Demo:
    """A running demo: what it has said, and every process that it has been seen to have."""

    def __init__(self, *words: str, path: str | None = None) -> None:
        env = {key: value for key, value in os.environ.items() if key != programs.REQUIRE_SWITCH}
        env |= {"PYTHONUNBUFFERED": "1"} | ({"PATH": path} if path else {})
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "lab.demo", *words],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self.said = ""
        self.seen: set[tuple[int, int]] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            for line in lines:
                self.said += line

    def wait_until(self, true: Callable[[], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            self.look()
            assert self.popen.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        self.look()

    def look(self) -> None:
        self.seen.update(procfs.descendants(self.popen.pid))

    def end(self, *, seconds: float) -> int:
        """The exit status, while every process that appears meanwhile is noted."""
        deadline = time.monotonic() + seconds
        while self.popen.poll() is None:
            self.look()
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)
        self._reader.join(10)
        return self.popen.returncode

    def left(self) -> tuple[list[int], list[Path]]:
        """Processes that still run, and folders that are still there."""
        alive = [pid for pid, ticks in self.seen if procfs.start_ticks(pid) == ticks]
        return alive, sorted(Path(tempfile.gettempdir()).glob(f"stackledger-lab-{self.popen.pid}-*"))


@contextmanager
def running(*words: str, path: str | None = None) -> Iterator[Demo]:
    demo = Demo(*words, path=path)
    try:
        yield demo
    finally:
        if demo.popen.poll() is None:
            demo.popen.kill()
        demo.popen.wait(30)


def need(*names: str) -> None:
    """Skip, or fail where servers are required, when a system of the demo cannot run here."""
    reasons = [reason for name in names if (reason := systems.absent(name))] + systems.absent_judges()
    if reasons and programs.servers_required():
        pytest.fail(f"{'; '.join(reasons)} ({programs.REQUIRE_SWITCH} is set)", pytrace=False)
    if reasons:
        pytest.skip("; ".join(reasons))


@pytest.fixture
def kept() -> Iterator[Callable[[str], Path]]:
    """`kept(said)`: the folder that the demo says it kept; removed when the test ends."""
    found: list[Path] = []

    def read(said: str) -> Path:
        found.append(Path(said.partition("files are kept in ")[2].splitlines()[0]))
        return found[0]

    yield read
    for path in found:
        shutil.rmtree(path)


@pytest.mark.real("redis, postgres, kafka, prometheus, alertmanager")
@pytest.mark.timeout(400)
def test_each_fault_brings_its_page_with_a_link_that_shows_it_and_nothing_is_left(kept) -> None:
    need(*systems.NAMES)
    with running("--bounded", "--fault", "all", "--keep-dir") as demo:
        status = demo.end(seconds=380)
        folder = kept(demo.said)
        assert status == 0, demo.said
        assert demo.left() == ([], [])
    messages = [json.loads(line) for line in (folder / "received.jsonl").read_text().splitlines()]
    pages = {m["content"]["payload"]["class"] for m in messages if m["service"] == "pagerduty" and _triggers(m)}
    assert {fault.alert for fault in FAULTS.values()} <= pages
    for fault in FAULTS.values():
        assert any(m["service"] == "slack" and fault.alert in json.dumps(m["content"]) for m in messages)
        assert f"Fault {fault.name}:" in demo.said
    assert demo.said.count("It opens, and its panel") == len(FAULTS)
    assert "stackledger verify: 100 %" in demo.said
    assert "The ledger has what the models answered" in demo.said
    assert re.search(r"money     [\d,.]+ USD today, .*; budget models: .* left; budget research: .* left", demo.said)
    empty = [line for line in demo.said.splitlines() if "no data yet in dashboard stackledger-costs" in line]
    assert all(line.endswith("exists after a section costs.pulls") for line in empty), "each other panel has data"
    assert "our calls account for" in demo.said
    assert "Cost per active user in" in demo.said
    _no_secret_outside_its_file(folder, demo.said)


def _triggers(message) -> bool:
    return message["content"]["event_action"] == "trigger"


def _no_secret_outside_its_file(folder: Path, said: str) -> None:
    files = list((folder / "secrets").iterdir())
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    elsewhere = said + "".join(
        path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "secrets" and path.name != "received.jsonl"
    )
    for path in files:
        assert path.read_text() not in elsewhere, path.name


@pytest.mark.real("redis, postgres, kafka, prometheus, alertmanager")
@pytest.mark.parametrize(
    ("how", "after", "seconds", "status"),
    [
        (signal.SIGINT, "Starting", 0.7, 130),  # in the middle of initdb and of forming the cluster
        (signal.SIGTERM, "Starting", 3.0, 143),
        (signal.SIGHUP, "files in", 0.5, 129),  # while the service and Prometheus start
    ],
)
def test_a_signal_during_the_start_leaves_no_process_and_no_folder(how, after, seconds, status) -> None:
    need(*systems.NAMES)
    with running() as demo:
        demo.wait_until(lambda: after in demo.said, seconds=90)
        due = time.monotonic() + seconds
        demo.wait_until(lambda: time.monotonic() > due, seconds=seconds + 10)
        assert demo.seen
        demo.popen.send_signal(how)
        assert demo.end(seconds=60) == status, demo.said
        assert demo.left() == ([], [])
        assert "Traceback" not in demo.said


@pytest.mark.real("redis, prometheus, alertmanager")
def test_without_java_it_says_what_to_install_and_goes_on_until_ctrl_c_in_the_terminal(tmp_path: Path) -> None:
    need("redis")
    path = _path_without_java(tmp_path)
    with running("--only", "redis,kafka", path=path) as demo:
        demo.wait_until(lambda: "Prometheus has scraped" in demo.said, seconds=90)
        os.killpg(demo.popen.pid, signal.SIGINT)
        assert demo.end(seconds=60) == 130, demo.said
        assert demo.left() == ([], [])
    assert "Kafka, a broker in KRaft mode is left out: java is not installed" in demo.said
    assert "openjdk-17-jre-headless" in demo.said
    assert "Traceback" not in demo.said


def test_a_fault_of_a_system_that_cannot_run_here_is_refused(tmp_path: Path) -> None:
    with running("--fault", "consumer-stopped", "--bounded", path=_path_without_java(tmp_path)) as demo:
        assert demo.end(seconds=30) == 1
        assert "The fault consumer-stopped needs what is left out" in demo.said
        assert demo.seen == set()


@pytest.mark.real("redis, prometheus, alertmanager")
def test_a_port_in_use_is_named_with_the_remedy_and_nothing_is_started() -> None:
    need("redis")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--only", "redis", "--port", f"prometheus={port}") as demo:
            assert demo.end(seconds=30) == 2
            assert f"Port {port}, asked for as prometheus, is in use" in demo.said
            assert "--port prometheus=NUMBER" in demo.said
            assert demo.left() == ([], [])


def _path_without_java(folder: Path) -> str:
    """A folder with what the demo needs beside Java, as on a machine that has none."""
    for name in WITHOUT_JAVA:
        if not programs.missing(name):
            program = programs.find(name)
            (folder / program.name).symlink_to(program)
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return str(folder)
