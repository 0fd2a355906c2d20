"""Whatever arrives, the outcome is events, clear refusals or a clear error for the whole body; nothing else."""

from __future__ import annotations

import contextlib
import json
import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.ledger.buckets import BUCKETS, LARGEST_COUNT, TOKENS, Usage
from stackledger.ledger.event import Refusal
from stackledger.ledger.intake import BodyError, genai, otlp, providers, render, usage_api
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, divide
from stackledger.ledger.intake.exports import READERS
from tests.unit.ledger.intake import calls

SLOTS = genai.Slots()
FIELDS = ["id", "time", "provider", "model", "usage", "raw", "api", "user", "tags", "service_tier", "source", "x"]
WORDS = [
    *BUCKETS, *genai.names._FIXED, "usage", "usageMetadata", "prompt_tokens", "completion_tokens", "input_tokens",
    "output_tokens", "prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "cached_tokens",
    "audio_tokens", "reasoning_tokens", "total_tokens", "cache_creation", "cache_creation_input_tokens",
    "ephemeral_1h_input_tokens", "promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "iterations",
    "promptTokensDetails", "modality", "tokenCount", "inputTokens", "cacheDetails", "ttl", "billed_units", "seconds",
    "response", "x_groq", "meta", "output", "type", "service_tier", "serviceTier", "speed", "metadata", "usage_object",
    "usage_details", "GENERATION", "endTime", "end_time", "custom_llm_provider", "tokens",
]  # fmt: skip

numbers = st.one_of(
    st.integers(-3, 300), st.sampled_from([2**40, 2**40 + 1, 2**63, -(2**63), 10**400]), st.floats(), st.booleans()
)
ODD_TEXTS = ["", "openai", "anthropic", "google", calls.END, "\0", "\ud800"]
texts = st.one_of(st.text(max_size=8), st.sampled_from(ODD_TEXTS))
values = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(WORDS), texts), inner, max_size=5)
    ),
    max_leaves=12,
)
good = st.fixed_dictionaries({
    "id": st.text("abc", min_size=1), "time": st.just(calls.END), "model": st.just("m"),
    "provider": st.sampled_from(["openai", "x-ai", "google"]),
    "usage": st.dictionaries(st.sampled_from(BUCKETS), st.integers(0, 9), max_size=3),
})  # fmt: skip
spoiled = st.builds(
    lambda event, more: event | more, good, st.dictionaries(st.sampled_from(FIELDS), values, max_size=3)
)
raw = st.builds(lambda event, body: {k: v for k, v in event.items() if k != "usage"} | {"raw": body}, good, values)
events = st.one_of(good, spoiled, raw, values)


def check(taken, count):
    """Every place of the body has one outcome, in order, and the answer is JSON."""
    places = [taken.index_of(position) for position in range(len(taken.events))]
    refused = [one.index for one in taken.refused]
    assert places == sorted(places)
    assert refused == sorted(refused)
    assert len({*places, *refused}) == len(places) + len(refused)
    assert len(places) + len(refused) + taken.not_billed == count
    for event in taken.events:
        assert all(0 <= getattr(event.usage, name) <= LARGEST_COUNT for name in BUCKETS)
        assert 1 <= len(event.id) <= 200
        assert event.time.tzinfo
        assert "\0" not in repr(event)
    for one in taken.refused:
        assert re.search(r"\w\.?$|[.?\]]$", one.refusal.detail), one.refusal.detail
    json.loads(render(taken))
    repr(taken).encode()


@settings(deadline=None)
@given(st.lists(events, max_size=6), st.sampled_from(["array", "envelope", "lines"]))
def test_any_events_have_an_outcome_each(batch, form):
    if form == "lines":
        body = "\n".join(map(json.dumps, batch))
        taken = usage_api.take(body.encode(), content_type="application/x-ndjson")
    else:
        taken = usage_api.take(json.dumps(batch if form == "array" else {"events": batch}).encode())
    check(taken, len(batch))


@given(st.lists(good, max_size=5))
def test_reading_one_by_one_gives_what_reading_at_once_gives(batch):
    at_once = usage_api.take(json.dumps(batch).encode())
    assert at_once.events == [usage_api.take_object(event) for event in batch]
    assert at_once.indexes is None


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "gzip", "deflate", "br"]),
    st.sampled_from(["", "application/x-ndjson"]),
)
def test_any_bytes_are_taken_or_refused(body, encoding, kind):
    with contextlib.suppress(BodyError):
        usage_api.take(body, content_encoding=encoding, content_type=kind)


@given(st.binary(max_size=200), st.sampled_from(["application/x-protobuf", "application/json"]))
def test_any_bytes_as_spans_are_taken_or_refused(body, kind):
    with contextlib.suppress(BodyError):
        otlp.take(body, SLOTS, content_type=kind)


attribute_values = st.one_of(
    st.integers(-3, 300), st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.sampled_from(["chat", "openai", "LLM", "12"]),
)  # fmt: skip
spans = st.dictionaries(st.sampled_from(list(SLOTS.by_name)), attribute_values, max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(spans, st.integers(0, 3)), max_size=5))
def test_any_attributes_have_an_outcome_each_in_both_encodings(told):
    message = calls.request(
        *[(attributes, {"parent": b"" if parent == 3 else parent.to_bytes(8, "big")}) for attributes, parent in told]
    )
    taken = otlp.take(message.SerializeToString(), SLOTS, content_type="application/x-protobuf")
    check(taken, len(told))
    otlp.respond(taken, "application/x-protobuf")
    values_told = [value for attributes, _ in told for value in attributes.values()]
    if not any(isinstance(value, float) and not math.isfinite(value) for value in values_told):  # JSON has none
        assert otlp.take(calls.as_json(message), SLOTS, content_type="application/json") == taken


@settings(deadline=None)
@given(values, st.sampled_from(["openai", "anthropic", "google", "aws", "x-ai", "cohere", ""]))
def test_any_response_is_read_or_refused(body, provider):
    with contextlib.suppress(ReadingError):
        assert isinstance(providers.read(body, provider).usage, Usage)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(READERS)),
    st.one_of(st.binary(max_size=100), st.lists(values).map(lambda v: json.dumps(v).encode())),
)
def test_any_file_is_taken_or_refused(form, body):
    try:
        taken = READERS[form](body)
    except BodyError:
        return
    assert all(isinstance(one.refusal, Refusal) for one in taken.refused)


small = st.integers(0, 50)


@given(st.builds(Totals, input=small, cached=small, written=small, written_1h=small, audio=small, image=small,
                 audio_cached=small, output=small, reasoning=small, audio_output=small))  # fmt: skip
def test_buckets_sum_to_the_totals_or_nothing_is_made(totals):
    try:
        usage = divide(totals, "$")
    except ReadingError:
        return
    assert all(getattr(usage, name) >= 0 for name in BUCKETS)
    assert sum(getattr(usage, name) for name in TOKENS) == totals.input + totals.output
    assert usage.cache_write_5m + usage.cache_write_1h == totals.written
