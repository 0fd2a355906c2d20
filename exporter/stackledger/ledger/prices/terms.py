"""What was agreed with vendors, as plain values: negotiated prices, multipliers, discounts, and the calls they cover.

`config` makes them from what a person writes. They are apart from it because reading a configuration takes more time
than a process that only prices calls may take to start.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

import msgspec

from stackledger import money


class Scope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which calls an entry covers. `*` in a pattern stands for any text."""

    provider: str = "*"
    model: str = "*"
    region: str = "*"
    since_us: int | None = None
    """Microseconds UTC; None is "always before"."""
    until_us: int | None = None
    """First microsecond at which it no longer holds; None is open."""
    name: str = ""
    """What people call it."""

    def covers(self, provider: str, models: tuple[str, ...], region: str) -> bool:
        """Whether it covers calls with this provider, a model of any of these names, and this region."""
        return (
            _like(self.provider, provider)
            and any(_like(self.model, model) for model in models)
            and _like(self.region, region)
        )

    def holds(self, at_us: int) -> bool:
        """Whether it holds in the period that begins at this microsecond."""
        started = self.since_us is None or at_us >= self.since_us
        return started and (self.until_us is None or at_us < self.until_us)

    def edges_us(self) -> list[int]:
        """Its first and last instant, in microseconds UTC, where it has them."""
        return [edge for edge in (self.since_us, self.until_us) if edge is not None]


class Negotiated(Scope, frozen=True, omit_defaults=True, kw_only=True):
    """Prices agreed for some buckets."""

    service_tier: str = "standard"
    above_input_tokens: int = 0
    agreed: tuple[tuple[str, Decimal, int], ...]
    """(bucket, USD, for how many units of it)."""

    def prices(self) -> dict[str, Fraction]:
        """Pico-USD per unit of each bucket that it names, exact."""
        return {bucket: Fraction(usd) * money.PICO / units for bucket, usd, units in self.agreed}


class Discount(Scope, frozen=True, omit_defaults=True, kw_only=True):
    """A share off the list price."""

    service_tier: str | None = None
    """None is any."""
    percent: Decimal


class Multiplier(Scope, frozen=True, omit_defaults=True, kw_only=True):
    """A factor on the standard price, for a service tier, or on any price, for a region."""

    service_tier: str | None = None
    """None is any: it is for a region."""
    factor: Decimal


S = TypeVar("S", bound=Scope)


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that was agreed. Where several entries of one kind cover a call, the last one holds."""

    negotiated: tuple[Negotiated, ...] = ()
    multipliers: tuple[Multiplier, ...] = ()
    discounts: tuple[Discount, ...] = ()
    resold: bool = True
    """Whether what a provider resells is priced at its maker's list where the book has no price of its own."""

    @property
    def version(self) -> str:
        """Six hexadecimal digits of the hash of the content; empty where nothing was agreed."""
        return "" if self == Terms() else hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:6]

    def renamed(self, vendor: Callable[[str], str]) -> Terms:
        """The same with each provider's name (not a pattern) as the book has it."""

        def known(entries: tuple[S, ...]) -> tuple[S, ...]:
            return tuple(
                entry if "*" in entry.provider else msgspec.structs.replace(entry, provider=vendor(entry.provider))
                for entry in entries
            )

        return Terms(known(self.negotiated), known(self.multipliers), known(self.discounts), self.resold)


def _like(pattern: str, text: str) -> bool:
    """Whether the text is of the pattern, whatever the case; only `*` is special, as some names have brackets."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL)
