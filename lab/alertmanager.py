"""A real Alertmanager on loopback, without gossip, and amtool.

Owns its life and the HTTP API as Alertmanager answers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import programs
from lab.prometheus import run_tool
from lab.webserver import WebServer


class Alertmanager(WebServer):
    """Alertmanager with the given configuration."""

    name = "alertmanager"

    def alerts(self, *matchers: str) -> list[dict[str, Any]]:
        """Alerts it holds (API v2), of those that match: `alertname="X"`."""
        answer = self.request("GET", "/api/v2/alerts", params={"filter": list(matchers)})
        return list(answer.raise_for_status().json())

    def post(self, *alerts: Mapping[str, object]) -> None:
        """Send alerts (API v2: labels, annotations, startsAt, endsAt, generatorURL), as Prometheus would."""
        self.request("POST", "/api/v2/alerts", json=list(alerts)).raise_for_status()

    def silences(self) -> list[dict[str, Any]]:
        """Silences, expired ones included."""
        return list(self.request("GET", "/api/v2/silences").raise_for_status().json())

    def status(self) -> dict[str, Any]:
        """Version, uptime and the loaded configuration (secrets blanked by Alertmanager)."""
        found: dict[str, Any] = self.request("GET", "/api/v2/status").raise_for_status().json()
        return found

    def _argv(self) -> list[str]:
        return [
            str(programs.find("alertmanager")),
            f"--config.file={self.configuration_file}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
            f"--web.external-url={self.external_url or self.url}",
            "--cluster.listen-address=",
        ]


def amtool(*words: str | Path) -> str:
    """What amtool prints; ServerFailedError with its words when it finds a fault."""
    return run_tool("amtool", *words)
