"""What one span says: whether it is a call to a model, and how much that call used.

Does the input contain the caches? By the conventions it does (OTel since 1.37 in so many words, OpenInference, and
OpenLLMetry's own code), but some instrumentations pass on what Anthropic and Bedrock call input tokens, without them.
Decided in this order:

1. The scope is known to leave them out (`AttributeNames.exclusive_scopes`).
2. The told total is input + caches + output: they are outside.
3. The caches are above the input and the call is one of Anthropic's models or on Bedrock: they can only be outside.
   For anybody else that is impossible, and refused.
4. Else they are inside.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from stackledger.ledger.buckets import LARGEST_COUNT, Usage
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, divide, reasoning_apart, whole
from stackledger.ledger.intake.build import build, sound
from stackledger.ledger.intake.genai.names import COUNTS, WHO, AttributeNames, Found
from stackledger.ledger.intake.names import served_by
from stackledger.ledger.intake.providers.reading import shown, tier

_CALLS: Final = frozenset(
    {
        "chat", "generate_content", "text_completion", "embeddings",  # OTel: gen_ai.operation.name
        "generate_live_content",  # OTel genai
        "completion", "embedding", "rerank",  # OpenLLMetry: llm.request.type
        "llm",  # OpenInference: openinference.span.kind; "embedding" and "reranker" too
        "reranker", "responses", "messages", "image_generation", "speech", "transcription",  # seen in the wild
    }
)  # fmt: skip
_NO_CALLS: Final = frozenset(
    {
        "create_agent", "invoke_agent", "invoke_workflow", "execute_tool", "retrieval", "plan", "evaluate",  # OTel
        "search_memory", "update_memory", "fetch_response",
        "chain", "retriever", "tool", "agent", "guardrail", "evaluator", "prompt", "decision",  # OpenInference
        "workflow", "task",  # OpenLLMetry
    }
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 253_402_300_799_999_999_999  # of the year 9999


class Span(msgspec.Struct, gc=False):
    """One span, with the values of the attributes that are known here and nothing else."""

    trace: str
    """Ids in lower-case hexadecimal."""
    id: str
    parent: str
    end_ns: int
    failed: bool
    scope: str
    found: Found
    resource: Found


class Call:
    """What kind of span it is. `billable` calls become events, unless a call below them carries the usage."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.kind = _kind(span.found)
        # No call uses nothing: where both are 0, the instrumentation lost them, as with many streams.
        self.tells_usage = bool(span.found.get("input") or span.found.get("output"))

    @property
    def billable(self) -> bool:
        """Whether this span by itself would be billed."""
        return self.tells_usage and self.kind not in _NO_CALLS

    def outcome(self, names: AttributeNames) -> UsageEvent | Refusal | None:
        """The event; None for what is no call, or a call that failed before anything was used."""
        span = self.span
        if self.kind in _NO_CALLS or (not self.tells_usage and (self.kind not in _CALLS or span.failed)):
            return None
        if self.kind and self.kind not in _CALLS:
            detail = f"The operation {shown([self.kind])} is unknown here, and the span tells tokens: report it to us."
            return self._refused(Reason.UNKNOWN_SHAPE, detail)
        if not self.tells_usage:
            detail = "The call tells no token counts: let the instrumentation record usage, also of streams."
            return self._refused(Reason.UNKNOWN_SHAPE, detail)
        try:
            return build(self._fields(names))
        except ReadingError as error:
            return self._refused(error.reason, error.detail)

    def _fields(self, names: AttributeNames) -> dict[str, Any]:
        span, found = self.span, self.span.found
        told = span.resource | found
        model = _text(found, "model")
        provider = served_by(_text(found, "provider"), model)
        fields: dict[str, Any] = {
            "id": self._id(),
            "time": _time(span.end_ns),
            "provider": provider,
            "model": model,
            "usage": usage(span, provider, names),
        }
        for name in WHO:
            if name in told:
                value = told[name]
                fields[name] = value if type(value) is str else _text(told, name)
        if "tier" in found:
            fields["service_tier"] = tier(_text(found, "tier"))
        return fields

    def _id(self) -> str:
        span = self.span
        told = _text(span.found, "id")
        # A span without an id of its own, or of zeros, is invalid: two of them would be taken for one call.
        return told or (f"{span.trace}-{span.id}" if span.id.strip("0") else "")

    def _refused(self, reason: Reason, detail: str) -> Refusal:
        name, source = self._id()[:200], _text(self.span.found, "source") or _text(self.span.resource, "source")
        return Refusal(reason, detail, id=name if sound(name) else "", source=source[:64] if sound(source) else "")


def usage(span: Span, provider: str, names: AttributeNames) -> Usage:
    """The span's counts as buckets, by the rules at the top of this file."""
    counts = {
        slot: value if type(value) is int and 0 <= value <= LARGEST_COUNT else _count(slot, value)
        for slot, value in span.found.items()
        if slot in COUNTS
    }
    told_total = counts.pop("total", None)
    totals = Totals(**counts)
    caches = totals.cached + totals.written
    if caches:
        own = provider in {"anthropic", "aws"} or "claude" in _text(span.found, "model").lower()
        outside = span.scope in names.exclusive_scopes or told_total == totals.input + caches + totals.output
        if outside or (own and caches > totals.input):
            totals.input += caches
    if provider == "google" and told_total is not None and not totals.reasoning:
        # OpenLLMetry passes on candidatesTokenCount, which leaves the thoughts to the total.
        totals.reasoning = max(0, told_total - totals.input - totals.output)
    if totals.reasoning and reasoning_apart(
        input=totals.input,
        output=totals.output,
        reasoning=totals.reasoning,
        total=told_total,
        usual=totals.reasoning > totals.output and provider in {"google", "x-ai"},
    ):
        totals.output += totals.reasoning
    return divide(totals, "The span")


def _kind(found: Found) -> str:
    for slot in ("operation", "kind", "request_type", "entity"):
        if slot in found:
            kind = _text(found, slot).lower()
            if kind and kind != "unknown":
                return kind
    return ""


def _count(slot: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:  # noqa: PLR2004 - 2^50
        value = int(value)
    return whole(value, f"The span's {slot} count")


def _text(found: Found, slot: str) -> str:
    value = found.get(slot, "")
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else ""  # a user's id may be a number


def _time(end_ns: int) -> datetime:
    """To the microsecond, cut: rounding could move a call into the next day."""
    if not 0 < end_ns <= _LAST_NS:
        raise ReadingError(Reason.MALFORMED, "The span has no time of its end: send spans once they have ended.")
    return _EPOCH + timedelta(microseconds=end_ns // 1000)
