"""From what is remembered to samples: the cluster, its topics and one part per broker. Pure; groups are in `groups`."""

from __future__ import annotations

from collections.abc import Mapping

from stackledger import __version__
from stackledger.collect.snapshot import Part
from stackledger.integrations.kafka import metrics as m
from stackledger.integrations.kafka.answers import Answers, QuorumAnswer
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.health import Health
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.labels import Problem
from stackledger.integrations.kafka.selection import OTHER, shown, whole_within
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState, TopicMemory
from stackledger.integrations.kafka.wire.connection import Traffic
from stackledger.integrations.kafka.wire.messages.cluster import Topic

_UNHEALTHY_TOPICS = 100


def address_of(broker: BrokerMemory) -> str:
    """host:port, as the label `instance` shows it."""
    return f"{broker.host}:{broker.port}"


def broker_part(answers: Answers, broker_id: int, health: Health, *, controller: int) -> Part:
    """What speaks of one broker."""
    broker = answers.expected[broker_id]
    part = Part(answers.at, instance=address_of(broker))
    is_controller = "true" if broker_id == controller else "false"
    part.add(m.BROKER_INFO, 1, str(broker_id), broker.host, str(broker.port), broker.rack, is_controller)
    part.add(m.BROKER_LEADERS, health.leaders[broker_id])
    part.add(m.BROKER_REPLICAS, health.replicas[broker_id])
    return part


def controller_of(answers: Answers) -> int:
    """node.id of the active controller. Under KRaft only the quorum knows it: Metadata names any broker."""
    quorum = answers.quorum.quorum
    if quorum is not None:
        return quorum.leader_id
    return -1 if answers.quorum.leader_missing else answers.metadata.controller_id


def add_cluster(part: Part, answers: Answers, *, release: str, controller: int) -> None:
    """The cluster as a whole."""
    brokers = len(answers.metadata.brokers)
    complete = not answers.failed and not any(answers.facets.values()) and answers.quorum.error is None
    part.add(m.EXPORTER_UP, float(complete), __version__)
    labels = (release, str(brokers), str(controller), answers.metadata.cluster_id or "")
    part.add(m.CLUSTER_INFO, 1, *labels)
    part.add(m.BROKERS, brokers)
    part.add(m.BROKERS_EXPECTED, len(answers.expected))


def add_traffic(part: Part, traffic: Traffic) -> None:
    """What this program itself asked of the cluster."""
    part.add(m.REQUESTS_SENT, traffic.requests_sent)
    part.add(m.REQUESTS_RECEIVED, traffic.answers_received)
    part.add(m.SENT_BYTES, traffic.bytes_sent)
    part.add(m.RECEIVED_BYTES, traffic.bytes_received)


def add_health(part: Part, health: Health, state: KafkaState) -> None:
    """Leaders and replicas in sync."""
    part.add(m.PARTITIONS, health.partitions)
    part.add(m.OFFLINE, health.offline)
    part.add(m.UNDER_MIN_ISR, health.under_min_isr)
    part.add(m.AT_MIN_ISR, health.at_min_isr)
    part.add(m.UNDER_REPLICATED, health.under_replicated)
    part.add(m.NON_PREFERRED, health.non_preferred)
    part.add(m.ISR_SHRINKS, state.isr_shrinks)
    part.add(m.ISR_EXPANDS, state.isr_expands)
    _add_unhealthy(part, health)


def _add_unhealthy(part: Part, health: Health) -> None:
    """The worst topics by name, the rest in one sum for each problem."""
    for problem in Problem.values:
        topics = {topic: count for (topic, what), count in health.unhealthy.items() if what == problem}
        named = sorted(topics, key=lambda topic: (-topics[topic], topic))[:_UNHEALTHY_TOPICS]
        for topic in named:
            part.add(m.TOPIC_UNHEALTHY, topics[topic], topic, problem)
        rest = sum(topics.values()) - sum(topics[topic] for topic in named)
        if rest:
            part.add(m.TOPIC_UNHEALTHY, rest, OTHER, problem)


