"""The slow lane: log directories by broker and topic. Owns its samples; the settings of topics it only refreshes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stackledger.collect.snapshot import Part
from stackledger.errors import ReadTimeoutError, TargetError
from stackledger.integrations.kafka.cluster.samples import address_of
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.state import BrokerMemory, KafkaState
from stackledger.integrations.kafka.storage import metrics as m
from stackledger.integrations.kafka.view import View
from stackledger.integrations.kafka.wire.messages.storage import LogDir, LogDirs


@dataclass(frozen=True, slots=True)
class Disks:
    """What the brokers said of their log directories."""

    at: float
    brokers: Mapping[int, BrokerMemory]
    answers: Mapping[int, LogDirs | TargetError]


def disk_parts(disks: Disks, state: KafkaState, view: View) -> tuple[dict[str, Part], dict[str, TargetError]]:
    """A part per broker and the sizes by topic, those of a silent broker as they last were; and who failed."""
    parts: dict[str, Part] = {}
    failed: dict[str, TargetError] = {}
    for broker_id, broker in disks.brokers.items():
        answer = disks.answers.get(broker_id, ReadTimeoutError(f"broker {broker_id} was not asked"))
        if isinstance(answer, TargetError):
            failed[address_of(broker)] = answer
        else:
            parts[address_of(broker)] = _broker_part(disks.at, broker_id, broker, answer.dirs, view)
            state.log_dir_sizes[broker_id] = topic_sizes(answer.dirs)
    for gone in state.log_dir_sizes.keys() - disks.brokers.keys():
        del state.log_dir_sizes[gone]
    parts["cluster"] = _cluster_part(disks.at, state, view)
    return parts, failed


def topic_sizes(dirs: tuple[LogDir, ...]) -> dict[str, int]:
    """Bytes by topic in all directories that could be read, copies on the move included."""
    sizes: Counter[str] = Counter()
    for log_dir in dirs:
        for by_topic in (log_dir.sizes, log_dir.futures):
            for topic, partitions in by_topic.items():
                sizes[topic] += sum(partitions.values())
    return dict(sizes)


def _broker_part(at: float, broker_id: int, broker: BrokerMemory, dirs: tuple[LogDir, ...], view: View) -> Part:
    part = Part(at, instance=address_of(broker))
    total = 0
    for log_dir in dirs:
        part.add(m.LOG_DIR_FAILED, float(log_dir.error_code != 0), log_dir.path)
        if log_dir.error_code:
            continue
        size = sum(topic_sizes((log_dir,)).values())
        total += size
        part.add(m.LOG_DIR_SIZE, size, log_dir.path)
        part.add(m.LOG_DIR_CAPACITY, log_dir.total_bytes if log_dir.total_bytes >= 0 else None, log_dir.path)
        part.add(m.LOG_DIR_USABLE, log_dir.usable_bytes if log_dir.usable_bytes >= 0 else None, log_dir.path)
    view.peer.broker_disk(part, broker_id, broker, total)
    return part


def _cluster_part(at: float, state: KafkaState, view: View) -> Part:
    part = Part(at)
    if not state.listed:  # which topics have a name of their own is the fast lane's choice, made at its first sweep
        return part
    sizes: Counter[str] = Counter()
    for by_topic in state.log_dir_sizes.values():
        sizes.update(by_topic)
    own = set(state.shown_topics)
    for topic, size in sizes.items():
        if topic in own:
            part.add(m.TOPIC_SIZE, size, topic)
            view.peer.topic_disk(part, topic, size)
    rest = sum(size for topic, size in sizes.items() if topic not in own)
    if rest:
        part.add(m.TOPIC_SIZE, rest, OTHER)
        view.peer.topic_disk(part, OTHER, rest)
    return part
