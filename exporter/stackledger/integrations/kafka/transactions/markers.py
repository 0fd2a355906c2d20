"""The ends of transactions, which take an offset each and which no consumer ever gets.

A consumer that commits after its last record stands one offset before the end for as long as nothing new is written:
neither late nor stuck. Offsets do not tell; the leader does, since it remembers which of its producers were ended by a
coordinator. It is asked once about a partition in which a group stands exactly one offset back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from stackledger.errors import TargetError
from stackledger.integrations.kafka.state import KafkaState
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.messages.cluster import Topic
from stackledger.integrations.kafka.wire.messages.transactions import DescribeProducersRequest, PartitionProducers

MAX_PARTITIONS: Final = 500
"""Partitions that are asked about in one sweep."""


def suspects(state: KafkaState) -> dict[str, list[int]]:
    """Partitions in which a group waits exactly one offset before the end, and about which was not asked yet."""
    found: dict[str, set[int]] = {}
    for group in state.groups.values():
        for name, commits in group.topics.items():
            topic = state.topics.get(name)
            if not commits.waiting or topic is None:
                continue
            for index in commits.waiting:
                high = topic.high.get(index, -1)
                if commits.committed.get(index, -1) == high - 1 and topic.markers_asked.get(index) != high:
                    found.setdefault(name, set()).add(index)
    left, limited = MAX_PARTITIONS, {}
    for name, indexes in found.items():
        limited[name] = sorted(indexes)[:left]
        left -= len(limited[name])
        if left <= 0:
            break
    return limited


async def learn_markers(cluster: Cluster, state: KafkaState, topics: Mapping[str, Topic]) -> None:
    """Ask the leaders about the suspects. What cannot be told counts as a record: lag is never understated."""
    wanted = suspects(state)
    by_leader: dict[int, dict[str, list[int]]] = {}
    for name, indexes in wanted.items():
        leaders = {partition.id: partition.leader for partition in topics[name].partitions} if name in topics else {}
        for index in indexes:
            state.topics[name].markers_asked[index] = state.topics[name].high[index]
            if leaders.get(index, -1) >= 0:
                by_leader.setdefault(leaders[index], {}).setdefault(name, []).append(index)
    answers = await asyncio.gather(*(_producers(cluster, leader, asked) for leader, asked in by_leader.items()))
    for answer in answers:
        for name, partitions in answer.items():
            for index, told in partitions.items():
                if any(producer.coordinator_epoch >= 0 for producer in told.producers):
                    state.topics[name].markers.add(index)


async def _producers(
    cluster: Cluster, leader: int, partitions: Mapping[str, list[int]]
) -> Mapping[str, Mapping[int, PartitionProducers]]:
    try:
        return await cluster.request(leader, DescribeProducersRequest(partitions))
    except TargetError:  # too old, or away: the slow lane says what is missing
        return {}
