"""What a candidate book would change, and which of it a person must approve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from fractions import Fraction
from itertools import chain
from typing import Final

import msgspec

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Tiers, tier, tiers_at
from stackledger.ledger.prices.names import Catalogue

DEFAULT_LIMIT: Final = Fraction(1, 5)


class Kind(StrEnum):
    """What happens to a price."""

    MOVED = "moved"  # another price
    KNOWN = "known"  # no price before
    LOST = "lost"  # no price after
    ADDED = "added"  # the line is new
    DELETED = "deleted"  # the line is gone from the source
    RENAMED = "renamed"  # the name now means another line, with another price


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One price that a candidate has otherwise. Amounts in pico-USD per unit."""

    kind: Kind
    provider: str
    model: str
    region: str = ""
    service_tier: str = ""
    bucket: str = ""
    """Empty where the whole line comes or goes."""
    old: int | None = None
    new: int | None = None

    @property
    def share(self) -> Fraction | None:
        """By which part of the old price it rises (above 0) or falls; None where there is no old price, or it is 0."""
        return Fraction(self.new - self.old, self.old) if self.old and self.new is not None else None

    def beyond(self, limit: Fraction) -> bool:
        """Whether it needs approval: a move by more than `limit`, from free to paid, a price or line that is gone."""
        if self.kind in {Kind.DELETED, Kind.LOST}:
            return True
        if self.kind in {Kind.KNOWN, Kind.ADDED}:
            return False
        return self.share is None or abs(self.share) > limit


def diff(old: PriceBook, new: PriceBook, from_us: int = timeline.BEGIN) -> list[Change]:
    """What the new book has otherwise for calls from `from_us` (microseconds UTC) on, in the order of the books."""
    before = {line.key: line for line in old.lines}
    after = {line.key: line for line in new.lines}
    changes: list[Change] = []
    for key, line in before.items():
        other = after.get(key)
        if other is not None:
            changes.extend(_changes(Kind.MOVED, line.key, _moves(line, other, from_us)))
        elif line.retired_us is None:  # a retired line was told of when it retired
            changes.append(Change(Kind.DELETED, *key))
    changes.extend(Change(Kind.ADDED, *key) for key in after if key not in before)
    return [*changes, *_renamed(old, new, from_us)]


def needs_approval(changes: Iterable[Change], limit: Fraction = DEFAULT_LIMIT) -> tuple[Change, ...]:
    """The changes for which the book has to wait for somebody's approval; empty if it need not."""
    return tuple(change for change in changes if change.beyond(limit))


_Move = tuple[str, int | None, int | None]


def _changes(kind: Kind, key: tuple[str, str, str, str], moves: Iterable[_Move]) -> Iterator[Change]:
    for bucket, old, new in dict.fromkeys(moves):
        actual = Kind.KNOWN if old is None else Kind.LOST if new is None else kind
        yield Change(actual, *key, bucket, old, new)


def _moves(old: Line, new: Line, from_us: int) -> Iterator[_Move]:
    """Each bucket whose price differs, in any period from `from_us` on, at any time of day, for any size of input."""
    if old.windows == new.windows:
        return
    every = (*old.windows, *new.windows)
    for start in sorted({from_us, *(cut for cut in timeline.cuts_of(every) if cut > from_us)}):
        for second in sorted({0, *timeline.day_cuts_of(every)}):
            yield from _differing(tiers_at(old.windows, start, second), tiers_at(new.windows, start, second))


def _differing(old: Tiers | None, new: Tiers | None) -> Iterator[_Move]:
    if timeline.same(old, new):
        return
    for size in sorted({0, *(above + 1 for above, _ in chain(old or (), new or ()))}):
        for bucket, ours, theirs in zip(BUCKETS, _amounts(old, size), _amounts(new, size), strict=True):
            if ours != theirs:
                yield bucket, ours, theirs


def _amounts(tiers: Tiers | None, input_tokens: int) -> tuple[int | None, ...]:
    rate: Rate | None = None if tiers is None else tier(tiers, input_tokens)
    return (None,) * len(BUCKETS) if rate is None else rate.per_unit


def _renamed(old: PriceBook, new: PriceBook, from_us: int) -> Iterator[Change]:
    """Names that pass to a line with other prices, although no line has changed."""
    before, after = Catalogue(old.providers), Catalogue(new.providers)
    lines = {line.key: line for line in old.lines}, {line.key: line for line in new.lines}
    for provider in old.providers:
        for name in sorted(before.names(provider.id)):
            was = before.find(provider.id, name, timeline.END)
            now = after.find(provider.id, name, timeline.END)
            if was is None or now is None or was == now:
                continue
            one, other = lines[0].get((*was, "", "")), lines[1].get((*now, "", ""))
            if one is not None and other is not None:
                yield from _changes(Kind.RENAMED, (provider.id, name, "", ""), _moves(one, other, from_us))
