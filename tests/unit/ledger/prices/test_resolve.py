"""From names as libraries and gateways send them to the right vendor's line."""

from __future__ import annotations

import pytest

from stackledger.ledger.buckets import Usage
from stackledger.ledger.prices.book import Line, PriceBook, cost
from stackledger.ledger.prices.config import Prices
from stackledger.ledger.prices.names import bedrock, dashed
from stackledger.ledger.prices.resolve import Resolver, Unpriced
from stackledger.ledger.prices.vendors import ALIASES, vendor
from tests.unit.ledger.prices.samples import always, at_us, book, line, rate

NOW = at_us("2026-11-20")
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def _found(resolver: Resolver, provider: str, model: str, region: str = "") -> tuple[str, str]:
    line = resolver.line(provider, model, region)
    assert isinstance(line, Line), line
    return line.provider, line.model


def test_every_alias_leads_to_a_provider_of_the_book(published: PriceBook) -> None:
    known = {provider.id for provider in published.providers}
    assert {name: vendor(name, published.providers) for name in ALIASES} == ALIASES
    assert set(ALIASES.values()) <= known


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OpenAI", "openai"),
        (" anthropic ", "anthropic"),
        ("azure_openai", "azure"),
        ("AzureOpenAI", "azure"),
        ("azure.ai.openai", "azure"),
        ("vertex_ai-anthropic_models", "google"),
        ("amazon-bedrock", "aws"),
        ("openai_like", "openai_like"),
        ("hosted_vllm", "hosted_vllm"),
        ("sagemaker", "sagemaker"),
    ],
)
def test_a_vendor_by_any_name(published: PriceBook, name: str, expected: str) -> None:
    assert vendor(name, published.providers) == expected


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "openai/gpt-4o", ("openai", "gpt-4o")),
        ("litellm", "azure/o3", ("azure", "o3-2025-04-16")),
        ("litellm_proxy", "gemini/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("openai", "GPT-5-20250807", ("openai", "gpt-5")),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("gcp.gemini", "models/gemini-2.5-flash", ("google", "gemini-2.5-flash")),
        ("openrouter", "openrouter/anthropic/claude-haiku-5.5", ("openrouter", "anthropic/claude-haiku-5.5")),
        ("xai", "grok-4.5-20260101", ("x-ai", "grok-4.5")),
    ],
)
def test_a_model_by_any_name(resolver: Resolver, provider: str, model: str, expected: tuple[str, str]) -> None:
    assert _found(resolver, provider, model) == expected


@pytest.mark.parametrize(
    ("model", "region", "expected"),
    [
        (SONNET, "us-east-1", f"regional.{SONNET}"),
        (f"eu.{SONNET}", "", f"regional.{SONNET}"),
        (f"ca.{SONNET}", "", f"regional.{SONNET}"),
        (f"global.{SONNET}", "eu-west-1", f"global.{SONNET}"),
        (SONNET, "global", f"global.{SONNET}"),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET}", "", f"regional.{SONNET}"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}", "", f"regional.{SONNET}"),
        (f"bedrock/converse/us-east-1/{SONNET}", "", f"regional.{SONNET}"),
    ],
)
def test_a_bedrock_model_in_its_geography(resolver: Resolver, model: str, region: str, expected: str) -> None:
    assert _found(resolver, "aws.bedrock", model, region) == ("aws", expected)


def test_a_global_profile_is_never_taken_for_a_regional_one() -> None:
    assert bedrock("global.acme.model", "us-east-1") == ["global.acme.model"]


def test_an_arn_that_hides_the_model_is_unpriced_until_a_price_is_negotiated(published: PriceBook) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
    found = Resolver(published).line("aws.bedrock", arn)
    assert isinstance(found, Unpriced)
    assert "does not tell the model" in found.reason
    prices = Prices.model_validate({"negotiated": [{"model": arn, "usd_per_million": {"input_uncached": 3}}]})
    agreed = Resolver(published, prices.agreed()).line("aws.bedrock", arn)
    assert isinstance(agreed, Line)
    assert cost(agreed.rate_at(NOW, 5), Usage(input_uncached=5)) == 5 * 3_000_000


def test_azure_is_priced_as_azure_where_the_book_can_and_says_so_where_not(published: PriceBook) -> None:
    resolver = Resolver(published)
    assert _found(resolver, "azure.ai.openai", "text-embedding-3-small") == ("azure", "text-embedding-3-small")
    resold = resolver.line("azure.ai.openai", "gpt-4o")
    assert isinstance(resold, Line)
    assert resold.provider == "azure"
    assert resold.rate_at(NOW, 1).basis.endswith("of openai, as the book has none of azure")
    assert isinstance(resolver.line("azure", "gpt-4o", "", "batch"), Unpriced)
    strict = Resolver(published, Prices(resold=False).agreed())
    assert isinstance(strict.line("azure.ai.openai", "gpt-4o"), Unpriced)
    assert isinstance(strict.line("azure.ai.openai", "text-embedding-3-small"), Line)


def test_a_regional_price_is_used_only_in_its_region(resolver: Resolver) -> None:
    eu = resolver.line("openrouter", "mistralai/mistral-large-4-0", "mistral/eu")
    elsewhere = resolver.line("openrouter", "mistralai/mistral-large-4-0", "mars")
    assert isinstance(eu, Line)
    assert isinstance(elsewhere, Line)
    assert (eu.region, elsewhere.region) == ("mistral/eu", "")
    assert (eu.rate_at(NOW, 1).per_unit[0], elsewhere.rate_at(NOW, 1).per_unit[0]) == (770_000, 700_000)


def test_names_made_up_by_callers_do_not_fill_the_memory() -> None:
    resolver = Resolver(book(line("swift", always(rate(output=1)))), remembered=8)
    for number in range(100):
        assert isinstance(resolver.line("acme", f"junk-{number}"), Unpriced)
    assert resolver._cached.cache_info().currsize == 8
    assert resolver._vendor.cache_info().currsize <= 8


def test_a_date_is_written_out_only_if_it_is_one() -> None:
    assert dashed("gpt-5-20250807") == "gpt-5-2025-08-07"
    assert dashed("gpt-5-20251307") == "gpt-5-20251307"
    assert dashed("gpt-5-202508071") == "gpt-5-202508071"
