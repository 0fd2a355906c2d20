"""A real Prometheus on loopback, and promtool.

Owns its life and the HTTP API as Prometheus answers it; nothing is interpreted here.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from lab import programs
from lab.process import ServerFailedError, wait_until
from lab.webserver import WebServer

Series = dict[str, Any]


class Prometheus(WebServer):
    """Prometheus with the given configuration; keeps two hours."""

    name = "prometheus"

    def query(self, expression: str, *, at: float | None = None) -> list[Series]:
        """The vector (or scalar, as one series without labels) that the expression gives now, or at a Unix time."""
        parameters: dict[str, str | float] = {"query": expression}
        data = self.api("query", parameters if at is None else parameters | {"time": at})
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else list(data["result"])

    def value(self, expression: str) -> float | None:
        """The value of the only series that the expression gives; None when there is none."""
        series = self.query(expression)
        if len(series) > 1:
            raise ServerFailedError(f"{expression}: {len(series)} series where one was meant")
        return float(series[0]["value"][1]) if series else None

    def query_range(self, expression: str, *, start: float, end: float, step_seconds: float) -> list[Series]:
        """The matrix over [start, end] in Unix seconds."""
        limits: dict[str, str | float] = {"query": expression, "start": start, "end": end, "step": step_seconds}
        return list(self.api("query_range", limits)["result"])

    def targets(self) -> list[Series]:
        """Active targets with health and last error."""
        return list(self.api("targets", {"state": "active"})["activeTargets"])

    def rules(self) -> list[Series]:
        """Rule groups with their rules' health and last error."""
        return list(self.api("rules", {})["groups"])

    def alerts(self) -> list[Series]:
        """Pending and firing alerts."""
        return list(self.api("alerts", {})["alerts"])

    def api(self, path: str, parameters: dict[str, str | float]) -> Any:
        """`data` of an answer of /api/v1; ServerFailedError with Prometheus' own words when it says error."""
        answer = self.request("GET", f"/api/v1/{path}", params=parameters).json()
        if answer["status"] != "success":
            raise ServerFailedError(f"Prometheus, {path}: {answer.get('errorType')}: {answer.get('error')}")
        return answer["data"]

    def wait_up(self, count: int = 1, *, timeout: float = 60.0) -> None:
        """Wait until `count` targets were scraped well."""
        wait_until(
            lambda: sum(target["health"] == "up" for target in self.targets()) >= count,
            what=f"{count} targets to be up",
            timeout=timeout,
            watch=[self.process],
        )

    def _argv(self) -> list[str]:
        return [
            str(programs.find("prometheus")),
            f"--config.file={self.configuration_file}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            "--storage.tsdb.retention.time=2h",
            f"--web.listen-address={self.address}",
            f"--web.external-url={self.external_url or self.url}",
            "--web.enable-lifecycle",
            "--web.enable-admin-api",
        ]


def promtool(*words: str | Path, stdin: str | None = None) -> str:
    """What promtool prints; ServerFailedError with its words when it finds a fault."""
    return run_tool("promtool", *words, stdin=stdin)


def run_tool(name: str, *words: str | Path, stdin: str | None = None) -> str:
    """Standard output of a judging program that exits 0; both its outputs in a ServerFailedError otherwise."""
    argv = [str(programs.find(name)), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, input=stdin or "")
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise ServerFailedError(f"{name} {' '.join(argv[1:3])} exits {done.returncode}: {said[-4000:]}")
    return done.stdout
