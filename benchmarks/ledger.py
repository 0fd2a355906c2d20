"""Usage over HTTP into the ledger, as fast as it goes: accepted and durable, and applied.

The whole service runs as it is deployed, generator and server on the same machine. Events are NDJSON of about 300
bytes in bodies of 2,000, from four connections, by 100,000 users, with random ids. A first run only accepts (the ledger
is held); then the ledger catches up; then both run against each other for `--seconds`. Meanwhile /metrics is scraped
once a second.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import yaml

from benchmarks.peers import Program
from benchmarks.table import show
from benchmarks.usage_bodies import Bodies
from lab import ports, procfs, workdir
from lab.process import Process, wait_until

_BODY = 2_000
_LANES = 4
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Phase:
    """What one phase gave."""

    name: str
    seconds: float = 0.0
    accepted: int = 0
    applied: int = 0
    generator_cpu: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    resident: dict[str, float] = field(default_factory=dict)
    scrapes: list[float] = field(default_factory=list)
    inbox_mib: float = 0.0


class Service:
    """The service, and what /proc and its page tell."""

    def __init__(self, folder: Path, page: int, intake: int) -> None:
        self.folder, self.intake = folder, intake
        config = folder / "stackledger.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "version": 1,
                    "data_dir": "data",
                    "http": {"listen": f"127.0.0.1:{page}"},
                    "costs": {
                        "listen": f"127.0.0.1:{intake}",
                        "inbox": {"keep_hours": 0, "most_waiting": 10**9},
                    },
                }
            )
        )
        words = [sys.executable, "-m", "stackledger", "serve", "--config", str(config)]
        self.process = Process(words, name="stackledger", directory=folder)
        self.process.start()
        self.program = Program("stackledger", self.process, page)
        wait_until(self._ready, what="the service", timeout=90, watch=[self.process])

    def _ready(self) -> bool:
        try:
            return self.program.scrape(timeout=5).total("stackledger_ledger_applying") == 1
        except (OSError, RuntimeError):
            return False

    def pids(self) -> dict[str, int]:
        """The processes by role."""
        found = {}
        for pid in procfs.children(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--role" in words:
                found[words[words.index(b"--role") + 1].decode()] = pid
        return found

    def cpu(self) -> dict[str, float]:
        """CPU seconds by role since its start."""
        return {role: _cpu(pid) for role, pid in self.pids().items()}

    def resident(self) -> dict[str, float]:
        """Resident MiB by role, without pages of files that the kernel may take back."""
        return {role: _anonymous(pid) for role, pid in self.pids().items()}

    def applied(self) -> int:
        """Events stored since the ledger's process started."""
        return int(self.program.scrape().total("stackledger_ledger_events_total", outcome="stored"))

    @property
    def inbox_mib(self) -> float:
        """Size of the inbox's files."""
        return sum(file.stat().st_size for file in (self.folder / "data").glob("inbox*")) / 2**20

    @property
    def ledger_bytes(self) -> int:
        """Size of the ledger with its known ids."""
        return int(self.program.scrape().total("stackledger_ledger_size_bytes"))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS


