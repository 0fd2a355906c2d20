"""The same calls as everybody tells them: the provider's response, spans of each generation, gateways' exports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stackledger.ledger.buckets import Usage

END_NS = 1_764_201_599_500_000_000
END = "2025-11-26T23:59:59.500000Z"


@dataclass(frozen=True)
class Call:
    """One call: the response as it came, and what everybody else counts of it."""

    provider: str
    model: str
    id: str
    usage: Usage
    response: dict[str, Any]
    otel_system: str  # gen_ai.system
    otel_provider: str  # gen_ai.provider.name
    openinference: str  # llm.provider
    litellm: str  # custom_llm_provider

    @property
    def input(self):
        u = self.usage
        return u.input_uncached + u.cache_read + u.cache_write_5m + u.cache_write_1h

    @property
    def written(self):
        return self.usage.cache_write_5m + self.usage.cache_write_1h

    @property
    def output(self):
        return self.usage.output + self.usage.reasoning


OPENAI = Call(
    provider="openai",
    model="gpt-5.2-2025-12-11",
    id="chatcmpl-BxJ1",
    usage=Usage(input_uncached=400, cache_read=3072, output=210, reasoning=640),
    response={
        "id": "chatcmpl-BxJ1",
        "object": "chat.completion",
        "model": "gpt-5.2-2025-12-11",
        "service_tier": "default",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "the secret answer"}}],
        "usage": {
            "prompt_tokens": 3472,
            "completion_tokens": 850,
            "total_tokens": 4322,
            "prompt_tokens_details": {"cached_tokens": 3072, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 640, "audio_tokens": 0},
        },
    },
    otel_system="openai",
    otel_provider="openai",
    openinference="openai",
    litellm="openai",
)

ANTHROPIC = Call(
    provider="anthropic",
    model="claude-sonnet-4-5-20250929",
    id="msg_01AbC",
    usage=Usage(input_uncached=25, cache_read=18_000, cache_write_5m=1_200, output=512),
    response={
        "id": "msg_01AbC",
        "type": "message",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "the secret answer"}],
        "usage": {
            "input_tokens": 25,
            "cache_creation_input_tokens": 1_200,
            "cache_read_input_tokens": 18_000,
            "cache_creation": {"ephemeral_5m_input_tokens": 1_200, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 512,
            "service_tier": "standard",
        },
    },
    otel_system="anthropic",
    otel_provider="anthropic",
    openinference="anthropic",
    litellm="anthropic",
)

ANTHROPIC_BOTH_AGES = Call(
    provider="anthropic",
    model="claude-opus-4-5-20251101",
    id="msg_02Two",
    usage=Usage(input_uncached=40, cache_read=9_000, cache_write_5m=300, cache_write_1h=2_000, output=80),
    response={
        "id": "msg_02Two",
        "type": "message",
        "model": "claude-opus-4-5-20251101",
        "usage": {
            "input_tokens": 40,
            "cache_creation_input_tokens": 2_300,
            "cache_read_input_tokens": 9_000,
            "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 2_000},
            "output_tokens": 80,
            "service_tier": "standard",
        },
    },
    otel_system="anthropic",
    otel_provider="anthropic",
    openinference="anthropic",
    litellm="anthropic",
)

GEMINI = Call(
    provider="google",
    model="gemini-2.5-pro",
    id="resp-77",
    usage=Usage(input_uncached=500, cache_read=4_096, output=300, reasoning=1_100),
    response={
        "responseId": "resp-77",
        "modelVersion": "gemini-2.5-pro",
        "candidates": [{"content": {"parts": [{"text": "the secret answer"}]}}],
        "usageMetadata": {
            "promptTokenCount": 4_596,
            "cachedContentTokenCount": 4_096,
            "candidatesTokenCount": 300,
            "thoughtsTokenCount": 1_100,
            "totalTokenCount": 5_996,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4_596}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4_096}],
            "trafficType": "ON_DEMAND",
        },
    },
    otel_system="gemini",
    otel_provider="gcp.vertex_ai",
    openinference="google",
    litellm="vertex_ai",
)

BEDROCK = Call(
    provider="aws",
    model="anthropic.claude-sonnet-4-5-20250929-v1:0",
    id="",  # Converse has no id of its own
    usage=Usage(input_uncached=900, cache_read=700, cache_write_5m=150, output=333),
    response={
        "output": {"message": {"role": "assistant", "content": [{"text": "the secret answer"}]}},
        "usage": {
            "inputTokens": 900,
            "outputTokens": 333,
            "totalTokens": 2_083,
            "cacheReadInputTokens": 700,
            "cacheWriteInputTokens": 150,
        },
    },
    otel_system="aws.bedrock",
    otel_provider="aws.bedrock",
    openinference="aws",
    litellm="bedrock",
)

CALLS = (OPENAI, ANTHROPIC, GEMINI, BEDROCK)


def _id(call, name):
    return {name: call.id} if call.id else {}


def otel_1_26(call):
    """gen_ai.system, prompt_tokens; caches and reasoning by the names that instrumentations added."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": call.otel_system,
        "gen_ai.request.model": "an-alias",
        "gen_ai.response.model": call.model,
        "gen_ai.usage.prompt_tokens": call.input,
        "gen_ai.usage.completion_tokens": call.output,
        "gen_ai.usage.cache_read_input_tokens": call.usage.cache_read,
        "gen_ai.usage.cache_creation_input_tokens": call.written,
        "gen_ai.usage.reasoning_tokens": call.usage.reasoning,
        "gen_ai.completion.0.content": "the secret answer",
    } | _id(call, "gen_ai.response.id")


