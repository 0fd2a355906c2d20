"""One sweep: all members read at once, each over its own connection, into one view.

Owns who is asked and how long. A member that does not answer costs only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from stackledger.clock import Clock
from stackledger.errors import ProtocolError, TargetError
from stackledger.integrations.postgres.config import PostgresTarget
from stackledger.integrations.postgres.connection import Answers, NodeConnection, Values
from stackledger.integrations.postgres.core import queries as core
from stackledger.integrations.postgres.core import table_queries as tables
from stackledger.integrations.postgres.query import Query
from stackledger.integrations.postgres.replication import queries as replication
from stackledger.integrations.postgres.state import PostgresState
from stackledger.integrations.postgres.view import IDENTITY, ClusterView, NodeView, identity_of

_NODE_SHARE: Final = 0.85  # of the sweep's time, so that what others answered is still told when one hangs
FAST: Final = (IDENTITY, *replication.FAST, *core.FAST, *tables.FAST)
SLOW: Final = (IDENTITY, core.SETTINGS, *tables.SLOW)


class Members:
    """The connections to all configured nodes. The fast lane keeps its own; the slow lane's live for one sweep."""

    def __init__(self, settings: PostgresTarget, state: PostgresState, clock: Clock, *, seconds: float) -> None:
        self._settings = settings
        self._state = state
        self._clock = clock
        self._seconds = seconds * _NODE_SHARE
        self._kept = {address: self._connection(address) for address in settings.nodes}
        self._slow: set[NodeConnection] = set()

    def _connection(self, address: str) -> NodeConnection:
        return NodeConnection(address, self._settings, clock=self._clock, seconds=self._seconds)

    async def read_fast(self) -> ClusterView:
        """Everything that is cheap, over connections that stay open."""
        return await self._read([(connection, FAST) for connection in self._kept.values()])

    async def read_slow(self) -> ClusterView:
        """The heavy reads, over connections of their own, so that they cannot hold up the fast lane."""
        asked: list[tuple[NodeConnection, tuple[Query, ...]]] = []
        for address in self._settings.nodes:
            connection = self._connection(address)
            self._slow.add(connection)
            asked.append((connection, SLOW))
        try:
            return await self._read(asked)
        finally:
            for connection, _ in asked:
                connection.close()
                self._slow.discard(connection)

    def close(self) -> None:
        """Give up every connection."""
        for connection in (*self._kept.values(), *self._slow):
            connection.close()

    async def _read(self, asked: Sequence[tuple[NodeConnection, tuple[Query, ...]]]) -> ClusterView:
        seen = await asyncio.gather(*(self._node(connection, queries) for connection, queries in asked))
        nodes = tuple(node for node in seen if isinstance(node, NodeView))
        silent = {
            connection.address: error
            for (connection, _), error in zip(asked, seen, strict=True)
            if isinstance(error, TargetError)
        }
        return ClusterView(self._clock.now(), nodes, silent)

    async def _node(self, connection: NodeConnection, queries: tuple[Query, ...]) -> NodeView | TargetError:
        began = self._clock.monotonic()
        try:
            answers = await connection.ask(queries, self._values(connection.address))
            if IDENTITY not in answers.given:
                return answers.failed[IDENTITY]
            read_at = self._clock.now()
            node = _view(connection.address, read_at, answers)
            return node if queries is not SLOW else await self._with_statements(connection, node, began)
        except TargetError as error:
            return error

    async def _with_statements(self, connection: NodeConnection, node: NodeView, began: float) -> NodeView:
        """The node with its statements too, where the extension is installed: its schema is known only now."""
        if node.identity.statements_schema is None:
            return node
        query = tables.statements(node.identity.statements_schema)
        spent = self._clock.monotonic() - began
        try:
            answers = await connection.ask((query,), self._values(connection.address), spent=spent)
        except TargetError as error:
            return replace(node, failed={**node.failed, query: error})
        return replace(node, answers={**node.answers, **answers.given}, failed={**node.failed, **answers.failed})

    def _values(self, address: str) -> Values:
        return {
            "tables_top": str(self._settings.tables_top),
            "tables_kept": _array(self._state.tables, address),
            "statements_top": str(self._settings.statements_top),
            "statements_kept": _array(self._state.statements, address),
        }


def _array(kept: Mapping[str, list[int]], address: str) -> str:
    return "{" + ",".join(map(str, kept.get(address, ()))) + "}"


def _view(address: str, read_at: float, answers: Answers) -> NodeView:
    given = dict(answers.given)
    identity = given.pop(IDENTITY)
    if len(identity.rows) != 1:
        raise ProtocolError(f"{address}: the server does not say who it is; is this PostgreSQL itself?")
    return NodeView(address, read_at, identity_of(identity), given, answers.failed)
