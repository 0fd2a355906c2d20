"""Which slots are shown, and counters that only rise though the choice changes. Pure.

Half of the choice goes by keys, half by CPU of late: each look counts half of the one after it. A slot that is shown
stays until it falls out of twice as many, so that slots of equal heat do not take turns. `other` is what all that are
not shown have gained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stackledger.integrations.redis.labels import OTHER
from stackledger.integrations.redis.slots.answers import SlotStats


@dataclass(slots=True)
class Gained:
    """What was counted of a slot since it is shown; of `other` since the service watches."""

    cpu_usec: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, more: Gained) -> None:
        """Count more."""
        self.cpu_usec += more.cpu_usec
        self.bytes_in += more.bytes_in
        self.bytes_out += more.bytes_out


@dataclass(slots=True)
class HotSlots:
    """The choice and the counters of one target. `keys` is the newest count, `counts` whether there are others."""

    most: int
    keys: dict[str, int] = field(default_factory=dict)
    gained: dict[str, Gained] = field(default_factory=dict)
    counts: bool = False
    _biggest: set[int] = field(default_factory=set)
    _busiest: set[int] = field(default_factory=set)
    _before: dict[int, tuple[str, SlotStats]] = field(default_factory=dict)
    _heat: dict[int, float] = field(default_factory=dict)

    def advance(self, read: Mapping[int, tuple[str, SlotStats]]) -> None:
        """Take over what all masters said: slot to the process that said it, and its numbers."""
        gains = {slot: self._gain(slot, *said) for slot, said in read.items()}
        self._before = dict(read)
        self._heat = {slot: self._heat.get(slot, 0.0) / 2 + gain.cpu_usec for slot, gain in gains.items()}
        self.counts = any(stats.cpu_usec is not None for _, stats in read.values())
        half = self.most // 2
        by_keys = sorted(read, key=lambda slot: (-read[slot][1].keys, slot))
        self._biggest = _stable(self._biggest, (slot for slot in by_keys if read[slot][1].keys), half)
        by_cpu = sorted(read, key=lambda slot: (-self._heat[slot], slot))
        self._busiest = _stable(self._busiest, (slot for slot in by_cpu if self._heat[slot]), half)
        self._count(read, gains, self._biggest | self._busiest)

    def _gain(self, slot: int, process: str, stats: SlotStats) -> Gained:
        """What the slot gained since the last look: nothing at the first, nor on another process, nor after a reset."""
        before = self._before.get(slot)
        if before is None or before[0] != process:
            return Gained()
        return Gained(
            _rise(before[1].cpu_usec, stats.cpu_usec),
            _rise(before[1].bytes_in, stats.bytes_in),
            _rise(before[1].bytes_out, stats.bytes_out),
        )

    def _count(self, read: Mapping[int, tuple[str, SlotStats]], gains: Mapping[int, Gained], shown: set[int]) -> None:
        names = {slot: str(slot) if slot in shown else OTHER for slot in read}
        self.keys = dict.fromkeys((*map(str, sorted(shown)), OTHER), 0)
        self.gained = {name: self.gained.get(name, Gained()) for name in self.keys}
        for slot, (_, stats) in read.items():
            self.keys[names[slot]] += stats.keys
            self.gained[names[slot]].add(gains[slot])


def _rise(before: int | None, now: int | None) -> int:
    return max((now or 0) - (before or 0), 0)


def _stable(shown: set[int], ranking: Iterable[int], most: int) -> set[int]:
    """The first `most`, but those that are shown already stay while they are among the first 2 * `most`."""
    near = [slot for _, slot in zip(range(2 * most), ranking, strict=False)]
    kept = [slot for slot in near if slot in shown][:most]
    fresh = [slot for slot in near if slot not in shown]
    return {*kept, *fresh[: most - len(kept)]}
