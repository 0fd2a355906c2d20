"""Bodies of calls to models by 100,000 users, as NDJSON of usage events and as spans in OTLP's protobuf."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import ClassVar, Final

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from benchmarks.templates import Template

USERS: Final = 100_000
_TEAMS = ("search", "chat", "ops", "data", "risk")
_FEATURES = ("answer", "summary", "rank", "tag")
_MODELS = (
    ("openai", "gpt-5"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
)
_ID_DIGITS, _USER_DIGITS = 16, 5
_ID, _USER = "@" * _ID_DIGITS, "#" * _USER_DIGITS


class Bodies:
    """`next()` is a body of `events` events that were never sent before."""

    path: ClassVar[str] = "/api/v1/usage"
    content_type: ClassVar[str] = "application/x-ndjson"

    def __init__(self, events: int, seed: int = 0) -> None:
        self.events = events
        self._chance = np.random.default_rng(seed)
        self._template = Template(self._text(random.Random(seed), events), events, seed)
        self._ids = self._template.places(_ID.encode())
        self._users = self._template.places(_USER.encode())
        self._times = self._template.places(_time(0.0))
        self.size = self._template.size

    @staticmethod
    def _text(chance: random.Random, events: int) -> bytes:
        return "\n".join(_line(chance, number) for number in range(events)).encode()

    def next(self, at: float) -> bytes:
        """The next body, of calls that ended in the second before `at` (seconds since 1970-01-01 UTC)."""
        template = self._template
        template.write_hex(self._ids, template.fresh(), _ID_DIGITS)
        template.write_decimal(self._users, self._chance.integers(0, USERS, self.events), _USER_DIGITS)
        template.write(self._times, _time(at - 1))
        return template.body()


def _line(chance: random.Random, number: int) -> str:
    """About 280 bytes; ids are UUIDs in all but their version."""
    provider, model = chance.choice(_MODELS)
    event = {
        "id": f"{chance.getrandbits(32):08x}-{number % 65536:04x}-4000-{_ID}",
        "time": f"{_time(0.0).decode()}.{chance.randrange(10**6):06d}+00:00",
        "source": "gateway",
        "provider": provider,
        "model": model,
        "user": f"user-{_USER}",
        "team": chance.choice(_TEAMS),
        "feature": chance.choice(_FEATURES),
        "environment": "production",
        "usage": {
            "input_uncached": chance.randrange(1, 4_000),
            "cache_read": chance.choice((0, 0, chance.randrange(8_000))),
            "output": chance.randrange(1, 900),
        },
    }
    return json.dumps(event, separators=(",", ":"))


def _time(at: float) -> bytes:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


class Spans:
    """The same as ExportTraceServiceRequests: each span a call to a model, as instrumentation writes it today."""

    path: ClassVar[str] = "/v1/traces"
    content_type: ClassVar[str] = "application/x-protobuf"

    def __init__(self, events: int, seed: int = 0) -> None:
        self.events = events
        self._chance = np.random.default_rng(seed)
        request = _request(random.Random(seed), events)
        self._template = Template(request.SerializeToString(), events, seed)
        self._ids = self._template.places(_ID.encode())
        self._users = self._template.places(_USER.encode())
        self._times = self._template.places(_ENDED.to_bytes(8, "little"))
        self.size = self._template.size

    def next(self, at: float) -> bytes:
        """The next body, of spans that ended in the second before `at` (seconds since 1970-01-01 UTC)."""
        template = self._template
        template.write_hex(self._ids, template.fresh(), _ID_DIGITS)
        template.write_decimal(self._users, self._chance.integers(0, USERS, self.events), _USER_DIGITS)
        template.write(self._times, round((at - 1) * 1e9).to_bytes(8, "little"))
        return template.body()


_ENDED: Final = 1_767_225_600_123_456_789


def _request(chance: random.Random, spans: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(
        _attribute(name, value)
        for name, value in {
            "service.name": "assistant",
            "deployment.environment.name": "production",
            "telemetry.sdk.language": "python",
        }.items()
    )
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    for number in range(spans):
        provider, model = chance.choice(_MODELS)
        span = scope.spans.add(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            name=f"chat {model}",
            kind=3,
            start_time_unix_nano=_ENDED - 10**9 - number,
            end_time_unix_nano=_ENDED,
        )
        attributes: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"chatcmpl-{_ID}",
            "gen_ai.request.max_tokens": 1_000,
            "server.address": "api.example.com",
            "gen_ai.usage.input_tokens": chance.randrange(4_000, 12_000),
            "gen_ai.usage.output_tokens": chance.randrange(1, 900),
            "gen_ai.usage.cache_read.input_tokens": chance.randrange(4_000),
            "user.id": f"user-{_USER}",
            "stackledger.team": chance.choice(_TEAMS),
        }
        span.attributes.extend(_attribute(name, value) for name, value in attributes.items())
    return request


def _attribute(name: str, value: str | int) -> KeyValue:
    attribute = KeyValue(key=name)
    if isinstance(value, str):
        attribute.value.string_value = value
    else:
        attribute.value.int_value = value
    return attribute
