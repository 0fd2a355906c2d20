"""Working negotiated prices, multipliers and discounts into a line, so that its rates are again one integer each.

In this order: the list price, or where one is negotiated that one; times the factor of the service tier; times the
factor of the region; less the discount, unless negotiated. Rounded once, half to even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

from stackledger import money
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import UNKNOWN, Rate, Tiers, Window, tier, tiers_at
from stackledger.ledger.prices.terms import Discount, Multiplier, Negotiated, Scope, Terms

_FOLLOWS: Final[dict[str, tuple[str, ...]]] = {
    "cache_read": ("input_uncached",),
    "cache_write_5m": ("input_uncached",),
    "cache_write_1h": ("cache_write_5m", "input_uncached"),
    "audio_input": ("input_uncached",),
    "audio_cache_read": ("cache_read", "audio_input", "input_uncached"),
    "image_input": ("input_uncached",),
    "image_cache_read": ("cache_read", "image_input", "input_uncached"),
    "video_input": ("input_uncached",),
    "reasoning": ("output",),
    "audio_output": ("output",),
    "image_output": ("output",),
    "video_output": ("output",),
    "citation": ("output",),
    "annotated_pages": ("pages",),
}
"""Bucket to those at whose price it is billed where it has none of its own, nearest first."""

S = TypeVar("S", bound=Scope)


@dataclass(frozen=True, slots=True)
class Call:
    """What decides which entries cover a call. Names as the book has them, and as the call had them."""

    provider: str
    models: tuple[str, ...]
    region: str
    service_tier: str
    """Empty for standard."""

    @property
    def charged_tier(self) -> str:
        """The tier as the entries name it."""
        return self.service_tier or "standard"


class Overrides:
    """The agreed entries that cover one call."""

    def __init__(self, terms: Terms, call: Call) -> None:
        def of(entries: Sequence[S]) -> list[S]:
            return [entry for entry in entries if entry.covers(call.provider, call.models, call.region)]

        charged = call.charged_tier
        self._negotiated = [entry for entry in of(terms.negotiated) if entry.service_tier == charged]
        self._standard = [entry for entry in of(terms.negotiated) if entry.service_tier == "standard"]
        multipliers = of(terms.multipliers)
        self._by_tier = [entry for entry in multipliers if entry.service_tier == charged]
        self._by_region = [entry for entry in multipliers if entry.service_tier is None]
        self._discounts = [entry for entry in of(terms.discounts) if entry.service_tier in {None, charged}]

    def __bool__(self) -> bool:
        """Whether any covers it."""
        return bool(self._entries())

    def apply(self, own: tuple[Window, ...], standard: tuple[Window, ...]) -> tuple[Window, ...]:
        """Our prices from the list's: those of the call's service tier, and the standard ones."""

        def ask(start: int, second: int) -> Tiers | None:
            by_tier = _last(self._by_tier, start)
            listed = tiers_at(standard if by_tier else own, start, second)
            negotiated = [entry for entry in (self._standard if by_tier else self._negotiated) if entry.holds(start)]
            if listed is None and not negotiated:
                return None
            factors = [entry for entry in (by_tier, _last(self._by_region, start)) if entry is not None]
            discount = _last(self._discounts, start)
            source = listed or ((0, Rate(UNKNOWN, "no list price")),)
            limits = [entry.above_input_tokens for entry in negotiated if entry.above_input_tokens]
            edges = sorted({above for above, _ in source[1:]} | set(limits))
            return timeline.simplest(
                tuple(
                    (above, _effective(tier(source, above + 1), _above(negotiated, above), factors, discount))
                    for above in (-1, *edges)
                )
            )

        windows = (*own, *standard)
        edges = (edge for entry in self._entries() for edge in entry.edges_us())
        return timeline.build([*timeline.cuts_of(windows), *edges], timeline.day_cuts_of(windows), ask)

    def _entries(self) -> list[Scope]:
        inherited = self._standard if self._by_tier else []
        return [*self._negotiated, *inherited, *self._by_tier, *self._by_region, *self._discounts]


def _last(entries: Sequence[S], at_us: int) -> S | None:
    return next((entry for entry in reversed(entries) if entry.holds(at_us)), None)


def _above(entries: list[Negotiated], input_tokens: int) -> list[Negotiated]:
    """Those that hold for calls with more input tokens than this."""
    return [entry for entry in entries if entry.above_input_tokens <= max(input_tokens, 0)]


def _effective(
    listed: Rate, negotiated: list[Negotiated], factors: list[Multiplier], discount: Discount | None
) -> Rate:
    agreed: dict[str, Fraction] = {}
    for entry in negotiated:
        agreed |= entry.prices()
    exact, final = _agreed(listed, agreed)
    factor = Fraction(1)
    for multiplier in factors:
        factor *= Fraction(multiplier.factor)
    less = 1 - Fraction(discount.percent) / 100 if discount else Fraction(1)
    per_unit = tuple(
        None if price is None else money.rounded(price * factor * (1 if bucket in final else less))
        for bucket, price in zip(BUCKETS, exact, strict=True)
    )
    return Rate(per_unit, _basis(listed.basis, negotiated, agreed, factors, discount))


def _agreed(listed: Rate, agreed: dict[str, Fraction]) -> tuple[list[Fraction | None], set[str]]:
    """Prices with those agreed in place of the list's, and the buckets that have them."""
    of_list = dict(zip(BUCKETS, listed.per_unit, strict=True))
    unlisted = listed.per_unit == UNKNOWN
    final = set(agreed)
    exact: list[Fraction | None] = []
    for bucket, price in of_list.items():
        leaders = (name for name in _FOLLOWS.get(bucket, ()) if name in agreed and of_list[name] == price)
        leader = bucket if bucket in agreed else next(leaders, None)
        if leader is not None:
            final.add(bucket)
            exact.append(agreed[leader])
        elif price is not None:
            exact.append(Fraction(price))
        else:
            exact.append(Fraction(0) if bucket == "requests" and unlisted and agreed else None)
    return exact, final


def _basis(
    listed: str,
    negotiated: list[Negotiated],
    agreed: dict[str, Fraction],
    factors: list[Multiplier],
    discount: Discount | None,
) -> str:
    parts = [listed]
    if negotiated:
        names = ", ".join(filter(None, dict.fromkeys(entry.name for entry in negotiated)))
        parts.append(f"negotiated{f' ({names})' if names else ''}: {', '.join(sorted(agreed))}")
    for multiplier in factors:
        scope = (
            f"region {multiplier.region}" if multiplier.region != "*" else f"{multiplier.provider}/{multiplier.model}"
        )
        cause = f"service tier {multiplier.service_tier}" if multiplier.service_tier else scope
        parts.append(f"x {multiplier.factor} ({multiplier.name or cause})")
    if discount:
        label = f" ({discount.name})" if discount.name else ""
        parts.append(f"less {discount.percent} %{label}{' where not negotiated' if negotiated else ''}")
    return "; ".join(parts)
