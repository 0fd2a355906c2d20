"""Asks one broker for what administrators did, and each for what its software supports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from stackledger.errors import AuthError, TargetError
from stackledger.integrations.kafka.sweep import check_code
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
Bounded = Callable[[str, Awaitable[T]], Awaitable[T | TargetError]]


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


async def read_administration(cluster: Cluster, broker_id: int, brokers: Collection[int]) -> Administration:
    """Everything, each part on its own: what fails costs only itself and stands in `errors`."""
    found = Administration()
    async with asyncio.TaskGroup() as group:
        parts = {
            "reassignments": group.create_task(_outcome(_reassigning(cluster, broker_id))),
            "quotas": group.create_task(_outcome(_quotas(cluster, broker_id))),
            "acls": group.create_task(_outcome(_acls(cluster, broker_id))),
            "features": group.create_task(_outcome(_features(cluster, brokers))),
        }
    told = {name: task.result() for name, task in parts.items()}
    found.errors = {name: answer if isinstance(answer, TargetError) else None for name, answer in told.items()}
    found.reassigning = _good(told["reassignments"], dict)
    found.quotas = _good(told["quotas"], tuple)
    found.acls = _good(told["acls"], int)
    features = _good(told["features"], tuple)
    if features:
        found.finalized, found.supported = features
    return found


def _good(answer: object, kind: type[T]) -> T | None:
    return answer if isinstance(answer, kind) else None


async def _outcome(asking: Awaitable[object]) -> object:
    """The answer; the error where it failed; None where the cluster is too old to be asked."""
    try:
        return await asking
    except UnsupportedApiError:
        return None
    except TargetError as error:
        return error


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


async def _features(cluster: Cluster, brokers: Collection[int]) -> tuple[dict[str, int], dict[str, int]]:
    """Levels agreed on, and the highest that all brokers support."""
    answers: list[ApiVersions] = await asyncio.gather(*(cluster.request(key, ApiVersionsRequest()) for key in brokers))
    finalized = max(answers, key=lambda answer: answer.features_epoch).finalized_features
    names = {name for answer in answers for name in answer.supported_features}
    supported = {
        name: min(answer.supported_features[name].newest for answer in answers)
        for name in names
        if all(name in answer.supported_features for answer in answers)
    }
    return {name: levels.newest for name, levels in finalized.items()}, supported
