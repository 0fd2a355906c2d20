"""From the view of all members to samples of replication. `observe` alone changes what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stackledger.collect.snapshot import Part
from stackledger.errors import AuthError
from stackledger.integrations.postgres.failure import NotServingError
from stackledger.integrations.postgres.query import Family, Query
from stackledger.integrations.postgres.replication import lag
from stackledger.integrations.postgres.replication import metrics as m
from stackledger.integrations.postgres.replication import queries as q
from stackledger.integrations.postgres.state import PostgresState, StandbyMemory
from stackledger.integrations.postgres.view import ClusterView, Identity, NodeView

_STREAM: Final = {
    "unsent": m.STREAM_UNSENT,
    "write_lag": m.STREAM_WRITE_LAG,
    "flush_lag": m.STREAM_FLUSH_LAG,
    "replay_lag": m.STREAM_REPLAY_LAG,
}
_SLOT: Final = {
    "active": m.SLOT_IS_ACTIVE,
    "current": m.SLOT_CURRENT,
    "confirmed": m.SLOT_CONFIRMED,
    "safe": m.SLOT_SAFE,
}
_PEER: Final = {"is_replica": m.IS_REPLICA, "last_replay": m.LAST_REPLAY, "lag": m.PEER_LAG}
FAMILIES: Final = (
    Family(q.STREAMS, ("application_name", "client_addr"), _STREAM),
    Family(q.SLOTS, ("slot_name", "database"), {"active": m.SLOT_ACTIVE, "retained": m.SLOT_RETAINED}),
    Family(q.SLOTS, ("slot_name", "slot_type"), _SLOT),
    Family(q.PEER_LAG, (), _PEER),
)


def add(part: Part, node: NodeView) -> None:
    """What one node tells of its own place and of the streams that it feeds."""
    for family in FAMILIES:
        if family.query in node.answers:
            family.add(part, node.answers[family.query])
    part.add(m.TIMELINE, node.identity.timeline)
    part.add(m.POSITION, node.identity.written)
    for stream in _records(node, q.STREAMS):
        keys = ("application_name", "client_addr", "state", "sync_state")
        part.add(m.STREAM, 1, *(str(stream[key]) for key in keys))
    for slot in _records(node, q.SLOTS):
        if slot["wal_status"] is not None:
            part.add(m.SLOT_WAL_STATUS, 1, slot["slot_name"], slot["slot_type"], slot["wal_status"])


def observe(state: PostgresState, view: ClusterView) -> None:
    """Note where the primary is and where each standby is; forget nodes that are not configured any more."""
    primary = view.primary
    if primary is not None and primary.identity.written is not None:
        lag.follow(state.track, primary.identity.system_identifier, primary.read_at, primary.identity.written)
    configured = {node.address for node in view.nodes} | view.silent.keys()
    for address in state.standbys.keys() - configured:
        del state.standbys[address]
    for node in view.nodes:
        sight = _sight(node.identity)
        if not node.identity.recovering:
            state.standbys.pop(node.address, None)
        elif sight is not None and _related(node, primary):
            written = None if primary is None else primary.identity.written
            memory = state.standbys.get(node.address)
            state.standbys[node.address] = lag.remember(memory, sight, view.now, written)
    if primary is not None:
        _observe_silent(state, view, primary)


def _observe_silent(state: PostgresState, view: ClusterView, primary: NodeView) -> None:
    """Standbys that we could not read, as the nodes that feed them see them."""
    for address in state.standbys.keys() & view.silent.keys():
        memory = state.standbys[address]
        sight = _told_by_its_feeder(view, primary, memory)
        namesakes = sum(other.slot == memory.slot and other.name == memory.name for other in state.standbys.values())
        if sight is not None and namesakes == 1:
            state.standbys[address] = lag.remember(memory, sight, view.now, primary.identity.written)


def _told_by_its_feeder(view: ClusterView, primary: NodeView, memory: StandbyMemory) -> lag.Sight | None:
    """Where the one stream to the standby stands. What it was already seen to have, it has still."""
    nodes = [node for node in view.nodes if _related(node, primary)]
    streams = [stream for node in nodes for stream in _records(node, q.STREAMS) if _feeds(stream, memory)]
    if len(streams) != 1 or streams[0]["flushed"] is None or streams[0]["replayed"] is None:
        return None
    received = max(int(streams[0]["flushed"]), memory.received)
    return lag.Sight(received, max(int(streams[0]["replayed"]), memory.replayed), memory.name, memory.slot)


def add_cluster(part: Part, view: ClusterView, state: PostgresState) -> None:
    """What only all members together tell."""
    _add_writable(part, view, state)
    primary = view.primary
    for address, memory in sorted(state.standbys.items()):
        part.add(m.STANDBY_SEEN, memory.seen_at, address)
        _add_connected(part, view, address, memory)
        known = memory.seen_at == view.now  # an older position stands still though the standby may not
        if known and primary is not None and primary.identity.system_identifier == state.track.system_identifier:
            _add_lag(part, view.now, state, address)


def _add_writable(part: Part, view: ClusterView, state: PostgresState) -> None:
    writable = [node.identity.system_identifier for node in view.nodes if not node.identity.recovering]
    if writable or _none_writable(view, state):
        part.add(m.WRITABLE, len(writable))
    for identifier in sorted({node.identity.system_identifier for node in view.nodes}):
        part.add(m.WRITABLE_COPIES, writable.count(identifier), identifier)


def _none_writable(view: ClusterView, state: PostgresState) -> bool:
    """Whether no node takes writes, when none of those read does; False when nobody knows.

    A node that refuses connections takes no writes; one that refuses only our login may. One that is merely silent to
    us may too, unless the standbys have lost it as well.
    """
    unknown = [error for error in view.silent.values() if not isinstance(error, NotServingError)]
    if any(isinstance(error, AuthError) for error in unknown):
        return False
    return not unknown or _streams_lost(view, state)


def _streams_lost(view: ClusterView, state: PostgresState) -> bool:
    """Whether a standby that we read lost the stream that it had from the primary, and no other has one still."""
    memories = [(node, state.standbys[node.address]) for node in view.nodes if node.address in state.standbys]
    streaming = [(node, memory) for node, memory in memories if node.identity.receiver == "streaming"]
    # Fed by a standby that we read: that says nothing of the primary.
    fed_from_outside = [node for node, memory in streaming if not any(_lists(other, memory) for other in view.nodes)]
    lost = any(memory.fed and node.identity.receiver != "streaming" for node, memory in memories)
    return lost and not fed_from_outside


def _add_connected(part: Part, view: ClusterView, address: str, memory: StandbyMemory) -> None:
    """Only where an upstream was asked: with every feeding node silent, nobody knows."""
    asked = [node for node in view.nodes if node.address != address and q.STREAMS in node.answers]
    if not asked or view.primary is None:
        return
    own = next((node for node in view.nodes if node.address == address), None)
    listed = any(_lists(node, memory) for node in asked)
    part.add(m.STANDBY_CONNECTED, float(listed and (own is None or own.identity.receiver is not None)), address)


def _lists(node: NodeView, memory: StandbyMemory) -> bool:
    """Whether the node feeds the standby: through its slot, or under its name where it uses none."""
    return any(_feeds(stream, memory) for stream in _records(node, q.STREAMS))


def _feeds(stream: Mapping[str, Any], memory: StandbyMemory) -> bool:
    if memory.slot:
        return memory.slot in stream["slots"]
    return bool(stream["application_name"] == memory.name)


def _add_lag(part: Part, now: float, state: PostgresState, address: str) -> None:
    memory, track = state.standbys[address], state.track
    written = track.positions[-1]
    receiving = lag.bytes_behind(written, memory.received)
    part.add(m.RECEIVE_LAG_BYTES, receiving, address)
    part.add(m.REPLAY_LAG_BYTES, lag.bytes_behind(written, memory.replayed), address)
    part.add(m.REPLAY_LAG, lag.seconds_behind(track, now, memory.replayed), address)
    part.add(m.STALLED, max(now - memory.moved_at, 0.0) if receiving else 0.0, address)


def _sight(identity: Identity) -> lag.Sight | None:
    """Where a standby stands. One that only reads an archive receives what it replays."""
    received = identity.received if identity.received is not None else identity.replayed
    replayed = identity.replayed if identity.replayed is not None else identity.received
    if received is None or replayed is None:
        return None
    name = identity.name if identity.receiver else None
    return lag.Sight(max(received, replayed), replayed, name, identity.slot)


def _related(node: NodeView, primary: NodeView | None) -> bool:
    return primary is None or node.identity.system_identifier == primary.identity.system_identifier


def _records(node: NodeView, query: Query) -> list[dict[str, Any]]:
    answer = node.answers.get(query)
    return [] if answer is None else answer.records()
