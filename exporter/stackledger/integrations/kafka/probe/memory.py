"""What was counted of probe messages: by broker and by partition. Typed and bounded, kept in the target's state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from itertools import accumulate
from typing import Final

import msgspec

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. From the fastest write with all replicas on one network, in steps of 2 to 2.5 so that a quantile is right
within that factor, to messages that come after they were counted as lost (10 s)."""

Place = tuple[int, int]
"""Partition, and the broker that led it when the message was sent."""


def _empty() -> list[int]:
    return [0] * (len(BOUNDS) + 1)


class Distribution(msgspec.Struct):
    """Durations by bucket, the last one without an upper bound."""

    counts: list[int] = msgspec.field(default_factory=_empty)
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def add(self, more: Distribution) -> None:
        """Count all of `more` too. One that an older release left with other bounds begins anew."""
        if len(self.counts) != len(more.counts):
            self.counts, self.total = _empty(), 0.0
        self.counts = [mine + its for mine, its in zip(self.counts, more.counts, strict=True)]
        self.total += more.total

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.counts)

    @property
    def buckets(self) -> list[tuple[float, float]]:
        """(upper bound, durations up to it), rising."""
        return list(zip(BOUNDS, accumulate(self.counts), strict=False))


class Tally(msgspec.Struct):
    """What became of messages."""

    sent: int = 0
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    received: int = 0
    lost: int = 0
    stray: dict[str, int] = msgspec.field(default_factory=dict)
    produce: Distribution = msgspec.field(default_factory=Distribution)
    round_trip: Distribution = msgspec.field(default_factory=Distribution)

    def add(self, more: Tally) -> None:
        """Count all of `more` too."""
        self.sent += more.sent
        self.received += more.received
        self.lost += more.lost
        for mine, its in ((self.failed, more.failed), (self.stray, more.stray)):
            for key, count in its.items():
                mine[key] = mine.get(key, 0) + count
        self.produce.add(more.produce)
        self.round_trip.add(more.round_trip)


class ProbeMemory(msgspec.Struct):
    """Counters since the probe was first on; no message in flight outlives its process.

    By broker and by partition apart: sums over the other of the two would fall when a broker is forgotten.
    """

    brokers: dict[int, Tally] = msgspec.field(default_factory=dict)
    partitions: dict[int, Tally] = msgspec.field(default_factory=dict)

    def add(self, news: Mapping[Place, Tally]) -> None:
        """Take over what was counted since the last time."""
        for (partition, broker), tally in news.items():
            self.brokers.setdefault(broker, Tally()).add(tally)
            self.partitions.setdefault(partition, Tally()).add(tally)

    def keep(self, places: Mapping[int, int], brokers: Collection[int]) -> None:
        """Begin at 0 where messages now go, and forget brokers and partitions that are gone."""
        for partition, broker in places.items():
            self.partitions.setdefault(partition, Tally())
            self.brokers.setdefault(broker, Tally())
        for gone in self.brokers.keys() - set(brokers) - set(places.values()):
            del self.brokers[gone]
        for gone in self.partitions.keys() - places.keys():
            del self.partitions[gone]
