"""The tables in PostgreSQL: brought to a newer format, and spread by Citus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.postgres import SUPERUSER, PostgresCluster
from stackledger.errors import StorageError
from stackledger.ledger.engines.base import SCHEMA_VERSION
from stackledger.ledger.engines.postgres import tables
from stackledger.ledger.engines.postgres.engine import PostgresEngine
from tests.integration.ledger.building import Ledger, varied

pytestmark = pytest.mark.real("postgres")


def test_a_newer_format_is_left_alone_and_an_older_one_is_brought_forward(postgres_dsn: str) -> None:
    schema = "formats"
    PostgresEngine(postgres_dsn, schema).close()
    steps = {SCHEMA_VERSION: ["ALTER TABLE refusal ADD COLUMN extra TEXT"]}
    engine = PostgresEngine(postgres_dsn, schema, migrations=steps)
    assert engine.query("SELECT version FROM schema_version") == [(SCHEMA_VERSION + 1,)]
    assert engine.query("SELECT extra FROM refusal") == []
    engine.close()
    PostgresEngine(postgres_dsn, schema, migrations=steps).close()
    with pytest.raises(StorageError, match="newer stackledger"):
        PostgresEngine(postgres_dsn, schema)


def test_citus_is_asked_to_spread_the_tables(start: Callable[[Any], Any]) -> None:
    """A stand-in: Citus is not packaged with Debian, so its functions are recorded here and nothing is distributed."""
    server = start(PostgresCluster(standbys=0, settings={"allow_system_table_mods": "on"}))
    node = server.nodes[0]
    server.sql(
        node,
        "CREATE TABLE asked (n serial, what text);"
        "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " VALUES (99999, 'citus', 10, 11, false, '12.1');"
        "CREATE FUNCTION pg_catalog.create_distributed_table(regclass, text, colocate_with text DEFAULT '')"
        " RETURNS void LANGUAGE sql AS"
        " $$ INSERT INTO public.asked (what) VALUES ($1::text || ' by ' || $2 || ' with ' || $3) $$;"
        "CREATE FUNCTION pg_catalog.create_reference_table(regclass) RETURNS void"
        " LANGUAGE sql AS $$ INSERT INTO public.asked (what) VALUES ($1::text) $$",
    )
    engine = PostgresEngine(server.dsn(node, user=SUPERUSER))
    asked = [what for (what,) in engine.query("SELECT what FROM public.asked ORDER BY n")]
    assert asked == [
        "llm_call_kept by id with ", "correction by id with llm_call_kept", "source", "context", "person", "rate",
    ]  # fmt: skip
    assert len(tables.CITUS) == len(asked)
    assert Ledger(engine).put(varied(range(20)), 1).stored == 20
    key = (
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
    )
    found = engine.query(key + "WHERE i.indrelid = 'llm_call_kept'::regclass AND i.indisprimary")
    assert ("id",) in found  # Citus wants the column it distributes by in every unique key
    engine.close()
