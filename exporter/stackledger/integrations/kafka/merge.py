"""Merges a sweep into what is remembered. Pure but for the state that it changes: offsets hold, counters only rise.

Rules: what a broker did not tell keeps its last good value and is marked; what the cluster no longer has is forgotten;
a topic with a new id is a new topic, and all its records were written since; a group is forgotten only when its
coordinator, or every broker, says that it is gone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from stackledger.integrations.kafka.answers import Answers, GroupAnswer, Offsets
from stackledger.integrations.kafka.cluster.health import isr_changes
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.groups.facts import Facts, FactsMemory
from stackledger.integrations.kafka.groups.lag import pack, remember
from stackledger.integrations.kafka.groups.verdict import CAUGHT_UP, Judgement, Situation, judge, progress
from stackledger.integrations.kafka.state import Departed, GroupMemory, GroupTopic, KafkaState, Reading, TopicMemory
from stackledger.integrations.kafka.topics.throughput import note
from stackledger.integrations.kafka.wire.messages.cluster import Metadata, Topic

_MISSES_TO_FORGET: Final = 2
_DEPARTED_SECONDS: Final = 600.0
_MAX_DEPARTED: Final = 20_000


def merge(
    state: KafkaState,
    answers: Answers,
    *,
    filters: Filters,
    stuck_after: float,
    window: float,
    facts: FactsMemory | None = None,
) -> None:
    """Bring the state up to date with one sweep. `window` is how many seconds of readings are kept."""
    _same_cluster(state, answers.metadata)
    moved = _merge_topics(state, answers, filters)
    _merge_history(state, answers.at)
    judge_by = _Judging(moved, facts or FactsMemory(), answers.at, stuck_after)
    _merge_groups(state, answers, judge_by)
    _note_reading(state, answers, keep=window)
    state.brokers = dict(answers.expected)
    state.listed = True
    state.swept_at = answers.at


def _note_reading(state: KafkaState, answers: Answers, *, keep: float) -> None:
    """What the throughput is judged by: only a reading in which every leader and every coordinator told counts."""
    held = any(topic.held for topic in state.topics.values()) or any(group.held for group in state.groups.values())
    times = [answer.high_at for answer in answers.brokers.values()]
    lag = sum(commits.lag for group in state.groups.values() for commits in group.topics.values())
    reading = Reading(sum(times) / len(times), state.total_produced, state.total_consumed, lag - state.lag_shift)
    groups = all(answer.groups is not None for answer in answers.brokers.values())
    complete = not held and not answers.failed and groups and not any(answers.facets.values())
    note(state.readings, reading, spread=max(times) - min(times), complete=complete, keep=keep)


def _same_cluster(state: KafkaState, metadata: Metadata) -> None:
    """Nothing of another cluster is of use, even where the same addresses lead to it now."""
    cluster_id = metadata.cluster_id or ""
    if state.cluster_id and state.cluster_id != cluster_id:
        fresh = KafkaState()
        for name in state.__struct_fields__:
            setattr(state, name, getattr(fresh, name))
    state.cluster_id = cluster_id


# -- topics ------------------------------------------------------------------------------------------------------------


def topic_key(name: str, topic: Topic) -> str:
    """What tells a topic from a later one of the same name; its name, where brokers are too old to have ids."""
    return topic.id.hex if topic.id.int else name


def _merge_topics(state: KafkaState, answers: Answers, filters: Filters) -> set[str]:
    """Merge; returns the topics whose ends moved."""
    moved = set()
    high: Offsets = {}
    low: Offsets = {}
    stable: Offsets = {}
    for answer in answers.brokers.values():
        _gather(high, answer.high)
        _gather(low, answer.low)
        _gather(stable, answer.stable)
    topics = {name: topic for name, topic in answers.metadata.topics.items() if filters.topic(name)}
    _forget_topics(state, topics.keys(), answers.at)
    _forget_configs(state, answers.metadata.topics.keys())
    for name, topic in topics.items():
        memory = _memory(state, name, topic)
        memory.missed = 0
        _note_replicas(state, memory, topic)
        fresh = high.get(name, {})
        if not fresh.items() <= memory.high.items():
            moved.add(name)
        state.total_produced += _take(memory, fresh, swept_at=state.swept_at)
        first = low.get(name, {})
        if not first.items() <= memory.low.items():
            memory.low = memory.low | first
        memory.stable.update(stable.get(name, {}))
    return moved


def _forget_topics(state: KafkaState, listed: Collection[str], now: float) -> None:
    """Forget topics that are not listed; their counters are kept for a while, for they may come back with their id."""
    for name in state.topics.keys() - listed:
        memory = state.topics[name]
        memory.missed += 1
        if memory.missed < _MISSES_TO_FORGET:  # a broker that has just started may not know all yet
            memory.held = {p: memory.held.get(p, state.swept_at if p in memory.high else 0.0) for p in memory.high}
            continue
        del state.topics[name]
        if memory.id != name and len(state.departed) < _MAX_DEPARTED:
            state.departed[memory.id] = Departed(now, memory)
    for topic_id in [key for key, gone in state.departed.items() if now - gone.at > _DEPARTED_SECONDS]:
        del state.departed[topic_id]


def _forget_configs(state: KafkaState, listed: Collection[str]) -> None:
    """Settings are read of topics that are left out, too, since their partitions count in the health of the whole."""
    for name in state.configs.keys() - listed - state.topics.keys():
        del state.configs[name]


def _gather(into: Offsets, part: Offsets) -> None:
    """Add what one broker told; the answers themselves are left alone, for they are kept to compare with."""
    for topic, offsets in part.items():
        into[topic] = into[topic] | offsets if topic in into else offsets


def _memory(state: KafkaState, name: str, topic: Topic) -> TopicMemory:
    """The topic's memory. A topic that was not there before was made since, so that all its records are counted."""
    memory, key = state.topics.get(name), topic_key(name, topic)
    if memory is None or memory.id != key:
        departed = state.departed.pop(key, None)
        if departed is not None:
            state.topics[name] = departed.memory
            return departed.memory
        memory = state.topics[name] = TopicMemory(key)
        state.configs.pop(name, None)
        if state.listed:
            memory.peak = dict.fromkeys((partition.id for partition in topic.partitions), 0)
    return memory


