"""The demo's configuration of the service, as a user would write it: one YAML file, and secrets in files.

Owns the folder's layout and every setting of the demo.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import programs
from lab.demo.systems import REDIS_USER, Systems
from lab.postgres import MONITOR_PASSWORD, MONITOR_USER
from lab.receiver import Receiver

INTERVAL_SECONDS = 5
ZONE = "Europe/Berlin"
_KEY_PATTERNS = {
    "patterns": {"sessions": "session:*", "baskets": "basket:*"},
    "operations_per_second": 100,
    "interval_seconds": 60,
}
PORTS = ("console", "prometheus", "alertmanager", "panels", "webhooks", "mail", "intake", "models")


@dataclass(frozen=True)
class Folder:
    """Where the demo keeps its files."""

    path: Path

    @property
    def configuration(self) -> Path:
        """The service's configuration."""
        return self.path / "stackledger.yaml"

    @property
    def generated(self) -> Path:
        """What the service generates."""
        return self.path / "generated"

    @property
    def received(self) -> Path:
        """Messages that arrived, as JSON lines."""
        return self.path / "received.jsonl"

    def secret(self, name: str, value: str) -> str:
        """Keep a secret in a file that only we can read; its path."""
        path = self.path / "secrets" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value)
        return str(path)


def url(port: int) -> str:
    """Address of one of our own pages."""
    return f"http://127.0.0.1:{port}"


def write(folder: Folder, systems: Systems, *, ports: Mapping[str, int], receiver: Receiver) -> None:
    """Write the configuration for what runs."""
    document = {
        "version": 1,
        "organisation": "demo",
        "environment": "demo",
        "region": "local",
        "owner": "platform",
        "data_dir": str(folder.path / "state"),
        "http": {"listen": f"127.0.0.1:{ports['console']}"},
        "prometheus": {
            "url": url(ports["prometheus"]),
            "version": _version("prometheus"),
            "scrape_interval_seconds": INTERVAL_SECONDS,
            "evaluation_interval_seconds": INTERVAL_SECONDS,
        },
        "links": {"grafana_url": url(ports["panels"])},
        "notify": _notify(folder, ports, receiver),
        "integrations": _integrations(folder, systems),
        "costs": _costs(folder, ports),
    }
    folder.configuration.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _notify(folder: Folder, ports: Mapping[str, int], receiver: Receiver) -> dict[str, Any]:
    return {
        "alertmanager": f"127.0.0.1:{ports['alertmanager']}",
        "alertmanager_version": _version("alertmanager"),
        "slack": {"api_url_file": folder.secret("slack-url", receiver.slack_url), "channel": "#on-call"},
        "pagerduty": {
            "routing_key_file": folder.secret("pagerduty-key", "0123456789abcdef0123456789abcdef"),
            "url": receiver.pagerduty_url,
        },
        "email": {
            "smarthost": receiver.smtp_address,
            "sender": "alerts@demo.invalid",
            "to": ["platform@demo.invalid"],
            "require_tls": False,
        },
        # Shorter than one would have it in production: people who watch a demo wait for the message.
        "group_wait_seconds": 1,
        "group_interval_seconds": 10,
    }


def _costs(folder: Folder, ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "owner": "finance",
        "listen": f"127.0.0.1:{ports['intake']}",
        "zone": ZONE,
        "users": {"in_metrics": 20, "hash_key": {"file": folder.secret("users-key", secrets.token_hex(32))}},
        "per_user": {"users": {"source": "ledger"}, "infrastructure": False, "target_usd": 5},
        "budgets": [
            {"name": "models", "usd": 150, "per": "month"},
            {"name": "tickets", "usd": 10, "per": "day", "where": {"feature": "tickets"}, "hard": True},
            {"name": "research", "usd": 20, "per": "day", "where": {"feature": "research"}, "hard": True},
        ],
    }


def _integrations(folder: Folder, systems: Systems) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if systems.redis is not None and systems.redis.acl_user is not None:
        password = folder.secret("redis-password", systems.redis.acl_user[1])
        target = {"seeds": systems.redis.seeds[:3], "username": REDIS_USER, "password": {"file": password}}
        found["redis"] = _section({"name": "shop-cache", **target, "key_patterns": _KEY_PATTERNS})
    if systems.postgres is not None:
        password = folder.secret("postgres-password", MONITOR_PASSWORD)
        nodes = [node.address for node in systems.postgres.nodes]
        target = {"nodes": nodes, "user": MONITOR_USER, "password": {"file": password}}
        found["postgres"] = _section({"name": "shop-db", **target})
    if systems.kafka is not None:
        # Our consumers commit five times a second, so ten seconds without a commit is a stop.
        events: dict[str, Any] = {"bootstrap": systems.kafka.bootstrap.split(","), "stuck_after_seconds": 10}
        found["kafka"] = _section({"name": "shop-events", **events, "probe": {}})
    return found


def _section(target: dict[str, Any]) -> dict[str, Any]:
    return {
        "interval_seconds": INTERVAL_SECONDS,
        "slow_interval_seconds": 4 * INTERVAL_SECONDS,
        "targets": [target],
    }


def _version(program: str) -> str:
    """What the program says of itself, for instance 2.42.0: it decides what may be generated."""
    argv = [str(programs.find(program)), "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"version (\d+\.\d+(\.\d+)?)", done.stdout + done.stderr)
    return found[1] if found else "2.42" if program == "prometheus" else "0.25"
