"""One reading of what changes slowly or costs much: disks, transactions, what administrators did.

Owns which requests are sent and for how long; what fails costs only its own facet. Judging is the facets'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError, ProtocolError, TargetError
from stackledger.integrations.kafka.administration.read import Administration, read_administration
from stackledger.integrations.kafka.asking import within
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState
from stackledger.integrations.kafka.sweep import led_by
from stackledger.integrations.kafka.transactions.read import Transactions, read_transactions
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.cluster import Metadata
from stackledger.integrations.kafka.wire.messages.storage import DescribeLogDirsRequest, LogDirs

T = TypeVar("T")

_COORDINATORS: Final = "__transaction_state"


@dataclass(frozen=True, slots=True)
class SlowAnswers:
    """What was heard."""

    at: float
    metadata: Metadata
    brokers: dict[int, BrokerMemory]
    log_dirs: Mapping[int, LogDirs]
    silent: Mapping[int, TargetError]
    """Brokers that did not tell of their log directories."""
    administration: Administration
    transactions: Transactions
    facets: dict[str, TargetError | None]


@dataclass(frozen=True, slots=True)
class SlowSweep:
    """One sweep of the slow lane, over by `ends` (monotonic). `suspects` were silent in the fast lane's last sweep."""

    cluster: Cluster
    clock: Clock
    ends: float
    filters: Filters
    transactions: bool
    suspects: frozenset[int]

    async def read(self, state: KafkaState) -> SlowAnswers:
        """Ask. Raises TargetError when no broker gives Metadata."""
        metadata = await self.cluster.refresh()
        if not metadata.brokers:
            raise ConnectError("the broker that answered knows no live broker yet: is the cluster still starting?")
        brokers = {b.id: BrokerMemory(b.host, b.port, b.rack or "") for b in metadata.brokers.values()}
        disks, transactions = await asyncio.gather(
            asyncio.gather(*(self._log_dirs(key) for key in brokers)), self._transactions(metadata, state)
        )
        administration = await read_administration(
            self.cluster, self.any_broker(metadata), brokers.keys(), self._bounded
        )
        told = dict(zip(brokers, disks, strict=True))
        refused = next((answer for answer in disks if isinstance(answer, AuthError)), None)
        return SlowAnswers(
            self.clock.now(),
            metadata,
            brokers,
            {key: answer for key, answer in told.items() if not isinstance(answer, TargetError)},
            {k: answer for k, answer in told.items() if isinstance(answer, TargetError) and answer is not refused},
            administration,
            transactions,
            {**administration.errors, "transactions": transactions.error, "log_dirs": refused},
        )

    def any_broker(self, metadata: Metadata) -> int:
        """For what every broker can tell: one that answers the fast lane."""
        return min(metadata.brokers.keys() - self.suspects or metadata.brokers.keys())

    async def _bounded(self, what: str, answer: Awaitable[T], /) -> T | TargetError:
        """At most half of what is left, so that whoever is silent leaves time for what is asked after it."""
        left = max(self.ends - self.clock.monotonic(), 0.0)
        return await within(self.clock, left / 2, what, answer)

    async def _log_dirs(self, broker_id: int) -> LogDirs | TargetError:
        request = self.cluster.request(broker_id, DescribeLogDirsRequest())
        answer = await self._bounded(f"DescribeLogDirs by broker {broker_id}", request)
        if isinstance(answer, TargetError) or not answer.error_code:
            return answer
        text = f"DescribeLogDirs by broker {broker_id}: {error_name(answer.error_code)}"
        if answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
            return AuthError(f"{text}; grant Describe on the cluster (grants/acls.md)")
        return ProtocolError(text)

    async def _transactions(self, metadata: Metadata, state: KafkaState) -> Transactions:
        if not self.transactions:
            return Transactions()
        high = {name: topic.high for name, topic in state.topics.items()}
        led = led_by(metadata, self.filters)
        found = await read_transactions(self.cluster, led, high, self._bounded)
        coordinators = metadata.topics.get(_COORDINATORS)
        if coordinators is not None and any(partition.leader < 0 for partition in coordinators.partitions):
            found.ongoing = None  # a coordinator is away with all that it knows, and nobody else tells of it
        return found
