"""Both engines, each on a store of the test's own: a file, or a schema of a real server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from lab import ports
from stackledger.errors import StorageError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.engines.postgres.engine import PostgresEngine
from stackledger.ledger.pulls.config import PullSettings
from stackledger.ledger.pulls.runner import Pulls
from tests.conftest import running
from tests.integration.ledger.building import Ledger
from tests.integration.ledger.cost_service import CostService
from tests.integration.ledger.pulling import Calendar
from tests.integration.ledger.vendor import Vendor

ENGINES = ("duck", pytest.param("postgres", marks=pytest.mark.real("postgres")))
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """One server, shared: each test has a schema of its own."""
    from lab.postgres import PostgresCluster

    with running(PostgresCluster(standbys=0)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_dsn(postgres_server: Any) -> str:
    """How the ledger reaches the server: as a plain user that owns its database."""
    node = postgres_server.nodes[0]
    postgres_server.sql(node, "CREATE ROLE ledger LOGIN PASSWORD 'ledger-secret'")
    postgres_server.sql(node, "CREATE DATABASE ledger OWNER ledger")
    return f"host=127.0.0.1 port={node.port} user=ledger password=ledger-secret dbname=ledger"


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    """The engine's name."""
    return str(request.param)


@pytest.fixture
def new_place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], Callable[[], Engine]]:
    """`new_place()` gives a function that opens one empty store, each time it is called."""

    def place() -> Callable[[], Engine]:
        number = next(_numbers)
        if kind == "duck":
            return lambda: DuckEngine(tmp_path / f"l{number}" / "ledger.duckdb", memory="256MB")
        dsn = request.getfixturevalue("postgres_dsn")
        return lambda: PostgresEngine(dsn, f"ledger_{number}")

    return place


@pytest.fixture
def open_engine(new_place: Callable[[], Callable[[], Engine]]) -> Iterator[Callable[[], Engine]]:
    """Opens the test's store; what is still open at the end is closed."""
    opened: list[Engine] = []
    place = new_place()

    def open_() -> Engine:
        opened.append(place())
        return opened[-1]

    yield open_
    for one in opened:
        with suppress(StorageError):
            one.close()


@pytest.fixture
def engine(open_engine: Callable[[], Engine]) -> Engine:
    """An empty ledger."""
    return open_engine()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """The same, with a way to put events into it."""
    return Ledger(engine)


@pytest.fixture
def cost_service(tmp_path: Path) -> Iterator[Callable[..., CostService]]:
    """`cost_service(zone="UTC")` gives a running service with these settings under `costs`."""
    with ExitStack() as stack:

        def start(*, http: dict[str, Any] | None = None, verify: str = "", **costs: Any) -> CostService:
            held = stack.enter_context(closing(ports.reserve(2)))
            names = dict(zip(("page", "intake"), held.ports, strict=True))
            service = CostService(tmp_path, names, costs, http, verify)
            stack.callback(service.stop)
            service.start()
            return service

        yield start


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A stand-in for whoever bills."""
    one = Vendor()
    yield one
    one.stop()


@pytest.fixture
def clock() -> Calendar:
    """The time of the pulls."""
    return Calendar()


@pytest.fixture
def pulls(engine: Engine, clock: Calendar) -> Iterator[Callable[..., Pulls]]:
    """`pulls(settings(...), ...)` gives the pulls of these sources into the test's ledger."""
    opened: list[Pulls] = []

    def start(*sources: PullSettings) -> Pulls:
        opened.append(Pulls(engine, sources, clock))
        return opened[-1]

    yield start
    for one in opened:
        one.end()
