"""From what is remembered of groups to samples: members, lag in records and seconds, verdicts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stackledger.catalogue import metrics_of
from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka.groups import metrics as m
from stackledger.integrations.kafka.groups.facts import Facts, between, known_of
from stackledger.integrations.kafka.groups.lag import CAUGHT_UP, Lag, below, lag_of
from stackledger.integrations.kafka.groups.past import Past
from stackledger.integrations.kafka.groups.verdict import LEVELS
from stackledger.integrations.kafka.selection import OTHER, shown, whole_within
from stackledger.integrations.kafka.state import GroupMemory, GroupTopic, KafkaState, TopicConfig, TopicMemory
from stackledger.integrations.kafka.view import View

_FAMILIES = metrics_of(m)


def add_groups(part: Part, state: KafkaState, *, view: View) -> None:
    """Everything by group, within the caps."""
    part.read(_FAMILIES)  # what could not be read is remembered, so what is not there is gone
    part.read(view.peer.families)
    settings = view.settings
    types = Counter(group.group_type for group in state.groups.values())
    for group_type in ("classic", "consumer", *sorted(types.keys() - {"classic", "consumer"})):
        part.add(m.GROUPS, types[group_type], group_type)
    part.add(m.GROUPS_HELD, sum(group.held for group in state.groups.values()))
    weights = {name: float(len(group.topics)) for name, group in state.groups.items()}
    state.shown_groups = shown(weights, settings.max_groups, before=state.shown_groups)
    own = {name: state.groups[name] for name in state.shown_groups}
    detailed: frozenset[str] = frozenset()
    if settings.partition_series:
        sizes = {name: sum(len(topic.committed) for topic in group.topics.values()) for name, group in own.items()}
        detailed = whole_within(sizes, settings.max_group_partitions)
    lags = _Lags(part, state, view)
    for name, group in own.items():
        _add_members(part, name, group)
        view.peer.group(part, name, group)
        lags.add_commits(name, group, detailed=name in detailed)
    lags.add_columns()
    rest = {name: state.groups[name] for name in state.groups.keys() - own.keys()}
    part.add(m.OTHER_GROUPS, len(rest))
    _add_rest(part, state, rest, view)


def _add_members(part: Part, name: str, group: GroupMemory) -> None:
    part.add(m.GROUP_INFO, 1, name, group.group_type, group.state, group.protocol, str(group.coordinator))
    part.add(m.GROUP_MEMBERS, group.members, name)
    for topic, count in group.assigned.items():
        part.add(m.ASSIGNED, count, name, topic)


@dataclass(slots=True)
class _Topic:
    """What the groups that read a topic share in one sweep."""

    memory: TopicMemory
    retention: float | None
    """Seconds after which the topic's records are deleted, None where time alone deletes nothing."""
    ends: Mapping[int, int]
    """Where a consumer has nothing left to read."""
    past: Past | None = None
    still: Lag | None = None
    """The lag of all who wait, where the topic stands."""


@dataclass(slots=True)
class _Columns:
    """Values of several families, side by side with the (group, topic) or the partition that they all belong to."""

    keys: list[Key] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    consumed: list[float] = field(default_factory=list)
    whole: list[Key] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    worst_ids: list[float] = field(default_factory=list)
    committed: list[Key] = field(default_factory=list)
    committed_at: list[float] = field(default_factory=list)
    behind: list[Key] = field(default_factory=list)
    room: list[float] = field(default_factory=list)
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
    partitions: list[Key] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    partition_lags: list[float] = field(default_factory=list)

    def add_to(self, part: Part) -> None:
        part.extend(m.LAG, self.keys, self.lags)
        part.extend(m.RECORDS_CONSUMED, self.keys, self.consumed)
        part.extend(m.LOST_RECORDS, self.whole, self.lost)
        part.extend(m.WORST_PARTITION_LAG, self.keys, self.worst)
        part.extend(m.WORST_PARTITION, self.keys, self.worst_ids)
        part.extend(m.LAST_COMMIT, self.committed, self.committed_at)
        part.extend(m.HEADROOM_RECORDS, self.behind, self.room)
        part.extend(m.LAG_SECONDS, self.timed, self.seconds)
        part.extend(m.LAG_METHOD, self.methods, [1.0] * len(self.methods))
        part.extend(m.LAG_DOUBT, self.doubted, self.doubts)
        part.extend(m.RETENTION_HEADROOM, self.limited, self.headroom)
        part.extend(m.VERDICT, self.judged, self.levels)
        part.extend(m.VERDICT_INFO, self.reasons, [1.0] * len(self.reasons))


