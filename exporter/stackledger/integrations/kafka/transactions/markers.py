"""The ends of transactions, which take an offset each and which no consumer ever gets.

A consumer that commits after its last record stands one offset before the end for as long as nothing new is written:
neither late nor stuck. Offsets do not tell; the leader does, since it remembers which of its producers were ended by a
coordinator. It is asked once about a partition in which a group stands exactly one offset back, and again when more was
written. In a partition with other producers too, the last offset may be a record all the same: that one is not seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from stackledger.errors import TargetError
from stackledger.integrations.kafka.groups.facts import FactsMemory
from stackledger.integrations.kafka.state import KafkaState, TopicMemory
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.messages.cluster import Topic
from stackledger.integrations.kafka.wire.messages.transactions import DescribeProducersRequest, PartitionProducers

MAX_PARTITIONS: Final = 500
"""Partitions that are asked about in one sweep."""


def suspects(state: KafkaState, facts: FactsMemory) -> dict[str, list[int]]:
    """Partitions in which a group waits exactly one offset before the end, and about which was not asked yet."""
    found: dict[str, set[int]] = {}
    for group_id, group in state.groups.items():
        for name, commits in group.topics.items():
            topic = state.topics.get(name)
            if not commits.waiting or topic is None:
                continue
            told = facts.of((group_id, name), commits.committed, topic)
            if 1 not in told.lags:
                continue
            for index, lag in zip(told.known, told.lags, strict=True):
                if lag == 1 and index in commits.waiting and topic.markers_asked.get(index) != topic.high[index]:
                    found.setdefault(name, set()).add(index)
    left, limited = MAX_PARTITIONS, {}
    for name, indexes in found.items():
        limited[name] = sorted(indexes)[:left]
        left -= len(limited[name])
        if left <= 0:
            break
    return limited


async def learn_markers(
    cluster: Cluster, state: KafkaState, topics: Mapping[str, Topic], brokers: Collection[int], facts: FactsMemory
) -> None:
    """Ask the leaders among `brokers` about the suspects.

    What cannot be told counts as a record, for lag is never understated, and is asked again in the next sweep.
    """
    by_leader: dict[int, dict[str, list[int]]] = {}
    for name, indexes in suspects(state, facts).items():
        leaders = {partition.id: partition.leader for partition in topics[name].partitions} if name in topics else {}
        for index in indexes:
            if (leader := leaders.get(index, -1)) in brokers:
                by_leader.setdefault(leader, {}).setdefault(name, []).append(index)
    answers = await asyncio.gather(*(_producers(cluster, leader, asked) for leader, asked in by_leader.items()))
    for asked, answer in zip(by_leader.values(), answers, strict=True):
        for name, indexes in asked.items():
            for index in indexes:
                told = answer.get(name, {}).get(index)
                if told is not None and not told.error_code:
                    _note(state.topics[name], index, told)


def _note(topic: TopicMemory, index: int, told: PartitionProducers) -> None:
    topic.markers_asked[index] = topic.high[index]
    if any(producer.coordinator_epoch >= 0 for producer in told.producers):
        topic.markers[index] = topic.high[index]


async def _producers(
    cluster: Cluster, leader: int, partitions: Mapping[str, list[int]]
) -> Mapping[str, Mapping[int, PartitionProducers]]:
    try:
        return await cluster.request(leader, DescribeProducersRequest(partitions))
    except TargetError:  # too old, or away: the slow lane says what is missing
        return {}
