from __future__ import annotations

import gzip
import json
import zlib

import pytest

from stackledger.ledger.event import Reason
from stackledger.ledger.intake import BodyError, Fault, render, usage_api

EVENT = {
    "id": "r-1",
    "time": "2026-11-26T23:59:59.5+05:30",
    "provider": "openai",
    "model": "gpt-5.2",
    "usage": {"input_uncached": 10, "output": 3},
    "user": "anna",
}


def event(**fields):
    return {name: value for name, value in (EVENT | fields).items() if value is not None}


def take(*events, **options):
    return usage_api.take(json.dumps(list(events)).encode(), **options)


def refused(**fields):
    """The refusal of one event between two good ones, which are taken."""
    taken = take(event(id="before"), event(**fields), event(id="after"))
    assert [one.id for one in taken.events] == ["before", "after"]
    assert [taken.index_of(position) for position in (0, 1)] == [0, 2]
    (one,) = taken.refused
    assert one.index == 1
    return one.refusal


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps([EVENT, event(id="r-2")]), "application/json"),
        (json.dumps([EVENT, event(id="r-2")]), ""),
        (json.dumps({"events": [EVENT, event(id="r-2")]}), "application/json; charset=utf-8"),
        (json.dumps({"events": [EVENT, event(id="r-2")]}, indent=2), ""),
        (json.dumps(EVENT) + "\n\n" + json.dumps(event(id="r-2")) + "\n", "application/x-ndjson"),
        (json.dumps(EVENT) + "\r\n" + json.dumps(event(id="r-2")), "application/x-ndjson"),
        (json.dumps(EVENT) + "\n" + json.dumps(event(id="r-2")), "text/plain"),
    ],
)
@pytest.mark.parametrize("slow", [False, True])
def test_the_forms_of_a_body(body, content_type, slow):
    if slow:  # one refused event makes each be read by itself
        bad = json.dumps(event(usage={"output": -1}))
        if body.startswith("["):
            body = body[:-1] + "," + bad + "]"
        elif body.startswith(('{"events"', "{\n")):
            body = body.rstrip()[:-1].rstrip()[:-1] + "," + bad + "]}"
        else:
            body += "\n" + bad
    taken = usage_api.take(body.encode(), content_type=content_type)
    assert [one.id for one in taken.events] == ["r-1", "r-2"]
    assert [one.index for one in taken.refused] == [2] * slow
    assert taken.events[0].time.isoformat() == "2026-11-26T23:59:59.500000+05:30"


def test_an_empty_batch_is_no_mistake():
    assert usage_api.take(b"[]").events == usage_api.take(b'{"events": []}').events == []


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP ", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_compressed_bodies(encoding, pack):
    body = pack(json.dumps([EVENT] * 5_000).encode())
    assert len(usage_api.take(body, content_encoding=encoding).events) == 5_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_that_unpacks_to_gigabytes_is_refused_early(encoding):
    packed = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packed.compress(b" " * (1 << 20)) for _ in range(256)) + packed.flush()
    with pytest.raises(BodyError, match="above 1,000,000 bytes once decompressed") as caught:
        usage_api.take(bomb, content_encoding=encoding, limit=1_000_000)
    assert caught.value.fault is Fault.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding", "fault", "message"),
    [
        (b"x" * 101, "", Fault.TOO_LARGE, "above 100 bytes"),
        (gzip.compress(b"[]")[:-4], "gzip", Fault.MALFORMED, "ends in the middle"),
        (b"[" * 50, "gzip", Fault.MALFORMED, "not valid gzip"),
        (b"[]", "deflate", Fault.MALFORMED, "not valid deflate|ends in the middle"),
        (b"[]", "br", Fault.UNSUPPORTED, "send gzip, deflate or none"),
        (b"", "", Fault.MALFORMED, "no JSON array"),
        (b"hello", "", Fault.MALFORMED, "no JSON array"),
        (b'[{"id": 1}', "", Fault.MALFORMED, "not valid JSON at line 1, column 11"),
        (b'[{"id": 1},\xff]', "", Fault.MALFORMED, "not UTF-8 at byte 11"),
        (b'{"event": []}', "application/json", Fault.MALFORMED, "nothing else"),
        (b'{"events": {}}', "application/json", Fault.MALFORMED, "nothing else"),
        (b'{"events": [], "more": 1}', "application/json", Fault.MALFORMED, "nothing else"),
        (b'{"id": "a"}\n{"id": "b"}', "application/json", Fault.MALFORMED, "application/x-ndjson"),
        (b"[" * 100, "", Fault.MALFORMED, "not valid JSON"),
    ],
)
def test_what_is_wrong_with_a_whole_body(body, encoding, fault, message):
    content_type, encoding = (encoding, "") if "/" in encoding else ("", encoding)
    with pytest.raises(BodyError, match=message) as caught:
        usage_api.take(body, content_type=content_type, content_encoding=encoding, limit=100)
    assert caught.value.fault is fault


