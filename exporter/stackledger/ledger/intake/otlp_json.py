"""Spans out of OTLP's JSON. Values of attributes that are not known here are skipped as bytes, never decoded."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from stackledger.ledger.intake import genai
from stackledger.ledger.intake.body import BodyError, Fault
from stackledger.ledger.intake.genai.names import Found
from stackledger.ledger.intake.genai.span import Span

_FAILED: Final = 2
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)


class _Attribute(msgspec.Struct):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw(b"{}")


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | None = None


class _Status(msgspec.Struct):
    code: int | str = 0


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    end_time_unix_nano: int | str = 0
    attributes: list[_Attribute] = []
    status: _Status | None = None


class _Scope(msgspec.Struct):
    name: str = ""


class _ScopeSpans(msgspec.Struct, rename="camel"):
    scope: _Scope | None = None
    spans: list[_Span] = []


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] = []


_DECODER: Final = msgspec.json.Decoder(_Request)
_VALUE: Final = msgspec.json.Decoder(_Value)


def spans(data: bytes, slots: genai.Slots) -> list[Span]:
    """All spans of one request, in order. Raises BodyError where the JSON is no ExportTraceServiceRequest."""
    try:
        request = _DECODER.decode(data)
        return [
            _span(span, scope_spans.scope.name if scope_spans.scope else "", resource, slots)
            for resource_spans in request.resource_spans
            for resource in [slots.found(resource_spans.resource.attributes if resource_spans.resource else [], _value)]
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's own message may repeat what was sent, so it is not passed on.
        text = "The body is no ExportTraceServiceRequest in OTLP's JSON. Send protobuf as application/x-protobuf."
        raise BodyError(Fault.MALFORMED, text) from None


def _span(span: _Span, scope: str, resource: Found, slots: genai.Slots) -> Span:
    return Span(
        trace=span.trace_id.lower(),
        id=span.span_id.lower(),
        parent=(span.parent_span_id or "").lower(),
        end_ns=_nanoseconds(span.end_time_unix_nano),
        failed=span.status is not None and span.status.code in {_FAILED, "STATUS_CODE_ERROR"},
        scope=scope,
        found=slots.found(span.attributes, _value),
        resource=resource,
    )


def _nanoseconds(told: int | str) -> int:
    """As a number or as text of one; what is neither is no time, and the span is then refused for that."""
    if isinstance(told, int):
        return told
    return int(told) if told.isascii() and told.isdigit() and len(told) <= len(str(2**64)) else 0


def _value(raw: msgspec.Raw) -> str | float | None:
    value = _VALUE.decode(raw)
    if value.string_value:
        return value.string_value
    number = value.int_value
    if isinstance(number, str) and _WHOLE.fullmatch(number):
        return int(number)
    return number if number is not None else value.double_value
