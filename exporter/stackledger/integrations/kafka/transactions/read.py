"""Asks for transactions: coordinators for what is ongoing, leaders for what is open in their partitions.

Only partitions whose last stable offset is behind their end are asked about, so a cluster without open transactions
costs two requests a broker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.kafka.answers import Offsets
from stackledger.integrations.kafka.asking import Bounded
from stackledger.integrations.kafka.transactions.judge import OpenTransaction
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.offsets import LATEST, Isolation, ListOffsetsRequest
from stackledger.integrations.kafka.wire.messages.transactions import (
    DescribeProducersRequest,
    ListTransactionsRequest,
    PartitionProducers,
)
from stackledger.integrations.kafka.wire.request import UnsupportedApiError

MAX_PARTITIONS: Final = 2_000
"""Partitions of one broker that are asked about in one sweep, those that are furthest held back first."""
_ONGOING: Final = frozenset({"Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence"})


@dataclass(slots=True)
class Transactions:
    """What was heard. `states` is None where no broker can list transactions."""

    states: Counter[str] | None = None
    ongoing: set[int] | None = None
    """Producers with an ongoing transaction; None unless every coordinator told."""
    open: list[OpenTransaction] = field(default_factory=list)
    unread: set[tuple[str, int]] = field(default_factory=set)
    """Partitions whose leader did not tell."""
    error: TargetError | None = None


async def read_transactions(
    cluster: Cluster,
    led: Mapping[int, Mapping[str, list[int]]],
    high: Mapping[str, Mapping[int, int]],
    bounded: Bounded,
) -> Transactions:
    """Ask every broker of `led` (by broker: the partitions it leads). `high` has the ends of the partitions.

    Leaders are asked before coordinators: what begins in between is then known as ongoing. A broker that is silent
    costs what it knows, not what the others do; `bounded` puts an end to waiting for it.
    """
    leaders = await asyncio.gather(
        *(bounded(f"the leader {key}", _open(cluster, key, partitions, high)) for key, partitions in led.items())
    )
    coordinators = await asyncio.gather(*(bounded(f"the coordinator {key}", _listed(cluster, key)) for key in led))
    errors = [answer for answer in (*leaders, *coordinators) if isinstance(answer, TargetError)]
    if any(isinstance(error, UnsupportedApiError) for error in errors):
        return Transactions()  # Kafka before 3.0 tells of none
    found = Transactions(error=errors[0] if errors else None)
    for partitions, answer in zip(led.values(), leaders, strict=True):
        if isinstance(answer, TargetError):
            found.unread |= {(topic, index) for topic, indexes in partitions.items() for index in indexes}
        else:
            found.open += answer
    if not any(isinstance(answer, TargetError) for answer in coordinators):
        listed = [row for answer in coordinators if isinstance(answer, list) for row in answer]
        found.states = Counter(state for _, state in listed)
        found.ongoing = {producer_id for producer_id, state in listed if state in _ONGOING}
    if found.open and found.states == Counter():  # coordinators leave out what we may not see
        found.ongoing = None
        found.error = AuthError(
            "ListTransactions shows no transactional id, though transactions are open; grant Describe on transactional"
            " ids (grants/acls.md), or set `transactions: false`"
        )
    return found


async def _listed(cluster: Cluster, broker_id: int) -> list[tuple[int, str]]:
    answer = await cluster.request(broker_id, ListTransactionsRequest())
    if answer.error_code:
        raise ProtocolError(f"ListTransactions by broker {broker_id}: {error_name(answer.error_code)}")
    return [(row.producer_id, row.state) for row in answer.transactions]


async def _open(
    cluster: Cluster, broker_id: int, partitions: Mapping[str, list[int]], high: Mapping[str, Mapping[int, int]]
) -> list[OpenTransaction]:
    if not partitions:
        return []
    request = ListOffsetsRequest(partitions, LATEST, Isolation.READ_COMMITTED)
    stable = (await cluster.request(broker_id, request)).offsets
    held = held_back(stable, high)
    if not held:
        return []
    producers = await cluster.request(broker_id, DescribeProducersRequest(held))
    return open_transactions(producers)


def held_back(stable: Offsets, high: Mapping[str, Mapping[int, int]]) -> dict[str, list[int]]:
    """The partitions whose last stable offset is behind their end, at most MAX_PARTITIONS."""
    gaps = [
        (high[topic][index] - offset, topic, index)
        for topic, offsets in stable.items()
        for index, offset in offsets.items()
        if high.get(topic, {}).get(index, offset) > offset
    ]
    held: dict[str, list[int]] = {}
    for _, topic, index in sorted(gaps, reverse=True)[:MAX_PARTITIONS]:
        held.setdefault(topic, []).append(index)
    return held


def open_transactions(answer: Mapping[str, Mapping[int, PartitionProducers]]) -> list[OpenTransaction]:
    """The open ones. Raises AuthError where a right is missing; a partition that moved meanwhile is left out."""
    found: list[OpenTransaction] = []
    for topic, by_partition in answer.items():
        for index, told in by_partition.items():
            if told.error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED:
                raise AuthError(
                    f"DescribeProducers of {topic}: {error_name(told.error_code)}; grant Read on topics"
                    " (grants/acls.md), or set `transactions: false`"
                )
            found += [
                OpenTransaction(topic, index, row.producer_id, row.transaction_start)
                for row in told.producers
                if row.transaction_start >= 0
            ]
    return found
