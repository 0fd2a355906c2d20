"""Exact amounts: integers of 1e-12 of a currency's unit. Floats appear only where Prometheus wants them.

List prices are decimals per million tokens: at 1e-12 USD (one picodollar) all but a few repeating decimals are whole
numbers per token. An amount of one event fits 64 bits up to 9.2 million units; sums are Python integers, which have no
limit, or 128-bit in the stores.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

PLACES: Final = 12
PICO: Final = 10**PLACES
"""Pico-units in one unit of a currency."""
USD: Final = "USD"
LARGEST: Final = 2**63 - 1
"""The largest amount that one event or one row may hold, in pico-units."""


def exact(pico: int) -> str:
    """The amount in units as an exact decimal string, without trailing zeros after two decimals: "12.5" is "12.50"."""
    sign = "-" if pico < 0 else ""
    whole, part = divmod(abs(pico), PICO)
    decimals = f"{part:0{PLACES}d}".rstrip("0")
    return f"{sign}{whole}.{decimals:0<2}"


def units(pico: int, *, group: str = ",") -> str:
    """A count in units, with `group` between thousands where it is whole; else its exact decimals."""
    return f"{pico // PICO:{group}}" if pico % PICO == 0 else exact(pico)


def cents(pico: int) -> str:
    """The amount in units with two decimals, rounded half to even, for people."""
    hundredths = round(Fraction(pico * 100, PICO))
    sign = "-" if hundredths < 0 else ""
    whole, part = divmod(abs(hundredths), 100)
    return f"{sign}{whole:,}.{part:02d}"


def to_float(pico: int) -> float:
    """The amount in units as the nearest float; for metrics only."""
    return float(Fraction(pico, PICO))


def parse(text: str) -> int:
    """An amount in units, as decimal text, in pico-units. Raises ValueError for what is no decimal, or is finer."""
    try:
        value = Fraction(Decimal(text.strip())) * PICO  # not a product of decimals: those keep 28 digits
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a decimal amount") from None
    if value.denominator != 1:
        raise ValueError(f"{text!r} is not an amount of at most {PLACES} decimals")
    return int(value)


def rounded(value: Fraction | Decimal) -> int:
    """Pico-units from an exact number of pico-units, half to even: the one rounding that a rate goes through."""
    return round(Fraction(value))