def _anonymous(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def _generate(
    port: int, lane: int, until: float, rate: float, told: multiprocessing.SimpleQueue[tuple[int, float]]
) -> None:
    """Send bodies until a time, at most `rate` events a second (0: no limit); what was accepted, and what it cost."""
    bodies = Bodies(_BODY, seed=lane + int(until * 10) % 1_000_000 * 10)
    accepted = 0
    with closing(HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        begin = time.time()
        while time.time() < until:
            if rate and accepted > rate * (time.time() - begin):
                time.sleep(_BODY / rate)
                continue
            headers = {"content-type": "application/x-ndjson"}
            connection.request("POST", "/api/v1/usage", bodies.next(time.time()), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                accepted += json.loads(body)["accepted"]
            else:
                time.sleep(1)
    told.put((accepted, time.process_time()))


def _load(service: Service, name: str, seconds: float, rate: float = 0.0) -> Phase:
    """Send, at most `rate` events a second in all, or as fast as it is taken."""
    phase = Phase(name)
    began, before, applied = time.time(), service.cpu(), service.applied()
    told: multiprocessing.SimpleQueue[tuple[int, float]] = multiprocessing.SimpleQueue()
    lanes = [
        multiprocessing.Process(target=_generate, args=(service.intake, lane, began + seconds, rate / _LANES, told))
        for lane in range(_LANES)
    ]
    for one in lanes:
        one.start()
    while any(one.is_alive() for one in lanes):
        phase.scrapes.append(service.program.scrape().seconds)
        phase.inbox_mib = max(phase.inbox_mib, service.inbox_mib)
        time.sleep(1)
    for one in lanes:
        one.join()
        accepted, cpu = told.get()
        phase.accepted += accepted
        phase.generator_cpu += cpu
    _finish(service, phase, began=began, before=before, applied=applied)
    return phase


def _catch_up(service: Service, events: int) -> Phase:
    """Let the ledger apply what waits, and nothing else."""
    phase = Phase("applied alone")
    began, before, applied = time.time(), service.cpu(), service.applied()
    while service.applied() < applied + events:
        phase.scrapes.append(service.program.scrape().seconds)
        time.sleep(1)
    _finish(service, phase, began=began, before=before, applied=applied)
    return phase


def _finish(service: Service, phase: Phase, *, began: float, before: dict[str, float], applied: int) -> None:
    phase.seconds = time.time() - began
    phase.cpu = {role: cpu - before.get(role, 0.0) for role, cpu in service.cpu().items()}
    phase.applied = service.applied() - applied
    phase.resident = service.resident()
    phase.inbox_mib = max(phase.inbox_mib, service.inbox_mib)


@contextmanager
def _held(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def main(options: Sequence[str] = ()) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ledger --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long both run against each other")
    parser.add_argument("--accept-seconds", type=float, default=30.0, help="how long only is accepted")
    parser.add_argument("--rate", type=float, default=0.0, help="events a second in that time; 0: as fast as it goes")
    arguments = parser.parse_args(options)
    folder = workdir.create("bench")
    try:
        with closing(ports.reserve(2)) as held:
            service = Service(folder, *held.ports)
            try:
                _run(service, arguments)
            finally:
                service.process.stop()
    finally:
        workdir.remove(folder)


def _run(service: Service, arguments: argparse.Namespace) -> None:
    idle = Phase("idle", seconds=10)
    for _ in range(20):
        idle.scrapes.append(service.program.scrape().seconds)
        time.sleep(0.5)
    idle.resident = service.resident()
    with _held(service.pids()["ledger"]):
        accepted = _load(service, "accepted alone", arguments.accept_seconds)
    phases = [
        idle,
        accepted,
        _catch_up(service, accepted.accepted),
        _load(service, "both", arguments.seconds, arguments.rate),
    ]
    events = sum(phase.accepted for phase in phases)
    phases.append(_catch_up(service, events - service.applied()))
    show(
        "Usage events over HTTP",
        ("", "accepted/s", "applied/s", "µs CPU each: ingest", "ledger", "generator", "scrape p99", "MiB: ingest",
         "ledger", "inbox"),
        [_row(phase) for phase in phases],
    )  # fmt: skip
    print(f"{service.ledger_bytes / events:.0f} bytes an event on the disk, of {events:,}, known ids included.")


def _row(phase: Phase) -> tuple[str, ...]:
    def each(cpu: float, events: int) -> str:
        return f"{cpu / events * 1e6:.2f}" if events else ""

    p99 = statistics.quantiles(phase.scrapes, n=100)[98] * 1e3 if len(phase.scrapes) > 1 else 0.0
    return (
        phase.name,
        f"{phase.accepted / phase.seconds:,.0f}",
        f"{phase.applied / phase.seconds:,.0f}",
        each(phase.cpu.get("ingest", 0.0), phase.accepted),
        each(phase.cpu.get("ledger", 0.0), phase.applied),
        each(phase.generator_cpu, phase.accepted),
        f"{p99:.0f} ms",
        f"{phase.resident.get('ingest', 0):.0f}",
        f"{phase.resident.get('ledger', 0):.0f}",
        f"{phase.inbox_mib:.0f}",
    )
