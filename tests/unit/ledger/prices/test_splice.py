"""Joining books: the past stays, the unknown becomes known, and nothing is forgotten."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Window, cost, sealed
from stackledger.ledger.prices.names import Index
from stackledger.ledger.prices.resolve import Resolver, Unpriced
from stackledger.ledger.prices.splice import splice
from tests.unit.ledger.prices.samples import always, at_us, book, line, named, rate

CHANGE = at_us("2026-11-20")
BEFORE, AFTER = CHANGE - 1, CHANGE
ONE = Usage(input_uncached=1)


def _costs(joined: PriceBook, model: str, tier: str = "", usage: Usage = ONE) -> tuple[int | None, ...]:
    found = Resolver(joined).line("acme", model, "", tier)
    assert isinstance(found, Line), found
    return tuple(cost(found.rate_at(at, 1), usage) for at in (0, BEFORE, AFTER))


def test_prices_before_stay_and_prices_after_are_new() -> None:
    joined = splice(
        book(line("swift", always(rate(input_uncached=5)))), book(line("swift", always(rate(input_uncached=9)))), CHANGE
    )
    assert _costs(joined, "swift") == (5, 5, 9)


def test_history_that_the_new_source_rewrites_does_not_reprice_the_past() -> None:
    rewritten = line(
        "swift", Window(((0, rate(input_uncached=7)),), until_us=5), Window(((0, rate(input_uncached=9)),), since_us=5)
    )
    joined = splice(book(line("swift", always(rate(input_uncached=5)))), book(rewritten), CHANGE)
    assert _costs(joined, "swift") == (5, 5, 9)


def test_what_was_unknown_becomes_known_for_the_past_too() -> None:
    old = book(line("swift", always(rate(input_uncached=5))))
    new = book(
        line("swift", always(rate(input_uncached=9, web_search=70))), line("fresh", always(rate(input_uncached=3)))
    )
    joined = splice(old, new, CHANGE)
    assert _costs(joined, "swift", usage=Usage(input_uncached=1, web_search=1)) == (75, 75, 79)
    assert _costs(joined, "fresh") == (3, 3, 3)
    assert isinstance(Resolver(old).line("acme", "fresh"), Unpriced)


def test_a_line_that_is_gone_keeps_its_price_and_is_marked() -> None:
    old = book(
        line("swift", always(rate(input_uncached=5))), line("swift", always(rate(input_uncached=2)), tier="batch")
    )
    joined = splice(old, book(line("other", always(rate(input_uncached=1)))), CHANGE)
    assert _costs(joined, "swift") == (5, 5, 5)
    assert _costs(joined, "swift", "batch") == (2, 2, 2)
    found = Resolver(joined).line("acme", "swift")
    assert isinstance(found, Line)
    assert found.retired_us == CHANGE
    again = splice(joined, book(line("other", always(rate(input_uncached=1)))), CHANGE + 10)
    assert {one.key: one.retired_us for one in again.lines}["acme", "swift", "", ""] == CHANGE
    back = splice(again, old, CHANGE + 20)
    assert {one.retired_us for one in back.lines if one.model == "swift"} == {None}


def test_a_name_that_passes_to_another_line_does_so_only_from_the_change_on() -> None:
    swift, quick = line("swift", always(rate(input_uncached=5))), line("quick", always(rate(input_uncached=50)))
    old = book(swift, quick, models=(named("swift", "latest"), named("quick", "quick")))
    new = book(swift, quick, models=(named("swift", "swift"), named("quick", "quick", "latest")))
    joined = splice(old, new, CHANGE)
    assert _costs(joined, "latest") == (5, 5, 50)
    assert _costs(joined, "swift") == (5, 5, 5)  # unknown before, so known at once
    found = Resolver(joined).line("acme", "latest")
    assert isinstance(found, Line)
    assert found.model == "quick"  # the line that has the name now
    assert _costs(splice(joined, new, CHANGE + 10), "latest") == (5, 5, 50)


def test_a_newer_rule_before_an_older_one_takes_the_name_only_from_the_change_on() -> None:
    swift, quick = line("swift", always(rate(input_uncached=5))), line("quick", always(rate(input_uncached=50)))
    old = book(swift, models=(named("swift", "swift", "both"),))
    new = book(quick, swift, models=(named("quick", "quick", "both"), named("swift", "swift", "both")))
    assert _costs(splice(old, new, CHANGE), "both") == (5, 5, 50)


def test_a_correction_in_the_past_replaces_what_came_since() -> None:
    first = book(line("swift", always(rate(input_uncached=5))), models=(named("swift", "latest"),))
    second = book(line("swift", always(rate(input_uncached=9))), models=(named("swift", "latest", "newest"),))
    joined = splice(splice(first, second, CHANGE), second, at_us("2026-11-01"))
    found = Resolver(joined).line("acme", "latest")
    assert isinstance(found, Line)
    days = [at_us(day) for day in ("2026-10-31", "2026-11-01", "2026-11-25")]
    assert [cost(found.rate_at(day, 1), ONE) for day in days] == [5, 9, 9]
    assert [m.match for m in joined.providers[0].models if m.until_us is None] == [
        named("swift", "latest", "newest").match
    ]


def test_joining_a_book_with_itself_changes_nothing(published: PriceBook) -> None:
    assert splice(published, published, CHANGE).version == published.version


def _shaken(published: PriceBook, chance: random.Random) -> PriceBook:
    """Another edition: prices doubled, models gone and new, rules in another order."""
    providers, gone = [], set()
    for provider in published.providers:
        models = [model for model in provider.models if chance.random() > 0.1]
        gone |= {(provider.id, model.id) for model in provider.models} - {(provider.id, model.id) for model in models}
        if chance.random() < 0.3:
            chance.shuffle(models)
        if models and chance.random() < 0.5:
            fresh = msgspec.structs.replace(models[-1], id="fresh")
            models.insert(chance.randrange(len(models)), fresh)
        providers.append(msgspec.structs.replace(provider, models=tuple(models)))
    kept = [line for line in published.lines if (line.provider, line.model) not in gone]
    fresh_lines = [Line(provider.id, "fresh", (always(rate(input_uncached=77)),)) for provider in providers]
    lines = [msgspec.structs.replace(line, windows=doubled(line.windows)) for line in kept]
    return sealed(msgspec.structs.replace(published, lines=(*lines, *fresh_lines), providers=tuple(providers)))


def doubled(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    return tuple(
        msgspec.structs.replace(
            window,
            tiers=tuple(
                (above, Rate(tuple(p and 2 * p for p in one.per_unit), one.basis)) for above, one in window.tiers
            ),
        )
        for window in windows
    )


def test_no_call_by_any_name_is_repriced_before_the_change_and_all_follow_the_new_book_after(
    published: PriceBook,
) -> None:
    chance = random.Random(7)
    shaken = _shaken(published, chance)
    joined = splice(published, shaken, CHANGE)
    old, new, both = Resolver(published), Resolver(shaken), Resolver(joined)
    sellers = [provider for provider in published.providers if not provider.fallbacks]  # others keep theirs, retired
    names = [(provider.id, name) for provider in sellers for name in Index(provider).names()]
    for provider, name in chance.sample(sorted(names), 900):
        was, will, now = old.line(provider, name), new.line(provider, name), both.line(provider, name)
        if not isinstance(was, Line):  # an id that is no name of its model
            continue
        assert isinstance(now, Line)
        for ours, theirs in zip(now.rate_at(BEFORE, 9).per_unit, was.rate_at(BEFORE, 9).per_unit, strict=True):
            assert theirs is None or ours == theirs, name
        expected = will if isinstance(will, Line) else was  # gone: keeps its price
        assert now.rate_at(AFTER, 9).per_unit == expected.rate_at(AFTER, 9).per_unit, name


RATES = st.builds(
    lambda price, search: rate(input_uncached=price, web_search=search),
    st.integers(1, 3),
    st.none() | st.integers(1, 2),
)
WINDOWS = st.builds(
    lambda cut, one, two, limit: (
        Window(((0, one), (limit, two)), until_us=cut),
        Window(((0, two),), since_us=cut),
    ),
    st.integers(-5, 5),
    RATES,
    RATES,
    st.integers(1, 5),
)


@settings(max_examples=200)
@given(WINDOWS, WINDOWS, st.integers(-5, 5), st.integers(-6, 6), st.integers(0, 7))
def test_no_known_price_before_the_change_ever_moves(
    old: tuple[Window, ...], new: tuple[Window, ...], change: int, at: int, tokens: int
) -> None:
    before, after = line("swift", *old), line("swift", *new)
    (joined,) = splice(book(before), book(after), change).lines
    ours, was, will = (one.rate_at(at, tokens).per_unit for one in (joined, before, after))
    expected = will if at >= change else tuple(b if a is None else a for a, b in zip(was, will, strict=True))
    assert ours == expected
    assert len(ours) == len(BUCKETS)
