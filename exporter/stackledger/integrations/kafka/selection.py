"""Which names get series of their own where a cap allows only some. Pure and stable: who is shown stays shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OTHER = "other"


def shown(weights: Mapping[str, float], limit: int, *, before: Sequence[str]) -> list[str]:
    """At most `limit` names: those of `before` that still exist, in their order, then the heaviest, then by name."""
    kept = [name for name in before if name in weights][:limit]
    if len(kept) == min(limit, len(weights)):
        return kept
    have = set(kept)
    fresh = sorted((name for name in weights if name not in have), key=lambda name: (-weights[name], name))
    return kept + fresh[: limit - len(kept)]


def whole_within(sizes: Mapping[str, int], limit: int) -> frozenset[str]:
    """The names, taken in order, whose sizes together stay within `limit`; one that does not fit is left out whole."""
    taken, total = set(), 0
    for name, size in sizes.items():
        if total + size <= limit:
            taken.add(name)
            total += size
    return frozenset(taken)
