"""Which spans are calls, which are not, and what their counts contain."""

from __future__ import annotations

import pytest

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake import genai, otlp
from tests.unit.ledger.intake import calls

SLOTS = genai.Slots()
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-5.2",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 40,
}


def take(*spans, **options):
    return otlp.take_request(calls.request(*spans, **options), SLOTS)


def one(**attributes):
    changed = CHAT | {name.replace("__", "."): value for name, value in attributes.items()}
    (event,) = take(({name: value for name, value in changed.items() if value is not None}, {})).events
    return event


AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}


@pytest.mark.parametrize(
    "parent",
    [
        AGENT,
        {"gen_ai.operation.name": "invoke_workflow"},
        {"gen_ai.operation.name": "execute_tool"},
        {"openinference.span.kind": "AGENT"},
        {"openinference.span.kind": "CHAIN"},
        {"traceloop.span.kind": "workflow"},
        {"traceloop.span.kind": "task"},
    ],
)
@pytest.mark.parametrize("above", [True, False], ids=["parent told first", "child told first"])
def test_agents_and_workflows_that_repeat_their_children_are_not_billed(parent, above):
    repeated = {name: value for name, value in CHAT.items() if "operation" not in name} | parent
    spans = [
        (repeated | {"gen_ai.usage.input_tokens": 200}, {"id": b"parent__"}),
        (CHAT | {"gen_ai.response.id": "a"}, {"id": b"child__1", "parent": b"parent__"}),
        (CHAT | {"gen_ai.response.id": "b"}, {"id": b"child__2", "parent": b"parent__"}),
    ]
    taken = take(*(spans if above else reversed(spans)))
    assert sorted(event.id for event in taken.events) == ["a", "b"]
    assert (taken.not_billed, taken.refused) == (1, [])


def test_an_agent_is_not_billed_even_when_its_children_are_in_another_body():
    taken = take((CHAT | AGENT, {}))
    assert (taken.events, taken.refused, taken.not_billed) == ([], [], 1)


def test_of_two_instrumentations_of_one_call_the_lower_is_billed():
    framework = {"openinference.span.kind": "LLM"} | {k: v for k, v in CHAT.items() if "operation" not in k}
    taken = take(
        (framework, {"id": b"frame___"}),
        ({"http.request.method": "POST"}, {"id": b"between_", "parent": b"frame___"}),
        (CHAT, {"id": b"client__", "parent": b"between_"}),
    )
    assert [taken.index_of(position) for position in range(len(taken.events))] == [2]
    assert taken.not_billed == 2


def test_a_call_above_one_that_tells_no_usage_is_billed_itself():
    silent = {"gen_ai.operation.name": "chat"}
    taken = take((CHAT, {"id": b"frame___"}), (silent, {"id": b"client__", "parent": b"frame___", "status": 2}))
    assert (len(taken.events), taken.not_billed, taken.refused) == (1, 1, [])


def test_the_same_span_id_in_another_trace_is_another_span():
    taken = take(
        (CHAT, {"trace": b"1" * 16, "id": b"same____"}),
        (CHAT, {"trace": b"2" * 16, "id": b"child___", "parent": b"same____"}),
    )
    assert len(taken.events) == 2


def test_spans_that_are_their_own_ancestors_end_the_walk():
    taken = take(
        (AGENT, {"id": b"a_______", "parent": b"b_______"}), (CHAT, {"id": b"b_______", "parent": b"a_______"})
    )
    assert taken.not_billed == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "generate_content"},
        {"gen_ai.operation.name": "text_completion"},
        {"gen_ai.operation.name": "embeddings"},
        {"gen_ai.operation.name": None, "openinference.span.kind": "EMBEDDING"},
        {"gen_ai.operation.name": None, "llm.request.type": "completion"},
        {"gen_ai.operation.name": None},  # before operations had names
    ],
)
def test_calls_of_every_kind_are_billed(attributes):
    assert one(**attributes).usage == Usage(input_uncached=100, output=40)


@pytest.mark.parametrize(
    "attributes", [{"db.system": "postgresql"}, {"http.request.method": "GET"}, {}, {"gen_ai.system": "openai"}]
)
def test_other_spans_are_passed_over(attributes):
    taken = take((attributes, {}))
    assert (taken.events, taken.refused, taken.not_billed) == ([], [], 1)


