"""OpenTelemetry in an application: spans of its calls to models, with who made them, on their way to the intake.

Owns the setting up. Which library writes the spans is a name; what they write is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from lab.llm.company import Attribution, Names

INSTRUMENTATIONS = {
    "opentelemetry": (
        "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
        "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
    ),
    # Not its Anthropic part: of a stream it adds both counts of output tokens that Anthropic tells, the first and the
    # final one (opentelemetry-instrumentation-anthropic 0.62.4), so its spans say more than was used.
    "openllmetry": ("opentelemetry.instrumentation.openai:OpenAIInstrumentor",),
}
"""The instrumentors of each family, `module:class`."""

NO_CONTENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
    "TRACELOOP_TRACE_CONTENT": "false",  # OpenLLMetry writes prompts into spans unless it is told not to
    "TRACELOOP_TELEMETRY": "false",
}
"""Environment that keeps prompts and answers out of spans."""

_DELAY_MS = 1_000
_EXPORT_SECONDS = 5
_AGAIN_EVERY = 3

_who: ContextVar[Attribution | None] = ContextVar("who", default=None)


@contextmanager
def made_by(who: Attribution) -> Iterator[None]:
    """Inside, spans that begin carry these attributes.

    A context variable and not baggage: baggage would travel on to the vendors in the headers of each call.
    """
    token = _who.set(who)
    try:
        yield
    finally:
        _who.reset(token)


class Tracing:
    """Spans of one application until close(). `intake` is the service's address for usage."""

    def __init__(self, service: str, families: Iterable[str], names: Names, intake: str) -> None:
        for name, value in NO_CONTENT.items():
            os.environ.setdefault(name, value)
        attributes = {"service.name": service, "deployment.environment.name": "production"}
        self._provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        exporter = _SometimesTwice(OTLPSpanExporter(endpoint=f"{intake}/v1/traces", timeout=_EXPORT_SECONDS))
        self._provider.add_span_processor(_Who(names))
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY_MS))
        for place in [place for family in families for place in INSTRUMENTATIONS[family]]:
            module, _, name = place.partition(":")
            getattr(import_module(module), name)().instrument(tracer_provider=self._provider)

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()


class _Who(SpanProcessor):
    """Writes who makes the call into each span."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK names it
        who = _who.get()
        if who is not None:
            span.set_attribute(self._names.user, who.user)
            span.set_attribute(self._names.team, who.team)
            span.set_attribute(self._names.feature, who.feature)


class _SometimesTwice(SpanExporter):
    """Sends every third batch a second time, as an exporter does whose first answer was lost on the way."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._batches = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._batches += 1
        result = self._exporter.export(spans)
        return self._exporter.export(spans) if self._batches % _AGAIN_EVERY == 1 else result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
