"""Programs that run side by side, and what /proc and their pages tell of them.

Owns starting them, scraping as Prometheus does, and reading CPU and memory. A peer is given by the path of its program.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from lab import ports, procfs, workdir
from lab.process import Process

_ASKS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True)
class Scrape:
    """One page: how long it took to the last byte, and its text."""

    seconds: float
    text: str

    @property
    def series(self) -> int:
        """Lines of samples."""
        return sum(1 for line in self.text.splitlines() if line and line[0] != "#")

    def values(self, name: str, **labels: str) -> Iterator[float]:
        """The values of the series of that name that carry these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in self.text.splitlines():
            if line.startswith((name + "{", name + " ")) and all(pair in line for pair in wanted):
                yield float(line.rpartition("}")[2].split()[0] if "}" in line else line.split()[1])

    def total(self, name: str, **labels: str) -> float:
        """Their sum; 0 where there is none."""
        return sum(self.values(name, **labels))


class Program:
    """A running program with a page."""

    def __init__(self, name: str, process: Process, port: int) -> None:
        self.name = name
        self.process = process
        self.port = port

    def scrape(self, path: str = "/metrics", *, timeout: float = 300.0) -> Scrape:
        """The page, compressed as Prometheus asks for it."""
        began = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with closing(connection):
            connection.request("GET", path, headers=_ASKS)
            response = connection.getresponse()
            body = response.read()
        seconds = time.perf_counter() - began
        if response.status != 200:
            raise RuntimeError(f"{self.name} answers {path} with {response.status}: {body[:200]!r}")
        packed = response.headers.get("Content-Encoding") == "gzip"
        return Scrape(seconds, (gzip.decompress(body) if packed else body).decode())

    def cpu(self) -> float:
        """CPU seconds, user and system, of the process and all below it, since its start."""
        return cpu_seconds(self.process)

    def resident(self) -> float:
        """Resident MiB now."""
        return (procfs.resident_bytes(self.process.pid) or 0) / 2**20

    def peak(self) -> float:
        """The most MiB that were ever resident."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def cpu_seconds(process: Process) -> float:
    """CPU seconds, user and system, of a process, its live descendants and its ended children."""
    members = [process.pid, *(pid for pid, _ in procfs.descendants(process.pid))]
    return sum(procfs.cpu_seconds(pid, ended_children=pid == process.pid) for pid in members)


class Bench:
    """Where programs are started; all are stopped, and their folder removed, at the end."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self.folder = workdir.create("bench")
        self._open.callback(workdir.remove, self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def service(self, name: str, integration: str, section: Mapping[str, object]) -> Program:
        """`stackledger serve` with one section, with checkpoints, as it would run."""
        port = self._port()
        configuration = {
            "version": 1,
            "organisation": "Bench",
            "environment": "bench",
            "region": "lab",
            "data_dir": str(self.folder / f"{name}-data"),
            "http": {"listen": f"127.0.0.1:{port}"},
            "integrations": {integration: section},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(configuration))  # JSON is YAML
        argv = [sys.executable, "-m", "stackledger", "serve", "--config", str(path)]
        return self._start(name, argv, port, ready="/-/ready")

    def peer(
        self, name: str, argv: Sequence[str], *, ready: str = "/metrics", env: Mapping[str, str] | None = None
    ) -> Program:
        """A peer's program; PORT in its words and its environment becomes a free port."""
        port = self._port()
        words = [word.replace("PORT", str(port)) for word in argv]
        filled = {key: value.replace("PORT", str(port)) for key, value in (env or {}).items()}
        return self._start(name, words, port, ready=ready, env=filled)

    def stop(self, program: Program) -> None:
        """End one program before the others."""
        program.process.stop()

    def _port(self) -> int:
        return self._open.enter_context(ports.reserve(1)).ports[0]

    def _start(
        self, name: str, argv: Sequence[str], port: int, *, ready: str, env: Mapping[str, str] | None = None
    ) -> Program:
        process = Process(argv, name=name, directory=self.folder, env=env)
        self._open.callback(process.stop)
        process.start()
        program = Program(name, process, port)
        process.wait_ready(lambda: program.scrape(ready))
        return program


@dataclass
class Figures:
    """What was measured, cycle by cycle, under names."""

    rows: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """One cycle's value."""
        self.rows.setdefault(name, []).append(value)

    def least(self, name: str) -> float:
        """The smallest value: what is left when nothing else ran."""
        return min(self.rows[name])

    def median(self, name: str) -> float:
        """The value in the middle."""
        return statistics.median(self.rows[name])

    def mean(self, name: str) -> float:
        """The average: free of the clock tick's rounding, not of noise."""
        return statistics.fmean(self.rows[name])


def wait_for(moment: float) -> None:
    """Sleep until the wall clock shows `moment`."""
    time.sleep(max(0.0, moment - time.time()))
