"""Log ends and commits: ListOffsets, OffsetFetch. The bulk of a sweep, so rows of fixed width decode in one call."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, NamedTuple, TypeVar

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import LastAnswer, Request

A = TypeVar("A")

LATEST = -1
EARLIEST = -2

_GROUPS_FROM = 8
_MEMBER_FROM = 9
_MULTI_GROUP = (8, 9)

_LOG_ROW = struct.Struct(">ihqqi")  # partition, error code, timestamp, offset, leader epoch
_LOG_COLUMNS = "ih8xq4x"  # partition, error code, offset
_COMMIT_ROW = struct.Struct(">iqiBhB")  # partition, offset, leader epoch, length of an empty note, error code, tags
_COMMIT_COLUMNS = "iq4xI"  # partition, offset, and the last three as one number
_USUAL_ENDS = frozenset((0, 1 << 24))  # a null or an empty note, no error, no tags
_COMMIT_HEAD = struct.Struct(">iqi")


class Isolation(IntEnum):
    """Which end of the log is meant by `LATEST`."""

    READ_UNCOMMITTED = 0
    """The high watermark."""
    READ_COMMITTED = 1
    """The last stable offset: before the oldest open transaction."""


class OffsetsMemory(Generic[A]):
    """The last answer to a request that is sent again and again, as a whole and by topic, by group where there are any.

    Most topics are told in the same bytes as before, and comparing bytes is far cheaper than reading them. Whoever gets
    offsets out of a memory gets the same object as before and must not change it. Topics are kept as stretches of the
    answer's bytes.
    """

    __slots__ = ("_asked", "_before", "_now", "_spelt", "whole")

    def __init__(self) -> None:
        self.whole: LastAnswer[A] = LastAnswer()
        self._asked: tuple[object, bytes] | None = None
        self._spelt = b""
        self._before: dict[tuple[str, str], tuple[int, int, dict[int, int]]] = {}
        self._now: dict[tuple[str, str], tuple[int, int, dict[int, int]]] = {}

    def request(self, partitions: object, write: Callable[[], bytes]) -> bytes:
        """How the request for these partitions is spelt: anew only for another object than last time."""
        if self._asked is None or self._asked[0] is not partitions:
            self._asked = partitions, write()
        return self._asked[1]

    def begin(self) -> None:
        """An answer is about to be read. One that turned out to be malformed leaves nothing."""
        self._now = {}

    def recall(self, reader: Reader, group: str, topic: str) -> dict[int, int] | None:
        """The topic's offsets, if what comes next is what came last time; the reader is then behind it."""
        slot = group, topic
        known = self._before.get(slot)
        begin = reader.position
        if known is None or not reader.skip(self._spelt[known[0] : known[1]]):
            return None
        self._now[slot] = begin, reader.position, known[2]
        return known[2]

    def keep(self, begin: int, end: int, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Remember what these bytes of the answer meant for a topic."""
        self._now[group, topic] = begin, end, offsets

    def end(self, reader: Reader) -> None:
        """The answer is read whole: forget what it did not tell."""
        reader.end()
        self._spelt = reader.data
        self._before, self._now = self._now, {}


class LogOffsets(NamedTuple):
    """The answer to ListOffsets."""

    offsets: dict[str, dict[int, int]]
    """Topic, partition: offset. -1 where no record is as young as the time asked for."""
    errors: dict[str, dict[int, int]]
    """Topic, partition: error code of the partitions that could not be answered; they are not in `offsets`."""


@dataclass(frozen=True, slots=True)
class ListOffsetsRequest(Request[LogOffsets]):
    """Offsets of partitions, to be sent to their leader. `timestamp` is LATEST, EARLIEST or milliseconds since 1970."""

    api_key: ClassVar[int] = 2
    name: ClassVar[str] = "ListOffsets"
    versions: ClassVar[tuple[int, ...]] = (5,)

    partitions: Mapping[str, Iterable[int]]
    timestamp: int = LATEST
    isolation: Isolation = Isolation.READ_UNCOMMITTED
    memory: OffsetsMemory[LogOffsets] | None = None

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        writer.raw(self._body() if self.memory is None else self.memory.request(self.partitions, self._body))

    def _body(self) -> bytes:
        writer = Writer()
        pack = struct.Struct(">i").pack
        tail = struct.pack(">iq", -1, self.timestamp)
        writer.int32(-1)  # a client, not a replica
        writer.int8(self.isolation)
        writer.count(len(self.partitions))
        for topic, indexes in self.partitions.items():
            rows = list(map(pack, indexes))
            writer.string(topic)
            writer.count(len(rows))
            writer.raw(tail.join((*rows, b"")))
        return writer.getvalue()

    @classmethod
    def read(cls, reader: Reader, version: int) -> LogOffsets:  # noqa: ARG003 - one version
        """Read the answer."""
        return _read_ends(reader, OffsetsMemory())

    def answer(self, payload: bytes, version: int) -> LogOffsets:
        """The answer, out of the memory what did not change."""
        if self.memory is None:
            return self.decode(payload, version)
        return self.memory.whole.of(payload, version, self._read_changed)

    def _read_changed(self, payload: bytes, version: int) -> LogOffsets:
        reader, memory = self.reader(payload, version), self.memory or OffsetsMemory()
        memory.begin()
        answer = _read_ends(reader, memory)
        memory.end(reader)
        return answer


def _read_ends(reader: Reader, memory: OffsetsMemory[LogOffsets]) -> LogOffsets:
    reader.int32()
    answer = LogOffsets({}, {})
    for _ in range(reader.count(6)):
        topic = reader.string()
        known = memory.recall(reader, "", topic)
        if known is not None:
            answer.offsets[topic] = known
            continue
        begin = reader.position
        count, start = reader.count(_LOG_ROW.size), reader.position
        values = reader.flat(_LOG_COLUMNS, count)
        found = answer.offsets[topic] = dict(zip(values[::3], values[2::3], strict=True))
        if len(found) < count or any(values[1::3]):
            rows = list(_LOG_ROW.iter_unpack(reader.data[start : reader.position]))
            answer.offsets[topic] = {index: offset for index, code, _, offset, _ in rows if not code}
            answer.errors[topic] = {index: code for index, code, *_ in rows if code}
        else:
            memory.keep(begin, reader.position, "", topic, found)
    return answer


class GroupOffsets(NamedTuple):
    """The commits of one group."""

    error_code: int
    offsets: dict[str, dict[int, int]]
    """Topic, partition: committed offset. A partition without a commit is not in it."""
    errors: dict[str, dict[int, int]]
    """Topic, partition: error code of the partitions that could not be answered."""


@dataclass(frozen=True, slots=True)
class OffsetFetchRequest(Request[dict[str, GroupOffsets]]):
    """Every commit of the groups, to be sent to their coordinator. The answer is by group.

    Many groups need Kafka 3.0; for an older broker `split` makes one request per group. With `require_stable` a
    partition with an open transactional commit answers with an error instead of the commit before it.
    """

    api_key: ClassVar[int] = 9
    name: ClassVar[str] = "OffsetFetch"
    versions: ClassVar[tuple[int, ...]] = (7, 8, 9)
    flexible_from: ClassVar[int] = 6

    groups: tuple[str, ...]
    require_stable: bool = False
    memory: OffsetsMemory[dict[str, GroupOffsets]] | None = None
    """For a request that is sent again and again; not together with `split`, whose answers do not name their group."""

    def split(self, version: int) -> tuple[OffsetFetchRequest, ...]:
        """The requests that this one takes at `version`."""
        if version in _MULTI_GROUP:
            return (self,)
        return tuple(OffsetFetchRequest((group,), self.require_stable) for group in self.groups)

    def write(self, writer: Writer, version: int) -> None:
        """Write the body; ValueError for several groups at a version that takes one."""
        if version < _GROUPS_FROM:
            (group,) = self.groups
            writer.string(group)
            writer.count(None)
        else:
            writer.count(len(self.groups))
            for group in self.groups:
                _write_group(writer, group, version)
        writer.boolean(self.require_stable)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, GroupOffsets]:
        """Read the answer. Below version 8 it does not name its group: the only key is then the empty text."""
        return _read_groups(reader, version, OffsetsMemory())

    def answer(self, payload: bytes, version: int) -> dict[str, GroupOffsets]:
        """The answer, out of the memory what did not change."""
        if self.memory is None:
            return self.decode(payload, version)
        return self.memory.whole.of(payload, version, self._read_changed)

    def _read_changed(self, payload: bytes, version: int) -> dict[str, GroupOffsets]:
        reader, memory = self.reader(payload, version), self.memory or OffsetsMemory()
        memory.begin()
        answer = _read_groups(reader, version, memory)
        memory.end(reader)
        return answer


def _write_group(writer: Writer, group: str, version: int) -> None:
    writer.string(group)
    if version >= _MEMBER_FROM:
        writer.string(None)
        writer.int32(-1)
    writer.count(None)
    writer.tags()


def _read_groups(
    reader: Reader, version: int, memory: OffsetsMemory[dict[str, GroupOffsets]]
) -> dict[str, GroupOffsets]:
    reader.int32()
    groups = {}
    if version < _GROUPS_FROM:
        groups[""] = _read_group(reader, "", memory)
    else:
        for _ in range(reader.count(5)):
            group = reader.string()
            groups[group] = _read_group(reader, group, memory)
            reader.tags()
    reader.tags()
    return groups


def _read_group(reader: Reader, group: str, memory: OffsetsMemory[dict[str, GroupOffsets]]) -> GroupOffsets:
    offsets: dict[str, dict[int, int]] = {}
    errors: dict[str, dict[int, int]] = {}
    for _ in range(reader.count(3)):
        topic = reader.string()
        known = memory.recall(reader, group, topic)
        if known is not None:
            offsets[topic] = known
            continue
        begin = reader.position
        offsets[topic], refused = _read_topic(reader)
        if refused:
            errors[topic] = refused
        else:
            memory.keep(begin, reader.position, group, topic, offsets[topic])
    return GroupOffsets(reader.int16(), offsets, errors)


def _read_topic(reader: Reader) -> tuple[dict[int, int], dict[int, int]]:
    """The commits of one topic, and the error codes of the partitions that have one.

    Almost every client commits an empty note: then all rows are 20 bytes. While note, code and tags of a row are as
    expected, the next row is where it is supposed to be; any other row sends the topic the long way.
    """
    count, start = reader.count(_COMMIT_ROW.size), reader.position
    values = reader.flat(_COMMIT_COLUMNS, count)
    found = dict(zip(values[::3], values[1::3], strict=True))
    refused: dict[int, int] = {}
    if len(found) < count or not _USUAL_ENDS.issuperset(values[2::3]) or min(found.values(), default=0) < 0:
        reader.position = start
        _read_commits(reader, count, found, refused)
    reader.tags()
    return found, refused


def _read_commits(reader: Reader, count: int, offsets: dict[int, int], errors: dict[int, int]) -> None:
    """Rows of any width, into `offsets` and `errors`; -1 says that there is no commit."""
    offsets.clear()
    for _ in range(count):
        index, offset, _ = reader.unpack(_COMMIT_HEAD)
        reader.nullable_string()
        code = reader.int16()
        reader.tags()
        if code:
            errors[index] = code
        elif offset >= 0:
            offsets[index] = offset
