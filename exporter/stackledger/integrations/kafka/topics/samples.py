"""From what is remembered of topics to samples. Pure; groups are in `groups`."""

from __future__ import annotations

from collections.abc import Mapping

from stackledger.collect.snapshot import Part
from stackledger.integrations.kafka.config import Throughput
from stackledger.integrations.kafka.selection import OTHER, shown, whole_within
from stackledger.integrations.kafka.state import KafkaState, TopicConfig, TopicMemory
from stackledger.integrations.kafka.topics import metrics as m
from stackledger.integrations.kafka.topics.throughput import shown as shown_rates
from stackledger.integrations.kafka.view import View
from stackledger.integrations.kafka.wire.messages.cluster import Topic


def add_completeness(part: Part, state: KafkaState, now: float) -> None:
    """How much of what is shown is of this sweep, and how old the rest is."""
    partitions = sum(len(topic.in_sync) for topic in state.topics.values())
    held = [at for topic in state.topics.values() for at in topic.held.values()]
    part.add(m.OFFSETS_COMPLETENESS, (partitions - len(held)) / partitions if partitions else 1.0)
    shown_since = [at for at in held if at > 0]
    part.add(m.OFFSETS_AGE, max(now - min(shown_since, default=now), 0.0))


def add_topics(part: Part, state: KafkaState, topics: Mapping[str, Topic], *, view: View) -> None:
    """Counters and facts by topic, within the caps."""
    part.read((m.RECORDS_PRODUCED, m.OPEN_TRANSACTION_RECORDS))
    settings = view.settings
    weights = {name: float(memory.produced) for name, memory in state.topics.items()}
    state.shown_topics = shown(weights, settings.max_topics, before=state.shown_topics)
    own = {name: state.topics[name] for name in state.shown_topics}
    detailed: frozenset[str] = frozenset()
    if settings.partition_series:
        detailed = whole_within({name: len(memory.in_sync) for name, memory in own.items()}, settings.max_partitions)
    for name, memory in own.items():
        _add_topic(part, name, memory)
        topic = topics.get(name)  # none while one answer did not list it
        if topic is not None:
            view.peer.topic(part, name, memory, topic, state.configs.get(name))
        if topic is not None and name in detailed:
            view.peer.topic_partitions(part, name, memory, topic, view.keys)
    rest = [state.topics[name] for name in state.topics.keys() - own.keys()]
    part.add(m.OTHER_TOPICS, len(rest))
    for memory in rest:
        state.other_produced += memory.produced - memory.counted
        memory.counted = memory.produced
    if rest:
        view.peer.other_topics(part, rest)
    if rest or state.other_produced:
        part.add(m.RECORDS_PRODUCED, state.other_produced, OTHER)


def _add_topic(part: Part, name: str, memory: TopicMemory) -> None:
    if memory.high:
        part.add(m.RECORDS_PRODUCED, memory.produced, name)
    if memory.stable:
        pairs = ((memory.high.get(index, offset), offset) for index, offset in memory.stable.items())
        part.add(m.OPEN_TRANSACTION_RECORDS, sum(max(high - offset, 0) for high, offset in pairs), name)


def add_settings(part: Part, state: KafkaState, topics: Mapping[str, Topic]) -> None:
    """The settings of the topics that are shown by name."""
    for name in state.shown_topics:
        topic, config = topics.get(name), state.configs.get(name)
        if topic is not None and topic.partitions:
            part.add(m.PARTITIONS, len(topic.partitions), name)
            part.add(m.REPLICATION_FACTOR, len(topic.partitions[0].replicas), name)
        if config is not None:
            _add_config(part, name, config)
    single = [t for t in topics.values() if not t.is_internal and t.partitions and len(t.partitions[0].replicas) == 1]
    part.add(m.SINGLE_REPLICA, len(single))


def _add_config(part: Part, name: str, config: TopicConfig) -> None:
    deletes = "delete" in config.cleanup_policy
    part.add(m.MIN_IN_SYNC, config.min_in_sync, name)
    part.add(m.RETENTION, config.retention_ms / 1e3 if deletes and config.retention_ms >= 0 else None, name)
    part.add(m.RETENTION_SIZE, config.retention_bytes if deletes and config.retention_bytes >= 0 else None, name)
    part.add(m.MAX_MESSAGE, config.max_message_bytes if config.max_message_bytes >= 0 else None, name)
    part.add(m.UNCLEAN, 1 if config.unclean_election else None, name)


def add_throughput(part: Part, state: KafkaState, settings: Throughput) -> None:
    """What the readings show; the verdict only where they show a whole window."""
    found = shown_rates(state.readings, settings.window_seconds)
    part.add(m.THROUGHPUT_WINDOW, found.window_seconds)
    part.add(m.THROUGHPUT_TARGET, settings.records_per_second)
    part.add(m.LOWEST_MINUTE, found.lowest_produced, "produced")
    part.add(m.LOWEST_MINUTE, found.lowest_consumed, "consumed")
    part.add(m.PEAK_MINUTE, found.peak_produced, "produced")
    part.add(m.PEAK_MINUTE, found.peak_consumed, "consumed")
    part.add(m.LAG_GROWTH, found.lag_growth)
    reached = found.reaches(settings.records_per_second, settings.window_seconds)
    part.add(m.THROUGHPUT_REACHED, None if reached is None else float(reached))
