"""The whole service with a ledger, as real processes: started, asked, killed role by role."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from lab import procfs
from lab.process import Process, wait_until

STACKLEDGER = Path(sys.executable).with_name("stackledger")


class CostService:
    """`stackledger serve` with a section `costs`: three processes under one."""

    def __init__(
        self,
        directory: Path,
        held: dict[str, int],
        costs: dict[str, Any],
        http: dict[str, Any] | None = None,
        verify: str = "",
    ) -> None:
        """`http` is the section of that name; `verify` the authority that signed its certificate."""
        self.directory = directory
        self.config = directory / "stackledger.yaml"
        scheme = "https" if verify else "http"
        self.verify: Any = ssl.create_default_context(cafile=verify) if verify else True
        self.page = f"{scheme}://127.0.0.1:{held['page']}"
        self.intake = f"{scheme}://127.0.0.1:{held['intake']}"
        root = {
            "version": 1,
            "data_dir": "data",
            "http": {"listen": f"127.0.0.1:{held['page']}", **(http or {})},
            "costs": {"listen": f"127.0.0.1:{held['intake']}", **costs},
        }
        self.config.write_text(yaml.safe_dump(root))
        self.process: Process | None = None

    def start(self) -> None:
        self.process = Process(
            [STACKLEDGER, "serve", "--config", self.config], name="stackledger", directory=self.directory
        )
        self.process.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Until usage is taken in and the ledger answers."""
        assert self.process is not None
        wait_until(self._ready, what="the service to be ready", timeout=60, watch=[self.process])

    def _ready(self) -> bool:
        try:
            well = httpx.get(f"{self.intake}/-/healthy", timeout=2, verify=self.verify)
            asked = httpx.get(f"{self.intake}/api/v1/budgets", timeout=2, verify=self.verify)
        except httpx.HTTPError:
            return False
        return well.status_code != 503 and asked.status_code in (200, 401)

    def pid_of(self, role: str) -> int:
        """The process with a role."""
        assert self.process is not None
        for pid in procfs.children(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[words.index(b"--role") + 1 : words.index(b"--role") + 2] == [role.encode()]:
                return pid
        raise LookupError(f"no process has the role {role}")

    def kill(self, role: str) -> None:
        os.kill(self.pid_of(role), signal.SIGKILL)

    def post(self, events: list[dict[str, Any]], **options: Any) -> httpx.Response:
        return httpx.post(f"{self.intake}/api/v1/usage", json=events, timeout=30, **options)

    def ask(self, *words: str) -> str:
        """The output of `stackledger costs ...`."""
        done = subprocess.run(
            [STACKLEDGER, "costs", words[0], "--config", str(self.config), *words[1:]],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def report(self, *words: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.ask("report", "--json", *words))
        return rows

    def until_events(self, count: int, *, timeout: float = 60) -> list[dict[str, Any]]:
        """The report, once it has so many calls."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = self.report("--from", "2026-01-01", "--to", "2027-12-31")
            return found[0]["events"] >= count

        wait_until(there, what=f"{count} calls in the ledger", timeout=timeout)
        return found

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