def test_many_empty_members_are_refused_before_they_cost_anything():
    with pytest.raises(BodyError, match="more than 256 gzip members"):
        usage_api.take(gzip.compress(b"") * 10_000, content_encoding="gzip")


def test_nesting_is_bounded():
    with pytest.raises(BodyError, match="nested too deeply"):
        usage_api.take(b"[" * 100_000)
    (one,) = usage_api.take(b'{"id":' * 100_000, content_type="application/x-ndjson").refused
    assert one.refusal.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("usage", "detail"),
    [
        ({"output": -1}, "$.usage.output is -1: send a whole number from 0"),
        ({"output": 12.5}, "$.usage.output is 12.5"),
        ({"output": 12.0}, "$.usage.output is 12.0"),
        ({"output": 2**63}, "$.usage.output is above any call"),
        ({"output": 10**400}, "$.usage.output is above any call"),
        ({"output": -(10**400)}, "$.usage.output is far below zero"),
        ({"output": 1e300}, "$.usage.output is above any call"),
        ({"output": float("nan")}, "$.usage.output is not a number"),
        ({"output": float("inf")}, "$.usage.output is above any call"),
        ({"output": float("-inf")}, "$.usage.output is far below zero"),
        ({"input_uncached": -5, "output": 2**41}, "$.usage.input_uncached is -5"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_impossible_counts_are_refused_and_never_clamped(usage, detail, content_type):
    events = [event(id="before"), event(usage=usage), event(id="after")]
    separator, ends = (",", "[]") if content_type == "application/json" else ("\n", ["", ""])
    body = ends[0] + separator.join(map(json.dumps, events)) + ends[1]
    taken = usage_api.take(body.encode(), content_type=content_type)
    (one,) = taken.refused
    assert [one.id for one in taken.events] == ["before", "after"]
    assert one.refusal.reason is Reason.IMPOSSIBLE_COUNT
    assert detail in one.refusal.detail


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"usage": {"outptu": 3}}, "$.usage.outptu is unknown here: did you mean 'output'?"),
        ({"usage": {"output": "3"}}, "$.usage.output is no number: send a whole number without quotes."),
        ({"usage": {"output": True}}, "$.usage.output is no number"),
        ({"usage": {"output": None}}, "$.usage.output is no number"),
        ({"usage": []}, "$.usage is not as expected: send an object of buckets."),
        ({"usage": None}, "$.usage is missing: send an object of buckets."),
        ({"modle": "x"}, "$.modle is unknown here: did you mean 'model'?"),
        ({"rwa": {}}, "$.rwa is unknown here: did you mean 'raw'?"),
        ({"prompt": "the secret"}, "$.prompt is unknown here: "),
        ({"the secret prompt as a name": 1}, "$ has a field that is unknown here: leave it out."),
        ({"id": ""}, "$.id is not as expected: send a string of 1 to 200 characters."),
        ({"id": 7}, "$.id is not as expected"),
        ({"id": "x" * 201}, "$.id is not as expected"),
        ({"id": None}, "$.id is missing"),
        ({"id": "nul \0"}, "A text holds a NUL character"),
        ({"user": "half \ud800"}, "A text holds a NUL character or half of a surrogate pair|not valid JSON"),
        ({"tags": {"a": "\0"}}, "A text holds a NUL character"),
        ({"time": "2026-11-26T23:59:59"}, "$.time is not as expected: send a time of RFC 3339 with an offset"),
        ({"time": "yesterday"}, "$.time is not as expected"),
        ({"time": 1_764_201_599}, "$.time is not as expected"),
        ({"provider": ""}, "$.provider is not as expected"),
        ({"service_tier": "the secret"}, "$.service_tier is not as expected: send one of standard, batch"),
        ({"tags": {"a": 1}}, "$.tags is not as expected"),
        ({"tags": {str(n): "" for n in range(17)}}, "$.tags is not as expected"),
        ({"user": "u" * 201}, "$.user is not as expected"),
        ({"raw": {}}, "Send either $.usage, or $.raw"),
        ({"api": "chat"}, "Send either $.usage, or $.raw"),
        ({"usage": None, "api": 3, "raw": {}}, "Send either $.usage, or $.raw"),
        ({"usage": None, "raw": {"prompt_tokens": 1}, "provider": 3}, "$.provider is not as expected"),
        ({"usage": None, "raw": {"prompt_tokens": 1}, "api": "chta"}, "Did you mean 'chat'?"),
        ({"usage": None, "raw": {"prompt_tokens": 1}, "modle": "m"}, "$.modle is unknown here"),
    ],
)
def test_a_malformed_event_is_refused_alone_with_its_place_and_the_remedy(fields, detail):
    refusal = refused(**fields)
    assert refusal.reason is Reason.MALFORMED
    assert any(part in refusal.detail for part in detail.split("|"))
    assert "secret" not in refusal.detail


