"""Negotiated prices, multipliers and discounts: the arithmetic by hand, and what a person may write."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Window, cost
from stackledger.ledger.prices.config import Prices
from stackledger.ledger.prices.resolve import Resolver, Unpriced
from stackledger.ledger.prices.terms import Terms
from tests.unit.ledger.prices.samples import always, at_us, book, line, rate

NOW = at_us("2026-11-20")
LIST = rate(input_uncached=1_000_000, cache_read=100_000, output=4_000_000, reasoning=4_000_000, web_search=10**10)
BATCH = rate(input_uncached=500_000, cache_read=50_000, output=2_000_000, reasoning=2_000_000)
BOOK = book(
    line("swift", always(LIST)),
    line("swift", always(BATCH), tier="batch"),
    line("long", always(((0, LIST), (200_000, rate(input_uncached=2_000_000, output=6_000_000, reasoning=6_000_000))))),
)


def prices(text: str) -> Prices:
    return Prices.model_validate(yaml.safe_load(text))


def of(found: Rate, *buckets: str) -> tuple[int | None, ...]:
    return tuple(found.per_unit[BUCKETS.index(bucket)] for bucket in buckets)


def ours(
    text: str, model: str = "swift", *, tier: str = "", region: str = "", when: int = NOW, tokens: int = 1
) -> Rate:
    found = Resolver(BOOK, prices(text).agreed()).line("acme", model, region, tier)
    assert isinstance(found, Line), found
    return found.rate_at(when, tokens)


def test_without_entries_the_list_price_holds() -> None:
    assert ours("{}") == LIST


def test_a_discount_is_rounded_once_half_to_even() -> None:
    third = rate(input_uncached=5, output=7)
    resolver = Resolver(book(line("odd", always(third))), prices("discounts: [{percent: 50, name: spring}]").agreed())
    found = resolver.line("acme", "odd")
    assert isinstance(found, Line)
    assert of(found.rate_at(NOW, 1), "input_uncached", "output") == (2, 4)  # 2.5 and 3.5
    assert found.rate_at(NOW, 1).basis == "list; less 50 % (spring)"


@pytest.mark.parametrize("written", ["12.5", '"12.5"', "12.50"])
def test_a_percentage_may_be_a_number_or_text(written: str) -> None:
    assert of(ours(f"discounts: [{{percent: {written}}}]"), "input_uncached") == (875_000,)


def test_a_number_of_yaml_is_the_decimal_that_was_written() -> None:
    text = "negotiated: [{model: swift, usd_per_million: {input_uncached: 0.1, output: 1e-1}}]"
    assert of(ours(text), "input_uncached", "output") == (100_000, 100_000)
    assert prices(text).negotiated[0].value().prices()["input_uncached"] == Fraction(100_000)


def test_entries_hold_from_their_day_until_their_day() -> None:
    text = "discounts: [{percent: 10, from: 2026-11-01, until: 2026-12-01}]"
    when = [at_us(day) for day in ("2026-10-31T23:59", "2026-11-01", "2026-11-30T23:59", "2026-12-01")]
    assert [of(ours(text, when=at), "output")[0] for at in when] == [4_000_000, 3_600_000, 3_600_000, 4_000_000]


def test_the_last_discount_that_covers_a_call_holds_and_they_do_not_add_up() -> None:
    text = """
        discounts:
          - {percent: 10}
          - {model: "sw*", percent: 20, from: 2026-11-10}
          - {provider: other, percent: 90}
    """
    assert of(ours(text), "output") == (3_200_000,)
    assert of(ours(text, model="long"), "output") == (3_600_000,)
    assert of(ours(text, when=at_us("2026-11-09")), "output") == (3_600_000,)


def test_a_negotiated_price_is_final_and_what_costs_the_same_follows_it() -> None:
    text = """
        negotiated: [{provider: acme, model: swift, name: "MSA 7", usd_per_million: {output: "3.00"}}]
        discounts: [{percent: 10}]
    """
    found = ours(text)
    assert of(found, "output", "reasoning") == (3_000_000, 3_000_000)
    assert of(found, "input_uncached", "cache_read", "web_search") == (900_000, 90_000, 9 * 10**9)
    assert found.basis == "list; negotiated (MSA 7): output; less 10 % where not negotiated"


def test_a_flat_negotiated_price_holds_for_any_size_and_one_with_a_limit_above_it() -> None:
    flat = "negotiated: [{model: long, usd_per_million: {input_uncached: 1.5}}]"
    assert [of(ours(flat, "long", tokens=n), "input_uncached", "output") for n in (1, 200_001)] == [
        (1_500_000, 4_000_000),
        (1_500_000, 6_000_000),
    ]
    above = flat[:-1] + ", {model: long, above_input_tokens: 100000, usd_per_million: {input_uncached: 1.8}}]"
    sizes = (100_000, 100_001, 200_001)
    assert [of(ours(above, "long", tokens=n), "input_uncached")[0] for n in sizes] == [1_500_000, 1_800_000, 1_800_000]


def test_a_service_tier_without_a_price_gets_one_from_a_multiplier() -> None:
    text = "multipliers: [{service_tier: priority, factor: 1.75, from: 2026-11-01}]"
    assert of(ours(text, tier="priority"), "input_uncached", "output") == (1_750_000, 7_000_000)
    before = ours(text, tier="priority", when=at_us("2026-10-31"))
    assert cost(before, Usage(input_uncached=1)) is None
    assert isinstance(Resolver(BOOK, prices(text).agreed()).line("acme", "swift", "", "flex"), Unpriced)


def test_a_multiplier_of_a_tier_wins_over_the_book_and_starts_from_what_was_negotiated() -> None:
    text = """
        negotiated: [{model: swift, usd_per_million: {input_uncached: 0.8}}]
        multipliers: [{service_tier: batch, factor: 0.4}]
    """
    assert of(ours(text, tier="batch"), "input_uncached", "output") == (320_000, 1_600_000)
    assert of(ours("{}", tier="batch"), "input_uncached") == (500_000,)


def test_tier_region_and_discount_multiply() -> None:
    text = """
        multipliers:
          - {service_tier: batch, factor: 0.5}
          - {region: "eu*", factor: 1.1}
        discounts: [{percent: 10}]
    """
    found = ours(text, tier="batch", region="eu-west-1")
    assert of(found, "input_uncached", "output") == (495_000, 1_980_000)  # 1000000 x 0.5 x 1.1 x 0.9
    assert found.basis == "list; x 0.5 (service tier batch); x 1.1 (region eu*); less 10 %"
    assert of(ours(text, region="us-east-1"), "input_uncached") == (900_000,)


def test_a_surcharge_on_some_models_needs_no_region() -> None:
    text = "multipliers: [{model: 'sw*', factor: 1.2, name: GovCloud}]"
    assert of(ours(text, tier="batch"), "input_uncached") == (600_000,)
    assert ours(text).basis == "list; x 1.2 (GovCloud)"
    assert ours(text, model="long").basis == "list"


def test_a_model_that_no_book_knows_can_be_negotiated() -> None:
    text = "negotiated: [{provider: own-cluster, model: 'llama*', usd_per_million: {input_uncached: 0.2, output: 0.6}}]"
    found = Resolver(BOOK, prices(text).agreed()).line("Own-Cluster", "Llama-70B")
    assert isinstance(found, Line)
    usage = Usage(input_uncached=1000, cache_read=1000, output=1000, reasoning=1000)
    assert cost(found.rate_at(NOW, 2000), usage) == 1000 * (200_000 + 200_000 + 600_000 + 600_000)
    assert cost(found.rate_at(NOW, 1), Usage(web_search=1)) is None


def test_a_provider_in_an_entry_goes_by_any_of_its_names(published: PriceBook) -> None:
    for name in ("gcp.vertex_ai", "google", "goo*"):
        text = f"discounts: [{{provider: '{name}', model: gemini-2.5-pro, percent: 50}}]"
        found = Resolver(published, prices(text).agreed()).line("gemini", "gemini-2.5-pro")
        assert isinstance(found, Line)
        assert of(found.rate_at(NOW, 1), "input_uncached") == (625_000,)


def test_only_the_star_is_special_in_a_pattern() -> None:
    odd = book(line("quick[fast=true]", always(LIST)), line("quickf", always(LIST)))
    resolver = Resolver(odd, prices("discounts: [{model: 'QUICK[fast=true]', percent: 50}]").agreed())
    found = [resolver.line("acme", model) for model in ("quick[fast=true]", "quickf")]
    assert [of(one.rate_at(NOW, 1), "output")[0] for one in found if isinstance(one, Line)] == [2_000_000, 4_000_000]


def test_what_was_agreed_survives_being_handed_to_another_process() -> None:
    text = """
        negotiated: [{model: swift, from: 2026-01-01, usd_per_million: {output: 1.25}}]
        multipliers: [{service_tier: flex, factor: 0.5}]
        discounts: [{percent: 12.5}]
    """
    agreed = prices(text).agreed()
    again = msgspec.json.decode(msgspec.json.encode(agreed), type=Terms)
    assert again == agreed
    assert again.version == agreed.version


def test_searches_and_audio_have_their_own_units() -> None:
    text = "negotiated: [{model: swift, usd_per_thousand: {web_search: 8}, usd_per_hour: {audio_input_ms: 0.36}}]"
    assert of(ours(text), "web_search", "audio_input_ms") == (8 * 10**9, 100_000)


def test_the_version_tells_whose_prices_they_are() -> None:
    plain, discounted = Resolver(BOOK), Resolver(BOOK, prices("discounts: [{percent: 1}]").agreed())
    assert plain.version == BOOK.version
    assert discounted.version.startswith(f"{BOOK.version}-")
    assert discounted.version == Resolver(BOOK, prices("discounts: [{percent: 1}]").agreed()).version
    assert discounted.version != Resolver(BOOK, prices("discounts: [{percent: 2}]").agreed()).version
    assert Resolver(BOOK, prices("approval_above_percent: 5").agreed()).version == BOOK.version


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("discounts: [{percent: 101}]", "less than or equal to 100"),
        ("discounts: [{percent: -1}]", "greater than or equal to 0"),
        ("discounts: [{percent: .nan}]", "finite"),
        ("discounts: [{percent: 5, from: 2026-02-01, until: 2026-02-01}]", "later than"),
        ("discounts: [{percent: 5, form: 2026-02-01}]", "Extra inputs"),
        ("multipliers: [{factor: 2}]", "name the `service_tier`"),
        ("multipliers: [{service_tier: standard, factor: 2}]", "name another `service_tier`"),
        ("negotiated: [{model: x}]", "give a price in one of"),
        ("negotiated: [{model: x, usd_per_million: {web_search: 1}}]", "stands in `usd_per_thousand`"),
        ("negotiated: [{model: x, usd_per_million: {inputs: 1}}]", "there are "),
        ("negotiated: [{model: x, usd_per_million: {output: 1e30}}]", "trillion"),
        ("negotiated: [{model: x, usd_per_million: {output: yes}}]", "decimal"),
    ],
)
def test_a_mistake_is_refused_and_told(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        prices(text)


@given(st.integers(0, 10**10), st.decimals(0, 100, places=4), st.decimals(0, 10, places=4))
def test_a_rate_is_off_by_half_a_picodollar_at_most(listed: int, percent: Any, factor: Any) -> None:
    settings = Prices.model_validate(
        {"discounts": [{"percent": str(percent)}], "multipliers": [{"region": "eu", "factor": str(factor)}]}
    )
    found = Resolver(book(line("any", always(rate(output=listed)))), settings.agreed()).line("acme", "any", "eu")
    assert isinstance(found, Line)
    (price,) = of(found.rate_at(0, 0), "output")
    assert price is not None
    assert abs(price - listed * (1 - Fraction(percent) / 100) * Fraction(factor)) <= Fraction(1, 2)


def test_prices_by_time_of_day_keep_their_hours() -> None:
    windows = (
        Window(((0, rate(output=100)),), day_s=(59_400, 1800)),
        Window(((0, rate(output=200)),), day_s=(1800, 59_400)),
    )
    found = Resolver(book(line("owl", *windows)), prices("discounts: [{percent: 10, from: 2026-11-01}]").agreed()).line(
        "acme", "owl"
    )
    assert isinstance(found, Line)
    when = ("2026-10-31T00:00", "2026-10-31T12:00", "2026-11-01T00:00", "2026-11-01T12:00")
    assert [of(found.rate_at(at_us(at), 0), "output")[0] for at in when] == [100, 200, 90, 180]
