"""What a period will have cost at its end, with an interval, and whether a day was out of the ordinary.

A coming day is expected to cost what the same weekday cost in the last weeks; where there is less than two weeks of
history, what any day did. The interval holds the end with nine chances in ten if days scatter as they did. Estimates
are floats: nothing here is money that anybody owes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median, variance
from typing import Final

_WEEKS: Final = 6
_FEWEST_DAYS: Final = 3
_WEEKDAYS_NEEDED: Final = 2
_NINE_IN_TEN: Final = 1.645  # standard deviations of a normal distribution that hold 90 %
_MAD_TO_SIGMA: Final = 1.4826  # median absolute deviation to standard deviation, of a normal distribution
_LEAST_SCATTER: Final = 0.1  # of the median: days that were all alike would else make every other day a wonder
_SAME_WEEKDAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """USD at the end of the period: expected, and the ends of the interval."""

    expected: float
    low: float
    high: float


def forecast(days: Mapping[date, float], *, spent: float, today: date, last: date) -> Forecast | None:
    """The end of a period; None with fewer than three days of history, where a guess would look like knowledge.

    `days` is what each day cost, today so far included; `spent` is what the period cost so far.
    """
    history = {day: cost for day, cost in days.items() if today - timedelta(weeks=_WEEKS) <= day < today}
    if len(history) < _FEWEST_DAYS:
        return None
    coming = [today + timedelta(days=n) for n in range(1, (last - today).days + 1)]
    means, variances = zip(*(_expected(history, day) for day in coming), strict=True) if coming else ((), ())
    expected_today, scatter_today = _expected(history, today)
    left_today = max(0.0, expected_today - days.get(today, 0.0))  # what today is still expected to cost
    expected = spent + left_today + sum(means)
    reach = _NINE_IN_TEN * math.sqrt(sum(variances) + (scatter_today if left_today else 0.0))
    return Forecast(expected, max(spent, expected - reach), expected + reach)


def _expected(history: Mapping[date, float], day: date) -> tuple[float, float]:
    """Mean and variance of what such a day costs."""
    alike = [cost for other, cost in history.items() if other.weekday() == day.weekday()]
    sample = alike if len(alike) >= _WEEKDAYS_NEEDED else list(history.values())
    return fmean(sample), variance(sample) if len(sample) > 1 else 0.0


def days_left(remaining: float, days: Mapping[date, float], today: date) -> float | None:
    """For how many days the remaining amount lasts at the pace of the last seven; None where nothing was spent."""
    recent = [days.get(today - timedelta(days=n), 0.0) for n in range(1, 8)]
    pace = fmean(recent)
    return max(0.0, remaining) / pace if pace > 0 else None


def deviation(days: Mapping[date, float], day: date) -> float | None:
    """How far a day's cost is from that of the same weekday before, in robust standard deviations; None when unknown.

    Above 4 is worth a look: the median and its deviation are not moved by the odd day among those compared with.
    """
    if day not in days:
        return None
    earlier = [days[other] for n in range(1, _WEEKS + 1) if (other := day - timedelta(weeks=n)) in days]
    if len(earlier) < _SAME_WEEKDAYS:
        return None
    middle = median(earlier)
    scatter = max(_MAD_TO_SIGMA * _spread(earlier, middle), _LEAST_SCATTER * middle)
    return (days[day] - middle) / scatter if scatter > 0 else None


def _spread(values: Sequence[float], middle: float) -> float:
    return median([abs(value - middle) for value in values])