@pytest.mark.parametrize("lost", [{}, {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}])
def test_a_call_without_counts_is_refused_unless_it_failed(lost):
    silent = {name: value for name, value in CHAT.items() if "usage" not in name} | lost
    taken = take((silent, {}), (silent, {"status": 2}), (CHAT, {"status": 2}))
    assert [(each.index, each.refusal.reason) for each in taken.refused] == [(0, Reason.UNKNOWN_SHAPE)]
    assert "record usage" in taken.refused[0].refusal.detail
    assert (len(taken.events), taken.not_billed) == (1, 1)  # what a failed call used is billed all the same


def test_an_operation_that_is_unknown_is_refused_when_it_tells_tokens():
    (each,) = take((CHAT | {"gen_ai.operation.name": "dream"}, {})).refused
    assert each.refusal.reason is Reason.UNKNOWN_SHAPE
    assert "dream" in each.refusal.detail


CACHES = {"gen_ai.usage.cache_read.input_tokens": 60, "gen_ai.usage.cache_creation.input_tokens": 10}
INSIDE = Usage(input_uncached=30, cache_read=60, cache_write_5m=10, output=40)
BESIDE = Usage(input_uncached=100, cache_read=60, cache_write_5m=10, output=40)


@pytest.mark.parametrize(
    ("attributes", "scope", "usage"),
    [
        ({}, "x", INSIDE),
        ({"gen_ai.provider.name": "anthropic"}, "x", INSIDE),
        ({"gen_ai.provider.name": "anthropic", "gen_ai.usage.total_tokens": 140}, "x", INSIDE),
        ({"gen_ai.provider.name": "anthropic", "gen_ai.usage.total_tokens": 210}, "x", BESIDE),
        ({"gen_ai.provider.name": "aws.bedrock"}, "opentelemetry.instrumentation.bedrock", BESIDE),
        ({"gen_ai.provider.name": "aws.bedrock"}, "openinference.instrumentation.bedrock", BESIDE),
    ],
)
def test_whether_the_input_contains_the_caches(attributes, scope, usage):
    (event,) = take((CHAT | CACHES | attributes, {}), scope=scope).events
    assert event.usage == usage


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.provider.name": "anthropic"},
        {"gen_ai.provider.name": "aws.bedrock"},
        {"gen_ai.provider.name": "gcp.vertex_ai", "gen_ai.response.model": "claude-sonnet-4-5"},
    ],
)
def test_caches_above_the_input_are_certainly_beside_it_for_those_who_count_so(attributes):
    event = one(**{"gen_ai.usage.cache_read.input_tokens": 5_000}, **attributes)
    assert event.usage == Usage(input_uncached=100, cache_read=5_000, output=40)


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"gen_ai.usage.cache_read.input_tokens": 5_000}, "cached 5000 is above the input of 100"),
        ({"gen_ai.usage.reasoning.output_tokens": 41}, "reasoning 41 is above the output of 40"),
        ({"gen_ai.usage.input_tokens": -1}, "The span's input count is -1"),
        ({"gen_ai.usage.input_tokens": 2**62}, "above any call"),
        ({"gen_ai.usage.output_tokens": 1.5}, "The span's output count is 1.5"),
        ({"gen_ai.usage.output_tokens": float("nan")}, "The span's output count is nan"),
    ],
)
def test_impossible_counts_of_spans_are_refused(attributes, detail):
    (each,) = take((CHAT | attributes, {})).refused
    assert each.refusal.reason is Reason.IMPOSSIBLE_COUNT
    assert detail in each.refusal.detail
    assert each.refusal.source == "shop"


def test_reasoning_that_stands_beside_the_output():
    xai = {"gen_ai.provider.name": "xai", "gen_ai.usage.reasoning_tokens": 300}
    assert one(**xai, **{"gen_ai.usage.total_tokens": 440}).usage == Usage(input_uncached=100, output=40, reasoning=300)
    assert one(**xai).usage.reasoning == 300
    google = one(**{"gen_ai.provider.name": "gcp.gen_ai", "gen_ai.usage.total_tokens": 340})
    assert google.usage == Usage(input_uncached=100, output=40, reasoning=200)


