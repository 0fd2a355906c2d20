"""Real servers for the tests: started once a session when the first test asks, stopped at its end.

A test that breaks a server starts its own from `lab`. A missing program skips the test and says what to install, or
fails it when STACKLEDGER_REQUIRE_SERVERS=1.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

from lab import procfs, programs

Server = TypeVar("Server")


def skip_or_fail(missing: programs.ProgramMissingError) -> NoReturn:
    """Skip the running test with the reason and the remedy; fail it where every server is required."""
    if programs.servers_required():
        pytest.fail(f"{missing} ({programs.REQUIRE_SWITCH} is set)", pytrace=False)
    pytest.skip(str(missing))


@contextmanager
def running(server: AbstractContextManager[Server]) -> Iterator[Server]:
    """A started server; a missing program skips (or fails) the test."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except programs.ProgramMissingError as missing:
            skip_or_fail(missing)
        yield started


@pytest.fixture
def start() -> Iterator[Callable[[AbstractContextManager[Any]], Any]]:
    """`start(RedisCluster())` gives a server of the test's own, stopped when the test ends: break it as you like."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(running(server))


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[Any]:
    """Three masters with a replica each, no password; shared, so leave it as it was."""
    from lab.redis import RedisCluster

    with running(RedisCluster()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Any]:
    """A primary with two streaming standbys; shared, so leave it as it was."""
    from lab.postgres import PostgresCluster

    with running(PostgresCluster()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_cluster() -> Iterator[Any]:
    """One broker; shared, so use topics and groups of your own name.

    It does not verify transactions, as none did before Kafka 3.6, so that a test may leave one hanging.
    """
    from lab.kafka import KafkaCluster

    with running(KafkaCluster(properties={"transaction.partition.verification.enable": "false"})) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_cluster_of_three() -> Iterator[Any]:
    """Three brokers, for replication; shared, so use topics and groups of your own name."""
    from lab.kafka import KafkaCluster

    with running(KafkaCluster(brokers=3)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def prometheus_factory() -> Iterator[Callable[..., Any]]:
    """`prometheus_factory(configuration_text)` starts a Prometheus that lives until the session's end."""
    from lab.prometheus import Prometheus

    with ExitStack() as stack:
        yield lambda configuration, **options: stack.enter_context(running(Prometheus(configuration, **options)))


@pytest.fixture(scope="session")
def alertmanager_factory() -> Iterator[Callable[..., Any]]:
    """`alertmanager_factory(configuration_text)` starts an Alertmanager that lives until the session's end."""
    from lab.alertmanager import Alertmanager

    with ExitStack() as stack:
        yield lambda configuration, **options: stack.enter_context(running(Alertmanager(configuration, **options)))


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Any]:
    """A local stand-in for Slack, PagerDuty and SMTP; `receiver.messages` holds what arrived."""
    from lab.receiver import Receiver

    with Receiver(tmp_path / "received.jsonl") as stand_in:
        yield stand_in


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """At the end of the session no child process is left that was not there before it."""
    before = set(procfs.children(os.getpid()))
    yield
    deadline = time.monotonic() + 10
    while left := [pid for pid in procfs.children(os.getpid()) if pid not in before and procfs.start_ticks(pid)]:
        if time.monotonic() > deadline:
            names = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[:200] for pid in left]
            pytest.fail(f"processes left behind: {names}")
        time.sleep(0.1)
