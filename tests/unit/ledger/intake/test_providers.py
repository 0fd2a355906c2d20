from __future__ import annotations

import pytest

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake import canonical, providers
from stackledger.ledger.intake.arithmetic import ReadingError
from stackledger.ledger.intake.providers.shapes import APIS
from tests.unit.ledger.intake import calls

RESPONSES = {
    "id": "resp_1",
    "model": "gpt-5.2",
    "service_tier": "priority",
    "output": [
        {"type": "web_search_call"},
        {"type": "message", "content": [{"type": "output_text", "text": "the secret"}]},
        {"type": "web_search_call"},
        {"type": "file_search_call"},
    ],
    "usage": {
        "input_tokens": 5_000,
        "input_tokens_details": {
            "cached_tokens": 3_000,
            "cache_write_tokens": 1_500,
            "cache_write_tokens_details": {"ttl_30m_tokens": 500, "ttl_12h_tokens": 1_000},
        },
        "output_tokens": 900,
        "output_tokens_details": {"reasoning_tokens": 600},
        "total_tokens": 5_900,
    },
}

BODIES = [
    # provider, body, usage
    ("openai", RESPONSES, Usage(
        input_uncached=500, cache_read=3_000, cache_write_5m=500, cache_write_1h=1_000, output=300, reasoning=600,
        web_search=2, file_search=1)),
    ("openai", {"type": "response.completed", "response": RESPONSES}, Usage(
        input_uncached=500, cache_read=3_000, cache_write_5m=500, cache_write_1h=1_000, output=300, reasoning=600,
        web_search=2, file_search=1)),
    ("azure", {"prompt_tokens": 100, "completion_tokens": 40, "prompt_tokens_details": {"audio_tokens": 60},
               "completion_tokens_details": {"audio_tokens": 30, "rejected_prediction_tokens": 4}},
     Usage(input_uncached=40, audio_input=60, output=10, audio_output=30)),
    ("openai", {"object": "list", "usage": {"prompt_tokens": 8, "total_tokens": 8}}, Usage(input_uncached=8)),
    ("openai", {"response": {"usage": {  # realtime's response.done
        "input_tokens": 1_000, "output_tokens": 200,
        "input_token_details": {"text_tokens": 300, "audio_tokens": 700, "cached_tokens": 500,
                                "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 400}},
        "output_token_details": {"text_tokens": 50, "audio_tokens": 150}}}},
     Usage(input_uncached=200, cache_read=100, audio_input=300, audio_cache_read=400, output=50, audio_output=150)),
    ("openai", {"usage": {"input_tokens": 50, "output_tokens": 4_000,
                          "input_tokens_details": {"text_tokens": 20, "image_tokens": 30},
                          "output_tokens_details": {"image_tokens": 4_000, "text_tokens": 0}}},
     Usage(input_uncached=20, image_input=30, image_output=4_000)),
    ("openai", {"usage": {"type": "duration", "seconds": 12.345}}, Usage(audio_input_ms=12_345)),
    ("anthropic", {"input_tokens": 5, "output_tokens": 7}, Usage(input_uncached=5, output=7)),
    ("anthropic", calls.ANTHROPIC_BOTH_AGES.response, calls.ANTHROPIC_BOTH_AGES.usage),
    ("anthropic", {"input_tokens": 5, "output_tokens": 70, "cache_creation_input_tokens": 9,
                   "output_tokens_details": {"thinking_tokens": 60}, "server_tool_use": {"web_search_requests": 3}},
     Usage(input_uncached=5, cache_write_5m=9, output=10, reasoning=60, web_search=3)),
    ("anthropic", {"usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 0, "iterations": [
        {"type": "compaction", "input_tokens": 900, "output_tokens": 50, "cache_read_input_tokens": 100},
        {"type": "message", "input_tokens": 10, "output_tokens": 20}]}},
     Usage(input_uncached=910, cache_read=100, output=70)),
    ("aws", {"usage": {"input_tokens": 5, "cache_read_input_tokens": 8, "output_tokens": 7}},  # invoke of Anthropic
     Usage(input_uncached=5, cache_read=8, output=7)),
    ("bedrock", {"usage": {"inputTokens": 5, "outputTokens": 7, "cacheWriteInputTokens": 30, "cacheDetails": [
        {"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}]}},
     Usage(input_uncached=5, output=7, cache_write_5m=10, cache_write_1h=20)),
    ("google", calls.GEMINI.response, calls.GEMINI.usage),
    ("google", {"usage_metadata": {"prompt_token_count": 10, "candidates_token_count": 4, "thoughts_token_count": 6,
                                   "total_token_count": 20}}, Usage(input_uncached=10, output=4, reasoning=6)),
    ("vertex_ai", {"usageMetadata": {
        "promptTokenCount": 1_000, "cachedContentTokenCount": 500, "toolUsePromptTokenCount": 50,
        "candidatesTokenCount": 1_300, "totalTokenCount": 2_350,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 300},
                                {"modality": "VIDEO", "tokenCount": 400}, {"modality": "DOCUMENT", "tokenCount": 200}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}, {"modality": "VIDEO", "tokenCount": 400}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}]}},
     Usage(input_uncached=150, cache_read=400, audio_input=200, audio_cache_read=100, image_input=200, output=10,
           image_output=1_290)),
    ("google", {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 315},  # its OpenAI-compatible endpoint
     Usage(input_uncached=5, output=10, reasoning=300)),
    ("mistral", {"model": "voxtral", "usage": {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 385,
                                               "prompt_audio_seconds": 203}},
     Usage(input_uncached=4, output=6, audio_input_ms=203_000)),
    ("mistral", {"usage_info": {"pages_processed": 29, "doc_size_bytes": 100}}, Usage(pages=29)),
    ("cohere", {"usage": {"billed_units": {"input_tokens": 5.0, "output_tokens": 7.0},
                          "tokens": {"input_tokens": 71.0, "output_tokens": 9.0}}}, Usage(input_uncached=5, output=7)),
    ("cohere", {"meta": {"billed_units": {"search_units": 3}}}, Usage(requests=3)),
    ("cohere", {"usage": {"tokens": {"input_tokens": 71, "output_tokens": 9}, "cached_tokens": 64}},
     Usage(input_uncached=7, cache_read=64, output=9)),
    ("groq", {"id": "chatcmpl-g", "choices": [], "x_groq": {"id": "req_1", "usage": {
        "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25, "prompt_time": 0.01,
        "prompt_tokens_details": {"cached_tokens": 16}}}}, Usage(input_uncached=4, cache_read=16, output=5)),
    ("xai", {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 359,
             "prompt_tokens_details": {"cached_tokens": 10}, "completion_tokens_details": {"reasoning_tokens": 320}},
     Usage(input_uncached=20, cache_read=10, output=9, reasoning=320)),
    ("x_ai", {"prompt_tokens": 30, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 320}},
     Usage(input_uncached=30, output=9, reasoning=320)),
    ("x-ai", {"prompt_tokens": 30, "completion_tokens": 329, "total_tokens": 359,  # a gateway had added it up
              "completion_tokens_details": {"reasoning_tokens": 320}},
     Usage(input_uncached=30, output=9, reasoning=320)),
    ("deepseek", {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150, "prompt_cache_hit_tokens": 64,
                  "prompt_cache_miss_tokens": 36, "completion_tokens_details": {"reasoning_tokens": 20}},
     Usage(input_uncached=36, cache_read=64, output=30, reasoning=20)),
    ("perplexity", {"prompt_tokens": 10, "completion_tokens": 20, "citation_tokens": 500, "reasoning_tokens": 70,
                    "num_search_queries": 4, "total_tokens": 600},
     Usage(input_uncached=10, output=20, reasoning=70, citation=500, web_search=4)),
    ("moonshot", {"prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 8},
     Usage(input_uncached=2, cache_read=8, output=2)),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "body", "usage"), BODIES)
