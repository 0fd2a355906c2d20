"""How many records a second the cluster has been shown to carry. Pure: readings in, lowest and peak minute out.

A claim such as "a million events a second" is only worth its worst minute: the verdict is the lowest rate of any minute
in the window, of records produced and of records consumed, while the lag did not grow. Every rate is timed by the
answers' own clock, never by a scrape's. A reading that was not complete, or a gap between readings, ends what was
shown: the window begins anew, and until it is full the verdict is "not shown", never "passed".
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass
from typing import Final

from stackledger.integrations.kafka.state import Reading

MINUTE: Final = 60.0
_MAX_GAP: Final = 75.0
"""Seconds between readings above which no minute is measured any more: one reading a minute, and a quarter late."""
_MAX_SPREAD: Final = 1.0
"""Seconds between the first and the last broker's answer above which their sum mixes different moments."""
_FLAT: Final = 0.001
"""Growth of the lag, as a share of what is produced, that counts as none: one record in a thousand."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the readings show. Rates are records a second; None where no whole minute is known."""

    window_seconds: float
    """Since when every reading was complete."""
    lowest_produced: float | None
    lowest_consumed: float | None
    peak_produced: float | None
    peak_consumed: float | None
    lag_growth: float | None
    """Records a second by which the lag grew over the window; below 0 where it fell."""

    @property
    def holds(self) -> bool:
        """Whether consumers kept up."""
        if self.lag_growth is None or self.lowest_produced is None:
            return False
        return self.lag_growth <= self.lowest_produced * _FLAT

    def reaches(self, target: float, window_seconds: float) -> bool | None:
        """Whether the target was held in every minute of the window; None while that is not shown."""
        if self.window_seconds < window_seconds or self.lowest_produced is None or self.lowest_consumed is None:
            return None
        return min(self.lowest_produced, self.lowest_consumed) >= target and self.holds


def note(readings: MutableSequence[Reading], reading: Reading, *, spread: float, complete: bool, keep: float) -> None:
    """Append a reading, or begin anew where it is not whole; keeps `keep` seconds and one minute more."""
    if not complete or spread > _MAX_SPREAD:
        readings.clear()
        return
    if readings and not 0 < reading.at - readings[-1].at <= _MAX_GAP:
        readings.clear()
    readings.append(reading)
    oldest = reading.at - keep - MINUTE
    while len(readings) > 1 and readings[1].at <= oldest:
        del readings[0]


def shown(readings: Sequence[Reading], window_seconds: float) -> Shown:
    """The lowest and the peak minute of the last `window_seconds`."""
    if not readings:
        return Shown(0.0, None, None, None, None, None)
    begin = readings[-1].at - window_seconds
    # One reading before the window: the minute that ends at its start belongs to what came before.
    first = max((index for index, reading in enumerate(readings) if reading.at <= begin), default=0)
    inside = readings[first:]
    minutes = list(_minutes(inside))
    length = inside[-1].at - inside[0].at
    if not minutes:
        return Shown(length, None, None, None, None, None)
    produced, consumed = zip(*minutes, strict=True)
    growth = _growth(inside)
    return Shown(length, min(produced), min(consumed), max(produced), max(consumed), growth)


def _growth(readings: Sequence[Reading]) -> float:
    """Of the lag, between the means of the first and of the last minute: single commits come in steps."""
    first = [r for r in readings if r.at - readings[0].at <= MINUTE]
    last = [r for r in readings if readings[-1].at - r.at <= MINUTE]
    rise = sum(r.lag for r in last) / len(last) - sum(r.lag for r in first) / len(first)
    seconds = sum(r.at for r in last) / len(last) - sum(r.at for r in first) / len(first)
    return rise / seconds if seconds > 0 else 0.0


def _minutes(readings: Sequence[Reading]) -> list[tuple[float, float]]:
    """(produced, consumed) a second in every stretch of at least a minute that begins at a reading, the shortest."""
    found = []
    end = 0
    for start in readings:
        while end < len(readings) and readings[end].at - start.at < MINUTE:
            end += 1
        if end == len(readings):
            break
        seconds = readings[end].at - start.at
        produced, consumed = readings[end].produced - start.produced, readings[end].consumed - start.consumed
        found.append((produced / seconds, consumed / seconds))
    return found