def add_quorum(part: Part, answer: QuorumAnswer) -> None:
    """The KRaft quorum; only whether there is a controller where the quorum itself cannot be asked."""
    quorum = answer.quorum
    if quorum is not None or answer.leader_missing or answer.error is None:
        part.add(m.QUORUM_HAS_LEADER, float(not answer.leader_missing))
    if quorum is None:
        return
    part.add(m.QUORUM_LEADER, quorum.leader_id)
    part.add(m.QUORUM_EPOCH, quorum.leader_epoch)
    part.add(m.QUORUM_VOTERS, len(quorum.voters))
    ends = [row.log_end_offset for row in (*quorum.voters, *quorum.observers) if row.id == quorum.leader_id]
    latest = max((row.last_caught_up_ms for row in quorum.voters), default=-1)
    for role, rows in (("voter", quorum.voters), ("observer", quorum.observers)):
        for row in rows:
            if ends and row.log_end_offset >= 0:
                part.add(m.QUORUM_REPLICA_LAG, max(ends[0] - row.log_end_offset, 0), str(row.id), role)
            if row.last_caught_up_ms >= 0:
                age = max(latest - row.last_caught_up_ms, 0) / 1000
                part.add(m.QUORUM_CAUGHT_UP_AGE, age, str(row.id), role)


def add_completeness(part: Part, state: KafkaState, now: float) -> None:
    """How much of what is shown is of this sweep, and how old the rest is."""
    partitions = sum(len(topic.in_sync) for topic in state.topics.values())
    held = [at for topic in state.topics.values() for at in topic.held.values()]
    part.add(m.OFFSETS_COMPLETENESS, (partitions - len(held)) / partitions if partitions else 1.0)
    shown_since = [at for at in held if at > 0]
    part.add(m.OFFSETS_AGE, max(now - min(shown_since, default=now), 0.0))
    part.add(m.GROUPS_HELD, sum(group.held for group in state.groups.values()))


def add_topics(
    part: Part, state: KafkaState, topics: Mapping[str, Topic], *, settings: KafkaTarget, keys: Keys
) -> None:
    """Water marks, counters and facts by topic, within the caps."""
    weights = {name: float(memory.produced) for name, memory in state.topics.items()}
    state.shown_topics = shown(weights, settings.max_topics, before=state.shown_topics)
    own = {name: state.topics[name] for name in state.shown_topics}
    detailed: frozenset[str] = frozenset()
    if settings.partition_series:
        detailed = whole_within({name: len(memory.in_sync) for name, memory in own.items()}, settings.max_partitions)
    for name, memory in own.items():
        _add_topic(part, name, memory, topics[name], state)
        if name in detailed:
            part.extend(m.PARTITION_HIGH_WATER_MARK, keys.rows("high", (name,), memory.high), memory.high.values())
            part.extend(m.PARTITION_LOW_WATER_MARK, keys.rows("low", (name,), memory.low), memory.low.values())
    rest = [state.topics[name] for name in state.topics.keys() - own.keys()]
    part.add(m.OTHER_TOPICS, len(rest))
    if rest:
        part.add(m.TOPIC_HIGH_WATER_MARK_SUM, sum(sum(memory.high.values()) for memory in rest), OTHER)
        part.add(m.TOPIC_LOW_WATER_MARK_SUM, sum(sum(memory.low.values()) for memory in rest), OTHER)
    if rest or state.other_produced:
        part.add(m.RECORDS_PRODUCED, state.other_produced, OTHER)


def _add_topic(part: Part, name: str, memory: TopicMemory, topic: Topic, state: KafkaState) -> None:
    config = state.configs.get(name)
    policy = config.cleanup_policy if config is not None else "N/A"
    factor = len(topic.partitions[0].replicas) if topic.partitions else -1
    part.add(m.TOPIC_INFO, 1, name, str(len(topic.partitions)), str(factor), policy)
    if memory.high:
        part.add(m.TOPIC_HIGH_WATER_MARK_SUM, sum(memory.high.values()), name)
        part.add(m.RECORDS_PRODUCED, memory.produced, name)
    if memory.low:
        part.add(m.TOPIC_LOW_WATER_MARK_SUM, sum(memory.low.values()), name)
    if memory.stable:
        pairs = ((memory.high.get(index, offset), offset) for index, offset in memory.stable.items())
        part.add(m.OPEN_TRANSACTION_RECORDS, sum(max(high - offset, 0) for high, offset in pairs), name)
