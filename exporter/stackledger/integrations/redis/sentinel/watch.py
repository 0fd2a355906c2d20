"""Judging what Sentinels say: whose view counts, which nodes exist, and what was a failover. Pure, no metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.sentinel.answers import Peer, Watched
from stackledger.integrations.redis.sentinel.metrics import MOST_MASTERS
from stackledger.integrations.redis.state import RedisState, Remembered, WatchedMaster

_MOST_SENTINELS = 64


@dataclass(frozen=True, slots=True)
class Master:
    """One master by the view that counts; `agreeing` Sentinels give its address, `views` are different addresses.

    `tellers` are the ids of all Sentinels that tell of it.
    """

    name: str
    address: str
    epoch: int
    replicas: tuple[Peer, ...]
    agreeing: int
    views: int
    tellers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Watch:
    """All masters, and all Sentinels by id: their address as the others know it, else as it was dialled."""

    masters: tuple[Master, ...]
    sentinels: Mapping[str, Remembered]
    servers: tuple[str, ...]
    """Addresses of all masters and replicas."""
    unmet: frozenset[str] = frozenset()
    """Addresses of replicas that Sentinels cannot reach and that we never read: most are old ones, gone for good."""
    kept: Mapping[str, WatchedMaster] = field(default_factory=dict)
    """Masters that only Sentinels have told of that are silent now: whoever answers has not unlearnt them."""


def judge(answers: Sequence[Answers], state: RedisState) -> Watch | None:
    """What the Sentinels among `answers` say; None where there is none."""
    told = [answer for answer in answers if answer.sentinel is not None]
    if not told:
        return None
    names = dict.fromkeys(master.name for answer in told for master in _masters(answer))
    masters = tuple(_master(name, told) for name in list(names)[:MOST_MASTERS])
    kept = _kept({identity_of(answer) for answer in told}, names.keys(), state)
    silent = {id_: state.sentinels[id_] for one in kept.values() for id_ in one.tellers if id_ in state.sentinels}
    nodes = [address for master in masters for address in (master.address, *(one.address for one in master.replicas))]
    nodes += [address for one in kept.values() for address in one.nodes]
    down = {one.address for master in masters for one in master.replicas if not one.well}
    return Watch(
        masters=masters,
        sentinels=silent | _sentinels(told, state),
        servers=tuple(dict.fromkeys(nodes)),
        unmet=frozenset(down - state.servers.keys()),
        kept=kept,
    )


def _kept(answering: AbstractSet[str], named: AbstractSet[str], state: RedisState) -> dict[str, WatchedMaster]:
    """Masters that nobody names, though no Sentinel that told of them has answered without them."""
    return {
        name: known
        for name, known in state.watched.items()
        if name not in named and known.tellers and answering.isdisjoint(known.tellers)
    }


def _masters(answer: Answers) -> tuple[Watched, ...]:
    return () if answer.sentinel is None else answer.sentinel.masters


def _master(name: str, told: Sequence[Answers]) -> Master:
    """The newest configuration wins, as it does among Sentinels; of equal ones the one that most hold."""
    views = [master for answer in told for master in _masters(answer) if master.name == name]
    newest = max(view.epoch for view in views)
    held = [view.address for view in views if view.epoch == newest]
    address = max(held, key=held.count)
    leading = [view for view in views if view.epoch == newest and view.address == address]
    peers = [peer for view in leading for peer in view.replicas or () if peer.address != address]
    replicas = {
        peer.address: peer for peer in sorted(peers, key=lambda peer: peer.well)
    }  # one that reaches it is enough
    return Master(
        name=name,
        address=address,
        epoch=newest,
        replicas=tuple(replicas[one] for one in sorted(replicas)),
        agreeing=sum(view.address == address for view in views),
        views=len({view.address for view in views}),
        tellers=frozenset(
            identity_of(answer) for answer in told if any(master.name == name for master in _masters(answer))
        ),
    )


def _sentinels(told: Sequence[Answers], state: RedisState) -> dict[str, Remembered]:
    """Those read and those that they tell of. A Sentinel keeps the address and the dial that it was first known by."""
    read = {identity_of(answer): answer.dialled for answer in told}
    peers = {
        peer.id: peer.address
        for answer in told
        for master in _masters(answer)
        for peer in master.sentinels or ()
        if peer.id and (peer.id in read or peer.address not in read.values())
    }
    found = {}
    for id_ in sorted(read.keys() | peers.keys())[:_MOST_SENTINELS]:
        known = state.sentinels.get(id_)
        address = known.address if known is not None else peers.get(id_) or read[id_]
        dial = read.get(id_) or (known.dial if known is not None else address)
        found[id_] = Remembered(address, dial)
    return found


def identity_of(answer: Answers) -> str:
    """A Sentinel's own id; before Redis 6.2, which does not tell, its address."""
    return (answer.sentinel.id if answer.sentinel is not None else "") or answer.dialled


def remember(state: RedisState, watch: Watch, now: float) -> None:
    """Count failovers against the last sweep, and keep what the next one needs to find everything again."""
    state.sentinels = dict(watch.sentinels)
    masters = dict(watch.kept)
    for master in watch.masters:
        before = state.watched.get(master.name)
        nodes = [master.address, *(peer.address for peer in master.replicas if peer.address not in watch.unmet)]
        tellers = sorted(master.tellers.union([] if before is None else before.tellers) & watch.sentinels.keys())
        found = WatchedMaster(master.address, master.epoch, nodes, counted=master.epoch, tellers=tellers)
        masters[master.name] = found
        if before is None:
            continue
        if master.epoch < before.epoch and 2 * master.agreeing <= len(watch.sentinels):
            masters[master.name] = before  # a Sentinel that slept through the failover, and the others are away
            continue
        found.failovers, found.last_failover = before.failovers, before.last_failover
        found.counted = min(before.counted, master.epoch)
        # The epoch rises before the address changes, and Sentinels change it one after the other: one failover each.
        if master.address != before.address and master.epoch > found.counted:
            found.failovers += 1
            found.last_failover = now
            found.counted = master.epoch
    state.watched = masters
