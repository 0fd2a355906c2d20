"""The promise of lab.process: whatever happens to a server or to us, nothing is left running."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab import procfs, programs, workdir
from lab.process import Process, ServerFailedError, wait_until

SLEEP = ["sleep", "1000"]


def test_a_server_that_ends_while_starting_is_reported_at_once_with_its_log(tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        Process(["sh", "-c", "echo cannot bind; exit 3"], name="broken", directory=tmp_path) as process,
        pytest.raises(ServerFailedError, match=r"(?s)broken ended.*cannot bind"),
    ):
        process.wait_ready(lambda: False, timeout=60)
    assert time.monotonic() - began < 10


def test_a_server_that_never_gets_ready_is_reported_with_the_last_doubt(tmp_path: Path) -> None:
    def ready() -> bool:
        raise ConnectionRefusedError("port closed")

    with (
        Process(SLEEP, name="slow", directory=tmp_path) as process,
        pytest.raises(
            ServerFailedError, match=r"slow to be ready: not within 0 s \(ConnectionRefusedError: port closed"
        ),
    ):
        process.wait_ready(ready, timeout=0.2)
    assert not process.alive()


def test_a_program_that_does_not_exist_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.process._bound_to_us", list)
    with pytest.raises(FileNotFoundError):
        Process(["/nonexistent/server"], name="none", directory=tmp_path).start()


def test_freeze_stops_the_whole_tree_and_thaw_lets_it_go_on(tmp_path: Path) -> None:
    with Process(["sh", "-c", "sleep 1000 & sleep 1000"], name="tree", directory=tmp_path) as process:
        process.wait_ready(lambda: len(procfs.descendants(process.pid)) == 2)
        members = [process.pid, *(pid for pid, _ in procfs.descendants(process.pid))]
        process.freeze()
        wait_until(lambda: [procfs.state(pid) for pid in members] == ["T"] * 3, what="all stopped")
        process.thaw()
        wait_until(lambda: "T" not in [procfs.state(pid) for pid in members], what="all going on")
        process.freeze()
    assert [procfs.start_ticks(pid) for pid in members] == [None] * 3


def test_a_server_that_ignores_term_is_killed_and_its_children_with_it(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 1000 & while true; do sleep 0.1; done"
    process = Process(["sh", "-c", script], name="stubborn", directory=tmp_path).start()
    process.wait_ready(lambda: procfs.descendants(process.pid))
    members = [process.pid, *(pid for pid, _ in procfs.descendants(process.pid))]
    process.stop(grace=0.3)
    assert [procfs.start_ticks(pid) for pid in members] == [None] * len(members)


def test_a_server_started_by_a_thread_outlives_the_thread(tmp_path: Path) -> None:
    process = Process(SLEEP, name="threaded", directory=tmp_path)
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.2)  # the kernel's death signal would come at the end of the thread
    assert process.alive()
    process.stop()


def test_a_process_that_is_not_below_the_server_is_not_frozen(tmp_path: Path) -> None:
    with (
        Process(SLEEP, name="one", directory=tmp_path) as one,
        Process(SLEEP, name="two", directory=tmp_path) as two,
        pytest.raises(ServerFailedError, match="does not belong to one"),
    ):
        one.freeze_child(two.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a server as another user")
def test_root_runs_a_server_as_the_given_user_and_no_group_of_its_own() -> None:
    user = workdir.unprivileged_user("postgres")
    assert user is not None
    root = workdir.create("user")
    try:
        with Process(SLEEP, name="as-user", directory=workdir.subfolder(root, "own", user=user), user=user) as process:
            process.wait_ready(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes()[:5] == b"sleep")
            status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        workdir.remove(root)
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(fields["Uid"].split()) == {str(pwd.getpwnam(user).pw_uid)}
    assert fields["Groups"].strip() == ""


HOLD = """
import time
from lab.postgres import PostgresCluster
from lab.redis import RedisCluster
with RedisCluster() as redis, PostgresCluster(standbys=1) as postgres:
    postgres.stall_stream(postgres.nodes[1])
    redis.freeze(redis.nodes[0])
    print("up", flush=True)
    time.sleep(600)
"""
START = """
from lab.{module} import {name}
while True:
    with {name}():
        pass
"""


def lab_in_another_process(code: str) -> subprocess.Popen[str]:
    """A Python that runs `code` with the lab importable, in its own session."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.real("redis")
@pytest.mark.real("postgres")
def test_nothing_survives_when_we_are_killed_even_what_was_frozen(traces) -> None:
    if programs.missing("redis-server", "postgres"):
        pytest.skip("redis-server and postgres are needed")
    with lab_in_another_process(HOLD) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        processes, folders = traces(other.pid)
        assert len(processes) > 10
        other.kill()
        other.wait()
    wait_until(lambda: not traces(other.pid)[0], what="all servers to end", timeout=30)
    workdir.remove(workdir.create("next"))
    assert len(folders) == 2
    assert not traces(other.pid)[1], "the next lab removes the folders that a killed one left"


@pytest.mark.parametrize(("module", "name"), [("redis", "RedisCluster"), ("postgres", "PostgresCluster")])
@pytest.mark.parametrize("processes_first", [0, 1, 2])
def test_an_interrupt_while_starting_leaves_nothing(traces, module: str, name: str, processes_first: int) -> None:
    if programs.missing("redis-server", "postgres"):
        pytest.skip("redis-server and postgres are needed")
    with lab_in_another_process(START.format(module=module, name=name)) as other:
        wait_until(lambda: traces(other.pid)[1] and len(traces(other.pid)[0]) >= processes_first, what="the start")
        other.send_signal(signal.SIGINT)
        assert other.wait(30) != 0
    assert traces(other.pid) == ([], [])
