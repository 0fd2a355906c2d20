"""The service as a real process, read over HTTP as Prometheus reads it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab import ports
from lab.process import Process, wait_until


class Service:
    """`stackledger serve` on a free port, with its configuration in a folder of its own."""

    def __init__(self, directory: Path, port: int, process: Process) -> None:
        self.directory = directory
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.config = directory / "stackledger.yaml"

    @property
    def log(self) -> str:
        return self.process.log.read_text()

    def get(self, path: str = "/metrics") -> str:
        response = httpx.get(self.url + path, timeout=10)
        response.raise_for_status()
        return response.text

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every sample by name and sorted labels."""
        families = text_string_to_metric_families(self.get())
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the one series with this name and at least these labels; None when there is none."""
        found = [
            value
            for (sample, pairs), value in self.samples().items()
            if sample == name and labels.items() <= dict(pairs).items()
        ]
        assert len(found) <= 1, f"{name} {labels} matches {len(found)} series"
        return found[0] if found else None

    def until(self, condition: Callable[[], object], what: str, *, timeout: float = 40) -> float:
        """Wait until the condition holds; the seconds that it took."""
        began = time.monotonic()
        wait_until(condition, what=what, timeout=timeout, watch=[self.process])
        return time.monotonic() - began


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """`serve({"integrations": ...})` gives a running service; it must end with status 0 at the test's end."""
    with ExitStack() as stack:
        held = stack.enter_context(closing(ports.reserve(1)))

        def begin(configuration: dict[str, Any]) -> Service:
            port = held.ports[0]
            config = tmp_path / "stackledger.yaml"
            config.write_text(yaml.safe_dump({"version": 1, "http": {"listen": f"127.0.0.1:{port}"}, **configuration}))
            argv = [sys.executable, "-X", "dev", "-m", "stackledger", "serve", "--config", str(config)]
            process = stack.enter_context(Process(argv, name="stackledger", directory=tmp_path))
            service = Service(tmp_path, port, process)
            process.wait_ready(lambda: httpx.get(f"{service.url}/-/ready", timeout=1).is_success)
            return service

        yield begin
