"""Reading the types of the package genai-prices: conditions, variants, tiers and the rules for names.

Periods begin at a microsecond UTC and parts of the day at a second of it, as in `timeline`. Nothing here imports the
package: its values are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import Model, Provider
from stackledger.ledger.prices.match import Match, Op

if TYPE_CHECKING:
    from genai_prices import types as genai

    Constraint: TypeAlias = genai.StartDateConstraint | genai.TimeOfDateConstraint | None
    Amounts: TypeAlias = Mapping[str, Decimal | genai.TieredPrices]

_SERVICE_TIERS: Final = {
    ("processing", "batch"): "batch",
    ("speed", "fast"): "fast",
    ("service_tier", "fast"): "fast",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
}
_STANDARD: Final = {("service_tier", "default"), ("search_type", "web")}
"""Variants that only say that the standard price holds."""

_OPS: Final[dict[str, Op]] = {
    "equals": "equals",
    "starts_with": "starts",
    "ends_with": "ends",
    "contains": "contains",
    "regex": "regex",
    "or_": "any",
    "and_": "all",
}
"""Field of the package's clause to our comparison."""

Place = tuple[str, str]
"""Region and service tier of a line; one of them is empty."""


def place(when: Mapping[str, str]) -> Place | None:
    """The line that a variant is for; None where a call cannot tell whether it is meant."""
    items = list(when.items())
    if len(items) != 1:
        return None
    if items[0][0] == "route":
        return items[0][1], ""
    service_tier = _SERVICE_TIERS.get(items[0])
    return ("", service_tier) if service_tier else None


def is_standard(when: Mapping[str, str]) -> bool:
    """Whether a variant only says that the standard price holds."""
    return set(when.items()) <= _STANDARD


def standard(model: genai.ModelInfo, start: int, second: int) -> Amounts:
    """The prices without any variant: the last condition that holds wins, and the first price where none does."""
    if not isinstance(model.prices, list):
        return _amounts(model.prices)
    for conditional in reversed(model.prices):
        if _holds(conditional.constraint, start, second):
            return _amounts(conditional.prices)
    return _amounts(model.prices[0].prices)


def variant(model: genai.ModelInfo, wanted: Place, start: int, second: int) -> Amounts | None:
    """What the variants of a service tier or region say, the first that names a price winning; None if none holds."""
    own: dict[str, Decimal | genai.TieredPrices] = {}
    found = False
    for one in model.price_variants or ():
        if place(one.when) == wanted and _holds(one.constraint, start, second):
            found = True
            own = {**_amounts(one.prices), **own}
    return own if found else None


def _amounts(prices: genai.ModelPrice) -> Amounts:
    return {key: price for key, price in vars(prices).items() if price is not None and not key.startswith("_")}


def price_above(price: Decimal | genai.TieredPrices, above: int) -> Decimal:
    """The price of a call with just more than so many input tokens."""
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if above >= tier.start), price.base)


def _holds(constraint: Constraint, start: int, second: int) -> bool:
    if (day := _start_date(constraint)) is not None:
        return start >= timeline.midnight_us(day)
    if (part := day_part(constraint)) is not None:
        begin, end = part
        return (second >= begin or second < end) if end < begin else begin <= second < end
    return True


def _start_date(constraint: Constraint) -> date | None:
    return getattr(constraint, "start_date", None)


def day_part(constraint: Constraint) -> tuple[int, int] | None:
    """From and until which second of the UTC day it holds."""
    begin: time | None = getattr(constraint, "start_time", None)
    end: time | None = getattr(constraint, "end_time", None)
    return None if begin is None or end is None else (_second(begin), _second(end))


def constraints(model: genai.ModelInfo) -> Iterator[Constraint]:
    """The conditions of all its prices."""
    if isinstance(model.prices, list):
        yield from (conditional.constraint for conditional in model.prices)
    yield from (one.constraint for one in model.price_variants or ())


def whens(model: genai.ModelInfo) -> Iterable[Mapping[str, str]]:
    """What each of its variants is for."""
    return (one.when for one in model.price_variants or ())


def days(model: genai.ModelInfo) -> Iterator[date]:
    """The days (UTC) on which a price of it changes."""
    for constraint in constraints(model):
        if (day := _start_date(constraint)) is not None:
            yield day


def _second(clock: time) -> int:
    """The second of the UTC day; a time without a zone is UTC, as the package has it."""
    moment = datetime.combine(date(1970, 1, 2), clock if clock.tzinfo else clock.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def provider_of(provider: genai.Provider) -> Provider:
    """The vendor with its names and those of its models."""
    return Provider(
        provider.id,
        tuple(Model(model.id, _rule(model.match)) for model in provider.models),
        None if provider.provider_match is None else _rule(provider.provider_match),
        tuple(provider.fallback_model_providers or ()),
    )


def _rule(clause: object) -> Match:
    """A rule of the package as one of ours. Each of its clauses is a class with the one field that names it."""
    ((name, value),) = vars(clause).items()
    op = _OPS[name]
    if op in {"any", "all"}:
        return Match(op, of=tuple(map(_rule, value)))
    return Match(op, value if op == "regex" else value.lower())
