"""The source: a view of all members, turned into a snapshot by each facet."""

from __future__ import annotations

from typing import Final

from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import TargetError
from stackledger.integrations.postgres.config import PostgresTarget
from stackledger.integrations.postgres.core import samples as core
from stackledger.integrations.postgres.core import table_queries as tables
from stackledger.integrations.postgres.query import Answer
from stackledger.integrations.postgres.replication import samples as replication
from stackledger.integrations.postgres.state import PostgresState
from stackledger.integrations.postgres.sweep import Members
from stackledger.integrations.postgres.view import ClusterView, NodeView

CLUSTER: Final = "cluster"
"""Key of the part that speaks of the whole cluster."""


class PostgresSource:
    """One cluster. Every configured node is in the snapshot, read or failed, so that silence is told at once."""

    def __init__(self, opening: Opening[PostgresTarget, PostgresState]) -> None:
        self._state = opening.state
        self._members = Members(opening.settings, opening.state, opening.clock, seconds=opening.timeout_seconds)

    async def sweep(self, lane: str) -> Snapshot:
        """Read all members. Never raises for a node that cannot be read."""
        if lane == "slow":
            view = await self._members.read_slow()
            self._keep_statements(view)
            return Snapshot({node.address: _part(node) for node in view.nodes}, view.silent, _facets(view))
        view = await self._members.read_fast()
        self._keep_tables(view)
        replication.observe(self._state, view)
        cluster = Part(view.now)
        replication.add_cluster(cluster, view, self._state)
        parts = {node.address: _fast_part(node) for node in view.nodes}
        return Snapshot({**parts, CLUSTER: cluster}, view.silent, _facets(view))

    async def close(self) -> None:
        """Give up every connection."""
        self._members.close()

    def _keep_tables(self, view: ClusterView) -> None:
        for node in view.nodes:
            if tables.TABLES in node.answers:
                self._state.tables[node.address] = _column(node.answers[tables.TABLES], "oid")

    def _keep_statements(self, view: ClusterView) -> None:
        for node in view.nodes:
            for query, answer in node.answers.items():
                if query.facet == "statements":
                    self._state.statements[node.address] = _column(answer, "queryid")


def _column(answer: Answer, name: str) -> list[int]:
    place = answer.columns.index(name)
    return [row[place] for row in answer.rows]


def _part(node: NodeView) -> Part:
    part = Part(node.read_at, instance=node.address)
    core.add(part, node)
    return part


def _fast_part(node: NodeView) -> Part:
    part = _part(node)
    core.add_identity(part, node)
    replication.add(part, node)
    return part


def _facets(view: ClusterView) -> dict[str, TargetError | None]:
    """How each kind of read went: the first error of any node, or None."""
    facets: dict[str, TargetError | None] = {}
    for node in view.nodes:
        for query in node.answers:
            facets.setdefault(query.facet, None)
        for query, error in node.failed.items():
            facets[query.facet] = facets.get(query.facet) or error
    facets.pop("session", None)
    return facets
