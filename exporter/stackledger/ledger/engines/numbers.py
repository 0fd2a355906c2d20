"""Numbers for names: contexts, people, rates, sources. A name gets its number once, for ever.

Owns what is known in memory. New names wait here for the next transaction that is through; several threads may ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Numbers(Generic[K]):
    """One table's names.

    `find` looks names up in the store. At most `limit` names are kept in memory; beyond that they are looked up again.
    """

    def __init__(self, next_number: int, find: Callable[[Sequence[K]], dict[K, int]], limit: int = 500_000) -> None:
        self._known: dict[K, int] = {}
        self._new: dict[K, int] = {}
        self._next = next_number
        self._find = find
        self._limit = limit
        self._lock = threading.Lock()

    def of(self, wanted: Sequence[K]) -> list[int]:
        """Their numbers, in order."""
        with self._lock:
            known = self._known
            try:
                return [known[name] for name in wanted]  # nearly always all are known
            except KeyError:
                return self._looked_up(wanted)

    def _looked_up(self, wanted: Sequence[K]) -> list[int]:
        known, new = self._known, self._new
        names = dict.fromkeys(wanted)
        unknown = [name for name in names if name not in known and name not in new]
        if len(known) + len(unknown) > self._limit:
            known.clear()
            unknown = [name for name in names if name not in new]
        known.update(self._find(unknown))
        for name in unknown:
            if name not in known:
                new[name] = self._next
                self._next += 1
        return [known[name] if name in known else new[name] for name in wanted]

    def fresh(self) -> list[tuple[int, K]]:
        """What the next transaction must store."""
        with self._lock:
            return [(number, name) for name, number in self._new.items()]

    def stored(self, names: Sequence[tuple[int, K]]) -> None:
        """The transaction that stored them, as `fresh` told them, is through."""
        with self._lock:
            for number, name in names:
                self._known[name] = number
                self._new.pop(name, None)

    def forget(self, name: K) -> None:
        """Look a name up again next time: it now means another number, or none."""
        with self._lock:
            self._known.pop(name, None)
