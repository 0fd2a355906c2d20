"""Small books by hand, so that a test shows every number it needs."""

from __future__ import annotations

from datetime import UTC, date, datetime

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.prices.book import Line, Model, PriceBook, Provider, Rate, Tiers, Window, sealed
from stackledger.ledger.prices.match import Match

BOUNDLESS = 2**62


def at_us(text: str) -> int:
    """Microseconds of "2026-11-20" or "2026-11-20T12:00", UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def rate(basis: str = "list", **prices: int | None) -> Rate:
    """A rate with these picodollars; a call itself costs nothing unless told."""
    known = {"requests": 0, **prices}
    return Rate(tuple(known.get(name) for name in BUCKETS), basis)


def line(model: str, *windows: Window, provider: str = "acme", tier: str = "", region: str = "") -> Line:
    """A line; its windows in order."""
    return Line(provider, model, windows, region, tier)


def always(tiers: Rate | Tiers) -> Window:
    """A window that never ends."""
    return Window(((0, tiers),) if isinstance(tiers, Rate) else tiers)


def named(model: str, *texts: str) -> Model:
    """A model known by exactly these names, or by its own."""
    return Model(model, Match("any", of=tuple(Match("equals", text) for text in texts or (model,))))


def book(
    *lines: Line, models: tuple[Model, ...] | None = None, source: str = "hand 1", day: str = "2026-11-01"
) -> PriceBook:
    """A book of one provider."""
    ids = dict.fromkeys(one.model for one in lines)
    known = models if models is not None else tuple(map(named, ids))
    return sealed(PriceBook(source, date.fromisoformat(day), lines, (Provider("acme", known),)))
