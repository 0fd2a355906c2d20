"""One reading of the cluster in O(brokers) requests. Owns which requests are sent, in which order and for how long.

Per broker: ListGroups, ListOffsets earliest, then descriptions and commits of its groups, and last ListOffsets latest.
The ends of the logs come after the commits, so that a lag may be overstated by what is written in between but never
understated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.answers import Answers, BrokerAnswer, GroupAnswer, Offsets, QuorumAnswer
from stackledger.integrations.kafka.asking import REFUSED, within
from stackledger.integrations.kafka.cluster.quorum import QuorumConnection, judged
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.groups.members import described
from stackledger.integrations.kafka.state import BrokerMemory
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.connection import Address
from stackledger.integrations.kafka.wire.error_codes import error_name
from stackledger.integrations.kafka.wire.messages.cluster import DescribeClusterRequest, Metadata, Topic
from stackledger.integrations.kafka.wire.messages.groups import ListedGroup, ListGroupsRequest
from stackledger.integrations.kafka.wire.messages.offsets import (
    EARLIEST,
    LATEST,
    GroupOffsets,
    Isolation,
    LogOffsets,
)
from stackledger.integrations.kafka.wire.request import UnsupportedApiError

T = TypeVar("T")

_SHARE_OF_TIMEOUT: Final = 0.8
_SHARE_OF_QUORUM: Final = 0.5


def led_by(metadata: Metadata, filters: Filters) -> dict[int, dict[str, list[int]]]:
    """By live broker: the partitions that it leads, of the topics that are shown."""
    led: dict[int, dict[str, list[int]]] = {broker_id: {} for broker_id in metadata.brokers}
    for name, topic in metadata.topics.items():
        if not filters.topic(name):
            continue
        for partition in topic.partitions:
            if partition.leader in led:
                led[partition.leader].setdefault(name, []).append(partition.id)
    return led


class Layout:
    """Who leads and who holds the partitions; found anew only where the topics or the live brokers changed.

    Unchanged Metadata gives the same object of topics (`TopicsMemory`).
    """

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._made_of: tuple[Mapping[str, Topic], set[int]] | None = None
        self.led: dict[int, dict[str, list[int]]] = {}
        self.holding: frozenset[int] = frozenset()

    def learn(self, metadata: Metadata) -> None:
        """Bring it up to date."""
        live = set(metadata.brokers)
        if self._made_of is None or self._made_of[0] is not metadata.topics or self._made_of[1] != live:
            self._made_of = metadata.topics, live
            self.led = led_by(metadata, self._filters)
            self.holding = frozenset(
                r for topic in metadata.topics.values() for p in topic.partitions for r in p.replicas
            )


@dataclass(slots=True)
class Sweep:
    """One sweep in progress. `seconds` bounds all of it."""

    cluster: Cluster
    quorum: QuorumConnection
    clock: Clock
    seconds: float
    filters: Filters
    layout: Layout
    stable_offsets: bool
    suspects: frozenset[int] = frozenset()
    """Brokers that failed in the sweep before: not the ones to ask what any broker can tell."""
    facets: dict[str, TargetError | None] = field(default_factory=lambda: {"groups": None, "offsets": None})

    async def read(self, known: Mapping[int, BrokerMemory]) -> Answers:
        """Ask all brokers at once. Raises TargetError when no broker gives Metadata."""
        ends = self.clock.monotonic() + self.seconds * _SHARE_OF_TIMEOUT
        metadata = await self.cluster.refresh()
        if not metadata.brokers:
            raise ConnectError("the broker that answered knows no live broker yet: is the cluster still starting?")
        self.layout.learn(metadata)
        left = max(ends - self.clock.monotonic(), self.seconds * (1 - _SHARE_OF_TIMEOUT) / 2)
        async with asyncio.TaskGroup() as group:
            quorum = group.create_task(self._quorum(metadata, left * _SHARE_OF_QUORUM))
            registered = group.create_task(self._expected(metadata, known, left))
            reads = {
                broker_id: group.create_task(self._broker(broker_id, partitions, left))
                for broker_id, partitions in self.layout.led.items()
            }
        expected = registered.result()
        answers, failed = _divided({broker_id: task.result() for broker_id, task in reads.items()})
        failed |= {broker_id: _gone(broker_id, expected[broker_id]) for broker_id in expected.keys() - reads.keys()}
        self._refuse_if_all_failed(answers, failed)
        found = quorum.result()
        if isinstance(found.error, ReadTimeoutError) and self._any_broker(metadata) in answers:
            found = replace(
                found, leader_missing=True
            )  # it answers everything else, so it is the controller that is gone
        return Answers(self.clock.now(), metadata, expected, answers, failed, quorum=found, facets=self.facets)

    @staticmethod
    def _refuse_if_all_failed(answers: Mapping[int, BrokerAnswer], failed: Mapping[int, TargetError]) -> None:
        if not answers:
            first = failed[min(failed)]
            raise type(first)("no broker answers: " + "; ".join(str(failed[key]) for key in sorted(failed)))

    # -- one broker --------------------------------------------------------------------------------------------------

    async def _broker(
        self, broker_id: int, partitions: Mapping[str, list[int]], seconds: float
    ) -> BrokerAnswer | TargetError:
        return await within(self.clock, seconds, f"broker {broker_id}", self._read_broker(broker_id, partitions))

    async def _read_broker(self, broker_id: int, partitions: Mapping[str, list[int]]) -> BrokerAnswer:
        listed, low = await asyncio.gather(
            self.cluster.request(broker_id, ListGroupsRequest()), self._offsets(broker_id, partitions, EARLIEST)
        )
        groups = None
        if listed.error_code in REFUSED:
            self.facets["groups"] = AuthError(f"ListGroups: {error_name(listed.error_code)}; see grants/acls.md")
        elif not listed.error_code:
            groups = await self._groups(broker_id, [row for row in listed.groups if self.filters.group(row.group_id)])
        high = await self._offsets(broker_id, partitions, LATEST)
        high_at = self.clock.now()
        stable: Offsets = {}
        if self.stable_offsets:
            stable = await self._offsets(broker_id, partitions, LATEST, Isolation.READ_COMMITTED)
        return BrokerAnswer(high, low, stable, groups, high_at)

    async def _offsets(
        self,
        broker_id: int,
        partitions: Mapping[str, list[int]],
        timestamp: int,
        isolation: Isolation = Isolation.READ_UNCOMMITTED,
    ) -> Offsets:
        if not partitions:
            return {}
        answer = await self.cluster.list_offsets(broker_id, partitions, timestamp, isolation)
        self._note_refusals(answer)
        return answer.offsets

    def _note_refusals(self, answer: LogOffsets) -> None:
        for topic, codes in answer.errors.items():
            if any(code in REFUSED for code in codes.values()):
                self.facets["offsets"] = AuthError(
                    f"ListOffsets of {topic}: no right to describe it; see grants/acls.md"
                )

    async def _groups(self, broker_id: int, listed: list[ListedGroup]) -> dict[str, GroupAnswer]:
        committing = tuple(row.group_id for row in listed if row.group_type != "share")
        members, commits = await asyncio.gather(
            described(self.cluster, broker_id, listed), self.cluster.fetch_offsets(broker_id, committing)
        )
        return {
            row.group_id: GroupAnswer(row, members.get(row.group_id), self._commits(row, commits.get(row.group_id)))
            for row in listed
        }

    def _commits(self, row: ListedGroup, answer: GroupOffsets | None) -> Offsets | None:
        if answer is None:
            return {} if row.group_type == "share" else None
        if answer.error_code in REFUSED:
            self.facets["groups"] = AuthError(
                f"OffsetFetch of {row.group_id}: no right to describe it; see grants/acls.md"
            )
        return None if answer.error_code else answer.offsets

    # -- the cluster -------------------------------------------------------------------------------------------------

    async def _quorum(self, metadata: Metadata, seconds: float) -> QuorumAnswer:
        """The quorum, which any broker asks its leader for. Without one (ZooKeeper) Metadata names the controller."""
        broker = metadata.brokers[self._any_broker(metadata)]
        asking = self.quorum.ask(Address(broker.host, broker.port))
        answer = await within(self.clock, seconds, f"DescribeQuorum by broker {broker.id}", asking)
        if isinstance(answer, UnsupportedApiError):
            return QuorumAnswer(None, leader_missing=metadata.controller_id < 0)
        return judged(answer)

    def _any_broker(self, metadata: Metadata) -> int:
        """For what every broker can tell: one that answered in the sweep before."""
        return min(metadata.brokers.keys() - self.suspects or metadata.brokers.keys())

    async def _expected(
        self, metadata: Metadata, known: Mapping[int, BrokerMemory], seconds: float
    ) -> dict[int, BrokerMemory]:
        """Live brokers, and those that are not alive but are registered or hold replicas."""
        live = {b.id: BrokerMemory(b.host, b.port, b.rack or "") for b in metadata.brokers.values()}
        holding = self.layout.holding
        missing = (holding | known.keys()) - live.keys()
        if not missing:
            return live
        broker_id = self._any_broker(metadata)
        request = self.cluster.request(broker_id, DescribeClusterRequest())
        answer = await within(self.clock, seconds, f"DescribeCluster by broker {broker_id}", request)
        registered: dict[int, BrokerMemory] = {}
        if not isinstance(answer, TargetError) and not answer.error_code:
            registered = {b.id: BrokerMemory(b.host, b.port, b.rack or "") for b in answer.brokers}
        unknown = {key: known.get(key, BrokerMemory(f"broker-{key}", 0, "")) for key in holding}
        return unknown | registered | live


def _divided(
    results: Mapping[int, BrokerAnswer | TargetError],
) -> tuple[dict[int, BrokerAnswer], dict[int, TargetError]]:
    good = {key: result for key, result in results.items() if isinstance(result, BrokerAnswer)}
    return good, {key: result for key, result in results.items() if isinstance(result, TargetError)}


def _gone(broker_id: int, broker: BrokerMemory) -> ConnectError:
    return ConnectError(
        f"broker {broker_id} at {broker.host}:{broker.port} is not alive to the cluster: is it running?"
    )
