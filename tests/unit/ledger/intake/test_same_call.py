"""One call, told by everybody: the same buckets, provider and model, and the same id where the call has one."""

from __future__ import annotations

import json

import pytest

from stackledger.ledger.buckets import TOKENS
from stackledger.ledger.intake import exports, genai, otlp, usage_api
from tests.unit.ledger.intake import calls

SLOTS = genai.Slots()


def by_response(call):
    event = {"id": call.id or "ours", "time": calls.END, "provider": call.provider, "model": call.model}
    return usage_api.take(json.dumps([event | {"raw": call.response}]).encode())


def by_usage_alone(call):
    usage = call.response.get("usage") or call.response["usageMetadata"]
    event = {"id": call.id or "ours", "time": calls.END, "provider": call.otel_provider, "model": call.model}
    return usage_api.take(json.dumps([event | {"raw": usage}]).encode())


def by_litellm(call):
    return exports.READERS["litellm"](json.dumps(calls.litellm_payload(call)).encode())


def by_span(generation):
    def tell(call):
        message = calls.request((generation(call), {}))
        return otlp.take_request(message, SLOTS)

    tell.__name__ = generation.__name__
    return tell


WAYS = [by_response, by_usage_alone, by_litellm, *map(by_span, calls.GENERATIONS)]


@pytest.mark.parametrize("call", calls.CALLS, ids=lambda call: call.provider)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_of_telling_a_call_gives_the_same_event(call, way):
    taken = way(call)
    (event,) = taken.events
    assert taken.refused == []
    assert event.usage == call.usage
    assert (event.provider, event.model, event.service_tier) == (call.provider, call.model, "")
    assert event.time.isoformat() == "2025-11-26T23:59:59.500000+00:00"
    if call.id and way.__name__ != "openinference":  # which has no attribute for it
        assert event.id == call.id


@pytest.mark.parametrize("way", [by_response, by_usage_alone, by_litellm], ids=lambda way: way.__name__)
def test_both_ages_of_a_written_cache_are_kept_apart_where_they_are_told(way):
    (event,) = way(calls.ANTHROPIC_BOTH_AGES).events
    assert event.usage == calls.ANTHROPIC_BOTH_AGES.usage


@pytest.mark.parametrize("generation", calls.GENERATIONS, ids=lambda generation: generation.__name__)
def test_no_convention_of_spans_tells_the_age_of_a_written_cache_but_some_attributes_do(generation):
    call = calls.ANTHROPIC_BOTH_AGES
    (untold,) = otlp.take_request(calls.request((generation(call), {})), SLOTS).events
    assert (untold.usage.cache_write_5m, untold.usage.cache_write_1h) == (2_300, 0)
    assert sum(getattr(untold.usage, name) for name in TOKENS) == sum(getattr(call.usage, name) for name in TOKENS)

    for name in (
        "stackledger.usage.cache_write_1h",
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        "gen_ai.usage.cache_creation.1h_input_tokens",
    ):
        (event,) = otlp.take_request(calls.request((generation(call) | {name: 2_000}, {})), SLOTS).events
        assert event.usage == call.usage


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_event_holds_a_message(way):
    for call in calls.CALLS:
        assert "secret" not in repr(way(call))
