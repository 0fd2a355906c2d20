"""Calls whose cost was worked out by hand from the vendors' price pages, as dated in the pinned data."""

from __future__ import annotations

import pytest

from stackledger import money
from stackledger.ledger.buckets import INPUT_TOKENS, Usage
from stackledger.ledger.prices.book import Line, cost
from stackledger.ledger.prices.resolve import Resolver, Unpriced
from tests.unit.ledger.prices.samples import at_us

NOW = "2026-11-20T12:00"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"

CALLS = [
    # 1000 x 2.50 + 500 x 1.25 + 200 x 10 per million
    ("openai", "gpt-4o", "", NOW, Usage(input_uncached=1000, cache_read=500, output=200), "0.005125"),
    ("openai", "gpt-4o-mini-2024-07-18", "", NOW, Usage(input_uncached=10_000, output=2000), "0.0027"),
    # batch is half: 1000 x 1.25 + 200 x 5
    ("openai", "gpt-4o", "batch", NOW, Usage(input_uncached=1000, output=200), "0.00225"),
    # o3 fell from 10 and 40 to 2 and 8 on 10 June 2025; reasoning is billed as output
    ("openai", "o3", "", "2025-06-09T23:59", Usage(input_uncached=1000, output=100, reasoning=900), "0.05"),
    ("openai", "o3", "", "2025-06-10T00:00", Usage(input_uncached=1000, output=100, reasoning=900), "0.01"),
    # flex: 1000 x 0.625 + 400 x 0.0625 + 1000 x 5
    ("openai", "gpt-5", "flex", NOW, Usage(input_uncached=1000, cache_read=400, output=300, reasoning=700), "0.00565"),
    # priority: 1000 x 3.5 + 100 x 14, and a search at 10 per thousand
    ("openai", "gpt-4.1", "priority", NOW, Usage(input_uncached=1000, output=100, web_search=1), "0.0149"),
    ("openai", "tts-1", "", NOW, Usage(characters=1000), "0.015"),
    # 1000 x 1 + 10000 x 0.1 + 2000 x 1.25 (5 minutes) + 3000 x 2 (1 hour) + 500 x 5
    (
        "anthropic",
        "claude-haiku-4-5-20251001",
        "",
        NOW,
        Usage(input_uncached=1000, cache_read=10_000, cache_write_5m=2000, cache_write_1h=3000, output=500),
        "0.013",
    ),
    # the cliff at 200,000 input tokens: 200000 x 3 + 1000 x 15, then 200001 x 6 + 1000 x 22.5
    ("anthropic", "claude-sonnet-4-5", "", NOW, Usage(input_uncached=200_000, output=1000), "0.615"),
    ("anthropic", "claude-sonnet-4-5", "", NOW, Usage(input_uncached=200_001, output=1000), "1.222506"),
    # what was read from the cache counts towards the cliff: 200000 x 0.6 + 1 x 6
    ("anthropic", "claude-sonnet-4-5", "", NOW, Usage(input_uncached=1, cache_read=200_000), "0.120006"),
    # batch and long context together: 200001 x 3 + 1000 x 11.25
    ("anthropic", "claude-sonnet-4-5", "batch", NOW, Usage(input_uncached=200_001, output=1000), "0.611253"),
    # 250000 x 2.5 + 1000 x 15
    ("google", "gemini-2.5-pro", "", NOW, Usage(input_uncached=250_000, output=1000), "0.64"),
    # 1000 x 0.3 + 1000 x 1 (audio) + 1000 x 0.1 (audio from the cache) + 100 x 2.5
    (
        "gcp.gemini",
        "gemini-2.5-flash",
        "",
        NOW,
        Usage(input_uncached=1000, audio_input=1000, audio_cache_read=1000, output=100),
        "0.00165",
    ),
    # DeepSeek: cheap from 16:30 to 00:30 UTC
    ("deepseek", "deepseek-chat", "", "2025-05-01T00:00", Usage(input_uncached=1000, output=1000), "0.000685"),
    ("deepseek", "deepseek-chat", "", "2025-05-01T00:30", Usage(input_uncached=1000, output=1000), "0.00137"),
    ("deepseek", "deepseek-chat", "", "2025-05-01T12:00", Usage(input_uncached=1000, output=1000), "0.00137"),
    ("deepseek", "deepseek-chat", "", "2025-05-01T16:30", Usage(input_uncached=1000, output=1000), "0.000685"),
    # Bedrock: in a geography a tenth more than global
    ("aws.bedrock", f"us.{SONNET}", "", NOW, Usage(input_uncached=1000, output=1000), "0.0198"),
    ("aws.bedrock", f"global.{SONNET}", "", NOW, Usage(input_uncached=1000, output=1000), "0.018"),
    # 12 per thousand calls beside 1 and 1 per million tokens; two calls in one report pay twice
    ("perplexity", "sonar", "", NOW, Usage(input_uncached=1000, output=1000), "0.014"),
    ("perplexity", "sonar", "", NOW, Usage(input_uncached=1000, output=1000, requests=2), "0.026"),
    # scanned pages at 4 per thousand, annotated ones at 5
    ("mistral_ai", "mistral-ocr-4-1", "", NOW, Usage(pages=10, annotated_pages=2), "0.05"),
    # 100 x 2 + 200 x 8 + 300 x 3 (reasoning) + 400 x 2 (citations), and two searches at 5 per thousand
    (
        "perplexity",
        "sonar-deep-research",
        "",
        NOW,
        Usage(input_uncached=100, output=200, reasoning=300, citation=400, web_search=2),
        "0.0135",
    ),
    # 0.111 an hour is 30833.33 picodollars a millisecond, rounded once: 1.2 millionths of a dollar in an hour
    ("groq", "whisper-large-v3", "", NOW, Usage(audio_input_ms=3_600_000), "0.1109988"),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call[:4]))
