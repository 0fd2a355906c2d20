"""Lag in seconds from the high watermarks of past sweeps. Pure: history in, age of the oldest uncommitted record out.

A record of offset c exists as soon as the high watermark is above c. So the two neighbouring sweeps between which the
high watermark went past a commit bracket the time when the next record was written; no request is needed for that.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, Sequence
from operator import itemgetter, lt, mul, sub, truediv
from typing import Any, Final, NamedTuple

from stackledger.integrations.kafka.state import HistoryPoint

MAX_POINTS: Final = 48
"""Two dozen recent sweeps and as many older, ever sparser ones: at 15 s some hours, the doubt growing with age."""
_RECENT: Final = 24

Pick = Callable[[Any], Sequence[Any]]
Points = Sequence[tuple[float, Sequence[int]]]
"""(time, high watermark by partition, -1 where it was not read) of one topic, oldest first."""


class Lag(NamedTuple):
    """Age of the oldest uncommitted record; the truth is within `doubt` of `seconds`, None where that is not known."""

    seconds: float
    doubt: float | None
    method: str


CAUGHT_UP: Final = Lag(0.0, 0.0, "caught_up")


def pack(high: Mapping[int, int], size: int, *, unknown: Collection[int] = ()) -> bytes:
    """High watermarks of `size` partitions as 64-bit integers; -1 for gaps and for those that are `unknown`."""
    try:
        row = array("q", map(high.__getitem__, range(size)))
    except KeyError:
        row = array("q", [high.get(index, -1) for index in range(size)])
    for index in unknown:
        if index < size:
            row[index] = -1
    return row.tobytes()


def remember(history: MutableSequence[HistoryPoint], at: float, rows: dict[str, bytes]) -> None:
    """Append a sweep; equal rows share their memory with the sweep before, and old sweeps are thinned out."""
    if history:
        if at <= history[-1].at:  # the wall clock was set back: what lies in the future would confuse every search
            history[:] = [point for point in history if point.at < at]
        before = history[-1].high if history else {}
        rows = {topic: old if (old := before.get(topic)) == row else row for topic, row in rows.items()}
    history.append(HistoryPoint(at, rows))
    if len(history) > MAX_POINTS:
        del history[_most_dispensable([point.at for point in history])]


def _most_dispensable(times: Sequence[float]) -> int:
    """The older point whose loss widens its gap least, measured by its age. The first one keeps the reach."""
    now = times[-1]
    candidates = range(1, max(len(times) - _RECENT, 2))
    return min(candidates, key=lambda i: (times[i + 1] - times[i - 1]) / max(now - times[i], 1e-9))


def points_of(history: Sequence[HistoryPoint], topic: str) -> list[tuple[float, Sequence[int]]]:
    """One topic's part of the history, of equal rows only the first and the last: nothing happened in between.

    Where the topic did not exist yet there is nothing in the row.
    """
    runs: list[tuple[float, bytes]] = []
    for point in history:
        row = point.high.get(topic, b"")
        if len(runs) > 1 and runs[-1][1] == row == runs[-2][1]:
            runs[-1] = (point.at, row)
        else:
            runs.append((point.at, row))
    return [(at, tuple(memoryview(row).cast("q"))) for at, row in runs]


def still(points: Points, high: Mapping[int, int]) -> Lag | None:
    """The lag of whoever waits for a record of a topic whose ends are known and never moved within the history.

    It is what `lag_of` finds for each of them, found once for all: of most topics' groups nothing else is to be said.
    """
    if len(points) != 2 or points[0][1] != points[1][1]:  # noqa: PLR2004 - equal rows come as the first and the last
        return None
    row = points[0][1]
    if len(row) < len(high) or min(row, default=-1) < 0:
        return None
    return Lag(points[1][0] - points[0][0], None, "at_least")


def lag_of(
    committed: Mapping[int, int], high: Mapping[int, int], points: Points, *, ceiling: float | None = None
) -> Lag | None:
    """Age of the oldest record that is not committed, at the time of the newest point. None where nothing is known yet.

    `ceiling` is the most that an extrapolated age can be, usually the retention.
    """
    waiting = below(committed, high)
    return age_of(waiting, high, points, ceiling=ceiling) if waiting else CAUGHT_UP


def below(committed: Mapping[int, int], ends: Mapping[int, int]) -> Mapping[int, int]:
    """The commits that lie below these ends."""
    return {p: c for p, c in committed.items() if p in ends and ends[p] > c}


def age_of(
    waiting: Mapping[int, int], high: Mapping[int, int], points: Points, *, ceiling: float | None = None
) -> Lag | None:
    """`lag_of` for commits that are all below the ends."""
    if len(points) < 2:  # noqa: PLR2004 - one point knows nothing of the past
        return None
    older = _older_than_all(waiting, points[0][1])
    if older:
        return _guessed(older, high, points, ceiling)
    for index in range(len(points) - 2, -1, -1):
        still_waiting = _there_at(points[index][1], waiting)
        if not still_waiting:
            return _read(waiting, points, index)
        waiting = still_waiting
    return _guessed(waiting, high, points, ceiling)


def picker(indexes: Collection[int]) -> Pick:
    """What picks these out of a sequence or mapping, in one call where there are several."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda values: [values[index] for index in indexes]


