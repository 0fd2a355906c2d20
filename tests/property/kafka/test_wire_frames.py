"""Whatever bytes arrive: a value or ProtocolError, soon and in little memory. What is written is read back."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackledger.errors import ProtocolError
from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.messages.cluster import MetadataRequest
from stackledger.integrations.kafka.wire.messages.groups import read_assignment
from stackledger.integrations.kafka.wire.messages.offsets import (
    GroupOffsets,
    ListOffsetsRequest,
    LogOffsets,
    OffsetFetchRequest,
    OffsetsMemory,
)
from stackledger.integrations.kafka.wire.messages.storage import DescribeLogDirsRequest
from tests.unit.integrations.kafka.recorded import KINDS, Frame, frames

RECORDED = frames()
LYING_NUMBERS = (
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x00\x00\x00",
    b"\x7f\xff",
    b"\x00" * 8,
    b"\xff" * 9,
)
many = settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])

mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "double"]),
        st.integers(0, 1 << 16),
        st.one_of(st.sampled_from(LYING_NUMBERS), st.binary(min_size=1, max_size=8)),
    ),
    max_size=6,
)


def mutate(payload: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    data = bytearray(payload)
    for kind, where, value in changes:
        at = where % (len(data) + 1)
        if kind == "set":
            data[at : at + len(value)] = value
        elif kind == "insert":
            data[at:at] = value
        elif kind == "delete":
            del data[at : at + len(value)]
        elif kind == "cut":
            del data[at:]
        else:
            data += data[at:]
    return bytes(data)


def decode(frame: Frame) -> None:
    """A value or ProtocolError; anything else fails the test. A second is a hundred times what the largest takes."""
    started, problem = time.monotonic(), ""
    try:
        frame.decode()
    except ProtocolError as error:
        problem = str(error)
    assert len(problem) < 400
    assert time.monotonic() - started < 1


@many
@given(recorded=st.sampled_from(RECORDED), changes=mutations)
def test_a_changed_answer_is_a_value_or_a_protocol_error(
    recorded: Frame, changes: list[tuple[str, int, bytes]]
) -> None:
    decode(recorded._replace(payload=mutate(recorded.payload, changes)))


@many
@given(data=st.data(), payload=st.binary(max_size=200))
def test_garbage_is_a_value_or_a_protocol_error(data: st.DataObject, payload: bytes) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    decode(Frame(kind, data.draw(st.sampled_from(kind.versions)), payload))


@settings(deadline=None)
@given(payload=st.binary(max_size=100))
def test_garbage_as_assignment_is_a_value_or_a_protocol_error(payload: bytes) -> None:
    try:
        read_assignment(payload)
    except ProtocolError:
        return


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("byte", [0x00, 0x01, 0x02, 0x7F, 0x80, 0xFF])
def test_a_megabyte_of_one_byte_takes_bounded_memory_and_time(kind: type, byte: int) -> None:
    tracemalloc.start()
    try:
        for version in kind.versions:
            started = time.monotonic()
            with pytest.raises(ProtocolError):
                kind.decode(bytes([byte]) * (1 << 20), version)
            assert time.monotonic() - started < 20
        assert tracemalloc.get_traced_memory()[1] < 400 << 20
    finally:
        tracemalloc.stop()


texts = st.text(max_size=300)
integers = {size: st.integers(-(1 << size - 1), (1 << size - 1) - 1) for size in (8, 16, 32, 64)}


@given(
    flexible=st.booleans(),
    text=texts,
    nullable=st.none() | texts,
    data=st.binary(max_size=300),
    rows=st.lists(integers[32], max_size=200),
    names=st.lists(texts, max_size=20),
    number=integers[64],
    varint=st.integers(0, (1 << 32) - 1),
)
def test_primitives_round_trip(
    *,
    flexible: bool,
    text: str,
    nullable: str | None,
    data: bytes,
    rows: list[int],
    names: list[str],
    number: int,
    varint: int,
) -> None:
    writer = Writer(flexible=flexible)
    writer.string(text)
    writer.string(nullable)
    writer.byte_string(data)
    writer.int32s(rows)
    writer.strings(names)
    writer.int64(number)
    writer.varint(varint)
    writer.tags()
    reader = Reader(writer.getvalue(), what="round trip", flexible=flexible)
    assert reader.string() == text
    assert reader.nullable_string() == nullable
    assert reader.byte_string() == data
    assert reader.int32_array() == tuple(rows)
    assert reader.string_array() == tuple(names)
    assert reader.int64() == number
    assert reader.varint() == varint
    reader.tags()
    reader.end()


offsets = st.integers(0, (1 << 63) - 1)
topics = st.dictionaries(st.text(max_size=20), st.dictionaries(st.integers(0, 9999), offsets, max_size=60), max_size=5)


def log_ends_frame(topics: dict[str, dict[int, int]], failing: set[int]) -> bytes:
    writer = Writer()
    writer.int32(0)
    writer.count(len(topics))
    for topic, rows in topics.items():
        writer.string(topic)
        writer.count(len(rows))
        for index, offset in rows.items():
            writer.raw(struct.pack(">ihqqi", index, 6 if index in failing else 0, -1, offset, 3))
    return writer.getvalue()


@given(topics=topics, failing=st.sets(st.integers(0, 9999)))
def test_log_ends_are_read_as_they_were_sent(topics: dict[str, dict[int, int]], failing: set[int]) -> None:
    answer = ListOffsetsRequest.decode(log_ends_frame(topics, failing), 5)
    assert answer.offsets == {t: {i: o for i, o in rows.items() if i not in failing} for t, rows in topics.items()}
    assert {i for rows in answer.errors.values() for i in rows} == {
        i for rows in topics.values() for i in rows
    } & failing


few = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.integers(0, 3), st.integers(0, 2)), max_size=3)


@given(st.lists(st.tuples(few, st.sets(st.integers(0, 3))), max_size=8))
def test_log_ends_out_of_a_memory_are_those_that_were_sent(
    answers: list[tuple[dict[str, dict[int, int]], set[int]]],
) -> None:
    memory: OffsetsMemory[LogOffsets] = OffsetsMemory()
    for topics, failing in answers:
        frame = log_ends_frame(topics, failing)
        with pytest.raises(ProtocolError):
            ListOffsetsRequest({}, memory=memory).answer(frame + b"!", 5)
        remembered = ListOffsetsRequest({}, memory=memory).answer(frame, 5)
        assert remembered == ListOffsetsRequest.decode(frame, 5)
        again = ListOffsetsRequest({}, memory=memory).answer(frame, 5)
        assert all(again.offsets[name] is rows for name, rows in remembered.offsets.items() if not remembered.errors)


commits = st.dictionaries(
    st.integers(0, 9999),
    st.tuples(
        st.integers(-1, (1 << 63) - 1), st.none() | st.text(max_size=30), st.sampled_from([0, 0, 0, 3]), st.booleans()
    ),
    max_size=40,
)


Groups = dict[str, dict[str, dict[int, tuple[int, str | None, int, bool]]]]


def commits_frame(groups: Groups) -> bytes:
    writer = Writer(flexible=True)
    writer.tags()
    writer.int32(0)
    writer.count(len(groups))
    for group, by_topic in groups.items():
        writer.string(group)
        writer.count(len(by_topic))
        for topic, rows in by_topic.items():
            writer.string(topic)
            writer.count(len(rows))
            for index, (offset, note, code, tagged) in rows.items():
                writer.raw(struct.pack(">iqi", index, offset, -1))
                writer.string(note)
                writer.int16(code)
                writer.raw(b"\x01\x63\x02zz" if tagged else b"\0")
            writer.tags()
        writer.int16(0)
        writer.tags()
    writer.tags()
    return writer.getvalue()


@given(
    groups=st.dictionaries(st.text(max_size=20), st.dictionaries(st.text(max_size=20), commits, max_size=4), max_size=4)
)
def test_commits_are_read_as_they_were_sent_whatever_notes_and_tags_they_carry(groups: Groups) -> None:
    """The quick path assumes rows of 20 bytes: notes and unknown tags must never shift a row unnoticed."""
    answer = OffsetFetchRequest.decode(commits_frame(groups), 9)
    for group, by_topic in groups.items():
        for topic, rows in by_topic.items():
            expected = {index: row[0] for index, row in rows.items() if row[0] >= 0 and not row[2]}
            assert answer[group].offsets[topic] == expected
            assert answer[group].errors.get(topic, {}) == {index: row[2] for index, row in rows.items() if row[2]}


few_commits = st.dictionaries(
    st.integers(0, 2),
    st.tuples(st.integers(-1, 2), st.none() | st.sampled_from(["", "a"]), st.sampled_from([0, 0, 3]), st.booleans()),
    max_size=3,
)
few_groups = st.dictionaries(
    st.sampled_from("gh"), st.dictionaries(st.sampled_from("ab"), few_commits, max_size=2), max_size=2
)


@given(st.lists(few_groups, max_size=8))
def test_commits_out_of_a_memory_are_those_that_were_sent(answers: list[Groups]) -> None:
    memory: OffsetsMemory[dict[str, GroupOffsets]] = OffsetsMemory()
    for groups in answers:
        frame = commits_frame(groups)
        request = OffsetFetchRequest(tuple(groups), memory=memory)
        with pytest.raises(ProtocolError):
            request.answer(frame[:-1], 9)
        assert request.answer(frame, 9) == request.answer(frame, 9) == OffsetFetchRequest.decode(frame, 9)


ids = st.lists(st.integers(0, 99), max_size=4)
partitions = st.lists(st.tuples(ids, ids, ids, st.booleans()), max_size=12)


@given(partitions=partitions)
def test_partitions_are_read_as_they_were_sent_whatever_their_shapes(
    partitions: list[tuple[list[int], list[int], list[int], bool]],
) -> None:
    """A partition of its predecessor's shape takes a quick path: a change of shape must never go unnoticed."""
    writer = Writer(flexible=True)
    writer.tags()
    writer.int32(0)
    writer.count(0)
    writer.string(None)
    writer.int32(1)
    writer.count(1)
    writer.int16(0)
    writer.string("t")
    writer.raw(bytes(17))
    writer.count(len(partitions))
    for index, (replicas, in_sync, offline, tagged) in enumerate(partitions):
        writer.raw(struct.pack(">hiii", 0, index, 1, 5))
        for row in (replicas, in_sync, offline):
            writer.int32s(row)
        writer.raw(b"\x01\x63\x02zz" if tagged else b"\0")
    writer.int32(0)
    writer.tags()
    writer.tags()
    read = MetadataRequest.decode(writer.getvalue(), 12).topics["t"].partitions
    assert [(list(p.replicas), list(p.in_sync), list(p.offline)) for p in read] == [row[:3] for row in partitions]
    assert [p.id for p in read] == list(range(len(partitions)))