def test_every_dialect_is_read_into_the_same_buckets(provider, body, usage):
    assert providers.read(body, provider).usage == usage


@pytest.mark.parametrize(
    ("provider", "body", "tier", "region"),
    [
        ("openai", RESPONSES, "priority", ""),
        ("openai", {"prompt_tokens": 1, "service_tier": "default"}, "", ""),
        ("openai", {"service_tier": "scale", "usage": {"prompt_tokens": 1}}, "", ""),
        ("anthropic", {"usage": {"input_tokens": 1, "service_tier": "batch", "inference_geo": "us"}}, "batch", "us"),
        ("anthropic", {"input_tokens": 1, "service_tier": "standard", "inference_geo": "global"}, "", ""),
        ("anthropic", {"input_tokens": 1, "service_tier": "standard", "speed": "fast"}, "fast", ""),
        ("google", {"usageMetadata": {"promptTokenCount": 1, "trafficType": "ON_DEMAND_FLEX"}}, "flex", ""),
        ("aws", {"usage": {"inputTokens": 1}, "serviceTier": {"type": "priority"}}, "priority", ""),
    ],
)
def test_the_tier_and_the_region_are_read_where_they_change_the_price(provider, body, tier, region):
    reading = providers.read(body, provider)
    assert (reading.service_tier, reading.region) == (tier, region)


