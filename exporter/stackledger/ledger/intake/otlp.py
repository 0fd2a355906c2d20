"""OTLP of traces (ExportTraceServiceRequest), in protobuf and in JSON: spans in, usage events out.

Names of attributes are looked up; values are read only for the few names in `genai.names`, so a prompt or an answer in
a span is never turned into a string here, and never kept. Facts: opentelemetry-proto 1.x, and the OTLP specification
on JSON (ids in hexadecimal, 64-bit numbers as strings, unknown fields ignored, enumerations as numbers).
"""

from __future__ import annotations

from typing import Final

import msgspec
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from stackledger.ledger.intake import genai, otlp_json
from stackledger.ledger.intake.body import BodyError, Fault, decompress
from stackledger.ledger.intake.genai.span import Span
from stackledger.ledger.intake.result import Taken

LARGEST_BODY: Final = 64 << 20
_FAILED: Final = 2  # Status.STATUS_CODE_ERROR
_REFUSALS_TOLD: Final = 3
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"


def take(
    body: bytes, slots: genai.Slots, *, content_type: str, content_encoding: str = "", limit: int = LARGEST_BODY
) -> Taken:
    """The usage events in one request's body. Raises BodyError where it is no such request."""
    if not _is_json(content_type):
        data = decompress(body, content_encoding, limit=limit)
        try:
            request = ExportTraceServiceRequest.FromString(data)
        except DecodeError:
            text = f"The body is no ExportTraceServiceRequest in protobuf. Send JSON as {_JSON}."
            raise BodyError(Fault.MALFORMED, text) from None
        return take_request(request, slots)
    return genai.take(otlp_json.spans(decompress(body, content_encoding, limit=limit), slots), slots.names)


def take_request(request: ExportTraceServiceRequest, slots: genai.Slots) -> Taken:
    """The usage events in a request that gRPC has parsed."""
    return genai.take(_spans(request, slots), slots.names)


def response(taken: Taken) -> ExportTraceServiceResponse:
    """What the sender is told: nothing where all was read, else how many spans were refused and the first reasons."""
    if not taken.refused:
        return ExportTraceServiceResponse()
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=len(taken.refused), error_message=_reasons(taken))
    )


def respond(taken: Taken, content_type: str) -> bytes:
    """The same as a body, in the encoding of the request."""
    if not _is_json(content_type):
        body: bytes = response(taken).SerializeToString()
        return body
    if not taken.refused:
        return b"{}"
    partial = {"rejectedSpans": str(len(taken.refused)), "errorMessage": _reasons(taken)}
    return msgspec.json.encode({"partialSuccess": partial})


def _is_json(content_type: str) -> bool:
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if kind not in {_JSON, _PROTOBUF}:
        raise BodyError(Fault.UNSUPPORTED, f"OTLP is read as {_PROTOBUF} or {_JSON}: set the Content-Type.")
    return kind == _JSON


def _reasons(taken: Taken) -> str:
    told = "; ".join(f"span {one.index}: {one.refusal.detail}" for one in taken.refused[:_REFUSALS_TOLD])
    more = len(taken.refused) - _REFUSALS_TOLD
    return f"{told}; and {more} more" if more > 0 else told


def _spans(request: ExportTraceServiceRequest, slots: genai.Slots) -> list[Span]:
    spans: list[Span] = []
    for resource_spans in request.resource_spans:
        resource = slots.found(resource_spans.resource.attributes, _value)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope.name
            spans += [
                Span(
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    end_ns=span.end_time_unix_nano,
                    failed=span.status.code == _FAILED,
                    scope=scope,
                    found=slots.found(span.attributes, _value),
                    resource=resource,
                )
                for span in scope_spans.spans
            ]
    return spans


def _value(value: AnyValue) -> str | float | None:
    # Reading a field that is not the set one gives its default and costs less than asking which one is set.
    text: str = value.string_value
    if text:
        return text
    number: int = value.int_value
    if number:
        return number
    kind = value.WhichOneof("value")
    if kind == "int_value":
        return 0
    return value.double_value if kind == "double_value" else None
