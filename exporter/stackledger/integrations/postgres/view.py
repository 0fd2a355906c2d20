"""What one sweep saw of all members, as one immutable view. Facets read it; nobody changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stackledger.errors import TargetError
from stackledger.integrations.postgres.query import Answer, Query

IDENTITY: Final = Query(
    "identity",
    """
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
           r.recovering,
           COALESCE(CASE WHEN r.recovering THEN (SELECT received_tli FROM pg_stat_wal_receiver)
                    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
                    (SELECT timeline_id FROM pg_control_checkpoint())) AS timeline,
           CASE WHEN r.recovering THEN NULL ELSE (pg_current_wal_lsn() - '0/0')::int8 END AS written,
           (pg_last_wal_receive_lsn() - '0/0')::int8 AS received,
           (pg_last_wal_replay_lsn() - '0/0')::int8 AS replayed,
           (SELECT status FROM pg_stat_wal_receiver) AS receiver,
           (SELECT slot_name FROM pg_stat_wal_receiver) AS slot,
           (SELECT substring(conninfo FROM 'application_name=([^ ]+)') FROM pg_stat_wal_receiver) AS receiver_name,
           current_setting('cluster_name') AS cluster_name,
           version() AS version, current_setting('server_version') AS short_version,
           extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
           (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
            WHERE e.extname = 'pg_stat_statements') AS statements_schema
    FROM (SELECT pg_is_in_recovery() AS recovering) r
    """,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is and where it stands. LSNs are byte positions; `received` and `replayed` are a standby's.

    `receiver` is the state of its WAL receiver, None when none runs. `receiver_name` is the name that it gives itself
    upstream, `slot` the slot that it uses there.
    """

    system_identifier: str
    recovering: bool
    timeline: int
    written: int | None
    received: int | None
    replayed: int | None
    receiver: str | None
    slot: str | None
    receiver_name: str | None
    cluster_name: str
    version: str
    short_version: str
    started: float
    statements_schema: str | None

    @property
    def name(self) -> str:
        """What it is called in its upstream's pg_stat_replication."""
        return self.receiver_name or self.cluster_name or "walreceiver"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node that answered, at wall time `read_at`."""

    address: str
    read_at: float
    identity: Identity
    answers: Mapping[Query, Answer]
    failed: Mapping[Query, TargetError]


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All members: those that answered, and why the others did not. `now` is wall time at the end of the sweep."""

    now: float
    nodes: tuple[NodeView, ...]
    silent: Mapping[str, TargetError]

    @property
    def primary(self) -> NodeView | None:
        """The node that takes writes; of several, the one on the newest timeline that has written most."""
        writable = [node for node in self.nodes if not node.identity.recovering]
        return max(writable, key=lambda node: (node.identity.timeline, node.identity.written or 0), default=None)


def identity_of(answer: Answer) -> Identity:
    """The one row of IDENTITY."""
    return Identity(*answer.rows[0])
