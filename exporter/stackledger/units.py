"""The one table of units: how a unit is spelt in a metric's name, in Grafana, and in words.

Owns unit arithmetic for PromQL results (`rate` of bytes is bytes per second). Money amounts are in `money`.
"""

from __future__ import annotations

from dataclasses import dataclass

from stackledger.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Unit:
    """A base unit; `per_second` marks a rate of it.

    `suffix` ends the name of a metric in this unit, `grafana` is Grafana's name for it (its valueFormats registry),
    `symbol` is what a sentence shows.
    """

    name: str
    suffix: str
    grafana: str
    symbol: str
    per_second: bool = False

    def __str__(self) -> str:
        """The unit's name."""
        return self.name


SECONDS = Unit("seconds", "_seconds", "s", "s")
TIMESTAMP = Unit("timestamp_seconds", "_timestamp_seconds", "dateTimeAsIso", "")
BYTES = Unit("bytes", "_bytes", "bytes", "B")
RATIO = Unit("ratio", "_ratio", "percentunit", "%")
COUNT = Unit("count", "", "short", "")
STATE = Unit("state", "", "none", "")
USD = Unit("usd", "_usd", "currencyUSD", "USD")

BYTES_PER_SECOND = Unit("bytes_per_second", "_bytes_per_second", "Bps", "B/s", per_second=True)
PER_SECOND = Unit("per_second", "_per_second", "cps", "/s", per_second=True)
USD_PER_SECOND = Unit("usd_per_second", "_usd_per_second", "currencyUSD", "USD/s", per_second=True)

ALL = (SECONDS, TIMESTAMP, BYTES, RATIO, COUNT, STATE, USD, BYTES_PER_SECOND, PER_SECOND, USD_PER_SECOND)
SUFFIXES = tuple(sorted((unit.suffix for unit in ALL if unit.suffix), key=len, reverse=True))

_RATES = {BYTES: BYTES_PER_SECOND, COUNT: PER_SECOND, SECONDS: RATIO, USD: USD_PER_SECOND}


def rate_of(unit: Unit) -> Unit:
    """The unit of a per-second rate. Seconds per second are a ratio (CPU time becomes utilisation)."""
    try:
        return _RATES[unit]
    except KeyError:
        raise DeclarationError(f"a rate of {unit} has no meaning; take the difference or the value itself") from None


def amount_of(unit: Unit) -> Unit:
    """The unit of what a rate adds up to over time: the inverse of `rate_of`."""
    for amount, rate in _RATES.items():
        if rate == unit:
            return amount
    raise DeclarationError(f"{unit} is not a rate")


def divide(left: Unit, right: Unit) -> Unit:
    """The unit of a quotient: like by like is a ratio, an amount by its rate is a time."""
    if right in (COUNT, RATIO) and left != right:
        return left
    quotient = _quotient(left, right)
    if quotient is None:
        raise DeclarationError(f"{left} divided by {right} has no unit in the table; say .as_unit(...) if it is meant")
    return quotient


def _quotient(left: Unit, right: Unit) -> Unit | None:
    if left == right:
        return RATIO
    if _RATES.get(left) == right:
        return SECONDS
    if _RATES.get(right) == left or (right == SECONDS and left in _RATES):
        return _RATES.get(left, PER_SECOND)
    if right == PER_SECOND:  # per second over events per second: what one event takes
        return next((amount for amount, rate in _RATES.items() if rate == left), None)
    return None


def multiply(left: Unit, right: Unit) -> Unit:
    """The unit of a product: by a plain number or a ratio the unit stays."""
    if right in (COUNT, RATIO, STATE):
        return left
    if left in (COUNT, RATIO, STATE):
        return right
    for rate, time in ((left, right), (right, left)):
        if rate.per_second and time == SECONDS:
            return amount_of(rate)
    raise DeclarationError(f"{left} times {right} has no unit in the table; say .as_unit(...) if it is meant")
