from __future__ import annotations

import pytest

from stackledger import units as u
from stackledger.errors import DeclarationError
from stackledger.units import Unit


@pytest.mark.parametrize("unit", [u.BYTES, u.COUNT, u.SECONDS, u.USD], ids=str)
def test_what_a_rate_adds_up_to_is_what_it_was_taken_of(unit: Unit) -> None:
    assert u.amount_of(u.rate_of(unit)) == unit
    assert u.multiply(u.rate_of(unit), u.SECONDS) == unit
    assert u.multiply(u.SECONDS, u.rate_of(unit)) == unit
    assert u.divide(unit, u.SECONDS) == u.rate_of(unit) or unit == u.SECONDS


@pytest.mark.parametrize("unit", [u.TIMESTAMP, u.RATIO, u.STATE, u.BYTES_PER_SECOND], ids=str)
def test_there_is_no_rate_of_what_does_not_count_up(unit: Unit) -> None:
    with pytest.raises(DeclarationError):
        u.rate_of(unit)


@pytest.mark.parametrize("unit", [u.BYTES, u.COUNT, u.SECONDS, u.TIMESTAMP], ids=str)
def test_an_amount_is_no_rate(unit: Unit) -> None:
    with pytest.raises(DeclarationError):
        u.amount_of(unit)


@pytest.mark.parametrize(
    ("left", "right", "quotient"),
    [
        (u.BYTES, u.BYTES, u.RATIO),
        (u.COUNT, u.COUNT, u.RATIO),
        (u.BYTES, u.COUNT, u.BYTES),
        (u.BYTES, u.BYTES_PER_SECOND, u.SECONDS),  # time until full
        (u.COUNT, u.PER_SECOND, u.SECONDS),
        (u.USD, u.USD_PER_SECOND, u.SECONDS),
        (u.BYTES, u.SECONDS, u.BYTES_PER_SECOND),
        (u.COUNT, u.SECONDS, u.PER_SECOND),
        (u.RATIO, u.PER_SECOND, u.SECONDS),  # busy seconds per second over events per second: seconds an event
        (u.BYTES_PER_SECOND, u.PER_SECOND, u.BYTES),
        (u.BYTES_PER_SECOND, u.RATIO, u.BYTES_PER_SECOND),
        (u.SECONDS, u.SECONDS, u.RATIO),
    ],
    ids=str,
)
def test_quotients(left: Unit, right: Unit, quotient: Unit) -> None:
    assert u.divide(left, right) == quotient


@pytest.mark.parametrize(("left", "right"), [(u.BYTES, u.USD), (u.SECONDS, u.BYTES), (u.COUNT, u.BYTES)], ids=str)
def test_quotients_without_a_unit_are_refused(left: Unit, right: Unit) -> None:
    with pytest.raises(DeclarationError, match="as_unit"):
        u.divide(left, right)


@pytest.mark.parametrize(("left", "right"), [(u.BYTES, u.USD), (u.SECONDS, u.SECONDS), (u.BYTES, u.SECONDS)], ids=str)
def test_products_without_a_unit_are_refused(left: Unit, right: Unit) -> None:
    for one, other in ((left, right), (right, left)):
        with pytest.raises(DeclarationError, match="as_unit"):
            u.multiply(one, other)


@pytest.mark.parametrize("neutral", [u.COUNT, u.RATIO, u.STATE], ids=str)
def test_a_plain_number_changes_no_unit(neutral: Unit) -> None:
    assert u.multiply(u.BYTES, neutral) == u.multiply(neutral, u.BYTES) == u.BYTES


def test_the_table_is_unambiguous() -> None:
    assert len({unit.name for unit in u.ALL}) == len(u.ALL)
    suffixes = [unit.suffix for unit in u.ALL if unit.suffix]
    assert len(set(suffixes)) == len(suffixes)
    for longer in u.SUFFIXES:
        for shorter in u.SUFFIXES[u.SUFFIXES.index(longer) + 1 :]:
            assert not shorter.endswith(longer), "the longest suffix must be tried first"