@given(
    rows=st.dictionaries(st.integers(0, 999), st.tuples(offsets, offsets, st.booleans(), st.booleans()), max_size=30)
)
def test_sizes_are_read_as_they_were_sent(rows: dict[int, tuple[int, int, bool, bool]]) -> None:
    writer = Writer(flexible=True)
    writer.tags()
    writer.raw(bytes(6))
    writer.count(1)
    writer.int16(0)
    writer.string("/data")
    writer.count(1)
    writer.string("t")
    writer.count(len(rows))
    for index, (size, lag, future, tagged) in rows.items():
        writer.raw(struct.pack(">iqq?", index, size, lag, future) + (b"\x01\x63\x02zz" if tagged else b"\0"))
    writer.tags()
    writer.raw(struct.pack(">qq", 10, 5))
    writer.tags()
    writer.tags()
    (found,) = DescribeLogDirsRequest.decode(writer.getvalue(), 4).dirs
    assert found.sizes.get("t", {}) == {i: row[0] for i, row in rows.items() if not row[2]}
    assert found.lags.get("t", {}) == {i: row[1] for i, row in rows.items() if not row[2]}
    assert found.futures.get("t", {}) == {i: row[0] for i, row in rows.items() if row[2]}
    assert (found.total_bytes, found.usable_bytes) == (10, 5)
