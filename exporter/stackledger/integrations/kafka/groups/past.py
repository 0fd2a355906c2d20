"""The history of one topic's ends as columns, so that each of its many groups finds its age by bisection.

That takes ends that only ever rise and were read in every sweep, which is nearly all there is; whether they did is
kept from sweep to sweep. Where they did not, `lag.age_of` walks the history. Both find the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import compress, groupby, repeat
from operator import eq, le, lt, sub, truediv
from struct import Struct
from typing import Final, NamedTuple

from stackledger.integrations.kafka.groups.lag import Lag, Pick, Points, age_of, extrapolated, picker, points_of, still
from stackledger.integrations.kafka.state import HistoryPoint

_RECENT: Final = 12
"""Points that are taken apart at first: most commits are not older."""


Row = tuple[int, ...]


class Past:
    """What the history tells of one topic in one sweep, taken apart no further back than somebody asks."""

    def __init__(self, history: Sequence[HistoryPoint], topic: str, high: Mapping[int, int], *, rose: bool) -> None:
        """`rose`: whether every row is known and none is below the one before."""
        self._history = history
        self._topic = topic
        self._high = high
        self._size = len(history[-1].high.get(topic, b"")) // 8 if history else 0
        self._rose = rose and len(history) > 1 and max(high, default=0) < self._size
        self._layout = Struct(f"={self._size}q")
        self._stretches: dict[int, _Stretch] = {}
        self._points: Points | None = None

    @property
    def points(self) -> Points:
        """The points that `lag.age_of` takes."""
        if self._points is None:
            self._points = points_of(self._history, self._topic)
        return self._points

    def still(self) -> Lag | None:
        """The lag of whoever waits, where the topic stands."""
        if not self._rose:
            return still(self.points, self._high)
        first, last = self._history[0], self._history[-1]
        if first.high.get(self._topic) != last.high.get(self._topic):
            return None
        return Lag(last.at - first.at, None, "at_least")

    def age_of(self, waiting: Mapping[int, int], ends: Mapping[int, int], *, ceiling: float | None) -> Lag | None:
        """`lag.age_of`: the age of the oldest record that commits below the ends leave waiting."""
        if not self._rose:
            return age_of(waiting, ends, self.points, ceiling=ceiling)
        pick, offsets, total = picker(waiting), list(waiting.values()), len(self._history)
        below = list(map(lt, offsets, pick(self._oldest)))
        if True in below:
            if False in below:
                waiting = dict(compress(waiting.items(), below))
                pick = picker(waiting)
            return self._guessed(waiting, pick, ends, ceiling)
        return self._found(waiting, offsets, min(_RECENT, total)) or self._found(waiting, offsets, total)

    def _guessed(
        self, older: Mapping[int, int], pick: Pick, ends: Mapping[int, int], ceiling: float | None
    ) -> Lag | None:
        """The age of records that are older than the history."""
        spans, now = [self._history[-1].at - self._history[0].at] * len(older), pick(ends)
        written = pick(self._written) if ends is self._high else list(map(sub, now, pick(self._oldest)))
        return extrapolated(map(sub, now, older.values()), spans, written, ceiling)

    def _found(self, waiting: Mapping[int, int], offsets: Sequence[int], depth: int) -> Lag | None:
        """The age, where the last so many points tell it."""
        stretch, pick = self._stretch(depth), picker(waiting)
        above = list(map(bisect_right, pick(stretch.columns), offsets))
        first = min(above)
        if first == 0:
            return None
        if above.count(first) != len(above):
            chosen = list(map(eq, above, repeat(first)))
            pick, offsets = picker(tuple(compress(waiting, chosen))), list(compress(offsets, chosen))
        share = min(map(truediv, map(sub, offsets, pick(stretch.rows[first - 1])), pick(stretch.grown(first))))
        return self._aged(len(self._history) - depth + first, share)

    def _aged(self, point: int, share: float) -> Lag:
        """The oldest record was written before this point, after so large a share of what came since the one before."""
        began, ended, now = self._history[point - 1].at, self._history[point].at, self._history[-1].at
        best, youngest_possible = max(now - (began + share * (ended - began)), 0.0), max(now - ended, 0.0)
        return Lag(best, max(now - began - best, best - youngest_possible), "history")

    @cached_property
    def _oldest(self) -> Row:
        return self._unpacked(self._history[0])

    @cached_property
    def _written(self) -> Row:
        """Records that came within the history."""
        return tuple(map(sub, self._unpacked(self._history[-1]), self._oldest))

    def _stretch(self, depth: int) -> _Stretch:
        """The last so many points."""
        found = self._stretches.get(depth)
        if found is None:
            found = self._stretches[depth] = _Stretch(list(map(self._unpacked, self._history[-depth:])))
        return found

    def _unpacked(self, point: HistoryPoint) -> Row:
        """A partition that did not exist yet had nothing in it."""
        row = point.high.get(self._topic, b"")
        return self._layout.unpack(row if len(row) == self._layout.size else row.ljust(self._layout.size, b"\0"))


class _Stretch:
    """Some points one after another, as rows and as columns, one for each partition."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.columns = list(zip(*rows, strict=True))
        self._grown: dict[int, Row] = {}

    def grown(self, index: int) -> Row:
        """What was written between a point and the one before."""
        found = self._grown.get(index)
        if found is None:
            found = self._grown[index] = tuple(map(sub, self.rows[index], self.rows[index - 1]))
        return found


class _Seen(NamedTuple):
    """What was found of a topic in a sweep."""

    at: float
    row: bytes
    rose: bool


class PastMemory:
    """Whether each topic's ends only ever rose, found out row by row; what a sweep does not ask for is forgotten."""

    def __init__(self) -> None:
        self._before: dict[str, _Seen] = {}
        self._now: dict[str, _Seen] = {}

    def of(self, history: Sequence[HistoryPoint], topic: str, high: Mapping[int, int]) -> Past:
        """The topic's past."""
        if not history:
            return Past(history, topic, high, rose=False)
        last = history[-1]
        row = last.high.get(topic, b"")
        known = self._before.get(topic)
        if known is not None and known.rose and len(history) > 1 and history[-2].at == known.at:
            rose = row is known.row or _rise([known.row, row])
        else:
            rose = _rise([point.high.get(topic, b"") for point in history])
        self._now[topic] = _Seen(last.at, row, rose)
        return Past(history, topic, high, rose=rose)

    def end(self) -> None:
        """Forget what the sweep did not ask for."""
        self._before, self._now = self._now, {}


def _rise(packed: Sequence[bytes]) -> bool:
    """Whether no row is below the one before or has a gap; where there is nothing yet, there are zeros."""
    width = len(packed[-1])
    if any(len(row) > width for row in packed):
        return False
    unpack = Struct(f"={width // 8}q").unpack
    before: tuple[int, ...] = (0,) * (width // 8)
    for row, _ in groupby(packed):
        values = unpack(row.ljust(width, b"\0"))
        if not all(map(le, before, values)):
            return False
        before = values
    return True
