"""The tables in PostgreSQL: how they are made, brought to a newer format, and spread over the nodes of Citus.

`llm_call` is one plain table (behind a view), not partitions by day. Partitions would make dropping old days cheap, but
the key would then need a partition for every day of 400 before its first event, each lookup of a batch would plan over
all of them, and Citus would multiply them by its shards. Retention is rare and deletes whole days, which lie together
in the order of their arrival; the same order lets a block range index on time, a few pages in all, serve reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from stackledger.errors import StorageError
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.dimensions import CONTEXT_FIELDS
from stackledger.ledger.engines.base import SCHEMA_VERSION, schema

CALLS: Final = "llm_call_kept"
"""The table behind the view `llm_call`. A bucket that was not used is NULL in it and 0 in the view: most buckets of a
call are, and 0 would take eight bytes for each: 300 bytes a row in place of 175."""

# Byte order, as in the embedded engine: an id is a name, not a word of some language, and comparing bytes is cheap.
_TEXT: Final = 'TEXT COLLATE "C"'
_PLAIN: Final = ("source_id", "day", "id", "ts", "context", "person", "rate", "cost", "batch")
_SHOWN: Final = ", ".join((*_PLAIN, *(f"coalesce({name}, 0) AS {name}" for name in BUCKETS)))

_CONTEXT: Final = ", ".join(f"c.{name}" for name in CONTEXT_FIELDS)
_USD: Final = "::numeric / 1000000000000"
_CALL_COST: Final = f"""
CREATE VIEW call_cost AS
SELECT to_timestamp(k.ts / 1000000.0) AS time, k.id, p.name AS user_name, {_CONTEXT},
    (CASE WHEN x.corrected THEN x.cost ELSE k.cost END){_USD} AS cost_usd, {", ".join(f"k.{name}" for name in BUCKETS)}
FROM llm_call k JOIN context c ON c.id = k.context JOIN person p ON p.id = k.person
LEFT JOIN LATERAL (
    SELECT true AS corrected, t.cost FROM correction t
    WHERE t.source_id = k.source_id AND t.day = k.day AND t.id = k.id ORDER BY t.number DESC LIMIT 1
) x ON true
"""
_QUARTER_COST: Final = f"""
CREATE VIEW quarter_cost AS
SELECT to_timestamp(q.quarter * 900) AS time, {_CONTEXT}, q.events, q.unpriced, q.cost{_USD} AS cost_usd,
    {", ".join(f"q.{name}" for name in BUCKETS)}
FROM quarter q JOIN context c ON c.id = q.context
"""
VIEWS: Final = (_CALL_COST, _QUARTER_COST)
"""For Grafana's own data source and for people with SQL: names, times and exact USD in place of numbers."""

MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {}
"""What brings a ledger of that format to the next one."""

CITUS: Final[tuple[str, ...]] = (
    # By id: calls spread evenly and a batch is written by all nodes at once. By day, today's node would do all the work
    # of today; by source there are few values, and one of them is often most of the traffic. The key has the id in it,
    # so that each node alone guards its share of the keys.
    f"SELECT create_distributed_table('{CALLS}', 'id')",
    f"SELECT create_distributed_table('correction', 'id', colocate_with => '{CALLS}')",
    # Names stand on every node, so that joins with them never leave a node.
    *(f"SELECT create_reference_table('{name}')" for name in ("source", "context", "person", "rate")),
    # quarter, refusal, progress and writer are small and stay on the coordinator. A commit is one two-phase commit; but
    # a read that comes during it may see the share of one node before that of another, unlike on a single server.
)


def statements() -> list[str]:
    """What makes an empty ledger."""
    made = schema("NUMERIC", text=_TEXT, calls=CALLS, count="BIGINT")
    return [
        *made,
        f"ALTER TABLE {CALLS} ADD PRIMARY KEY (source_id, day, id)",
        f"CREATE INDEX {CALLS}_time ON {CALLS} USING brin (ts, day) WITH (autosummarize = on)",
        f"CREATE VIEW llm_call AS SELECT {_SHOWN} FROM {CALLS}",
        *VIEWS,
        "CREATE INDEX person_name ON person (name)",  # not unique: erased users may share a name
        "CREATE INDEX correction_call ON correction (source_id, day, id)",
        "CREATE INDEX quarter_quarter ON quarter (quarter)",
        # Who writes, and how often it has: a writer that was cut off knows by it what happened to its last commit.
        f"CREATE TABLE writer (holder {_TEXT} NOT NULL, commits BIGINT NOT NULL)",
        "INSERT INTO writer VALUES ('', 0)",
        "CREATE TABLE schema_version (version INTEGER NOT NULL)",
        f"INSERT INTO schema_version VALUES ({SCHEMA_VERSION})",
    ]


def prepare(connection: psycopg.Connection[Any], name: str, migrations: Mapping[int, Sequence[str]]) -> None:
    """Make the tables in the schema `name`, or bring them to this format. The caller holds the writer's lock."""
    with connection.transaction():
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone():
            connection.execute(psycopg.sql.SQL("CREATE SCHEMA {}").format(psycopg.sql.Identifier(name)))
        if connection.execute("SELECT 1 WHERE to_regclass('schema_version') IS NOT NULL").fetchone():
            _migrate(connection, name, migrations)
            return
        has_citus = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone()
        for statement in [*statements(), *(CITUS if has_citus else ())]:
            connection.execute(statement.encode())


def _migrate(connection: psycopg.Connection[Any], name: str, migrations: Mapping[int, Sequence[str]]) -> None:
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    version = int(row[0]) if row else 0
    newest = max([SCHEMA_VERSION, *(one + 1 for one in migrations)])
    if version > newest:
        raise StorageError(f"schema {name} was written by a newer stackledger (format {version}): use that one")
    while version < newest:
        if version not in migrations:
            raise StorageError(f"schema {name} has format {version}, which this stackledger cannot bring to {newest}")
        for statement in migrations[version]:
            connection.execute(statement.encode())
        version += 1
    connection.execute("UPDATE schema_version SET version = %s", [version])
