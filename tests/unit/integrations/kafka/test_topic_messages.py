"""CreateTopics and CreatePartitions: what is asked, byte by byte, and what the answers mean."""

from __future__ import annotations

from stackledger.integrations.kafka.wire.codec import Writer
from stackledger.integrations.kafka.wire.messages.topics import CreatePartitionsRequest, CreateTopicsRequest, Outcome


def body(request: CreateTopicsRequest | CreatePartitionsRequest, version: int) -> bytes:
    writer = Writer(flexible=True)
    request.write(writer, version)
    return writer.getvalue()


def test_a_topic_with_its_replicas_and_settings() -> None:
    request = CreateTopicsRequest("t", ((1, 2), (2, 1)), {"k": "v"}, timeout_ms=5)
    rows = b"\0\0\0\0\3\0\0\0\1\0\0\0\2\0" + b"\0\0\0\1\3\0\0\0\2\0\0\0\1\0"
    topic = b"\2t\xff\xff\xff\xff\xff\xff\3" + rows + b"\2\2k\2v\0\0"
    assert body(request, 5) == b"\2" + topic + b"\0\0\0\5\0\0"


def test_one_more_partition() -> None:
    request = CreatePartitionsRequest("t", 3, ((7,),), timeout_ms=5)
    assert body(request, 3) == b"\2\2t\0\0\0\3\2\2\0\0\0\7\0\0\0\0\0\5\0\0"


def test_the_answers_to_making_a_topic() -> None:
    writer = Writer(flexible=True)
    writer.int32(0)
    writer.count(1)
    writer.string("t")
    writer.int16(29)
    writer.string("no")
    writer.int32(-1)
    writer.int16(-1)
    writer.count(1)
    writer.string("retention.ms")
    writer.string("5")
    writer.raw(bytes(1))
    writer.int8(1)
    writer.raw(bytes(1))
    writer.tags()
    writer.tags()
    writer.tags()
    assert CreateTopicsRequest.decode(bytes(1) + writer.getvalue(), 5) == {"t": Outcome(29, "no")}
    grown = Writer(flexible=True)
    grown.int32(0)
    grown.count(1)
    grown.string("t")
    grown.int16(0)
    grown.string(None)
    grown.tags()
    grown.tags()
    assert CreatePartitionsRequest.decode(bytes(1) + grown.getvalue(), 3) == {"t": Outcome(0, None)}
