"""Our integers against genai-prices' own calculation, over every model, tier, time and bucket that it prices."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger import money
from stackledger.ledger.buckets import BUCKETS, INPUT_TOKENS, Usage
from stackledger.ledger.prices.book import Line, PriceBook, Rate, cost

Which = tuple[Provider, ModelInfo]
MODELS: list[Which] = [(provider, model) for provider in providers for model in provider.models]
CONTEXTS: dict[str, list[dict[str, str]]] = {
    "": [{}],
    "batch": [{"processing": "batch"}],
    "priority": [{"service_tier": "priority"}],
    "flex": [{"service_tier": "flex"}],
    "fast": [{"service_tier": "fast"}, {"speed": "fast"}],
}
SUMS = {
    "input_tokens": INPUT_TOKENS,
    "cache_read_tokens": ("cache_read", "audio_cache_read", "image_cache_read"),
    "cache_write_tokens": ("cache_write_5m", "cache_write_1h"),
    "cache_write_5m_tokens": ("cache_write_5m",),
    "cache_write_1h_tokens": ("cache_write_1h",),
    "input_audio_tokens": ("audio_input", "audio_cache_read"),
    "cache_audio_read_tokens": ("audio_cache_read",),
    "input_image_tokens": ("image_input", "image_cache_read"),
    "cache_image_read_tokens": ("image_cache_read",),
    "input_video_tokens": ("video_input",),
    "output_tokens": ("output", "reasoning", "audio_output", "image_output", "video_output", "citation"),
    "output_audio_tokens": ("audio_output",),
    "output_image_tokens": ("image_output",),
    "output_video_tokens": ("video_output",),
    "output_reasoning_tokens": ("reasoning",),
    "output_citation_tokens": ("citation",),
    "web_searches": ("web_search",),
    "storage_searches": ("file_search",),
    "input_document_pages": ("pages", "annotated_pages"),
    "input_annotated_document_pages": ("annotated_pages",),
    "input_characters": ("characters",),
}
SECONDS = {
    "audio_seconds": ("audio_input_ms", "audio_output_ms"),
    "input_audio_seconds": ("audio_input_ms",),
    "output_audio_seconds": ("audio_output_ms",),
}
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2023, 2028))


@pytest.fixture(scope="module")
def lines(published: PriceBook) -> dict[tuple[str, str, str, str], Line]:
    return {line.key: line for line in published.lines}


def _theirs(
    provider: Provider, model: ModelInfo, counts: dict[str, int], second: int, context: dict[str, str]
) -> Fraction:
    """Pico-USD by the package."""
    usage = TheirUsage(
        **{key: sum(counts.get(name, 0) for name in names) for key, names in SUMS.items()},
        **{key: Decimal(sum(counts.get(name, 0) for name in names)) / 1000 for key, names in SECONDS.items()},
    )
    when = datetime.fromtimestamp(second, UTC)
    found = model.calc_price(usage, provider, genai_request_timestamp=when, price_context=context)
    return Fraction(found.total_price) * money.PICO


def _compare(which: Which, line: Line, chance: random.Random, second: int, context: dict[str, str]) -> None:
    provider, model = which
    counts = _counts(chance)
    rate = line.rate_at(second * 1_000_000, sum(counts[name] for name in INPUT_TOKENS))
    if set(rate.per_unit) == {None}:
        return
    priced = {
        name: counts.get(name, 0) for name, price in zip(BUCKETS, rate.per_unit, strict=True) if price is not None
    }
    priced["requests"] = 1
    tokens = sum(priced.get(name, 0) for name in INPUT_TOKENS)
    ours = cost(line.rate_at(second * 1_000_000, tokens), Usage(**priced))
    assert ours is not None
    theirs = _theirs(provider, model, priced, second, context)
    units = sum(priced.values())
    assert abs(ours - theirs) <= Fraction(units, 2), (provider.id, model.id, context, priced, ours, theirs)


def _counts(chance: random.Random) -> dict[str, int]:
    """Counts around and far beyond every tier. Sound lasts at least the 10 s for which Groq always bills."""
    tokens = (0, 1, 999, 33_000, 150_000, 300_000)
    return {name: chance.choice((0, 10_000, 61_500) if "_ms" in name else tokens) for name in BUCKETS[:-1]}


def test_every_line_agrees_with_the_package(lines: dict[tuple[str, str, str, str], Line]) -> None:
    chance = random.Random(20_261_126)
    compared = 0
    for provider, model in MODELS:
        for service_tier, contexts in CONTEXTS.items():
            if (line := lines.get((provider.id, model.id, "", service_tier))) is not None:
                for context in contexts if len(contexts) == 1 else [_fitting(model, contexts)]:
                    _compare((provider, model), line, chance, chance.randrange(FIRST, LAST), context)
                    compared += 1
    assert compared >= len(MODELS)


def _fitting(model: ModelInfo, contexts: list[dict[str, str]]) -> dict[str, str]:
    return next(context for context in contexts if any(v.when == context for v in model.price_variants or ()))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MODELS), st.integers(FIRST, LAST), st.randoms(use_true_random=False))
def test_any_usage_at_any_time_agrees_with_the_package(
    lines: dict[tuple[str, str, str, str], Line], which: Which, second: int, chance: random.Random
) -> None:
    provider, model = which
    _compare(which, lines[provider.id, model.id, "", ""], chance, second, {})


def test_a_bucket_is_unknown_only_where_the_package_asks_nothing_for_it(
    lines: dict[tuple[str, str, str, str], Line],
) -> None:
    """The other direction: where the package would bill, we know the price."""
    second = LAST - 40 * 86_400
    for provider, model in MODELS:
        rate = lines[provider.id, model.id, "", ""].rate_at(second * 1_000_000, 0)
        unknown = {name: 1000 for name, price in zip(BUCKETS, rate.per_unit, strict=True) if price is None}
        unknown.pop("requests", None)
        assert _theirs(provider, model, unknown, second, {}) - _request_fee(rate) == 0, model.id


def _request_fee(rate: Rate) -> int:
    return rate.per_unit[BUCKETS.index("requests")] or 0


def test_names_lead_to_the_model_that_the_package_finds(published: PriceBook) -> None:
    from stackledger.ledger.prices.names import Catalogue

    catalogue = Catalogue(published.providers)
    chance = random.Random(5)
    names = [name for provider in published.providers for name in sorted(catalogue.names(provider.id))]
    for provider in providers:
        for name in [*sorted(catalogue.names(provider.id)), *chance.sample(names, 60)]:
            theirs = provider.find_model(name, all_providers=providers)
            ours = catalogue.find(provider.id, name, FIRST * 1_000_000)
            assert (theirs and theirs.id) == (ours and ours[1]), (provider.id, name)
