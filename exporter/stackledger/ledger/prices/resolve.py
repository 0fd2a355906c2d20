"""From what a call says of itself to its line of the book, with our own prices worked in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec

from stackledger.ledger.prices import names, timeline
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Tiers, Window, tiers_at
from stackledger.ledger.prices.names import Catalogue, Target
from stackledger.ledger.prices.overrides import Call, Overrides
from stackledger.ledger.prices.terms import Terms
from stackledger.ledger.prices.vendors import GATEWAYS, vendor


class Unpriced(msgspec.Struct, frozen=True):
    """No price is known; never a cost of 0."""

    reason: str
    """What is not known, and what would make it known."""


class Resolver:
    """Finds lines in one book. Answers are kept for the calls asked last, so names made up by callers cost nothing."""

    def __init__(self, book: PriceBook, terms: Terms | None = None, *, remembered: int = 16_384) -> None:
        self._book = book
        self._lines = {line.key: line for line in book.lines}
        self._vendor = lru_cache(remembered)(lambda name: vendor(name, book.providers))
        self._cached = lru_cache(remembered)(self._resolve)
        agreed = self._agreed = terms or Terms()
        self._terms = agreed.renamed(self._vendor)
        self._catalogue = Catalogue(book.providers, resold=agreed.resold)
        self.version = f"{book.version}-{agreed.version}" if agreed.version else book.version
        """The book's version, and that of what was agreed where there is anything: stands on every priced row."""

    def with_book(self, book: PriceBook) -> Resolver:
        """The same agreed prices, over another book."""
        return Resolver(book, self._agreed)

    def line(self, provider: str, model: str, region: str = "", service_tier: str = "") -> Line | Unpriced:
        """The line that prices such calls. Its region is empty where the price does not depend on it."""
        return self._cached(provider, model, region, "" if service_tier == "standard" else service_tier)

    def _resolve(self, provider: str, model: str, region: str, service_tier: str) -> Line | Unpriced:
        owner, name = self._named(provider, model)
        place = region.strip().lower()
        spellings = self._spellings(owner, name, place)
        targets = self._catalogue.through_time(owner, spellings)
        found = next((target for _, target in reversed(targets) if target is not None), None)
        own = self._through_time(targets, owner, place, service_tier)
        called = dict.fromkeys((name, *(target[1] for _, target in targets if target is not None)))
        call = Call(owner, tuple(called), place, service_tier)
        overrides = Overrides(self._terms, call)
        if overrides:
            own = overrides.apply(own, self._through_time(targets, owner, place, ""))
        if not own:
            return self._why_not(owner, model if spellings else "", found, service_tier)
        line = self._listed(found, place, service_tier) if found else None
        region_of_price = line.region if line else ""
        retired = line.retired_us if line else None
        return Line(owner, found[1] if found else name, own, region_of_price, service_tier, retired)

    def _named(self, provider: str, model: str) -> tuple[str, str]:
        """The book's provider and the model's name in lower case, without a prefix that only repeats the provider."""
        owner, name = self._vendor(provider), model.strip().lower()
        front, slash, rest = name.partition("/")
        if slash and owner in GATEWAYS:
            return self._vendor(front), rest
        return owner, name

    def _spellings(self, owner: str, name: str, region: str) -> list[str]:
        if owner == "aws":
            return names.bedrock(name, region)
        found = [name, *(names.google(name) if owner == "google" else ())]
        front, slash, rest = name.partition("/")
        if slash and self._vendor(front) == owner:
            found.append(rest)
        return list(dict.fromkeys(found))

    def _listed(self, target: Target, region: str, service_tier: str) -> Line | None:
        if target is None:
            return None
        places = ((region, service_tier), ("", service_tier)) if region else (("", service_tier),)
        return next((line for place in places if (line := self._lines.get((*target, *place)))), None)

    def _through_time(
        self, targets: list[tuple[int, Target]], owner: str, region: str, service_tier: str
    ) -> tuple[Window, ...]:
        """The list's windows for a service tier, following the name from line to line."""
        parts = [(start, self._windows(target, owner, region, service_tier)) for start, target in targets]
        if len(parts) == 1:
            return parts[0][1]

        def ask(at_us: int, second: int) -> Tiers | None:
            windows = next(windows for start, windows in reversed(parts) if start <= at_us)
            return tiers_at(windows, at_us, second)

        every = [window for _, windows in parts for window in windows]
        cuts = [*(start for start, _ in parts), *timeline.cuts_of(every)]
        return timeline.build(cuts, timeline.day_cuts_of(every), ask)

    def _windows(self, target: Target, owner: str, region: str, service_tier: str) -> tuple[Window, ...]:
        line = self._listed(target, region, service_tier)
        if line is None:
            return ()
        if line.provider == owner:
            return line.windows
        if service_tier:  # what the maker asks for its own batches says nothing of a reseller's
            return ()
        return _told(line.windows, lambda basis: f"{basis} of {line.provider}, as the book has none of {owner}")

    def _why_not(self, owner: str, model: str, found: Target, service_tier: str) -> Unpriced:
        if not model:
            return Unpriced(f"the name that {owner} was called by does not tell the model; send its id, or negotiate")
        if found and service_tier:
            return Unpriced(
                f"no price for service tier {service_tier} of {owner}/{found[1]}; give a multiplier or a negotiated one"
            )
        if any(provider.id == owner for provider in self._book.providers):
            return Unpriced(f"no model {model!r} of {owner} in price book {self._book.version}; update it or negotiate")
        return Unpriced(f"no provider {owner!r} in price book {self._book.version}; update it or negotiate a price")


def _told(windows: Iterable[Window], tell: Callable[[str], str]) -> tuple[Window, ...]:
    """The windows with another basis on every rate."""
    return tuple(
        msgspec.structs.replace(
            window, tiers=tuple((above, Rate(rate.per_unit, tell(rate.basis))) for above, rate in window.tiers)
        )
        for window in windows
    )
