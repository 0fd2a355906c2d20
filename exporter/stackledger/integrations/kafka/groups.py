"""From what is remembered of groups to samples: members, lag in records and seconds, verdicts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka import metrics as m
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.lag import CAUGHT_UP, Lag, Points, lag_of, points_of
from stackledger.integrations.kafka.selection import OTHER, shown, whole_within
from stackledger.integrations.kafka.state import GroupMemory, GroupTopic, KafkaState, TopicConfig, TopicMemory
from stackledger.integrations.kafka.verdict import LEVELS

_STABLE = "Stable"


def add_groups(part: Part, state: KafkaState, *, settings: KafkaTarget, keys: Keys) -> None:
    """Everything by group, within the caps."""
    types = Counter(group.group_type for group in state.groups.values())
    for group_type in ("classic", "consumer", *sorted(types.keys() - {"classic", "consumer"})):
        part.add(m.GROUPS, types[group_type], group_type)
    weights = {name: float(len(group.topics)) for name, group in state.groups.items()}
    state.shown_groups = shown(weights, settings.max_groups, before=state.shown_groups)
    own = {name: state.groups[name] for name in state.shown_groups}
    detailed: frozenset[str] = frozenset()
    if settings.partition_series:
        sizes = {name: sum(len(topic.committed) for topic in group.topics.values()) for name, group in own.items()}
        detailed = whole_within(sizes, settings.max_group_partitions)
    view = _View(part, state, keys)
    for name, group in own.items():
        _add_members(part, name, group)
        view.add_commits(name, group, detailed=name in detailed)
    view.columns.add_to(part)
    rest = {name: state.groups[name] for name in state.groups.keys() - own.keys()}
    part.add(m.OTHER_GROUPS, len(rest))
    _add_rest(part, state, rest)


def _add_members(part: Part, name: str, group: GroupMemory) -> None:
    protocol_type = group.protocol_type or ("" if group.group_type == "classic" else group.group_type)
    labels = (name, group.protocol, protocol_type, group.state, str(group.coordinator))
    part.add(m.GROUP_INFO, float(group.state == _STABLE), *labels)
    part.add(m.GROUP_MEMBERS, group.members, name)
    if group.empty_members:
        part.add(m.GROUP_EMPTY_MEMBERS, group.empty_members, name)
    for topic, count in group.topic_members.items():
        part.add(m.GROUP_TOPIC_MEMBERS, count, name, topic)
    for topic, count in group.assigned.items():
        part.add(m.GROUP_TOPIC_ASSIGNED, count, name, topic)


@dataclass(slots=True)
class _Topic:
    """What the groups that read a topic share in one sweep."""

    memory: TopicMemory
    retention: float | None
    """Seconds after which the topic's records are deleted, None where time alone deletes nothing."""
    deleted: bool
    """Whether any of its records were deleted: only then can a group have lost some."""
    points: Points | None = None


@dataclass(slots=True)
class _Columns:
    """Values of several families, side by side with the (group, topic) that they all belong to."""

    keys: list[Key] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    consumed: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    timed: list[Key] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    methods: list[Key] = field(default_factory=list)
    doubted: list[Key] = field(default_factory=list)
    doubts: list[float] = field(default_factory=list)
    limited: list[Key] = field(default_factory=list)
    headroom: list[float] = field(default_factory=list)
    judged: list[Key] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    reasons: list[Key] = field(default_factory=list)

    def add_to(self, part: Part) -> None:
        part.extend(m.GROUP_TOPIC_OFFSET_SUM, self.keys, self.offsets)
        part.extend(m.GROUP_TOPIC_LAG, self.keys, self.lags)
        part.extend(m.RECORDS_CONSUMED, self.keys, self.consumed)
        part.extend(m.LOST_RECORDS, self.keys, self.lost)
        part.extend(m.LAG_SECONDS, self.timed, self.seconds)
        part.extend(m.LAG_METHOD, self.methods, [1.0] * len(self.methods))
        part.extend(m.LAG_DOUBT, self.doubted, self.doubts)
        part.extend(m.RETENTION_HEADROOM, self.limited, self.headroom)
        part.extend(m.VERDICT, self.judged, self.levels)
        part.extend(m.VERDICT_INFO, self.reasons, [1.0] * len(self.reasons))


