"""PostgreSQL taken away at every point of a commit, given back, filled up, or written by somebody else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lab.postgres import SUPERUSER, PostgresCluster
from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.apply import Applier, Gathered
from stackledger.ledger.engines.postgres.engine import PostgresEngine
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.record import Record, encode
from tests.integration.ledger.building import PRICES, Ledger, event, varied

pytestmark = pytest.mark.real("postgres")
_names = itertools.count(1)


@pytest.fixture
def schema() -> str:
    return f"faults_{next(_names)}"


@pytest.fixture
def engine(postgres_dsn: str, schema: str) -> Iterator[PostgresEngine]:
    one = PostgresEngine(postgres_dsn, schema)
    yield one
    one.close()


class _Failing:
    """The writer's connection, which is cut when a statement with these words comes."""

    def __init__(self, engine: PostgresEngine, words: str, cut: Callable[[], None]) -> None:
        self._writer = engine._writer
        self._real = engine._writer._open
        self._words, self._cut = words, cut
        engine._writer._open = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, query: Any, *rest: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if self._words in text:
            self._cut()
        return self._real.execute(query, *rest)


def _kill_session(server: PostgresCluster, engine: PostgresEngine) -> None:
    pid = engine._writer._open.info.backend_pid
    server.sql(server.nodes[0], "SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.parametrize("words", ["UPDATE writer", "SELECT inbox", "unnest", "UPDATE progress"])
def test_a_session_that_ends_within_a_commit(postgres_server: Any, engine: PostgresEngine, words: str) -> None:
    ledger = Ledger(engine)
    ledger.put(varied(range(50)), 1)
    before = ledger.state()
    _Failing(engine, words, lambda: _kill_session(postgres_server, engine))
    with pytest.raises(StorageError) as told:
        ledger.put(varied(range(40, 90)), 2)
    assert "ledger-secret" not in str(told.value)
    assert ledger.state() == before
    assert engine.progress() == 1
    assert ledger.put(varied(range(40, 90)), 2).stored == 40
    assert ledger.one("SELECT count(*) FROM llm_call") == 90
    assert ledger.consistent()


@pytest.mark.parametrize("kept", [True, False])
def test_a_commit_whose_answer_is_lost(engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> None:
    """The same rows, with the numbers they had, go in once; new names do too."""
    ledger = Ledger(engine)
    ledger.put(varied(range(50)), 1)
    applier = ledger._applier
    events = [*varied(range(40, 90)), event("new", user="new", team="new")]
    rows = applier.rows(Gathered(events, [2] * 51, [], 2), {})
    real = engine._writer._open
    commit = psycopg.Transaction._commit_gen

    def lost(self: Any) -> Any:
        if self.connection is real:
            if kept:
                yield from commit(self)
            real.close()
            raise psycopg.OperationalError("the connection was lost")
        yield from commit(self)

    monkeypatch.setattr(psycopg.Transaction, "_commit_gen", lost)
    with pytest.raises(StorageError):
        engine.apply(rows, [], 2)
    assert engine.progress() == (2 if kept else 1)
    applied = engine.apply(rows, [], 2)
    assert (applied.stored, applied.duplicates) == ((0, 51) if kept else (41, 10))
    assert ledger.put([event("newer", user="newer", team="new")], 3).stored == 1
    assert ledger.one("SELECT count(*) FROM llm_call") == 92
    assert ledger.one("SELECT count(*) - count(DISTINCT name) FROM person") == 0
    assert ledger.consistent()


def test_a_second_writer_is_told_who_holds_it(postgres_dsn: str, schema: str, engine: PostgresEngine) -> None:
    with pytest.raises(StorageError, match=rf"schema {schema}.*held by another process \(stackledger, session \d+"):
        PostgresEngine(postgres_dsn, schema)
    other = PostgresEngine(postgres_dsn, f"{schema}_other")  # another schema is another ledger
    other.close()
    Ledger(engine).put([event(1)], 1)


def test_a_writer_that_was_replaced_begins_again(
    postgres_server: Any, postgres_dsn: str, schema: str, engine: PostgresEngine
) -> None:
    ledger = Ledger(engine)
    ledger.put([event(1)], 1)
    stale = ledger._applier
    (number,) = engine.people(["mine"])
    _kill_session(postgres_server, engine)
    other = PostgresEngine(postgres_dsn, schema)
    assert other.people(["theirs"]) == [number]
    Ledger(other).put([event(2, user="theirs")], 2)
    with pytest.raises(StorageError):  # the lost connection, then the other that holds the lock
        ledger.put([event(3, user="mine")], 3)
    with pytest.raises(StorageError, match="held by"):
        ledger.put([event(3, user="mine")], 3)
    other.close()
    with pytest.raises(StorageError, match="was written by another process"):
        engine.people(["mine", "new"])
    rows = stale.rows(Gathered([event(3, user="mine")], [3], [], 3), {3: 3})
    assert engine.apply(rows, [], 3).stored == 1
    found = engine.query("SELECT c.id, p.name FROM llm_call c JOIN person p ON p.id = c.person ORDER BY c.id")
    assert found == [("call-1", "u"), ("call-2", "theirs"), ("call-3", "mine")]


def test_rows_with_numbers_from_before_are_not_taken(
    postgres_server: Any, postgres_dsn: str, schema: str, engine: PostgresEngine
) -> None:
    ledger = Ledger(engine)
    rows = ledger._applier.rows(Gathered([event(1, user="mine")], [1], [], 1), {})
    _kill_session(postgres_server, engine)
    other = PostgresEngine(postgres_dsn, schema)
    Ledger(other).put([event(2, user="theirs")], 1)
    other.close()
    for _ in range(4):
        with pytest.raises(StorageError):
            engine.apply(rows, [], 1)
    assert ledger.put([event(1, user="mine")], 2).stored == 1
    assert ledger.one("SELECT p.name FROM llm_call c JOIN person p ON p.id = c.person WHERE c.id = 'call-1'") == "mine"


def test_a_server_that_goes_and_comes_back(start: Callable[[Any], Any]) -> None:
    server = start(PostgresCluster(standbys=0, durable=True))
    node = server.nodes[0]
    engine = PostgresEngine(server.dsn(node, user=SUPERUSER))
    ledger = Ledger(engine)
    ledger.put(varied(range(50)), 1)
    server.kill(node)
    for _ in range(2):
        with pytest.raises(StorageError):
            ledger.put(varied(range(40, 90)), 2)
        with pytest.raises(StorageError):
            engine.progress()
    server.restart(node)
    try:
        ledger.put(varied(range(40, 90)), 2)
    except StorageError:  # a connection that was lost is noticed by the call that finds it so
        ledger.put(varied(range(40, 90)), 2)
    assert ledger.one("SELECT count(*) FROM llm_call") == 90
    assert ledger.consistent()
    engine.close()
    with pytest.raises(StorageError):
        PostgresEngine(f"host=127.0.0.1 port=1 user=x password={'hidden'} dbname=x")


def test_a_failover_that_loses_commits_takes_them_from_the_inbox_again(
    start: Callable[[Any], Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = start(PostgresCluster(standbys=1, durable=True))
    old, new = server.nodes
    where = f"host=127.0.0.1,127.0.0.1 port={old.port},{new.port} user={SUPERUSER} password={server.password}"
    engine = PostgresEngine(where)
    request.addfinalizer(engine.close)
    inbox = Inbox(tmp_path / "inbox.sqlite")
    request.addfinalizer(inbox.close)
    applier = Applier(inbox, engine, lambda: PRICES)

    def accept(numbers: range) -> None:
        inbox.append([Waiting(1, len(numbers), encode(Record(varied(numbers))))])

    accept(range(50))
    applier.run_once()
    server.wait_caught_up(new)
    server.shut_down(new)  # what comes now, the standby never hears of
    accept(range(40, 90))
    applier.run_once()
    assert applier.through == 2
    server.kill(old)
    server.restart(new)
    server.promote(new)
    accept(range(80, 120))
    stored = 0
    for _ in range(6):
        try:
            applied = applier.run_once()
        except StorageError:
            continue
        stored += applied.stored if applied else 0
    assert (applier.through, stored) == (3, 70)
    ledger = Ledger(engine)
    assert ledger.one("SELECT count(*) FROM llm_call") == 120
    assert (
        ledger.one("SELECT count(*) FROM (SELECT DISTINCT p.name FROM llm_call c JOIN person p ON p.id = c.person) x")
        == 13
    )
    assert ledger.consistent()


def test_a_full_disk_is_told_as_such(
    postgres_server: Any, engine: PostgresEngine, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raised by a trigger with the state that the server uses for it."""
    ledger = Ledger(engine)
    ledger.put([event(1)], 1)
    postgres_server.sql(
        postgres_server.nodes[0],
        f"CREATE FUNCTION {schema}.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
        f" CREATE TRIGGER full_ BEFORE UPDATE ON {schema}.progress FOR EACH ROW EXECUTE FUNCTION {schema}.full()",
        database="ledger",
    )
    with pytest.raises(StorageFullError, match="nothing that was accepted is lost"):
        ledger.put([event(2)], 2)
    postgres_server.sql(postgres_server.nodes[0], f"DROP TRIGGER full_ ON {schema}.progress", database="ledger")
    assert ledger.put([event(2)], 2).stored == 1
    assert ledger.consistent()


def test_a_connection_string_that_cannot_be_read_shows_nothing_of_it() -> None:
    with pytest.raises(StorageError) as told:
        PostgresEngine("host=x password=geheim oops")
    assert "geheim" not in str(told.value)
    assert "oops" not in str(told.value)


def test_reads_outlive_their_connections(postgres_server: Any, engine: PostgresEngine) -> None:
    assert engine.query("SELECT 1") == [(1,)]
    postgres_server.sql(
        postgres_server.nodes[0],
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ledger' AND pid <> %s",
        [engine._writer._open.info.backend_pid],
    )
    assert engine.query("SELECT 1.0 * ?, 1.5::numeric, 'NaN'::numeric::text", [3]) == [(3, Decimal("1.5"), "NaN")]
    with pytest.raises(StorageError):
        engine.query("DELETE FROM llm_call_kept")
