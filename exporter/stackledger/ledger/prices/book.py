"""The price book: plain immutable values, their cost arithmetic, and their file.

Every amount is an integer of 1e-12 USD for one token, search, page, character, millisecond or request. `None` is "no
price known", which is never 0: an event that used such a bucket has no cost at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from stackledger.errors import ConfigError, Mistake
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.prices.files import replace
from stackledger.ledger.prices.match import Match

SCHEMA: Final = 1
DAY_S: Final = 86_400
_SECOND_US: Final = 1_000_000


class Rate(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one unit of each bucket costs."""

    per_unit: tuple[int | None, ...]
    """Pico-USD per unit, in the order of `BUCKETS`; None where no price is known."""
    basis: str = ""
    """What made it: the list it comes from, multipliers, discount."""


UNKNOWN: Final[tuple[int | None, ...]] = (None,) * len(BUCKETS)
"""The amounts of a rate that knows nothing."""

Tiers = tuple[tuple[int, Rate], ...]
"""(input tokens above which it holds, rate), rising; the first holds for every call. The highest that a call exceeds
prices the whole call, as vendors do it: 200,001 tokens above a limit of 200,000 cost the higher rate from the first.
"""


class Window(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A stretch of time with one set of tiers."""

    tiers: Tiers
    since_us: int | None = None
    """First instant, in microseconds since 1970-01-01 UTC; None is "always before"."""
    until_us: int | None = None
    """First instant at which it no longer holds; None is open."""
    day_s: tuple[int, int] | None = None
    """From and until which second of the UTC day it holds, until excluded; from > until passes midnight."""

    def holds(self, at_us: int, second: int) -> bool:
        """Whether it holds in the period that begins at `at_us`, at this second of the day."""
        if (self.since_us is not None and at_us < self.since_us) or (
            self.until_us is not None and at_us >= self.until_us
        ):
            return False
        if self.day_s is None:
            return True
        start, end = self.day_s
        return start <= second < end if start < end else second >= start or second < end


class Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The price of one model, in one region and service tier, through time. Windows never overlap."""

    provider: str
    model: str
    """The model as the book names it."""
    windows: tuple[Window, ...]
    region: str = ""
    service_tier: str = ""
    retired_us: int | None = None
    """Since when the source no longer lists it; it keeps its last price."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Provider, model, region, service tier: unique in a book."""
        return self.provider, self.model, self.region, self.service_tier

    @property
    def label(self) -> str:
        """The line in words, for messages."""
        return " ".join(filter(None, (f"{self.provider}/{self.model}", self.region, self.service_tier)))

    def rate_at(self, at_us: int, input_tokens: int) -> Rate:
        """The rate of a call that ended at `at_us` (microseconds UTC); one that knows nothing where none holds."""
        tiers = tiers_at(self.windows, at_us, at_us // _SECOND_US % DAY_S)
        if tiers is None:
            return Rate(UNKNOWN, f"no price of {self.label} is known for that time")
        return tier(tiers, input_tokens)

    def simple(self, from_us: int, until_us: int) -> Rate | None:
        """The one rate of the whole time range, `until_us` excluded, for calls of any size; None if there is no one."""
        for window in self.windows:
            if window.since_us is not None and window.since_us > from_us:
                continue
            if window.until_us is not None and window.until_us < until_us:
                continue
            return window.tiers[0][1] if window.day_s is None and len(window.tiers) == 1 else None
        return None


class Model(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Under which names a model of a provider is called; the first model that matches has the name."""

    id: str
    match: Match
    since_us: int | None = None
    until_us: int | None = None
    """The rule holds for calls in this time, so that a new rule does not move past calls to another line."""

    def open_at(self, at_us: int) -> bool:
        """Whether the rule holds at that time, in microseconds UTC."""
        started = self.since_us is None or self.since_us <= at_us
        return started and (self.until_us is None or at_us < self.until_us)


class Provider(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A vendor: its models in the order in which a name is tried."""

    id: str
    models: tuple[Model, ...]
    match: Match | None = None
    """Under which other names the provider goes."""
    fallbacks: tuple[str, ...] = ()
    """Providers whose models it resells at their price, where it has none of its own."""


class PriceBook(msgspec.Struct, frozen=True, gc=False):
    """All prices known at one time, with their history."""

    source: str
    """Where they come from, "genai-prices 0.2.3"."""
    as_of: date
    """The day up to which the source is known to have followed prices."""
    lines: tuple[Line, ...]
    providers: tuple[Provider, ...]
    notes: tuple[str, ...] = ()
    """What the source tells and the book cannot hold."""
    schema: int = SCHEMA
    version: str = ""
    """Twelve hexadecimal digits of the hash of all the rest."""


def sealed(book: PriceBook) -> PriceBook:
    """The book with its version, which depends on nothing but the content."""
    body = msgspec.json.encode(msgspec.structs.replace(book, version=""))
    return msgspec.structs.replace(book, version=hashlib.sha256(body).hexdigest()[:12])


def save_book(book: PriceBook, path: Path) -> None:
    """Write the book as JSON, replacing the file as a whole. Raises OSError."""
    replace(path, msgspec.json.encode(book))


def load_book(path: Path) -> PriceBook:
    """The book in a file. Raises ConfigError that names the file where it is missing, no book, or was altered."""
    try:
        book = msgspec.json.decode(path.read_bytes(), type=PriceBook)
    except OSError as error:
        raise ConfigError([Mistake("", f"the price book cannot be read: {error.strerror}", file=str(path))]) from error
    except msgspec.MsgspecError as error:
        raise ConfigError([Mistake("", f"this is no price book: {error}", file=str(path))]) from error
    for mistake in _faults(book):
        raise ConfigError([Mistake("", mistake, file=str(path))])
    return book


def _faults(book: PriceBook) -> Iterable[str]:
    if book.schema != SCHEMA:
        yield f"the price book has schema {book.schema}, and this version reads {SCHEMA}"
    if any(
        len(rate.per_unit) != len(BUCKETS) for line in book.lines for window in line.windows for _, rate in window.tiers
    ):
        yield f"a rate does not have {len(BUCKETS)} amounts; make the book again"
    if sealed(book).version != book.version:
        yield f"its content is not that of version {book.version}: it was altered or cut; take it from a backup"


def tiers_at(windows: Iterable[Window], at_us: int, second: int) -> Tiers | None:
    """The tiers in the period that begins at `at_us`, at that second of the day; None where no window holds."""
    return next((window.tiers for window in windows if window.holds(at_us, second)), None)


def tier(tiers: Tiers, input_tokens: int) -> Rate:
    """The rate of a call with so many input tokens."""
    for above, rate in reversed(tiers[1:]):
        if input_tokens > above:
            return rate
    return tiers[0][1]


def cost(rate: Rate, usage: Usage) -> int | None:
    """What the call cost, in pico-USD; None if it used a bucket without a known price."""
    total = 0
    for price, count in zip(rate.per_unit, msgspec.structs.astuple(usage), strict=True):
        if count:
            if price is None:
                return None
            total += price * count
    return total


def missing(rate: Rate, usage: Usage) -> tuple[str, ...]:
    """Names of the buckets that the call used and that have no known price."""
    counts = msgspec.structs.astuple(usage)
    return tuple(
        name for name, price, count in zip(BUCKETS, rate.per_unit, counts, strict=True) if count and price is None
    )