def otel_1_36(call):
    """gen_ai.system, input_tokens."""
    attributes = otel_1_26(call)
    attributes["gen_ai.usage.input_tokens"] = attributes.pop("gen_ai.usage.prompt_tokens")
    attributes["gen_ai.usage.output_tokens"] = attributes.pop("gen_ai.usage.completion_tokens")
    return attributes


def otel_1_41(call):
    """gen_ai.provider.name, cache_read.input_tokens, cache_creation.input_tokens, reasoning.output_tokens."""
    return {
        "gen_ai.operation.name": "generate_content" if call.provider == "google" else "chat",
        "gen_ai.provider.name": call.otel_provider,
        "gen_ai.response.model": call.model,
        "gen_ai.usage.input_tokens": call.input,
        "gen_ai.usage.output_tokens": call.output,
        "gen_ai.usage.cache_read.input_tokens": call.usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": call.written,
        "gen_ai.usage.reasoning.output_tokens": call.usage.reasoning,
        "gen_ai.input.messages": json.dumps([{"role": "user", "content": "the secret question"}]),
    } | _id(call, "gen_ai.response.id")


def otel_coming(call):
    """cache_write.input_tokens in the place of cache_creation."""
    attributes = otel_1_41(call)
    attributes["gen_ai.usage.cache_write.input_tokens"] = attributes.pop("gen_ai.usage.cache_creation.input_tokens")
    return attributes


def openinference(call):
    """llm.token_count; it has no attribute for the response's id."""
    return {
        "openinference.span.kind": "LLM",
        "llm.provider": call.openinference,
        "llm.model_name": call.model,
        "llm.token_count.prompt": call.input,
        "llm.token_count.completion": call.output,
        "llm.token_count.total": call.input + call.output,
        "llm.token_count.prompt_details.cache_read": call.usage.cache_read,
        "llm.token_count.prompt_details.cache_write": call.written,
        "llm.token_count.completion_details.reasoning": call.usage.reasoning,
        "llm.input_messages.0.message.content": "the secret question",
        "input.value": "the secret question",
    }


