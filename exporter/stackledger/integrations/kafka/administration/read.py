"""Asks one broker for what administrators did, and each for what its software supports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from stackledger.errors import AuthError, TargetError
from stackledger.integrations.kafka.asking import Bounded, check_code
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode
from stackledger.integrations.kafka.wire.messages.cluster import ListPartitionReassignmentsRequest
from stackledger.integrations.kafka.wire.messages.security import (
    DescribeAclsRequest,
    DescribeClientQuotasRequest,
    Quota,
)
from stackledger.integrations.kafka.wire.messages.session import ApiVersions, ApiVersionsRequest
from stackledger.integrations.kafka.wire.request import UnsupportedApiError

T = TypeVar("T")


@dataclass(slots=True)
class Administration:
    """What was heard; None is what could not be told."""

    reassigning: Mapping[str, int] | None = None
    """Partitions on the move, by topic."""
    finalized: Mapping[str, int] = field(default_factory=dict)
    supported: Mapping[str, int] = field(default_factory=dict)
    quotas: tuple[Quota, ...] | None = None
    acls: int | None = None
    """None where the cluster has no authorizer too."""
    errors: dict[str, TargetError | None] = field(default_factory=dict)


async def read_administration(
    cluster: Cluster, broker_id: int, brokers: Collection[int], bounded: Bounded
) -> Administration:
    """Everything, each part on its own: what fails costs only itself and stands in `errors`.

    `broker_id` is asked what any broker can tell; `bounded` puts an end to waiting for an answer. Reassignments come
    last: the broker asks the controller for them, and answers nothing else on that connection until it has an answer.
    """
    found = Administration()
    quotas, acls, features = await asyncio.gather(
        _outcome(bounded("DescribeClientQuotas", _quotas(cluster, broker_id))),
        _outcome(bounded("DescribeAcls", _acls(cluster, broker_id))),
        _features(cluster, brokers, bounded),
    )
    reassigning = await _outcome(bounded("ListPartitionReassignments", _reassigning(cluster, broker_id)))
    told = {"reassignments": reassigning, "quotas": quotas, "acls": acls}
    found.errors = {name: answer if isinstance(answer, TargetError) else None for name, answer in told.items()}
    found.reassigning = reassigning if isinstance(reassigning, dict) else None
    found.quotas = quotas if isinstance(quotas, tuple) else None
    found.acls = acls if isinstance(acls, int) else None
    found.finalized, found.supported, found.errors["features"] = features
    return found


async def _outcome(asking: Awaitable[T | TargetError]) -> T | TargetError | None:
    """The answer, or why there is none; None where the cluster is too old to be asked."""
    answer = await asking
    return None if isinstance(answer, UnsupportedApiError) else answer


async def _reassigning(cluster: Cluster, broker_id: int) -> dict[str, int]:
    answer = await cluster.request(broker_id, ListPartitionReassignmentsRequest())
    check_code(answer.error_code, "ListPartitionReassignments")
    return {topic: len(partitions) for topic, partitions in answer.topics.items()}


async def _quotas(cluster: Cluster, broker_id: int) -> tuple[Quota, ...]:
    answer = await cluster.request(broker_id, DescribeClientQuotasRequest())
    if answer.error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
        raise AuthError("DescribeClientQuotas is refused; grant DescribeConfigs on the cluster (grants/acls.md)")
    check_code(answer.error_code, "DescribeClientQuotas")
    return answer.quotas


async def _acls(cluster: Cluster, broker_id: int) -> int | None:
    answer = await cluster.request(broker_id, DescribeAclsRequest())
    if answer.error_code == ErrorCode.SECURITY_DISABLED:
        return None
    check_code(answer.error_code, "DescribeAcls")
    return len(answer.acls)


async def _features(
    cluster: Cluster, brokers: Collection[int], bounded: Bounded
) -> tuple[dict[str, int], dict[str, int], TargetError | None]:
    """Levels agreed on, and the highest that all brokers support, which only all of them together can tell."""

    async def ask(key: int) -> ApiVersions | TargetError:
        return await bounded(f"ApiVersions by broker {key}", _versions(cluster, key))

    told = await asyncio.gather(*map(ask, brokers))
    answers = [answer for answer in told if not isinstance(answer, TargetError)]
    error = next((answer for answer in told if isinstance(answer, TargetError)), None)
    if not answers:
        return {}, {}, error
    finalized = max(answers, key=lambda answer: answer.features_epoch).finalized_features
    return {name: levels.newest for name, levels in finalized.items()}, {} if error else _by_all(answers), error


async def _versions(cluster: Cluster, broker_id: int) -> ApiVersions:
    return await cluster.request(broker_id, ApiVersionsRequest())


def _by_all(answers: Collection[ApiVersions]) -> dict[str, int]:
    names = {name for answer in answers for name in answer.supported_features}
    return {
        name: min(answer.supported_features[name].newest for answer in answers)
        for name in names
        if all(name in answer.supported_features for answer in answers)
    }
