"""Targets that refuse, hang, talk garbage or break off: each says so itself, and nothing else notices."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.hang import Fault, Peer
from lab.redis import RedisStandalone

INTERVAL = 2
SECRET = "c0rrect-h0rse-battery"  # noqa: S105 - made up, and looked for everywhere
FAULTS = (Fault.HANG, Fault.REFUSE, Fault.GARBAGE, Fault.HALF, Fault.RESET)
# What each integration calls its list of addresses.
ADDRESSES = {"redis": "seeds", "postgres": "nodes", "kafka": "bootstrap"}
EXPECTED_REASONS = {Fault.HANG: "timeout", Fault.REFUSE: "connect"}


def targets(integration: str, peers: dict[Fault, Peer], password: Path) -> list[dict[str, Any]]:
    """One target for each fault, each with a password that must stay secret."""
    secret = {"file": str(password)}
    login: dict[str, Any] = {"sasl": {"mechanism": "PLAIN", "user": "u", "password": secret}}
    if integration != "kafka":
        login = {"password": secret}
    return [{"name": fault.value, ADDRESSES[integration]: [peer.address], **login} for fault, peer in peers.items()]


@pytest.fixture
def peers(start: Callable[[Any], Any]) -> dict[Fault, Peer]:
    return {fault: start(Peer(fault)) for fault in FAULTS}


@pytest.fixture
def troubled(peers: dict[Fault, Peer], start: Any, serve: Any, tmp_path: Path) -> Any:
    """A service with every fault in every integration, and one target that is well."""
    password = tmp_path / "password"
    password.write_text(SECRET + "\n")
    good = start(RedisStandalone())
    sections: dict[str, Any] = {
        name: {"interval_seconds": INTERVAL, "timeout_seconds": 1, "targets": targets(name, peers, password)}
        for name in ADDRESSES
    }
    sections["redis"]["targets"].append({"name": "good", "seeds": [good.node.address]})
    return serve({"integrations": sections, "data_dir": str(tmp_path / "data")})


def test_every_fault_is_told_by_its_target_and_hurts_no_other(troubled: Any, peers: dict[Fault, Peer]) -> None:
    bad = [(name, fault.value) for name in ADDRESSES for fault in FAULTS]

    def all_told() -> bool:
        return all(
            troubled.value("stackledger_scrape_success", integration=name, target=target, lane="fast") == 0
            for name, target in bad
        )

    troubled.until(all_told, "every bad target to say so", timeout=8 * INTERVAL)
    well = {"target": "good", "lane": "fast"}  # its first read may be late: the drivers of all are loaded at the start
    troubled.until(lambda: troubled.value("stackledger_scrape_success", **well) == 1, "the good target to be seen")
    reasons = [(fault.value, reason) for fault, reason in EXPECTED_REASONS.items()]
    for target, reason in reasons:
        for name in ADDRESSES:
            labels = {"integration": name, "target": target, "lane": "fast", "reason": reason}
            assert troubled.value("stackledger_scrape_failures_total", **labels), (labels, troubled.log)


def _lines(service: Any) -> int:
    """Lines of the log, but for what the interpreter's development mode tells of a slow turn on a busy machine."""
    return sum(not re.search(r"Executing .* took [\d.]+ seconds", line) for line in service.log.splitlines())


def test_nothing_leaks_and_the_log_stays_quiet_while_a_state_lasts(troubled: Any, peers: dict[Fault, Peer]) -> None:
    def runs() -> float:
        return troubled.value("stackledger_scrape_runs_total", target="good", lane="fast") or 0

    troubled.until(lambda: runs() >= 5, "five reads of the good target")
    files, lines = troubled.value("process_open_fds"), _lines(troubled)
    assert files is not None
    troubled.until(lambda: runs() >= 12, "twelve reads of the good target")
    assert troubled.value("process_open_fds") <= files + 3
    assert _lines(troubled) == lines, troubled.log
    for fault, peer in peers.items():
        peer.wait_open(0) if fault is Fault.RESET else None
    told = [line for line in troubled.log.splitlines() if "cannot read all of a target" in line]
    per_target = {(line.partition("integration=")[2]) for line in told}
    assert len(told) == len(per_target) >= len(ADDRESSES) * len(FAULTS)


def test_the_good_target_is_read_on_time_and_the_page_answers_at_once(troubled: Any) -> None:
    troubled.until(lambda: troubled.value("stackledger_scrape_runs_total", target="good", lane="fast"), "a first read")
    first = troubled.value("stackledger_scrape_runs_total", target="good", lane="fast")
    began, slowest = time.monotonic(), 0.0
    while time.monotonic() - began < 6 * INTERVAL:
        asked = time.monotonic()
        assert httpx.get(f"{troubled.url}/metrics", timeout=10).is_success
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.2)
    runs = troubled.value("stackledger_scrape_runs_total", target="good", lane="fast") - first
    assert runs >= 4, "a good target is read on every interval whatever the others do"
    assert slowest < 2, "a hung target must not hold up the page"


def test_secrets_stay_in_their_file(troubled: Any, tmp_path: Path) -> None:
    def all_tried() -> bool:
        runs = [
            troubled.value("stackledger_scrape_runs_total", integration=name, target="garbage", lane="fast")
            for name in ADDRESSES
        ]
        return all(runs)

    troubled.until(all_tried, "every target to be tried")
    shown = [troubled.get(path) for path in ("/metrics", "/", "/api/v1/targets", "/runbooks", "/openapi.json")]
    environment = Path(f"/proc/{troubled.process.pid}/cmdline").read_text()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "password"]
    leaks = [path for path in files if SECRET.encode() in path.read_bytes()]
    assert leaks == []
    assert not any(SECRET in text for text in (*shown, environment, troubled.log))


def test_a_target_that_dies_says_so_within_two_intervals_and_comes_back(serve: Any, start: Any) -> None:
    server = start(RedisStandalone())
    section = {"interval_seconds": 1, "targets": [{"name": "a", "seeds": [server.node.address]}]}
    service = serve({"integrations": {"redis": section}})

    def success() -> float | None:
        return service.value("stackledger_scrape_success", target="a", lane="fast")

    service.until(lambda: success() == 1, "the target to be seen")
    server.kill(server.node)
    assert service.until(lambda: success() == 0, "its death to be told") < 5
    assert service.value("redis_up", cluster="a") == 0
    server.restart(server.node)
    service.until(lambda: success() == 1, "the target to be seen again")
    told = [line for line in service.log.splitlines() if "cannot read all of a target" in line]
    assert sum("lane=fast" in line for line in told) == 1  # each lane says so once
    assert service.log.count("target is read again") == 1


def test_signals_reload_and_end_the_service(serve: Any) -> None:
    service = serve({})
    service.config.write_text("version: 1\nnonsense: 1\n")
    os.kill(service.process.pid, signal.SIGHUP)
    service.until(lambda: service.value("stackledger_config_last_reload_successful") == 0, "the refusal")
    assert "nonsense: unknown key" in service.log
    assert "Traceback" not in service.log
    os.kill(service.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while service.process.alive():
        assert time.monotonic() < deadline, "SIGTERM must end the service"
        time.sleep(0.05)
    assert "Traceback" not in service.log
    assert "Task was destroyed" not in service.log


def test_a_taken_port_is_said_plainly(serve: Any, tmp_path: Path) -> None:
    import subprocess
    import sys

    service = serve({})
    words = [sys.executable, "-m", "stackledger", "serve", "--config", str(service.config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "http.listen: cannot listen on" in done.stderr
    assert "Traceback" not in done.stderr