def test_parts_by_modality():
    event = one(**{
        "gen_ai.usage.audio.input_tokens": 30,
        "gen_ai.usage.image.input_tokens": 20,
        "gen_ai.usage.video.input_tokens": 10,
        "gen_ai.usage.audio.output_tokens": 5,
        "gen_ai.usage.image.output_tokens": 6,
    })  # fmt: skip
    assert event.usage == Usage(
        input_uncached=40, audio_input=30, image_input=20, video_input=10, output=29, audio_output=5, image_output=6
    )


def test_counts_as_text_and_whole_floats_are_counts():
    event = one(**{"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": 40.0})
    assert event.usage == Usage(input_uncached=100, output=40)


def test_where_two_generations_are_written_side_by_side_the_newer_counts():
    event = one(**{"gen_ai.usage.prompt_tokens": 999, "gen_ai.system": "other", "gen_ai.request.model": "alias"})
    assert (event.usage.input_uncached, event.provider, event.model) == (100, "openai", "gpt-5.2")


def test_who_made_the_call_is_read_from_the_span_and_then_from_its_resource():
    resource = {"service.name": "shop", "deployment.environment.name": "prod", "team": "everyone", "user.id": "nobody"}
    (event,) = take((CHAT | {"user.id": 42, "team": "search", "feature": "ask"}, {}), resource=resource).events
    assert (event.source, event.user, event.team, event.feature, event.environment) == (
        "shop", "42", "search", "ask", "prod",
    )  # fmt: skip


def test_names_of_attributes_are_a_choice():
    slots = genai.Slots(genai.AttributeNames(user=("app.customer",), team=(), source=("k8s.deployment.name",)))
    message = calls.request(
        (CHAT | {"app.customer": "c-1", "enduser.id": "e", "team": "t"}, {}), resource={"k8s.deployment.name": "web"}
    )
    (event,) = otlp.take_request(message, slots).events
    assert (event.user, event.team, event.source) == ("c-1", "", "web")


def test_without_a_response_id_the_span_itself_is_the_id():
    assert one().id == (b"t" * 16).hex() + "-" + "0" * 15 + "1"
    assert one(**{"gen_ai.response.id": "r-1"}).id == "r-1"


def test_the_tier_is_read_from_both_names():
    assert one(**{"gen_ai.openai.response.service_tier": "flex"}).service_tier == "flex"
    assert one(**{"openai.response.service_tier": "default"}).service_tier == ""


def test_who_serves_a_model_is_read_off_its_name_only_where_nobody_says():
    embedding = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small",
                 "llm.token_count.prompt": 8}  # fmt: skip
    (event,) = take((embedding, {})).events
    assert (event.provider, event.model) == ("openai", "text-embedding-3-small")
    assert (
        one(**{"gen_ai.provider.name": "strands-agents", "gen_ai.response.model": "us.anthropic.x"}).provider == "aws"
    )
    assert one(**{"gen_ai.provider.name": "somebody", "gen_ai.response.model": "gpt-oss"}).provider == "somebody"


@pytest.mark.parametrize(
    ("fields", "changes", "detail"),
    [
        ({"end": 0}, {}, "no time of its end"),
        ({}, {"gen_ai.response.model": ""}, "$.model is not as expected"),
        ({}, {"user.id": "u" * 201}, "$.user is not as expected"),
        ({}, {"gen_ai.response.id": "a\0b"}, "NUL"),
        ({"id": b""}, {}, "$.id is not as expected"),
        ({"id": bytes(8)}, {}, "$.id is not as expected"),
    ],
)
def test_spans_that_make_no_event_are_refused_with_the_reason(fields, changes, detail):
    (each,) = take((CHAT | changes, fields)).refused
    assert each.refusal.reason is Reason.MALFORMED
    assert detail in each.refusal.detail
    assert "\0" not in each.refusal.id


def test_the_table_holds_no_attribute_of_messages():
    held = (
        "content",
        "messages",
        "input.value",
        "output.value",
        "entity.input",
        "entity.output",
        "prompt.",
        "completion.",
    )
    for name in SLOTS.by_name:
        ending = name.removeprefix("llm.token_count.").removeprefix("gen_ai.usage.")
        assert not any(word in ending for word in held), name