def _note_replicas(state: KafkaState, memory: TopicMemory, topic: Topic) -> None:
    in_sync = [0] * len(topic.partitions)  # brokers list partitions in no certain order
    for partition in topic.partitions:
        if partition.id < len(in_sync):
            in_sync[partition.id] = len(partition.in_sync)
    if in_sync == memory.in_sync:
        return
    shrinks, expands = isr_changes(memory.in_sync, in_sync)
    state.isr_shrinks += shrinks
    state.isr_expands += expands
    if memory.in_sync:  # partitions were added: all their records were written since
        for added in range(len(memory.in_sync), len(in_sync)):
            memory.peak.setdefault(added, 0)
    memory.in_sync = in_sync


def _take(memory: TopicMemory, fresh: dict[int, int], *, swept_at: float) -> int:
    """Take over what was read and count what was written since; a partition seen for the first time counts nothing."""
    size = len(memory.in_sync)
    if len(fresh) == size and not memory.held and fresh == memory.high:
        return 0
    grown = 0
    peak = memory.peak
    for partition, offset in fresh.items():
        before = peak.get(partition)
        if before is None or offset > before:
            grown += offset - before if before is not None else 0
            peak[partition] = offset
    held = range(size) if not fresh else [index for index in range(size) if index not in fresh]
    memory.held = {index: memory.held.get(index, swept_at if index in memory.high else 0.0) for index in held}
    memory.high = memory.high | fresh
    memory.produced += grown
    return grown


def _merge_history(state: KafkaState, at: float) -> None:
    topics = state.topics.values()
    rows = {memory.id: pack(memory.high, len(memory.in_sync), unknown=memory.held) for memory in topics}
    remember(state.history, at, rows)


# -- groups ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judging:
    """What the groups of one sweep are judged by."""

    moved: set[str]
    """Topics whose ends moved."""
    facts: FactsMemory
    now: float
    stuck_after: float


def _merge_groups(state: KafkaState, answers: Answers, judge_by: _Judging) -> None:
    seen: set[str] = set()
    for broker_id, answer in answers.brokers.items():
        for group_id, group in (answer.groups or {}).items():
            seen.add(group_id)
            state.total_consumed += _take_group(state, broker_id, group, judge_by)
    _forget_or_hold(state, answers, seen)


