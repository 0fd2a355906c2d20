"""The values: arithmetic, time, and the file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackledger.errors import ConfigError
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.prices.book import PriceBook, Rate, Window, cost, load_book, missing, save_book, sealed
from tests.unit.ledger.prices.samples import always, at_us, book, line, rate

CHEAP, DEAR = rate(input_uncached=1, output=2), rate(input_uncached=10, output=20)


def test_a_published_book_survives_its_file(published: PriceBook, tmp_path: Path) -> None:
    path = tmp_path / "new" / "book.json"
    save_book(published, path)
    assert load_book(path) == published
    assert [other.name for other in path.parent.iterdir()] == ["book.json"]


def test_the_version_is_of_the_content_alone(published: PriceBook) -> None:
    again = sealed(msgspec.structs.replace(published, version="anything"))
    assert again.version == published.version
    assert len(published.version) == 12
    assert sealed(msgspec.structs.replace(published, lines=published.lines[1:])).version != published.version


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda data: data.replace(b'"hand 1"', b'"hand 2"'), "altered"),
        (lambda data: data[:-20], "no price book"),
        (lambda data: b"[]", "no price book"),
        (lambda data: data.replace(b'"schema":1', b'"schema":9'), "schema 9"),
        (lambda data: data.replace(b'"per_unit":[1,', b'"per_unit":['), "23 amounts"),
    ],
)
def test_a_spoilt_file_is_refused_by_name(tmp_path: Path, spoil: object, told: str) -> None:
    path = tmp_path / "book.json"
    save_book(book(line("swift", always(CHEAP))), path)
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ConfigError, match=told) as refused:
        load_book(path)
    assert "book.json" in str(refused.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_book(tmp_path / "none.json")


def test_cost_is_a_sum_of_products_and_unknown_is_never_zero() -> None:
    known = rate(input_uncached=3, output=7, web_search=None)
    assert cost(known, Usage(input_uncached=10, output=2)) == 44
    assert cost(known, Usage(input_uncached=10, web_search=1)) is None
    assert missing(known, Usage(input_uncached=10, web_search=1, pages=4)) == ("web_search", "pages")
    assert cost(known, Usage(requests=0)) == 0
    assert cost(Rate((None,) * len(BUCKETS)), Usage()) is None


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=2), st.integers(0, 10**10), st.integers(0, 10**10))
def test_cost_adds_up_over_any_split_of_a_call(counts: list[int], one: int, other: int) -> None:
    known = rate(input_uncached=one, output=other)
    whole = cost(known, Usage(input_uncached=counts[0], output=counts[1], requests=0))
    parts = [Usage(input_uncached=counts[0], requests=0), Usage(output=counts[1], requests=0)]
    assert whole == sum(cost(known, part) or 0 for part in parts)


def test_a_window_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    edge = at_us("2026-03-01")
    found = line("swift", Window(((0, CHEAP),), until_us=edge), Window(((0, DEAR),), since_us=edge))
    assert [found.rate_at(edge + by, 0) for by in (-1, 0)] == [CHEAP, DEAR]


def test_a_part_of_the_day_may_pass_midnight() -> None:
    night, day = Window(((0, CHEAP),), day_s=(59_400, 1800)), Window(((0, DEAR),), day_s=(1800, 59_400))
    found = line("swift", night, day)
    hours = {"00:00": CHEAP, "00:29": CHEAP, "00:30": DEAR, "16:29": DEAR, "16:30": CHEAP, "23:59": CHEAP}
    assert {hour: found.rate_at(at_us(f"2026-03-01T{hour}"), 0) for hour in hours} == hours
    assert found.rate_at(at_us("1969-12-31T23:00"), 0) == CHEAP


def test_the_tier_is_of_the_whole_call() -> None:
    found = line("swift", always(((0, CHEAP), (200_000, DEAR))))
    assert [found.rate_at(0, tokens) for tokens in (0, 200_000, 200_001)] == [CHEAP, CHEAP, DEAR]


def test_where_no_window_holds_nothing_is_known() -> None:
    found = line("swift", Window(((0, CHEAP),), since_us=at_us("2026-03-01")), tier="batch")
    early = found.rate_at(0, 0)
    assert cost(early, Usage(input_uncached=1)) is None
    assert early.basis == "no price of acme/swift batch is known for that time"


def test_a_range_has_a_simple_rate_only_if_one_rate_holds_throughout() -> None:
    edge = at_us("2026-03-01")
    dated = line("swift", Window(((0, CHEAP),), until_us=edge), Window(((0, DEAR),), since_us=edge))
    assert dated.simple(0, edge) == CHEAP
    assert dated.simple(edge, edge + 5) == DEAR
    assert dated.simple(edge - 1, edge + 1) is None
    assert line("swift", always(((0, CHEAP), (9, DEAR)))).simple(0, 1) is None
    assert line("swift", Window(((0, CHEAP),), day_s=(0, 60)), Window(((0, DEAR),), day_s=(60, 0))).simple(0, 1) is None
    assert line("swift", Window(((0, CHEAP),), since_us=edge)).simple(0, edge + 1) is None