def _picked(row: Sequence[int], pick: Pick) -> Sequence[int]:
    """The row's values; none where it does not know all of them."""
    try:
        return pick(row)
    except IndexError:
        return ()


def _all_below(waiting: Mapping[int, int], row: Sequence[int]) -> bool:
    """Whether every commit is surely below the row, -1 for a gap included: the common case."""
    values = _picked(row, picker(waiting))
    return bool(values) and all(map(lt, waiting.values(), values))


def _there_at(row: Sequence[int], waiting: Mapping[int, int]) -> Mapping[int, int]:
    """The partitions whose next record was there already, or may have been."""
    if _all_below(waiting, row):
        return waiting
    size = len(row)
    return {p: c for p, c in waiting.items() if p < size and (c < row[p] or row[p] < 0)}


def _older_than_all(waiting: Mapping[int, int], first: Sequence[int]) -> Mapping[int, int]:
    """The partitions whose next record was there before the history began; none where the first row has gaps."""
    if _all_below(waiting, first):
        return waiting
    size = len(first)
    if any(p < size and first[p] < 0 for p in waiting):
        return {}
    return {p: c for p, c in waiting.items() if p < size and c < first[p]}


def _read(waiting: Mapping[int, int], points: Points, lower: int) -> Lag:
    """All of `waiting` were written after point `lower` and before the next one where they could be seen."""
    now, (began, row), (after, next_row) = points[-1][0], points[lower], points[lower + 1]
    size, next_size = len(row), len(next_row)
    written, ends = [], []
    for partition, offset in waiting.items():
        known = row[partition] if partition < size else 0
        end, high = after, next_row[partition] if partition < next_size else -1
        if high <= offset:
            end, high = _first_above(points, lower + 2, partition, offset)
        ends.append(end)
        written.append(began + (offset - known) / (high - known) * (end - began))
    best, youngest_possible = max(now - min(written), 0.0), max(now - min(ends), 0.0)
    return Lag(best, max(now - began - best, best - youngest_possible), "history")


def _first_above(points: Points, start: int, partition: int, offset: int) -> tuple[float, int]:
    for index in range(start, len(points)):
        at, row = points[index]
        if partition < len(row) and row[partition] > offset:
            return at, row[partition]
    return points[-1][0], offset + 1


def _guessed(waiting: Mapping[int, int], high: Mapping[int, int], points: Points, ceiling: float | None) -> Lag | None:
    """The records are older than the history: go on at the rate that the history shows, else give a lower bound."""
    now, oldest, pick = points[-1][0], points[0][0], picker(waiting)
    known = _picked(points[0][1], pick)
    spans: Sequence[float] = [now - oldest] * len(known)
    if min(known, default=-1) < 0:
        readings = [_first_known(points, partition) for partition in waiting]
        spans, known = [now - at for at, _ in readings], [end for _, end in readings]
    ends = pick(high)
    return extrapolated(map(sub, ends, waiting.values()), spans, list(map(sub, ends, known)), ceiling)


def extrapolated(
    left: Iterable[int], spans: Sequence[float], written: Sequence[int], ceiling: float | None
) -> Lag | None:
    """The age of the oldest of records that are older than the history.

    By partition: records from the commit to the end, seconds of the history, and records that were written in them.
    """
    least = max(spans)  # the record was there at the oldest reading
    if least <= 0:
        return None
    all_known = min(written) > 0 and min(spans) > 0
    if all_known:
        age = max(map(truediv, map(mul, left, spans), written))
    else:
        age = max(
            (gap * span / grown for gap, span, grown in zip(left, spans, written, strict=True) if grown > 0),
            default=0.0,
        )
    age = max(age if ceiling is None else min(age, ceiling), least)
    return Lag(age, age - least, "extrapolated") if all_known else Lag(age, None, "at_least")


def _first_known(points: Points, partition: int) -> tuple[float, int]:
    """When the partition's end was first read, and what it was."""
    readings = ((at, row[partition]) for at, row in points if partition < len(row) and row[partition] >= 0)
    return next(readings, (points[-1][0], 0))