def _forget_or_hold(state: KafkaState, answers: Answers, seen: set[str]) -> None:
    """A group that nobody lists is gone if its coordinator says so twice: in between it may only have moved."""
    told = {broker_id for broker_id, answer in answers.brokers.items() if answer.groups is not None}
    all_told = told >= answers.expected.keys()
    loading = len(told) < len(answers.brokers)
    for group_id in state.groups.keys() - seen:
        memory = state.groups[group_id]
        memory.held = True
        memory.missed += 1
        settled = all_told or (memory.coordinator in told and not loading) or memory.coordinator not in answers.expected
        if settled and memory.missed >= _MISSES_TO_FORGET:
            state.lag_shift -= sum(commits.lag for commits in memory.topics.values() if commits.lag > 0)
            del state.groups[group_id]


def _take_group(state: KafkaState, broker_id: int, answer: GroupAnswer, judge_by: _Judging) -> int:
    listed, members = answer.listed, answer.members
    memory = state.groups.get(listed.group_id)
    if memory is None:
        memory = state.groups[listed.group_id] = GroupMemory(broker_id)
    memory.coordinator, memory.missed = broker_id, 0
    memory.group_type = listed.group_type or "classic"
    memory.protocol_type = listed.protocol_type
    memory.state = listed.state
    if members is not None:
        memory.state, memory.protocol = members.state, members.protocol
        memory.members, memory.empty_members = members.total, members.without_partitions
        memory.topic_members, memory.assigned = members.by_topic, members.assigned
    memory.held = answer.offsets is None
    if answer.offsets is None:
        return 0
    return _take_commits(state, listed.group_id, memory, answer.offsets, judge_by)


def _take_commits(state: KafkaState, group: str, memory: GroupMemory, offsets: Offsets, judge_by: _Judging) -> int:
    grown = 0
    now = judge_by.now
    for name in memory.topics.keys() - (offsets.keys() & state.topics.keys()):
        state.lag_shift -= max(memory.topics.pop(name).lag, 0)
        memory.verdicts.pop(name, None)
    for name, committed in offsets.items():
        topic = state.topics.get(name)
        if topic is None or not committed:
            continue
        known = memory.topics.get(name)
        is_new = known is None or known.topic_id != topic.id
        if known is None or is_new:
            state.lag_shift -= max(known.lag, 0) if known is not None else 0
            known = memory.topics[name] = GroupTopic(topic.id, committed)
        learned = bool(known.waiting and topic.markers)
        moves = committed is not known.committed and committed != known.committed
        if is_new or name in judge_by.moved or learned or moves or known.lag < 0:  # else nothing can have changed
            before, known.committed = known.committed, committed if moves else known.committed
            facts = judge_by.facts.of((group, name), known.committed, topic)
            step = progress(before, committed, _behind(facts, topic), waiting=known.waiting, now=now)
            known.committed_at = now if moves else known.committed_at
            known.waiting, known.lag = step.waiting, facts.lag
            state.lag_shift += facts.lag if is_new else 0
            known.consumed += step.consumed
            grown += step.consumed
            known.rewound_at = now if step.rewound else known.rewound_at
        memory.verdicts[name] = _judged(memory, name, known, judge_by)
    return grown


def _behind(facts: Facts, topic: TopicMemory) -> Collection[int]:
    """The partitions in which a record waits: an end of a transaction right before the end of the log is none."""
    if not topic.markers:
        return facts.behind
    ends = topic.ends()
    return [index for index, offset in facts.behind.items() if offset < ends[index]]


def _judged(memory: GroupMemory, topic: str, known: GroupTopic, judge_by: _Judging) -> Judgement:
    if not known.waiting and not known.rewound_at:
        return CAUGHT_UP
    situation = Situation(known.waiting, _readers(memory, topic), memory.state, known.rewound_at)
    return judge(situation, now=judge_by.now, stuck_after=judge_by.stuck_after)


def _readers(memory: GroupMemory, topic: str) -> int | None:
    """Members that read the topic. Only a stable consumer group's assignment tells; else all members may do."""
    if memory.members and memory.state == "Stable" and memory.protocol_type == "consumer":
        return memory.topic_members.get(topic, 0)
    return memory.members
