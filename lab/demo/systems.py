"""The monitored systems of the demo: which of them can run on this machine, and starting them side by side.

Owns their sizes and passwords. What they are told to do is lab.demo.load's, what breaks them lab.demo.faults'.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab import install, kafka_jars, programs
from lab.kafka import KafkaCluster
from lab.postgres import PostgresCluster
from lab.process import GivenUpError, given_up_by
from lab.redis import MONITOR_RULES, RedisCluster

NAMES = ("redis", "postgres", "kafka")
TITLES = {
    "redis": "Redis Cluster, 3 masters and 3 replicas",
    "postgres": "PostgreSQL, a primary and 2 standbys",
    "kafka": "Kafka, a broker in KRaft mode",
}
REDIS_USER = "monitor"
_PROGRAMS = {
    "redis": ("redis-server", "redis-cli"),
    "postgres": ("postgres", "initdb", "pg_basebackup", "pgbench"),
    "kafka": ("java",),
}
_JUDGES = ("prometheus", "promtool", "alertmanager", "amtool")
_GRANTS = Path(__file__).parents[2] / "exporter/stackledger/integrations/redis/grants/monitor.acl"


@dataclass
class Systems:
    """What runs; None for what does not."""

    redis: RedisCluster | None = None
    postgres: PostgresCluster | None = None
    kafka: KafkaCluster | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The systems that run."""
        return tuple(name for name in NAMES if getattr(self, name) is not None)


def absent(name: str) -> str:
    """Why a system cannot run here and what to do, or nothing when it can."""
    reasons = [str(error) for error in programs.missing(*_PROGRAMS[name])]
    if name == "kafka" and not reasons and not kafka_jars.is_fetched():
        reasons.append(
            f"Kafka's jars are not fetched: run `python -m lab.install {name}` where Maven's repository answers"
        )
    return "; ".join(reasons)


def absent_judges() -> list[str]:
    """Programs without which nothing can be shown."""
    return [str(error) for error in programs.missing(*_JUDGES)]


def how_to_install(names: Sequence[str]) -> str:
    """The command that installs what the systems need."""
    wanted = install.packages(names)
    return f"sudo apt-get install {' '.join(wanted)}" if wanted else f"python -m lab.install {' '.join(names)}"


def start_together(names: Sequence[str], open_: ExitStack, stop: threading.Event) -> Systems:
    """Start the systems side by side; each is stopped by `open_`. The first failure is raised when all have settled."""
    systems = Systems()
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        started = {name: pool.submit(_started, name, stop) for name in names}
    for name, future in started.items():
        if future.exception() is None:
            open_.callback(future.result().stop)
            setattr(systems, name, future.result())
    _raise_first(list(started.values()))
    return systems


def _started(name: str, stop: threading.Event) -> RedisCluster | PostgresCluster | KafkaCluster:
    with given_up_by(stop):
        return _new(name).start()


def _new(name: str) -> RedisCluster | PostgresCluster | KafkaCluster:
    if name == "redis":
        user = (REDIS_USER, secrets.token_urlsafe(16))
        return RedisCluster(acl_user=user, password=secrets.token_urlsafe(16), acl_rules=_granted())
    if name == "postgres":
        return PostgresCluster(standbys=2, password=secrets.token_urlsafe(16))
    return KafkaCluster(brokers=1)


def _granted() -> str:
    """The rights that the product itself asks for counting keys too, so that the demo proves that they are enough."""
    if not _GRANTS.exists():
        return MONITOR_RULES
    rule = next(line for line in _GRANTS.read_text().splitlines() if line.startswith("# user "))
    return rule.partition(">PASSWORD ")[2]


def _raise_first(futures: Sequence[Future[RedisCluster | PostgresCluster | KafkaCluster]]) -> None:
    """A failure says more than being told to give up because of it."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    errors.sort(key=lambda error: isinstance(error, GivenUpError))
    if errors:
        raise errors[0]