def test_the_reason_names_several_mistakes_at_once():
    refusal = refused(usage={"output": -1, "x": 1}, user=5)
    assert refusal.detail.count("$.") == 3


def test_what_is_no_object_is_refused_alone():
    taken = usage_api.take(json.dumps([EVENT, 5, None, [EVENT], "text"]).encode())
    assert [one.index for one in taken.refused] == [1, 2, 3, 4]
    lines = usage_api.take(
        b'{"id": \n' + json.dumps(EVENT).encode() + b"\nnot json\n\xff", content_type="application/x-ndjson"
    )
    assert (len(lines.events), [one.index for one in lines.refused]) == (1, [0, 2, 3])


def test_a_raw_response_fills_what_the_event_leaves_out():
    response = {
        "id": "chatcmpl-1",
        "model": "gpt-5.2-2025-12-11",
        "service_tier": "flex",
        "choices": [{"message": {"content": "the secret answer"}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4.0},
    }
    (one,) = take(event(id=None, model=None, usage=None, raw=response)).events
    assert (one.id, one.model, one.service_tier, one.user) == ("chatcmpl-1", "gpt-5.2-2025-12-11", "flex", "anna")
    assert (one.usage.input_uncached, one.usage.output) == (10, 4)
    (mine,) = take(event(model="mine", usage=None, raw=response)).events
    assert (mine.id, mine.model) == ("r-1", "mine")


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
         Reason.IMPOSSIBLE_COUNT, "$.raw: cached 9 is above the input of 5 that contains it"),
        ({"usage": {"prompt_tokens": -5}}, Reason.IMPOSSIBLE_COUNT, "$.raw.usage.prompt_tokens is -5"),
        ({"prompt_tokens": float("nan")}, Reason.IMPOSSIBLE_COUNT, "$.raw.prompt_tokens is nan"),
        ({"prompt_tokens": "12"}, Reason.MALFORMED, "$.raw.prompt_tokens is no number"),
        ({"prompt_tokens": 1, "prompt_tokens_details": 7}, Reason.MALFORMED, "prompt_tokens_details is no object"),
        ({"choices": [], "the secret": 1}, Reason.UNKNOWN_SHAPE, "it has choices. Send the provider's usage"),
        ({}, Reason.UNKNOWN_SHAPE, "it has nothing that looks like a field"),
        ("the secret", Reason.UNKNOWN_SHAPE, "$.raw is no object"),
        ({"type": "message_start", "message": {"usage": {}}}, Reason.UNKNOWN_SHAPE, "usage of the final message"),
    ],
)  # fmt: skip
def test_raw_bodies_that_cannot_be_read(raw, reason, detail):
    refusal = refused(usage=None, raw=raw)
    assert refusal.reason is reason
    assert detail in refusal.detail
    assert "secret" not in refusal.detail
    assert refusal.id == "r-1"


def test_the_answer_tells_each_refusal_with_its_index_and_id():
    taken = take(EVENT, event(id="r-2", source="gateway", usage={"output": -1}), event(id="x" * 300))
    answer = json.loads(render(taken))
    assert answer["accepted"] == 1
    assert [(one["index"], one["id"], one["reason"]) for one in answer["refused"]] == [
        (1, "r-2", "impossible_count"),
        (2, "", "malformed"),
    ]
    assert taken.refused[0].refusal.source == "gateway"


def test_what_a_store_refuses_later_keeps_its_place_in_the_body():
    taken = take(event(id="a"), event(id=""), event(id="c"), event(id="d"))
    late = taken.refused[0].refusal
    rest = taken.without({1: late})
    assert [one.id for one in rest.events] == ["a", "d"]
    assert [one.index for one in rest.refused] == [1, 2]
    assert rest.index_of(1) == 3
    assert taken.without({}) is taken
    assert json.loads(render(rest))["accepted"] == 2
