"""Encodings, error codes, version choice: the parts without a message."""

from __future__ import annotations

import struct
import uuid

import pytest

from stackledger.errors import ProtocolError
from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.error_codes import RETRIABLE, ErrorCode, error_name, is_retriable
from stackledger.integrations.kafka.wire.messages.cluster import MetadataRequest
from stackledger.integrations.kafka.wire.messages.offsets import ListOffsetsRequest, OffsetFetchRequest
from stackledger.integrations.kafka.wire.request import VersionRange, negotiate


def reader(data: bytes, *, flexible: bool = False) -> Reader:
    return Reader(data, what="test answer", flexible=flexible)


@pytest.mark.parametrize(
    ("data", "flexible", "read"),
    [
        (b"\x7f\xff\xff\xff", False, lambda r: r.array(Reader.int8)),
        (b"\xff\xff\xff\xff\x0f", True, lambda r: r.array(Reader.int8)),
        (b"\x7f\xff\xff\xff", False, Reader.int32_array),
        (b"\x7f\xff\xff\xff", False, Reader.byte_string),
        (b"\x7f\xff", False, Reader.string),
        (b"\xff\xff\xff\xff\x0f", True, Reader.string),
        (b"\xff\xff\xff\xff\x0f", True, Reader.tags),
        (b"\x01\x00\xff\xff\xff\xff\x0f", True, Reader.tags),
        (b"\xff\xff\xff\xff\xff\xff", True, Reader.varint),
        (b"\x80", True, Reader.varint),
        (b"\xff\xff", False, Reader.string),
        (b"\x00\x02\xff\xfe", False, Reader.string),
        (b"\x00", False, Reader.int64),
        (b"", False, Reader.uuid),
        (b"\x01", False, Reader.end),
    ],
)
def test_bytes_that_lie_raise_one_error_with_name_and_offset(*, data: bytes, flexible: bool, read) -> None:
    with pytest.raises(ProtocolError, match=r"^test answer.* at byte \d+ of \d+$"):
        read(reader(data, flexible=flexible))


def test_rows_are_refused_before_they_are_read_where_the_answer_is_too_short() -> None:
    with pytest.raises(ProtocolError, match="announced"):
        reader(bytes(25)).rows(">ihqqi", 1)
    assert list(reader(bytes(26)).rows(">ihqqi", 1)) == [(0, 0, 0, 0, 0)]


def test_flat_rows_are_the_rows_one_after_another() -> None:
    for count in (0, 1, 63, 64, 65, 200):
        data = b"".join(struct.pack(">iqi", index, index << 40, -1) for index in range(count))
        cursor = reader(data + b"\x07")
        values = cursor.flat("iq4x", count)
        assert list(zip(values[::2], values[1::2], strict=True)) == [(index, index << 40) for index in range(count)]
        assert cursor.int8() == 7
        if count:
            with pytest.raises(ProtocolError, match="announced"):
                reader(data[:-1]).flat("iq4x", count)


def test_tagged_fields_are_skipped_or_read() -> None:
    data = b"\x02\x00\x01\xaa\x05\x02\xbb\xcc" + b"\x07"
    skipping = reader(data, flexible=True)
    skipping.tags()
    assert skipping.int8() == 7
    assert [(tag, field.take(field.remaining)) for tag, field in reader(data, flexible=True).tagged()] == [
        (0, b"\xaa"),
        (5, b"\xbb\xcc"),
    ]


def test_a_classic_message_has_no_tags() -> None:
    writer = Writer()
    writer.tags()
    assert writer.getvalue() == b""
    reader(b"").tags()


def test_uuid_and_unsigned() -> None:
    value = uuid.UUID("12345678-1234-5678-1234-567812345678")
    assert reader(value.bytes).uuid() == value
    assert reader(b"\xff\xfe").uint16() == 65534


def test_header_carries_key_version_id_and_client() -> None:
    classic = ListOffsetsRequest({}).encode(5, correlation_id=7, client_id="me")
    assert classic == struct.pack(">ihhih2sibi", 21, 2, 5, 7, 2, b"me", -1, 0, 0)
    flexible = MetadataRequest().encode(12, correlation_id=8, client_id="me")
    assert flexible == struct.pack(">ihhih2sB", 17, 3, 12, 8, 2, b"me", 0) + bytes(4)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [((0, 13), 12), ((0, 11), 11), ((12, 20), 12), ((0, 8), None), ((13, 20), None)],
)
def test_the_newest_common_version_is_chosen(offered: tuple[int, int], chosen: int | None) -> None:
    assert negotiate(MetadataRequest, {3: VersionRange(*offered)}) == chosen


def test_an_api_that_is_not_offered_has_no_version() -> None:
    assert negotiate(MetadataRequest, {}) is None


def test_many_groups_are_one_request_from_kafka_3_on_and_one_each_before() -> None:
    request = OffsetFetchRequest(("a", "b"), require_stable=True)
    assert request.split(9) == request.split(8) == (request,)
    assert request.split(7) == (OffsetFetchRequest(("a",), True), OffsetFetchRequest(("b",), True))  # noqa: FBT003
    with pytest.raises(ValueError, match="too many"):
        request.encode(7, correlation_id=1, client_id="me")


def test_error_codes() -> None:
    assert error_name(6) == "NOT_LEADER_OR_FOLLOWER"
    assert error_name(-1) == "UNKNOWN_SERVER_ERROR"
    assert error_name(30_000) == "CODE_30000"
    assert is_retriable(ErrorCode.NOT_COORDINATOR)
    assert not is_retriable(ErrorCode.GROUP_AUTHORIZATION_FAILED)
    assert not is_retriable(30_000)
    assert ErrorCode.NONE not in RETRIABLE
