"""One reading of what changes slowly or costs much: disks, transactions, what administrators did.

Owns which requests are sent and for how long; what fails costs only its own facet. Judging is the facets'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.kafka.administration.read import Administration, read_administration
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState
from stackledger.integrations.kafka.sweep import led_by, within
from stackledger.integrations.kafka.transactions.read import Transactions, read_transactions
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.cluster import Metadata
from stackledger.integrations.kafka.wire.messages.storage import DescribeLogDirsRequest, LogDirs


@dataclass(frozen=True, slots=True)
class SlowAnswers:
    """What was heard."""

    at: float
    metadata: Metadata
    brokers: dict[int, BrokerMemory]
    log_dirs: Mapping[int, LogDirs | TargetError]
    administration: Administration
    transactions: Transactions
    facets: dict[str, TargetError | None]


@dataclass(frozen=True, slots=True)
class SlowSweep:
    """One sweep of the slow lane. `seconds` bounds each of its requests, which go out together."""

    cluster: Cluster
    clock: Clock
    seconds: float
    filters: Filters
    transactions: bool

    async def read(self, state: KafkaState) -> SlowAnswers:
        """Ask. Raises TargetError when no broker tells of its log directories: then none can be asked anything."""
        metadata = await self.cluster.refresh()
        brokers = {b.id: BrokerMemory(b.host, b.port, b.rack or "") for b in metadata.brokers.values()}
        async with asyncio.TaskGroup() as group:
            disks = {key: group.create_task(self._log_dirs(key)) for key in brokers}
            administration = group.create_task(self._administration(brokers))
            transactions = group.create_task(self._transactions(metadata, state))
        log_dirs = {key: task.result() for key, task in disks.items()}
        if log_dirs and all(isinstance(answer, TargetError) for answer in log_dirs.values()):
            raise next(answer for answer in log_dirs.values() if isinstance(answer, TargetError))
        facets = {**administration.result().errors, "transactions": transactions.result().error}
        return SlowAnswers(
            self.clock.now(), metadata, brokers, log_dirs, administration.result(), transactions.result(), facets
        )

    @staticmethod
    def any_broker(answers: SlowAnswers) -> int:
        """One that answers."""
        return min(key for key, answer in answers.log_dirs.items() if not isinstance(answer, TargetError))

    async def _log_dirs(self, broker_id: int) -> LogDirs | TargetError:
        request = self.cluster.request(broker_id, DescribeLogDirsRequest())
        answer = await within(self.clock, self.seconds, f"DescribeLogDirs by broker {broker_id}", request)
        if isinstance(answer, TargetError) or not answer.error_code:
            return answer
        text = f"DescribeLogDirs by broker {broker_id}: {error_name(answer.error_code)}"
        if answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
            return AuthError(f"{text}; grant Describe on the cluster (grants/acls.md)")
        return ProtocolError(text)

    async def _administration(self, brokers: Mapping[int, BrokerMemory]) -> Administration:
        asking = read_administration(self.cluster, min(brokers), brokers.keys())
        answer = await within(self.clock, self.seconds, "what administrators did", asking)
        if isinstance(answer, TargetError):
            return Administration(errors=dict.fromkeys(("reassignments", "quotas", "acls", "features"), answer))
        return answer

    async def _transactions(self, metadata: Metadata, state: KafkaState) -> Transactions:
        if not self.transactions:
            return Transactions()
        high = {name: topic.high for name, topic in state.topics.items()}
        asking = read_transactions(self.cluster, led_by(metadata, self.filters), high)
        answer = await within(self.clock, self.seconds, "the transactions", asking)
        return Transactions(error=answer) if isinstance(answer, TargetError) else answer
