from __future__ import annotations

import gzip
import json
import os

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from stackledger.ledger.intake import BodyError, Fault, genai, otlp, usage_api
from tests.unit.ledger.intake import calls

SLOTS = genai.Slots()
PROTOBUF, JSON = "application/x-protobuf", "application/json"
BAD = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": -1}


def message():
    spans = [(generation(call), {"id": os.urandom(8)}) for call in calls.CALLS for generation in calls.GENERATIONS]
    odd = [
        (BAD, {}),
        ({"db.system": "x"}, {}),
        ({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1.0, "gen_ai.provider.name": "x",
          "gen_ai.response.model": "m", "user.id": 7}, {}),
    ]  # fmt: skip
    return calls.request(*spans, *odd)


def test_json_and_protobuf_of_the_same_request_give_the_same():
    told = message()
    binary = otlp.take(told.SerializeToString(), SLOTS, content_type=PROTOBUF)
    text = otlp.take(calls.as_json(told), SLOTS, content_type=JSON + "; charset=utf-8")
    assert binary == text == otlp.take_request(told, SLOTS)
    assert (len(binary.events), len(binary.refused), binary.not_billed) == (25, 1, 1)
    assert binary.refused[0].index == 24


def test_bodies_may_be_compressed():
    told = message()
    for content_type, body in ((PROTOBUF, told.SerializeToString()), (JSON, calls.as_json(told))):
        taken = otlp.take(gzip.compress(body), SLOTS, content_type=content_type, content_encoding="gzip")
        assert len(taken.events) == 25


def test_the_answer_tells_refused_spans_in_the_encoding_of_the_request():
    taken = otlp.take_request(message(), SLOTS)
    parsed = ExportTraceServiceResponse.FromString(otlp.respond(taken, PROTOBUF))
    assert parsed.partial_success.rejected_spans == 1
    assert parsed.partial_success.error_message.startswith("span 24: The span's input count is -1")
    partial = json.loads(otlp.respond(taken, JSON))["partialSuccess"]
    assert partial == {"rejectedSpans": "1", "errorMessage": parsed.partial_success.error_message}


def test_the_answer_is_empty_when_all_was_read():
    taken = otlp.take_request(calls.request((calls.otel_1_41(calls.OPENAI), {})), SLOTS)
    assert otlp.respond(taken, PROTOBUF) == b""
    assert otlp.respond(taken, JSON) == b"{}"


def test_the_answer_names_the_first_reasons_only():
    taken = otlp.take_request(calls.request(*[(BAD, {})] * 9), SLOTS)
    assert otlp.response(taken).partial_success.error_message.endswith("; and 6 more")


@pytest.mark.parametrize(
    ("body", "content_type", "fault"),
    [
        (b"\xff\xff\xff", PROTOBUF, Fault.MALFORMED),
        (b"{", JSON, Fault.MALFORMED),
        (b"\xff", JSON, Fault.MALFORMED),
        (b'{"resourceSpans": "the secret"}', JSON, Fault.MALFORMED),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}', JSON, Fault.MALFORMED),
        (b'{"resourceSpans":' + b"[" * 100_000, JSON, Fault.MALFORMED),
        (b"", "text/plain", Fault.UNSUPPORTED),
        (b"", "", Fault.UNSUPPORTED),
    ],
)
def test_bodies_that_are_no_request(body, content_type, fault):
    with pytest.raises(BodyError) as caught:
        otlp.take(body, SLOTS, content_type=content_type)
    assert caught.value.fault is fault
    assert "secret" not in str(caught.value)


def test_an_empty_request_is_no_mistake():
    assert otlp.take(b"", SLOTS, content_type=PROTOBUF).events == []
    assert otlp.take(b"{}", SLOTS, content_type=JSON).events == []


def test_null_fields_and_named_status_codes_of_lenient_senders():
    attributes = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}, {"key": "x"}]
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "parentSpanId": None, "endTimeUnixNano": calls.END_NS,
            "status": {"code": "STATUS_CODE_ERROR"}, "attributes": attributes}  # fmt: skip
    body = json.dumps({"resourceSpans": [{"resource": None, "scopeSpans": [{"scope": None, "spans": [span]}]}]})
    assert otlp.take(body.encode(), SLOTS, content_type=JSON).not_billed == 1


@pytest.mark.parametrize("end", ["", "soon", "-5", "9" * 30, "1.5"])
def test_a_time_that_is_none_refuses_its_span(end):
    told = json.loads(calls.as_json(calls.request((calls.otel_1_41(calls.OPENAI), {}))))
    told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"] = end
    (one,) = otlp.take(json.dumps(told).encode(), SLOTS, content_type=JSON).refused
    assert "no time of its end" in one.refusal.detail


def test_messages_in_spans_are_never_read():
    """Attributes whose values are no valid text for their type pass, because nobody looks at them."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(end_time_unix_nano=calls.END_NS)
    for name, value in calls.otel_1_41(calls.OPENAI).items():
        attribute = span.attributes.add(key=name)
        if isinstance(value, int):
            attribute.value.int_value = value
        else:
            attribute.value.string_value = value
    span.attributes.add(key="gen_ai.output.messages").value.bytes_value = b"the secret \xff"
    nested = span.attributes.add(key="gen_ai.tool.definitions").value.array_value.values.add()
    nested.kvlist_value.values.add(key="the secret")
    taken = otlp.take(request.SerializeToString(), SLOTS, content_type=PROTOBUF)
    assert len(taken.events) == 1
    assert "secret" not in repr(taken)


def test_only_otlp_needs_protobuf():
    import subprocess
    import sys

    code = """
import sys
from stackledger.ledger.intake import usage_api, exports, genai
print([name for name in ("google.protobuf", "genai_prices", "opentelemetry") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert usage_api.LARGEST_BODY == otlp.LARGEST_BODY