@dataclass(slots=True)
class _View:
    """One sweep's lags, column by column: thousands of group topics are too many for a call per sample."""

    part: Part
    state: KafkaState
    keys: Keys
    columns: _Columns = field(default_factory=_Columns)
    topics: dict[str, _Topic] = field(default_factory=dict)

    def add_commits(self, name: str, group: GroupMemory, *, detailed: bool) -> None:
        columns = self.columns
        for topic, commits in group.topics.items():
            read = self._topic(topic)
            if read is None or read.memory.id != commits.topic_id:
                continue
            known = _known(commits.committed, read.memory)
            if not known:
                continue
            key = self.keys.pair(name, topic)
            self._add_topic(key, commits, known, read, detailed=detailed)
            judged = group.verdicts.get(topic)
            if judged is not None:
                columns.judged.append(key)
                columns.levels.append(LEVELS[judged[0]])
                columns.reasons.append((*key, *judged))

    def _topic(self, name: str) -> _Topic | None:
        read = self.topics.get(name)
        if read is None:
            memory = self.state.topics.get(name)
            if memory is None:
                return None
            config = self.state.configs.get(name)
            read = _Topic(memory, retention_of(config), any(memory.low.values()))
            self.topics[name] = read
        return read

    def _add_topic(
        self, key: Key, commits: GroupTopic, known: Mapping[int, int], read: _Topic, *, detailed: bool
    ) -> None:
        columns, high = self.columns, read.memory.high
        lags = [end - offset if (end := high[index]) > offset else 0 for index, offset in known.items()]
        lag = sum(lags)
        columns.keys.append(key)
        columns.offsets.append(sum(known.values()))
        columns.lags.append(lag)
        columns.consumed.append(commits.consumed)
        columns.lost.append(_behind(known, read.memory.low) if read.deleted else 0)
        if detailed:
            self.part.extend(m.GROUP_TOPIC_PARTITION_LAG, self.keys.rows("lag", key, known), lags)
        if read.memory.stable:
            self.part.add(m.STABLE_LAG, _behind(known, read.memory.stable), *key)
        self._add_seconds(key, self._seconds(known, read) if lag else CAUGHT_UP, read.retention)

    def _seconds(self, known: Mapping[int, int], read: _Topic) -> Lag | None:
        if read.points is None:
            read.points = points_of(self.state.history, read.memory.id)
        return lag_of(known, read.memory.high, read.points, ceiling=read.retention)

    def _add_seconds(self, key: Key, lag: Lag | None, retention: float | None) -> None:
        if lag is None:
            return
        columns = self.columns
        columns.timed.append(key)
        columns.seconds.append(lag.seconds)
        columns.methods.append((*key, lag.method))
        if lag.doubt is not None:
            columns.doubted.append(key)
            columns.doubts.append(lag.doubt)
        if retention is not None:
            columns.limited.append(key)
            columns.headroom.append(retention - lag.seconds)


def retention_of(config: TopicConfig | None) -> float | None:
    """Seconds after which the topic's records are deleted, None where time alone deletes nothing or is unknown."""
    if config is None or config.retention_ms < 0 or "delete" not in config.cleanup_policy:
        return None
    return config.retention_ms / 1000


def _known(committed: Mapping[int, int], memory: TopicMemory) -> Mapping[int, int]:
    """The commits in partitions whose end is known: the lag of the others is unknown, not zero."""
    if committed.keys() <= memory.high.keys():
        return committed
    return {index: offset for index, offset in committed.items() if index in memory.high}


def _behind(committed: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(end - offset for index, offset in committed.items() if (end := ends.get(index, -1)) > offset)


def _add_rest(part: Part, state: KafkaState, rest: Mapping[str, GroupMemory]) -> None:
    """The groups beyond the cap, exactly, in one sum each."""
    if rest or state.other_consumed:
        part.add(m.RECORDS_CONSUMED, state.other_consumed, OTHER, OTHER)
    if not rest:
        return
    offsets = lags = 0
    for group in rest.values():
        for topic, commits in group.topics.items():
            memory = state.topics.get(topic)
            if memory is not None and memory.id == commits.topic_id:
                known = _known(commits.committed, memory)
                offsets += sum(known.values())
                lags += _behind(known, memory.high)
    part.add(m.GROUP_TOPIC_OFFSET_SUM, offsets, OTHER, OTHER)
    part.add(m.GROUP_TOPIC_LAG, lags, OTHER, OTHER)
    part.add(m.GROUP_MEMBERS, sum(group.members or 0 for group in rest.values()), OTHER)