@dataclass(slots=True)
class _Lags:
    """One sweep's lags, column by column: thousands of group topics are too many for a call per sample."""

    part: Part
    state: KafkaState
    view: View
    columns: _Columns = field(default_factory=_Columns)
    topics: dict[str, _Topic] = field(default_factory=dict)

    def add_columns(self) -> None:
        """Add what was collected."""
        self.columns.add_to(self.part)
        peer, columns = self.view.peer, self.columns
        peer.group_topics(self.part, columns.keys, columns.offsets, columns.lags)
        peer.group_partitions(self.part, columns.partitions, columns.commits, columns.partition_lags)

    def add_commits(self, name: str, group: GroupMemory, *, detailed: bool) -> None:
        columns = self.columns
        for topic, commits in group.topics.items():
            read = self._topic(topic)
            if read is None or read.memory.id != commits.topic_id:
                continue
            key = self.view.keys.pair(name, topic)
            facts = self.view.facts.of(key, commits.committed, read.memory)
            if not facts.known:
                continue
            self._add_topic(key, commits, facts, read, detailed=detailed)
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
            read = _Topic(memory, retention_of(config), memory.ends())
            self.topics[name] = read
        return read

    def _add_topic(self, key: Key, commits: GroupTopic, facts: Facts, read: _Topic, *, detailed: bool) -> None:
        columns, known = self.columns, facts.known
        columns.keys.append(key)
        columns.offsets.append(facts.offsets)
        columns.lags.append(facts.lag)
        columns.consumed.append(commits.consumed)
        if len(known) == len(commits.committed):  # else an old loss would look new when a silent broker is back
            columns.whole.append(key)
            columns.lost.append(facts.lost)
        columns.worst.append(facts.worst)
        columns.worst_ids.append(facts.worst_partition)
        if commits.committed_at:
            columns.committed.append(key)
            columns.committed_at.append(commits.committed_at)
        if facts.room is not None:
            columns.behind.append(key)
            columns.room.append(facts.room)
        if detailed:
            columns.partitions += self.view.keys.rows("lag", key, known)
            columns.commits += known.values()
            columns.partition_lags += facts.lags
        if read.memory.stable:
            self.part.add(m.STABLE_LAG, between(known, read.memory.stable), *key)
        self._add_seconds(key, self._seconds(facts, read) if facts.lag else CAUGHT_UP, read.retention)
        if detailed and self.view.settings.partition_seconds:
            self._add_partition_seconds(key, known, read)

    def _seconds(self, facts: Facts, read: _Topic) -> Lag | None:
        past, plain = self._past(read), read.ends is read.memory.high
        if read.still is not None and plain:
            return read.still
        waiting = facts.behind if plain else below(facts.known, read.ends)
        return past.age_of(waiting, read.ends, ceiling=read.retention) if waiting else CAUGHT_UP

    def _past(self, read: _Topic) -> Past:
        if read.past is None:
            read.past = self.view.past.of(self.state.history, read.memory.id, read.memory.high)
            read.still = read.past.still()
        return read.past

    def _add_partition_seconds(self, key: Key, known: Mapping[int, int], read: _Topic) -> None:
        points, ends, ceiling = self._past(read).points, read.ends, read.retention
        lags = {p: lag_of({p: c}, ends, points, ceiling=ceiling) for p, c in known.items()}
        timed = {p: lag.seconds for p, lag in lags.items() if lag is not None}
        self.part.extend(m.PARTITION_LAG_SECONDS, self.view.keys.rows("age", key, timed), timed.values())

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


def _add_rest(part: Part, state: KafkaState, rest: Mapping[str, GroupMemory], view: View) -> None:
    """The groups beyond the cap, exactly, in one sum each."""
    for group in rest.values():
        for commits in group.topics.values():
            state.other_consumed += commits.consumed - commits.counted
            commits.counted = commits.consumed
    if rest or state.other_consumed:
        part.add(m.RECORDS_CONSUMED, state.other_consumed, OTHER, OTHER)
    if not rest:
        return
    offsets = lags = 0
    for group in rest.values():
        for topic, commits in group.topics.items():
            memory = state.topics.get(topic)
            if memory is not None and memory.id == commits.topic_id:
                known = known_of(commits.committed, memory.high)
                offsets += sum(known.values())
                lags += between(known, memory.high)
    members = sum(group.members or 0 for group in rest.values())
    part.add(m.LAG, lags, OTHER, OTHER)
    part.add(m.GROUP_MEMBERS, members, OTHER)
    view.peer.other_groups(part, offsets=offsets, lags=lags, members=members)
