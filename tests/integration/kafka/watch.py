"""A real service and a real Prometheus with the generated rules, watching real servers while tests break them.

The rules are as they are shipped, but for the `for` of the pages under test, which is shortened by the configuration's
own overrides: waiting out a minute proves nothing that promtool's cases do not.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from lab import ports
from lab.process import Process, wait_until
from lab.prometheus import Prometheus
from stackledger.collect.integration import Integration
from stackledger.model import Severity
from tests.conftest import running

INTERVAL = 2
HOLD = "2s"


@dataclass
class Watch:
    """What runs."""

    prometheus: Prometheus
    url: str

    def firing(self, alert: str, **labels: str) -> bool:
        """Whether the alert fires with at least these labels."""
        return any(
            found["state"] == "firing" and {"alertname": alert, **labels}.items() <= found["labels"].items()
            for found in self.prometheus.alerts()
        )

    def fires(self, alert: str, *, timeout: float = 90.0, **labels: str) -> float:
        """Wait until it fires; the seconds that it took."""
        began = time.monotonic()
        wait_until(lambda: self.firing(alert, **labels), what=f"{alert} to fire", timeout=timeout)
        return time.monotonic() - began

    def ends(self, alert: str, *, timeout: float = 120.0) -> None:
        """Wait until it fires no more."""
        wait_until(lambda: not self.firing(alert), what=f"{alert} to end", timeout=timeout)

    def page_seconds(self) -> float:
        """How long /metrics takes to answer now."""
        began = time.monotonic()
        httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status()
        return time.monotonic() - began


@contextmanager
def watching(
    directory: Path,
    integration: Integration[Any, Any],
    target: Mapping[str, Any],
    *,
    thresholds: Mapping[str, float] | None = None,
) -> Iterator[Watch]:
    """Watch one target, read and evaluated every two seconds. `thresholds` shortens conditions that are times."""
    with ExitStack() as stack:
        held = stack.enter_context(ports.reserve(2)).ports
        config = directory / "stackledger.yaml"
        config.write_text(yaml.safe_dump(_configuration(integration, target, held, thresholds or {})))
        generated = directory / "generated"
        stackledger = [sys.executable, "-m", "stackledger"]
        words = ["generate", "--config", str(config), "--out", str(generated)]
        subprocess.run([*stackledger, *words], check=True, capture_output=True, timeout=120)
        service = stack.enter_context(
            Process([*stackledger, "serve", "--config", str(config)], name="stackledger", directory=directory)
        )
        url = f"http://127.0.0.1:{held[0]}"
        service.wait_ready(lambda: httpx.get(f"{url}/-/ready", timeout=1).is_success)
        server = Prometheus(generated / "deploy" / "prometheus.yml", port=held[1])
        prometheus = stack.enter_context(running(server))
        prometheus.wait_up()
        yield Watch(prometheus, url)


def _configuration(
    integration: Integration[Any, Any], target: Mapping[str, Any], held: Any, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    pages = [alert.name for alert in integration.alerts() if alert.severity is Severity.PAGE]
    overrides = [
        {"alert": name, "hold": HOLD, **({"threshold": thresholds[name]} if name in thresholds else {})}
        for name in pages
    ]
    section = {
        "interval_seconds": INTERVAL,
        "timeout_seconds": 1.8,
        "slow_interval_seconds": 2 * INTERVAL,
        "targets": [dict(target)],
    }
    return {
        "version": 1,
        "http": {"listen": f"127.0.0.1:{held[0]}"},
        "prometheus": {
            "url": f"http://127.0.0.1:{held[1]}",
            "scrape_interval_seconds": INTERVAL,
            "evaluation_interval_seconds": INTERVAL,
        },
        "notify": {"slack": {"api_url_file": "/nobody/is-told-here", "channel": "#alerts"}},
        "alerts": {"overrides": overrides},
        "integrations": {integration.name: section},
    }