IMPOSSIBLE = [
    (
        "openai",
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 11}},
        "cached 11 is above the input of 10",
    ),
    (
        "openai",
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 5}},
        "above the input",
    ),
    (
        "openai",
        {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
        "reasoning 6 is above the output of 5",
    ),
    ("openai", {"prompt_tokens": 2**40, "completion_tokens": 2**40 + 1}, "above any call"),
    ("openai", {"type": "duration", "seconds": -3}, "is -3000"),
    ("openai", {"seconds": float("nan")}, "is nan"),
    (
        "anthropic",
        {
            "input_tokens": 1,
            "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 3},
        },
        "do not make cache_creation_input_tokens of 5",
    ),
    (
        "anthropic",
        {"input_tokens": 1, "output_tokens": 3, "output_tokens_details": {"thinking_tokens": 4}},
        "thinking_tokens 4 is above the output_tokens of 3",
    ),
    (
        "anthropic",
        {"iterations": [{"input_tokens": 2**40}, {"input_tokens": 2**40}], "input_tokens": 1},
        "above any call",
    ),
    (
        "aws",
        {"inputTokens": 1, "cacheWriteInputTokens": 5, "cacheDetails": [{"ttl": "1h", "inputTokens": 6}]},
        "make 6",
    ),
    ("google", {"promptTokenCount": 5, "cachedContentTokenCount": 6}, "cached 6 is above the input of 5"),
    ("google", {"promptTokenCount": 2**40, "toolUsePromptTokenCount": 2**40}, "a sum above any call"),
    (
        "google",
        {"promptTokenCount": 5, "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 4}]},
        "cached video 4",
    ),
    (
        "deepseek",
        {"prompt_tokens": 10, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 6},
        "5 cached and 6 missed",
    ),
    ("cohere", {"billed_units": {"input_tokens": 1.5}}, "is 1.5"),
    ("cohere", {"billed_units": {"input_tokens": float("inf")}}, "is inf"),
]


@pytest.mark.parametrize(("provider", "body", "detail"), IMPOSSIBLE)
def test_impossible_counts_are_refused_in_every_dialect(provider, body, detail):
    with pytest.raises(ReadingError, match=detail.replace("(", r"\(")) as caught:
        providers.read(body, provider)
    assert caught.value.reason is Reason.IMPOSSIBLE_COUNT
    assert "$.raw" in caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        {"totalTokenCount": 12},
        {"completion_tokens": 3},
        {"output_tokens": 3, "input_tokens_details": {}},
        {"response": {"response": {"response": {"response": {"usage": {"prompt_tokens": 1}}}}}},
        [],
        None,
    ],
)
def test_what_cannot_be_read_is_of_unknown_shape(body):
    with pytest.raises(ReadingError) as caught:
        providers.read(body, "openai")
    assert caught.value.reason is Reason.UNKNOWN_SHAPE


@pytest.mark.parametrize("api", APIS)
def test_a_hint_chooses_the_reader(api):
    body = {
        "prompt_tokens": 3, "input_tokens": 3, "promptTokenCount": 3, "inputTokens": 3,
        "billed_units": {"input_tokens": 3},
    }  # fmt: skip
    assert providers.read(body, "anyone", api).usage == Usage(input_uncached=3)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("openai", "openai"), ("OpenAI", "openai"), ("openai.chat", "openai"), ("gcp.vertex_ai", "google"),
        ("vertex_ai-language-models", "vertex_ai-language-models"), ("aws.bedrock", "aws"), ("AWS", "aws"),
        ("az.ai.openai", "azure"), ("azure.ai.inference", "azure"), ("xai", "x-ai"), ("mistralai", "mistral"),
        ("Some.Body", "some.body"), ("", ""),
    ],
)  # fmt: skip
def test_a_provider_has_one_name(name, one):
    assert canonical(name) == one


def test_our_totals_agree_with_another_reader_of_the_same_bodies():
    """genai-prices has extractors of its own for these; what it calls input and output contain their parts."""
    from genai_prices.data_snapshot import get_snapshot

    theirs = {provider.id: provider for provider in get_snapshot().providers}
    for provider, flavor, body in [
        ("openai", "chat", calls.OPENAI.response),
        ("openai", "responses", RESPONSES),
        ("anthropic", "default", calls.ANTHROPIC_BOTH_AGES.response),
        ("google", "default", calls.GEMINI.response),
        ("aws", "default", calls.BEDROCK.response | {"modelId": "x"}),
        ("x-ai", "chat", {"model": "grok-4", "usage": {
            "prompt_tokens": 30, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 320}}}),
    ]:  # fmt: skip
        _, told = theirs[provider].extract_usage(body, api_flavor=flavor)
        ours = providers.read(body, provider).usage
        written = ours.cache_write_5m + ours.cache_write_1h
        assert told.input_tokens == ours.input_uncached + ours.cache_read + written
        assert (told.cache_read_tokens or 0) == ours.cache_read
        assert (told.cache_write_tokens or 0) == written
        assert told.output_tokens == ours.output + ours.reasoning
        assert (told.output_reasoning_tokens or 0) == ours.reasoning
