"""Metrics of replication: postgres_exporter's names where they exist, ours where the peer has none or is wrong.

Owns no maths (`lag`). `pg_replication_lag_seconds` keeps the peer's meaning for people's boards and rules, though it
reads 0 while a stream stands still; nothing of ours uses it.
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Kind, Label, Metric, drop_after
from stackledger.integrations.postgres.core.metrics import PEER, ApplicationName
from stackledger.units import BYTES, COUNT, SECONDS, STATE, TIMESTAMP

_NODES: Final = 64
_SLOTS: Final = 100
_STREAMS: Final = 100
_SLOT_CONDITION: Final = "a replication slot"
_STREAM_CONDITION: Final = "write-ahead log on its way to a standby"


class Standby(Label):
    """Address of the standby as it stands in the configuration."""

    bounded = False
    cap = _NODES


class SystemIdentifier(Label):
    """Identity that initdb gave the cluster; all its copies share it (pg_control_system)."""

    bounded = False
    cap = _NODES


class SlotName(Label):
    """Name of the replication slot (pg_replication_slots)."""

    bounded = False
    cap = _SLOTS


class SlotType(Label):
    """Type of the replication slot (pg_replication_slots)."""

    values = ("physical", "logical")


class Database(Label):
    """Database of a logical slot, empty for a physical one (pg_replication_slots)."""

    bounded = False
    cap = _SLOTS


class WalStatus(Label):
    """Whether the files that the slot needs are kept (pg_replication_slots)."""

    values = ("reserved", "extended", "unreserved", "lost")


class ClientAddr(Label):
    """Address that the standby connects from, empty for a Unix socket (pg_stat_replication)."""

    bounded = False
    cap = _STREAMS


class StreamState(Label):
    """State of the WAL sender (pg_stat_replication)."""

    name = "state"
    values = ("startup", "catchup", "streaming", "backup", "stopping")


class SyncState(Label):
    """Whether commits wait for this standby (pg_stat_replication)."""

    values = ("async", "potential", "sync", "quorum")


# -- one node, the peer's names --------------------------------------------------------------------------------------

IS_REPLICA = Metric(
    "pg_replication_is_replica", Kind.GAUGE, STATE, "1 on a standby, 0 on a primary (pg_is_in_recovery).", compat=PEER
)
PEER_LAG = Metric(
    "pg_replication_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Age of the last replayed transaction unless all that was received is replayed, then 0; it is 0 also when the "
    "stream stands still, so alert on stackledger_postgres_standby_replay_lag_seconds (pg_last_xact_replay_timestamp).",
    compat=PEER,
    conditional="a server that has been a primary, or a standby that replayed a transaction",
)
LAST_REPLAY = Metric(
    "pg_replication_last_replay_seconds",
    Kind.GAUGE,
    SECONDS,
    "Seconds since the last replayed transaction; it grows on an idle cluster too (pg_last_xact_replay_timestamp).",
    compat=PEER,
    conditional="a standby that replayed a transaction",
)
SLOT_ACTIVE = Metric(
    "pg_replication_slots_active",
    Kind.GAUGE,
    STATE,
    "1 while somebody reads from the slot (pg_replication_slots active).",
    labels=(SlotName, Database),
    budget=_SLOTS,
    compat=PEER,
    conditional=_SLOT_CONDITION,
)
SLOT_RETAINED = Metric(
    "pg_replication_slots_pg_wal_lsn_diff",
    Kind.GAUGE,
    BYTES,
    "Bytes of write-ahead log that the slot holds back (pg_replication_slots restart_lsn).",
    labels=(SlotName, Database),
    budget=_SLOTS,
    compat=PEER,
    conditional=_SLOT_CONDITION,
)
SLOT_CURRENT = Metric(
    "pg_replication_slots_slot_current_wal_lsn",
    Kind.GAUGE,
    BYTES,
    "Position of the server's write-ahead log in bytes (pg_current_wal_lsn).",
    labels=(SlotName, SlotType),
    budget=_SLOTS,
    compat=PEER,
    conditional=_SLOT_CONDITION,
)
SLOT_CONFIRMED = Metric(
    "pg_replication_slots_slot_confirmed_flush_lsn",
    Kind.GAUGE,
    BYTES,
    "Position that the reader of an active logical slot has confirmed, in bytes (pg_replication_slots).",
    labels=(SlotName, SlotType),
    budget=_SLOTS,
    compat=PEER,
    conditional="an active logical slot",
)
SLOT_IS_ACTIVE = Metric(
    "pg_replication_slots_slot_is_active",
    Kind.GAUGE,
    STATE,
    "1 while somebody reads from the slot (pg_replication_slots active).",
    labels=(SlotName, SlotType),
    budget=_SLOTS,
    compat=PEER,
    conditional=_SLOT_CONDITION,
)
SLOT_SAFE = Metric(
    "pg_replication_slots_safe_wal_size_bytes",
    Kind.GAUGE,
    BYTES,
    "Bytes that can still be written before the slot is in danger (pg_replication_slots safe_wal_size).",
    labels=(SlotName, SlotType),
    budget=_SLOTS,
    compat=PEER,
    conditional="max_slot_wal_keep_size set",
)
SLOT_WAL_STATUS = Metric(
    "pg_replication_slots_wal_status",
    Kind.INFO,
    STATE,
    "Whether the files that the slot needs are kept, in a label (pg_replication_slots wal_status).",
    labels=(SlotName, SlotType, WalStatus),
    budget=_SLOTS,
    compat=PEER,
    conditional=_SLOT_CONDITION,
)

# -- one node, ours --------------------------------------------------------------------------------------------------

TIMELINE = Metric(
    "stackledger_postgres_timeline",
    Kind.GAUGE,
    COUNT,
    "Number of the timeline that the node writes or follows; it rises by one at each promotion "
    "(pg_control_checkpoint).",
)
POSITION = Metric(
    "stackledger_postgres_wal_written_bytes_total",
    Kind.COUNTER,
    BYTES,
    "Position of a primary's write-ahead log, so its rate is what is written (pg_current_wal_lsn).",
)
STREAM = Metric(
    "stackledger_postgres_stream_info",
    Kind.INFO,
    STATE,
    "A standby that the node feeds, with the stream's state and whether commits wait for it (pg_stat_replication).",
    labels=(ApplicationName, ClientAddr, StreamState, SyncState),
    budget=_STREAMS,
    missing=drop_after(1),
)
STREAM_UNSENT = Metric(
    "stackledger_postgres_stream_unsent_bytes",
    Kind.GAUGE,
    BYTES,
    "Bytes written but not yet sent to the standby (pg_stat_replication sent_lsn).",
    labels=(ApplicationName, ClientAddr),
    budget=_STREAMS,
    missing=drop_after(1),
)
STREAM_WRITE_LAG = Metric(
    "stackledger_postgres_stream_write_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time until the standby said it had written; absent when nothing is under way (pg_stat_replication write_lag).",
    labels=(ApplicationName, ClientAddr),
    budget=_STREAMS,
    conditional=_STREAM_CONDITION,
    missing=drop_after(1),
)
STREAM_FLUSH_LAG = Metric(
    "stackledger_postgres_stream_flush_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time until the standby said it had flushed; absent when nothing is under way (pg_stat_replication flush_lag).",
    labels=(ApplicationName, ClientAddr),
    budget=_STREAMS,
    conditional=_STREAM_CONDITION,
    missing=drop_after(1),
)
STREAM_REPLAY_LAG = Metric(
    "stackledger_postgres_stream_replay_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time until the standby said it had replayed; absent when nothing is under way (pg_stat_replication replay_lag).",
    labels=(ApplicationName, ClientAddr),
    budget=_STREAMS,
    conditional=_STREAM_CONDITION,
    missing=drop_after(1),
)

# -- the cluster -----------------------------------------------------------------------------------------------------

WRITABLE = Metric(
    "stackledger_postgres_writable_nodes",
    Kind.GAUGE,
    COUNT,
    "Nodes that are not in recovery; absent when none is known and one that we cannot read may be (pg_is_in_recovery).",
    node=False,
    missing=drop_after(1),
)
WRITABLE_COPIES = Metric(
    "stackledger_postgres_writable_copies",
    Kind.GAUGE,
    COUNT,
    "Nodes with the same identity that take writes; above 1 they drift apart (pg_control_system, pg_is_in_recovery).",
    labels=(SystemIdentifier,),
    budget=_NODES,
    node=False,
    missing=drop_after(1),
)
STANDBY_CONNECTED = Metric(
    "stackledger_postgres_standby_connected",
    Kind.GAUGE,
    STATE,
    "1 if a node lists the standby among those it feeds, 0 if none that answers does (pg_stat_replication).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
RECEIVE_LAG_BYTES = Metric(
    "stackledger_postgres_standby_receive_lag_bytes",
    Kind.GAUGE,
    BYTES,
    "Bytes written and not received, by the standby or, when we cannot read it, by its stream (pg_current_wal_lsn).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
REPLAY_LAG_BYTES = Metric(
    "stackledger_postgres_standby_replay_lag_bytes",
    Kind.GAUGE,
    BYTES,
    "Bytes written and not replayed, by the standby or, when we cannot read it, by its stream (pg_current_wal_lsn).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
REPLAY_LAG = Metric(
    "stackledger_postgres_standby_replay_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time since the primary was first seen past what the standby has replayed, 0 when level (own sweep's positions).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
STALLED = Metric(
    "stackledger_postgres_standby_stalled_seconds",
    Kind.GAUGE,
    SECONDS,
    "For how long the standby has received nothing though the primary is ahead; 0 when level or receiving (own sweep).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
STANDBY_SEEN = Metric(
    "stackledger_postgres_standby_position_timestamp_seconds",
    Kind.GAUGE,
    TIMESTAMP,
    "When the standby's position was last known, from itself or from the node that feeds it (own sweep).",
    labels=(Standby,),
    budget=_NODES,
    node=False,
    conditional="a standby",
)
