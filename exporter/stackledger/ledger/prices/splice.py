"""Joining the book in force with a newer one at an instant, so that prices before it stay what they were.

What was unknown before may become known, for past calls are priced as soon as that is possible; what was known stays. A
line that the newer source no longer has keeps its last price and is marked as retired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec

from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import Line, Model, PriceBook, Provider, Rate, Tiers, Window, sealed, tiers_at


def splice(old: PriceBook, new: PriceBook, at_us: int) -> PriceBook:
    """The book that is `old` before `at_us` (microseconds UTC) and `new` from then on."""
    before = {line.key: line for line in old.lines}
    after = {line.key: line for line in new.lines}
    kept = [_joined(line, after[key], at_us) if key in after else _retired(line, at_us) for key, line in before.items()]
    lines = [*kept, *(line for key, line in after.items() if key not in before)]
    return sealed(
        PriceBook(
            source=new.source,
            as_of=new.as_of,
            lines=tuple(lines),
            providers=tuple(_providers(old.providers, new.providers, at_us)),
            notes=new.notes,
        )
    )


def _joined(old: Line, new: Line, at_us: int) -> Line:
    return msgspec.structs.replace(new, windows=_windows(old.windows, new.windows, at_us))


def _retired(line: Line, at_us: int) -> Line:
    return line if line.retired_us is not None else msgspec.structs.replace(line, retired_us=at_us)


def _windows(old: Sequence[Window], new: Sequence[Window], at_us: int) -> tuple[Window, ...]:
    def ask(start: int, second: int) -> Tiers | None:
        theirs = tiers_at(new, start, second)
        if start >= at_us:
            return theirs
        known = [tiers for tiers in (tiers_at(old, start, second), theirs) if tiers is not None]
        return timeline.joined(known, _filled) if known else None

    every = (*old, *new)
    return timeline.build([at_us, *timeline.cuts_of(every)], timeline.day_cuts_of(every), ask)


def _filled(rates: Sequence[Rate]) -> Rate:
    """The first rate, with what it does not know from the second."""
    first, *rest = rates
    for other in rest:
        per_unit = tuple(
            theirs if ours is None else ours for ours, theirs in zip(first.per_unit, other.per_unit, strict=True)
        )
        if per_unit != first.per_unit:
            return Rate(
                per_unit, f"{first.basis}; the rest {other.basis}" if first.basis != other.basis else first.basis
            )
    return first


def _providers(old: Sequence[Provider], new: Sequence[Provider], at_us: int) -> Iterator[Provider]:
    before = {provider.id: provider for provider in old}
    for provider in new:
        known = before.pop(provider.id, None)
        if known is None:
            yield provider
        else:
            yield msgspec.structs.replace(provider, models=tuple(_models(known.models, provider.models, at_us)))
    yield from before.values()  # a provider that is gone keeps its names: past calls still have to find their line


def _models(old: Sequence[Model], new: Sequence[Model], at_us: int) -> Iterator[Model]:
    """The rules of both, each open in its time, such that in either's time they are tried in its own order.

    A model that is gone goes to the end: its names still find it, unless a newer model has taken them.
    """
    ids = {model.id for model in new}
    last = [model for model in old if model.id not in ids and model.open_at(timeline.END)]
    # a correction begins before rules that came since: from it on only its own hold
    old = [
        msgspec.structs.replace(model, until_us=None) if model.open_at(at_us) else model
        for model in old
        if model.since_us is None or model.since_us <= at_us
    ]
    active = [model for model in old if model.until_us is None]
    wanted = [*new, *last]
    gone: set[int] = set()
    added: dict[int, list[Model]] = {}
    matcher = SequenceMatcher(
        None, a=[_rule(model) for model in active], b=[_rule(model) for model in wanted], autojunk=False
    )
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind != "equal":
            gone.update(range(old_from, old_to))
            added[old_from] = [msgspec.structs.replace(m, since_us=at_us) for m in wanted[new_from:new_to]]
    place = 0
    for model in old:
        if model.until_us is not None:
            yield model
            continue
        yield from added.get(place, ())
        yield msgspec.structs.replace(model, until_us=at_us) if place in gone else model
        place += 1
    yield from added.get(place, ())


def _rule(model: Model) -> tuple[object, ...]:
    return model.id, model.match
