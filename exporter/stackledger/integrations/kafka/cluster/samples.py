"""From one sweep to samples of the cluster, its quorum, and one part per broker. Pure."""

from __future__ import annotations

from stackledger.collect.snapshot import Part
from stackledger.integrations.kafka.answers import Answers, QuorumAnswer
from stackledger.integrations.kafka.cluster import metrics as m
from stackledger.integrations.kafka.cluster.health import Health
from stackledger.integrations.kafka.labels import Problem
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState
from stackledger.integrations.kafka.wire.connection import Traffic

_UNHEALTHY_TOPICS = 100


def address_of(broker: BrokerMemory) -> str:
    """host:port, as the label `instance` shows it."""
    return f"{broker.host}:{broker.port}"


def broker_part(answers: Answers, broker_id: int, health: Health, *, controller: int) -> Part:
    """What speaks of one broker."""
    broker = answers.expected[broker_id]
    part = Part(answers.at, instance=address_of(broker))
    is_controller = "true" if broker_id == controller else "false"
    part.add(m.BROKER_INFO, 1, str(broker_id), broker.rack, is_controller)
    part.add(m.BROKER_LEADERS, health.leaders[broker_id])
    part.add(m.BROKER_REPLICAS, health.replicas[broker_id])
    return part


def controller_of(answers: Answers) -> int:
    """node.id of the active controller. Under KRaft only the quorum knows it: Metadata names any broker."""
    quorum = answers.quorum.quorum
    if quorum is not None:
        return quorum.leader_id
    return -1 if answers.quorum.leader_missing else answers.metadata.controller_id


def is_complete(answers: Answers) -> bool:
    """Whether everything was read."""
    return not answers.failed and not any(answers.facets.values()) and answers.quorum.error is None


def add_cluster(part: Part, answers: Answers, *, release: str) -> None:
    """The cluster as a whole."""
    part.add(m.CLUSTER_INFO, 1, release, answers.metadata.cluster_id or "")
    part.add(m.BROKERS, len(answers.metadata.brokers))
    part.add(m.BROKERS_EXPECTED, len(answers.expected))


def add_traffic(part: Part, traffic: Traffic) -> None:
    """What this program itself asked of the cluster."""
    part.add(m.REQUESTS, traffic.requests_sent)


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
