"""Which nodes a target has, by what was read: members of a cluster, what Sentinels watch, else the seeds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stackledger.errors import ConnectError, TargetError
from stackledger.integrations.redis import topology
from stackledger.integrations.redis.answers import Answers, Member
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.sentinel import watch
from stackledger.integrations.redis.sentinel.watch import Watch
from stackledger.integrations.redis.state import RedisState, Remembered
from stackledger.integrations.redis.topology import Topology

Place = tuple[str, Answers | None, TargetError | None]


@dataclass(slots=True)
class Sweep:
    """What the waves of one sweep have brought, by the address that was dialled."""

    read: dict[str, Answers] = field(default_factory=dict)
    failed: dict[str, TargetError] = field(default_factory=dict)

    @property
    def tried(self) -> set[str]:
        """Every address that was dialled."""
        return self.read.keys() | self.failed.keys()

    def by_id(self) -> dict[str, Answers]:
        """The answers of members of a cluster by node id; one of those that came under two addresses."""
        return {answer.me.id: answer for answer in self.read.values() if answer.me is not None}

    def sentinels(self) -> dict[str, Answers]:
        """The answers of Sentinels by their ids."""
        return {watch.identity_of(answer): answer for answer in self.read.values() if answer.sentinel is not None}


def remembered(state: RedisState) -> list[str]:
    """Where to dial all that earlier sweeps have found."""
    known = [node.dial for node in (*state.nodes.values(), *state.sentinels.values())]
    return [*known, *(address for master in state.watched.values() for address in master.nodes)]


def of(sweep: Sweep, state: RedisState, settings: RedisTarget) -> Roster:
    """The roster by what the sweep has brought so far."""
    by_id = sweep.by_id()
    unread = {id_ for id_, node in state.nodes.items() if node.dial in sweep.failed}
    return Roster(
        sweep=sweep,
        seeds=settings.seeds,
        by_name=settings.tls is not None,
        before=state.nodes,
        topology=topology.judge(list(by_id.values()), frozenset(unread - by_id.keys())),
        watch=watch.judge(list(sweep.sentinels().values()), state) or _from_memory(sweep, state),
    )


def _from_memory(sweep: Sweep, state: RedisState) -> Watch | None:
    """With all Sentinels away, what they watched is still there, and read."""
    if not state.watched or not sweep.tried:
        return None
    return Watch((), dict(state.sentinels), tuple(node for known in state.watched.values() for node in known.nodes))


@dataclass(frozen=True, slots=True)
class Roster:
    """The nodes of a target; `left` are addresses that are known by now and were not asked yet."""

    sweep: Sweep
    seeds: Sequence[str]
    by_name: bool
    before: Mapping[str, Remembered]
    topology: Topology | None
    watch: Watch | None

    @property
    def alone(self) -> bool:
        """Whether the seeds are all that there is: nobody told of a cluster or of Sentinels."""
        return self.topology is None and self.watch is None

    @property
    def member_dials(self) -> dict[str, str]:
        """Where each member of the cluster was dialled, or is to be, by node id."""
        members = self.topology.members if self.topology is not None else ()
        by_id = self.sweep.by_id()
        return {m.id: by_id[m.id].dialled if m.id in by_id else self._dial(m) for m in members}

    @property
    def sentinels(self) -> tuple[Remembered, ...]:
        """Every Sentinel."""
        return () if self.watch is None else tuple(self.watch.sentinels.values())

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server that Sentinels watch."""
        return () if self.watch is None else self.watch.servers

    @property
    def dials(self) -> set[str]:
        """Every address that is worth a connection."""
        alone = self.seeds if self.alone else ()
        return {*self.member_dials.values(), *(sentinel.dial for sentinel in self.sentinels), *self.servers, *alone}

    @property
    def left(self) -> list[str]:
        """Addresses to ask in the next wave."""
        return sorted(self.dials - self.sweep.tried)

    def places(self) -> Iterator[Place]:
        """Every node that exists: its address, and its answers or why there are none."""
        yield from self._members()
        yield from self._watched()
        known = {id(answer) for _, answer, _ in (*self._members(), *self._watched()) if answer is not None}
        runs = {self.sweep.read[dial].info.get("run_id") for dial in self.dials if dial in self.sweep.read}
        for seed in self.seeds:
            answer = self.sweep.read.get(seed)
            stranger = answer is not None and id(answer) not in known and answer.info.get("run_id") not in runs
            if self.alone or stranger:
                yield seed, answer, self.sweep.failed.get(seed)

    def _members(self) -> Iterable[Place]:
        by_id, dials = self.sweep.by_id(), self.member_dials
        for member in self.topology.members if self.topology is not None else ():
            known = self.before.get(member.id)
            error = self._error(dials[member.id], *([] if known is None else [known.dial]))
            yield member.address, by_id.get(member.id), error

    def _watched(self) -> Iterable[Place]:
        read = self.sweep.sentinels()
        for id_, sentinel in self.watch.sentinels.items() if self.watch is not None else ():
            yield sentinel.address, read.get(id_), self._error(sentinel.dial, sentinel.address)
        for address in self.servers:
            if address in self.sweep.read or self.watch is None or address not in self.watch.unmet:
                yield address, self.sweep.read.get(address), self._error(address)

    def _error(self, *dials: str) -> TargetError:
        found = next((self.sweep.failed[dial] for dial in dials if dial in self.sweep.failed), None)
        return found or ConnectError(
            f"Redis {dials[0]}: told of by other nodes, but not asked in this sweep; it is asked in the next"
        )

    def _dial(self, member: Member) -> str:
        """Its address; with TLS its name where it tells one, for that is what its certificate holds."""
        return f"{member.hostname}:{member.port}" if member.hostname and self.by_name else member.address
