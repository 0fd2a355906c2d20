"""Members of groups of every type, asked of their coordinator and brought into one shape."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

from stackledger.errors import ProtocolError
from stackledger.integrations.kafka.answers import Members
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.messages.groups import (
    ClassicGroup,
    ConsumerGroupDescribeRequest,
    Group,
    ListedGroup,
    ShareGroupDescribeRequest,
    read_assignment,
)
from stackledger.integrations.kafka.wire.request import Request, UnsupportedApiError

_CLASSIC: Final = ("", "classic")


async def described(cluster: Cluster, broker_id: int, listed: Iterable[ListedGroup]) -> dict[str, Members]:
    """The members of the groups that the broker can describe, by group: one request for each type that it has."""
    by_type: dict[str, list[str]] = {}
    for row in listed:
        by_type.setdefault("classic" if row.group_type in _CLASSIC else row.group_type, []).append(row.group_id)
    parts = await asyncio.gather(
        _classic(cluster, broker_id, tuple(by_type.get("classic", ()))),
        _modern(cluster, broker_id, _consumer_request(tuple(by_type.get("consumer", ())))),
        _modern(cluster, broker_id, _share_request(tuple(by_type.get("share", ())))),
    )
    return {group_id: members for part in parts for group_id, members in part.items()}


async def _classic(cluster: Cluster, broker_id: int, groups: tuple[str, ...]) -> dict[str, Members]:
    if not groups:
        return {}
    answer = await cluster.describe_groups(broker_id, groups)
    return {key: classic_members(group) for key, group in answer.items() if not group.error_code}


def _consumer_request(groups: tuple[str, ...]) -> Request[dict[str, Group]] | None:
    return ConsumerGroupDescribeRequest(groups) if groups else None


def _share_request(groups: tuple[str, ...]) -> Request[dict[str, Group]] | None:
    return ShareGroupDescribeRequest(groups) if groups else None


async def _modern(cluster: Cluster, broker_id: int, request: Request[dict[str, Group]] | None) -> dict[str, Members]:
    if request is None:
        return {}
    try:
        answer = await cluster.request(broker_id, request)
    except UnsupportedApiError:  # the broker lists a type that it cannot describe in a version that we speak
        return {}
    return {key: modern_members(group) for key, group in answer.items() if not group.error_code}


def classic_members(group: ClassicGroup) -> Members:
    """Only consumers' assignments can be read; other clients keep theirs in a form of their own."""
    readable = group.protocol_type == "consumer"
    assignments = [_topics(member.assignment) if readable else {} for member in group.members]
    return _counted(group.state, group.protocol, assignments, readable=readable)


def modern_members(group: Group) -> Members:
    """Members of a KIP-848 consumer group or a share group."""
    assignments = [{row.topic: len(row.partitions) for row in member.assignment} for member in group.members]
    return _counted(group.state, group.assignor, assignments, readable=True)


def _topics(assignment: bytes) -> dict[str, int]:
    try:
        return {topic: len(partitions) for topic, partitions in read_assignment(assignment).items()}
    except ProtocolError:  # written by the members' own assignor, which may use a form of its own
        return {}


def _counted(state: str, protocol: str, assignments: list[dict[str, int]], *, readable: bool) -> Members:
    by_topic: Counter[str] = Counter()
    assigned: Counter[str] = Counter()
    for topics in assignments:
        by_topic.update(topics.keys())
        assigned.update(topics)
    empty = sum(not topics for topics in assignments) if readable else 0
    return Members(state, protocol, len(assignments), empty, dict(by_topic), dict(assigned))