def test_a_well_known_call_costs_what_was_worked_out_by_hand(
    resolver: Resolver, call: tuple[str, str, str, str, Usage, str]
) -> None:
    provider, model, service_tier, when, usage, dollars = call
    found = resolver.line(provider, model, "", service_tier)
    assert isinstance(found, Line)
    rate = found.rate_at(at_us(when), sum(getattr(usage, name) for name in INPUT_TOKENS))
    assert cost(rate, usage) == money.parse(dollars)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-99"), ("nobody", "gpt-4o"), ("custom_openai", "gpt-4o"), ("anthropic", ""), ("aws", "claude")],
)
def test_an_unknown_model_is_unpriced_and_says_why(resolver: Resolver, provider: str, model: str) -> None:
    found = resolver.line(provider, model)
    assert isinstance(found, Unpriced)
    assert resolver.version in found.reason or "does not tell the model" in found.reason


def test_a_used_bucket_without_a_price_makes_the_whole_call_unpriced(resolver: Resolver) -> None:
    found = resolver.line("openai", "gpt-3.5-turbo")
    assert isinstance(found, Line)
    rate = found.rate_at(at_us(NOW), 1000)
    assert cost(rate, Usage(input_uncached=1000)) == 1000 * 500_000
    assert cost(rate, Usage(input_uncached=1000, web_search=1)) is None
    assert cost(rate, Usage(input_uncached=1000, pages=1)) is None


def test_no_tier_has_a_price_before_the_source_knew_one(resolver: Resolver) -> None:
    found = resolver.line("openai", "gpt-4o", "", "batch")
    assert isinstance(found, Line)
    early = found.rate_at(at_us("2026-10-13T23:59"), 10)
    assert cost(early, Usage(input_uncached=10)) is None
    assert "openai/gpt-4o batch" in early.basis
    assert cost(found.rate_at(at_us("2026-10-14"), 10), Usage(input_uncached=10)) == 10 * 1_250_000


def test_a_tier_that_the_source_does_not_price_is_not_guessed(resolver: Resolver) -> None:
    found = resolver.line("openai", "gpt-3.5-turbo", "", "priority")
    assert isinstance(found, Unpriced)
    assert "service tier priority of openai/gpt-3.5-turbo" in found.reason


def test_standard_is_the_price_without_a_tier(resolver: Resolver) -> None:
    assert resolver.line("openai", "gpt-4o", "", "standard") == resolver.line("openai", "gpt-4o")


def test_a_model_that_is_free_by_name_costs_nothing_and_one_without_prices_is_unknown(resolver: Resolver) -> None:
    free = resolver.line("openrouter", "deepseek/deepseek-r1:free")
    silent = resolver.line("google", "gemma-3-27b-it")
    assert isinstance(free, Line)
    assert isinstance(silent, Line)
    usage = Usage(input_uncached=5, output=5)
    assert cost(free.rate_at(at_us(NOW), 5), usage) == 0
    assert cost(silent.rate_at(at_us(NOW), 5), usage) is None
