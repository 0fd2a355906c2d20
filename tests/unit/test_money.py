from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackledger import money


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "0.00"),
        (1, "0.000000000001"),
        (12_500_000_000_000, "12.50"),
        (-12_500_000_000_000, "-12.50"),
        (1_234_567_890_000, "1.23456789"),
        (10**30, "1000000000000000000.00"),
    ],
)
def test_an_amount_is_written_exactly(pico, text):
    assert money.exact(pico) == text


@given(st.integers(-(10**40), 10**40))
def test_what_is_written_reads_back_as_the_same_amount(pico):
    assert money.parse(money.exact(pico)) == pico


@pytest.mark.parametrize("text", ["", "ten", "NaN", "inf", "0.0000000000001", "1,5"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is not a"):
        money.parse(text)


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (5_000_000_000, "0.00"),  # half a cent, to even
        (15_000_000_000, "0.02"),
        (-1, "0.00"),
        (1_234_567_000_000_000_000, "1,234,567.00"),
    ],
)
def test_cents_are_rounded_half_to_even_and_never_minus_zero(pico, text):
    assert money.cents(pico) == text
