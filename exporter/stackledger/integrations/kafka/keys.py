"""Label tuples that are the same in every sweep, kept so that a page of thousands of series need not make them anew."""

from __future__ import annotations

from collections.abc import Collection

from stackledger.collect.snapshot import Key


class Keys:
    """Label tuples by name and partition; those not asked for in a sweep are forgotten at its end."""

    def __init__(self) -> None:
        self._rows: dict[Key, tuple[list[int], list[Key]]] = {}
        self._used: set[Key] = set()
        self._numbers: list[str] = []
        self._pairs: dict[Key, Key] = {}
        self._used_pairs: set[Key] = set()

    def rows(self, use: str, prefix: Key, partitions: Collection[int]) -> list[Key]:
        """`(*prefix, partition)` for each partition, the same list as long as `use` names the same partitions."""
        ids = list(partitions)
        slot = (use, *prefix)
        self._used.add(slot)
        known = self._rows.get(slot)
        if known is not None and known[0] == ids:
            return known[1]
        number = self._number
        made = [(*prefix, number(index)) for index in ids]
        self._rows[slot] = (ids, made)
        return made

    def pair(self, first: str, second: str) -> Key:
        """`(first, second)`, the same object in every sweep."""
        slot = (first, second)
        pair = self._pairs.setdefault(slot, slot)
        self._used_pairs.add(pair)
        return pair

    def end(self) -> None:
        """Forget what the sweep did not use."""
        for slot in self._rows.keys() - self._used:
            del self._rows[slot]
        self._used.clear()
        for pair in self._pairs.keys() - self._used_pairs:
            del self._pairs[pair]
        self._used_pairs.clear()

    def _number(self, index: int) -> str:
        while index >= len(self._numbers):
            self._numbers.append(str(len(self._numbers)))
        return self._numbers[index]