def openllmetry(call):
    """llm.request.type and totals."""
    return {
        "llm.request.type": "chat",
        "gen_ai.system": call.otel_system,
        "gen_ai.response.model": call.model,
        "gen_ai.usage.prompt_tokens": call.input,
        "gen_ai.usage.completion_tokens": call.output,
        "llm.usage.total_tokens": call.input + call.output,
        "gen_ai.usage.cache_read_input_tokens": call.usage.cache_read,
        "gen_ai.usage.cache_creation_input_tokens": call.written,
        "llm.usage.reasoning_tokens": call.usage.reasoning,
        "traceloop.entity.input": "the secret question",
    } | _id(call, "gen_ai.response.id")


GENERATIONS = (otel_1_26, otel_1_36, otel_1_41, otel_coming, openinference, openllmetry)


def litellm_payload(call):
    """A standard logging payload: OpenAI's names for every provider, the caches inside."""
    details = {"cached_tokens": call.usage.cache_read, "cache_creation_tokens": call.written}
    if call.usage.cache_write_1h:
        details["cache_creation_token_details"] = {
            "ephemeral_5m_input_tokens": call.usage.cache_write_5m,
            "ephemeral_1h_input_tokens": call.usage.cache_write_1h,
        }
    return {
        "id": call.id or "litellm-1",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": call.litellm,
        "model": call.model,
        "endTime": END_NS / 1e9,
        "prompt_tokens": call.input,
        "completion_tokens": call.output,
        "total_tokens": call.input + call.output,
        "cache_hit": False,
        "end_user": "anna",
        "messages": [{"role": "user", "content": "the secret question"}],
        "metadata": {
            "user_api_key_alias": "search-prod",
            "user_api_key_team_alias": "search",
            "usage_object": {
                "prompt_tokens": call.input,
                "completion_tokens": call.output,
                "total_tokens": call.input + call.output,
                "prompt_tokens_details": details,
                "completion_tokens_details": {"reasoning_tokens": call.usage.reasoning},
            },
        },
    }


def request(*spans, scope="test", resource=None):
    """An OTLP request of (attributes, other fields of the span) pairs."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    for name, value in (resource or {"service.name": "shop"}).items():
        _set(resource_spans.resource.attributes, name, value)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    for at, (attributes, fields) in enumerate(spans):
        span = scope_spans.spans.add(
            trace_id=fields.get("trace", b"t" * 16),
            span_id=fields.get("id", (at + 1).to_bytes(8, "big")),
            parent_span_id=fields.get("parent", b""),
            end_time_unix_nano=fields.get("end", END_NS),
        )
        span.status.code = fields.get("status", 0)
        for name, value in attributes.items():
            _set(span.attributes, name, value)
    return message


def _set(attributes, name, value):
    attribute = attributes.add(key=name)
    kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}[type(value)]
    setattr(attribute.value, kind, value)


def as_json(message):
    """The request in OTLP's JSON: ids in hexadecimal, 64-bit numbers as text."""
    value = {
        "string_value": "stringValue",
        "int_value": "intValue",
        "double_value": "doubleValue",
        "bool_value": "boolValue",
    }

    def attributes(pairs):
        out = []
        for pair in pairs:
            kind = pair.value.WhichOneof("value")
            raw = getattr(pair.value, kind)
            out.append({"key": pair.key, "value": {value[kind]: str(raw) if kind == "int_value" else raw}})
        return out

    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": attributes(rs.resource.attributes)},
                    "scopeSpans": [
                        {
                            "scope": {"name": ss.scope.name},
                            "spans": [
                                {
                                    "traceId": s.trace_id.hex().upper(),
                                    "spanId": s.span_id.hex(),
                                    "parentSpanId": s.parent_span_id.hex(),
                                    "endTimeUnixNano": str(s.end_time_unix_nano),
                                    "status": {"code": s.status.code},
                                    "attributes": attributes(s.attributes),
                                    "unknownField": {"deep": [1, 2]},
                                }
                                for s in ss.spans
                            ],
                        }
                        for ss in rs.scope_spans
                    ],
                }
                for rs in message.resource_spans
            ]
        }
    ).encode()
