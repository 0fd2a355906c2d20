"""The statements about streams and slots, on any node."""

from __future__ import annotations

from typing import Final

from stackledger.integrations.postgres.query import Query

# A stream that two connections share (a standby that reconnects) is one row: the better of both. Positions are told
# only of one that stands alone, for nobody knows which of two is the one that lives.
STREAMS: Final = Query(
    "streams",
    """
    SELECT application_name, COALESCE(host(client_addr), '') AS client_addr, max(state) AS state,
           max(sync_state) AS sync_state,
           CASE WHEN pg_is_in_recovery() THEN NULL
                ELSE min(greatest(pg_current_wal_lsn() - sent_lsn, 0))::float8 END AS unsent,
           min(extract(epoch FROM write_lag))::float8 AS write_lag,
           min(extract(epoch FROM flush_lag))::float8 AS flush_lag,
           min(extract(epoch FROM replay_lag))::float8 AS replay_lag,
           CASE WHEN count(*) = 1 THEN min((flush_lsn - '0/0')::int8) END AS flushed,
           CASE WHEN count(*) = 1 THEN min((replay_lsn - '0/0')::int8) END AS replayed,
           array_remove(array_agg((SELECT slot_name::text FROM pg_replication_slots s WHERE s.active_pid = r.pid)),
                        NULL) AS slots
    FROM pg_stat_replication r WHERE state <> 'backup' GROUP BY 1, 2
    """,
)
SLOTS: Final = Query(
    "slots",
    """
    SELECT slot_name, slot_type, COALESCE(database, '') AS database, active::int AS active, wal_status,
           (h.lsn - restart_lsn)::float8 AS retained, (h.lsn - '0/0')::float8 AS current,
           CASE WHEN active THEN (confirmed_flush_lsn - '0/0')::float8 END AS confirmed,
           safe_wal_size::float8 AS safe
    FROM pg_replication_slots, LATERAL (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                               ELSE pg_current_wal_lsn() END AS lsn) h
    ORDER BY slot_name
    """,
)
PEER_LAG: Final = Query(
    "peer lag",
    """
    SELECT pg_is_in_recovery()::int AS is_replica, t.age AS last_replay,
           CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE t.age END AS lag
    FROM (SELECT CASE WHEN pg_last_xact_replay_timestamp() IS NOT NULL THEN
              greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp()))::float8 END AS age) t
    """,
)

FAST: Final = (STREAMS, SLOTS, PEER_LAG)
