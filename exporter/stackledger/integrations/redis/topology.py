"""Judging a cluster from what every node says of it: pure functions, no I/O, no metric.

Owns: whose view counts, which slots nobody serves, which replicas a shard has, and what was a failover.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stackledger.integrations.redis.answers import SLOTS, Answers, Member
from stackledger.integrations.redis.state import RedisState, Remembered

Signature = frozenset[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Shard:
    """Slots of one owner, and its replicas that are well."""

    label: str
    owner: Member
    replicas: int


@dataclass(frozen=True, slots=True)
class Topology:
    """The cluster as the most nodes see it. `failed` and `suspecting` are by node id."""

    members: tuple[Member, ...]
    failed: frozenset[str]
    suspecting: Mapping[str, int]
    uncovered: tuple[tuple[int, int], ...]
    shards: tuple[Shard, ...]
    views: int
    epoch_conflicts: int


def judge(answers: Sequence[Answers], unread: frozenset[str]) -> Topology | None:
    """The topology by the views of `answers`; None when no node gave one. `unread` holds ids that we cannot read."""
    views = [answer for answer in answers if answer.members]
    if not views:
        return None
    groups: dict[Signature, list[Answers]] = {}
    for answer in views:
        groups.setdefault(_signature(answer.members or ()), []).append(answer)
    leading = max(groups.values(), key=_weight)
    members = max((view.members or () for view in leading), key=len)
    known = (member for member in members if not member.flags & {"noaddr", "handshake"})
    present = tuple(sorted(known, key=lambda member: member.address))
    suspecting = Counter(
        member.id for view in views for member in view.members or () if member.flags & {"fail", "fail?"}
    )
    failed = _failed(leading, unread, suspecting)
    return Topology(
        members=present,
        failed=failed,
        suspecting={member.id: suspecting[member.id] for member in present},
        uncovered=uncovered(members, failed),
        shards=_shards(members, failed),
        views=len(groups),
        epoch_conflicts=_epoch_conflicts(members),
    )


def _signature(members: Iterable[Member]) -> Signature:
    return frozenset((first, last, member.id) for member in members for first, last in member.slots)


def _weight(group: list[Answers]) -> tuple[int, int, int]:
    """How much a view counts: masters with slots that hold it, then nodes, then the newest epoch."""
    masters = sum(view.me is not None and bool(view.me.slots) for view in group)
    epoch = max(member.epoch for view in group for member in view.members or ())
    return masters, len(group), epoch


def _failed(leading: list[Answers], unread: frozenset[str], suspecting: Mapping[str, int]) -> frozenset[str]:
    """Failed by agreement; or silent to us and suspected by all, which is what is left when the quorum is gone."""
    agreed = {member.id for view in leading for member in view.members or () if "fail" in member.flags}
    return frozenset(agreed | {id_ for id_ in unread if suspecting.get(id_, 0) >= len(leading)})


def uncovered(members: Iterable[Member], failed: frozenset[str]) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges of slots without an owner, or whose owner has failed."""
    served = sorted(slots for member in members if member.id not in failed for slots in member.slots)
    gaps, next_slot = [], 0
    for first, last in served:
        if first > next_slot:
            gaps.append((next_slot, first - 1))
        next_slot = max(next_slot, last + 1)
    return (*gaps, (next_slot, SLOTS - 1)) if next_slot < SLOTS else tuple(gaps)


def view_uncovered(members: Sequence[Member]) -> int:
    """Slots that nobody serves in one node's view."""
    return count_slots(uncovered(members, frozenset(member.id for member in members if "fail" in member.flags)))


def count_slots(ranges: Iterable[tuple[int, int]]) -> int:
    """How many slots the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def range_label(slots: tuple[int, int]) -> str:
    """0-5460, or 7 for one slot."""
    first, last = slots
    return str(first) if first == last else f"{first}-{last}"


def _shards(members: tuple[Member, ...], failed: frozenset[str]) -> tuple[Shard, ...]:
    well = Counter(
        member.primary
        for member in members
        if member.primary and member.id not in failed and not member.flags & {"noaddr", "handshake", "fail?"}
    )
    return tuple(
        Shard(_shard_label(owner), owner, well[owner.id])
        for owner in sorted(members, key=lambda member: member.slots[:1])
        if owner.slots
    )


def _shard_label(owner: Member) -> str:
    first = range_label(owner.slots[0])
    return first if len(owner.slots) == 1 else f"{first}+{len(owner.slots) - 1}"


def _epoch_conflicts(members: Iterable[Member]) -> int:
    epochs = Counter(member.epoch for member in members if member.slots)
    return sum(count for count in epochs.values() if count > 1)


def remember(state: RedisState, topology: Topology, now: float, *, dials: Mapping[str, str]) -> None:
    """Count failovers against the last sweep and keep the nodes for the next; `dials` maps node id to address."""
    for member in topology.members:
        before = state.nodes.get(member.id)
        if before is not None and member.slots and _took_over(before, state):
            state.failovers += 1
            state.last_failover = now
    state.nodes = {member.id: _remembered(member, topology, state, dials) for member in topology.members}


def _remembered(member: Member, topology: Topology, state: RedisState, dials: Mapping[str, str]) -> Remembered:
    before = state.nodes.get(member.id)
    served = member.id in topology.failed and before is not None and before.serves
    serves = bool(member.slots) or served
    return Remembered(member.address, dials[member.id], member.primary, member.slot_count, serves)


def role_of(member: Member, state: RedisState) -> str:
    """`master` that has slots, or had when it was last well; `idle` for a master that serves nothing; `slave`."""
    known = state.nodes.get(member.id)
    serves = bool(member.slots) or (known is not None and known.serves)
    return "slave" if not member.master else "master" if serves else "idle"


def _took_over(before: Remembered, state: RedisState) -> bool:
    """Whether a node that owns slots now followed an owner of slots then."""
    leader = state.nodes.get(before.primary)
    return leader is not None and leader.slots > 0
