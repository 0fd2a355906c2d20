"""The whole service under load of usage: what it accepts and applies, and what that costs each of its processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import yaml

from benchmarks.peers import Program
from benchmarks.usage_bodies import Bodies, Spans
from lab import procfs
from lab.process import Process, wait_until
from stackledger.ledger import wire
from stackledger.ledger.asking import Nothing, StateReply

Kind = type[Bodies] | type[Spans]

BODY = {Bodies: 2_000, Spans: 512}
"""Events in a body; 512 spans is what OpenTelemetry's batch processor sends at most."""
_LANES = 4


@dataclass
class Phase:
    """What one phase gave."""

    name: str
    seconds: float = 0.0
    accepted: int = 0
    applied: int = 0
    generator_cpu: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    resident: dict[str, list[float]] = field(default_factory=dict)
    """By role, over the phase, in MiB."""
    scrapes: list[float] = field(default_factory=list)
    """Seconds each."""
    inbox_mib: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    """Events that are not applied yet, over the phase."""
    late: int = 0
    """Readings of the ledger by the collecting process that failed or were left out, at the phase's end."""

    def look(self, service: Service, *, is_held: bool = False) -> None:
        """Take a scrape's time, the memory and the inbox as they are now."""
        scrape = service.program.scrape()
        self.scrapes.append(scrape.seconds)
        if not is_held:
            self.waiting.append(service.state().waiting)
        self.late = int(
            scrape.total("stackledger_scrape_failures_total") + scrape.total("stackledger_scrape_skipped_total")
        )
        self.inbox_mib.append(service.inbox_mib)
        for role, mib in service.resident().items():
            self.resident.setdefault(role, []).append(mib)

    @property
    def p99(self) -> float:
        """Of the scrapes, in seconds."""
        return statistics.quantiles(self.scrapes, n=100)[98] if len(self.scrapes) > 1 else 0.0


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
        return {role: procfs.cpu_seconds(pid) for role, pid in self.pids().items()}

    def resident(self) -> dict[str, float]:
        """Resident MiB by role, without pages of files that the kernel may take back."""
        return {role: _anonymous(pid) for role, pid in self.pids().items()}

    def state(self) -> StateReply:
        """The ledger's, as of this moment; its part of the page is up to an interval old."""
        state: StateReply = wire.ask(self.folder / "data" / wire.SOCKET, "state", Nothing(), StateReply)
        return state

    def applied(self) -> int:
        """Events stored since the ledger's process started."""
        return self.state().outcomes.get("stored", 0)

    @property
    def inbox_mib(self) -> float:
        """Size of the inbox's files."""
        return sum(file.stat().st_size for file in (self.folder / "data").glob("inbox*")) / 2**20

    @property
    def ledger_bytes(self) -> int:
        """Size of the ledger with its known ids."""
        return self.state().size_bytes


def _anonymous(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class _Lane(multiprocessing.Process):
    """Sends bodies while `going` (of what was accepted), at most `rate` events a second (0: no limit).

    Tells what was accepted, and what the generator cost in CPU seconds.
    """

    def __init__(self, port: int, bodies: Bodies | Spans, going: Callable[[int], bool], rate: float) -> None:
        super().__init__()
        self.told: multiprocessing.SimpleQueue[tuple[int, float]] = multiprocessing.SimpleQueue()
        self._port, self._bodies, self._going, self._rate = port, bodies, going, rate

    def run(self) -> None:
        accepted, bodies = 0, self._bodies
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            begin = time.time()
            while self._going(accepted):
                if self._rate and accepted > self._rate * (time.time() - begin):
                    time.sleep(bodies.events / self._rate)
                    continue
                headers = {"content-type": bodies.content_type}
                connection.request("POST", bodies.path, bodies.next(time.time()), headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    accepted += json.loads(body)["accepted"] if isinstance(bodies, Bodies) else _whole(body)
                else:
                    time.sleep(1)
        self.told.put((accepted, time.process_time()))


def _whole(body: bytes) -> int:
    if body:
        raise SystemExit("spans of the benchmark were refused")
    return BODY[Spans]


def load(
    service: Service, name: str, *, seconds: float = 0.0, events: int = 0, rate: float = 0.0, kind: Kind = Bodies,
    is_held: bool = False,
) -> Phase:  # fmt: skip
    """Send for so many seconds or so many events, at most `rate` events a second in all, or as fast as it is taken.

    `is_held`: the ledger stands still, so it is not asked.
    """
    phase = Phase(name)
    began, before, applied = time.time(), service.cpu(), 0 if is_held else service.applied()

    def going(accepted: int) -> bool:
        return accepted < events / _LANES if events else time.time() < began + seconds

    seed = int(began * 10) % 1_000_000 * 10
    lanes = [_Lane(service.intake, kind(BODY[kind], seed=seed + lane), going, rate / _LANES) for lane in range(_LANES)]
    for one in lanes:
        one.start()
    while any(one.is_alive() for one in lanes):
        phase.look(service, is_held=is_held)
        time.sleep(1)
    for one in lanes:
        one.join()
        accepted, cpu = one.told.get()
        phase.accepted += accepted
        phase.generator_cpu += cpu
    if is_held:
        phase.seconds = time.time() - began
        phase.cpu = {role: cpu - before.get(role, 0.0) for role, cpu in service.cpu().items()}
    else:
        _finish(service, phase, began=began, before=before, applied=applied)
    return phase


def catch_up(service: Service, name: str, events: int) -> Phase:
    """Let the ledger apply what waits, and nothing else."""
    phase = Phase(name)
    began, before, applied = time.time(), service.cpu(), service.applied()
    while service.applied() < applied + events:
        phase.look(service)
        time.sleep(1)
    _finish(service, phase, began=began, before=before, applied=applied)
    return phase


def idle(service: Service, seconds: float) -> Phase:
    """Nothing comes in."""
    phase = Phase("idle")
    began, before, applied = time.time(), service.cpu(), service.applied()
    while time.time() < began + seconds:
        phase.look(service)
        time.sleep(0.5)
    _finish(service, phase, began=began, before=before, applied=applied)
    return phase


def _finish(service: Service, phase: Phase, *, began: float, before: dict[str, float], applied: int) -> None:
    phase.seconds = time.time() - began
    phase.cpu = {role: cpu - before.get(role, 0.0) for role, cpu in service.cpu().items()}
    phase.applied = service.applied() - applied
    phase.look(service)


@contextmanager
def held(pid: int) -> Iterator[None]:
    """A process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
