"""The recording rules of one SLO as typed expressions: events and bad events apart, ratios only from their sums.

A ratio of sums weighs every event equally, however traffic varies; a mean of ratios does not (a busy hour would count
as little as a quiet one), and it stays NaN for the rest of the window after five minutes without traffic.
Counter increments during an outage of Prometheus itself are lost to the long windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackledger import units
from stackledger.catalogue import Metric
from stackledger.model.slo import SLO, EventRatio
from stackledger.promql import Vector, above, scalar_of, select
from stackledger.slo import names
from stackledger.slo.names import Slo, Window
from stackledger.slo.tiers import policy, window_text

EVALUATION_SECONDS = 30
"""How often the rules run, and the length of a time slice."""
BUDGET_SECONDS = 60
"""How often the sums over the SLO's whole window run: they read many samples and change slowly."""
_BASE_SECONDS = 300
_RAW_LIMIT_SECONDS = 3_600  # up to here the raw counters are read: exact at the edges and still cheap


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule: the series of `expr` stored as `metric` with these labels added."""

    metric: Metric[Any]
    expr: Vector[Any]
    labels: Mapping[str, str] = field(default_factory=dict)


def burn_recordings(slo: SLO) -> tuple[Recording, ...]:
    """Events, bad events and burn rates of every window that an alert or a board looks at."""
    plan = policy(slo.objective, slo.window_days)
    # 5 min and 1 h are on the board even where no tier is left that needs them.
    windows = tuple(sorted({*plan.windows, _BASE_SECONDS, _RAW_LIMIT_SECONDS}))
    recordings = [*_base(slo)]
    recordings += [_burn(slo, seconds) for seconds in windows]
    recordings += [_windowed(slo, names.BAD_COUNT, bad_in(slo, tier.long_seconds), tier.long) for tier in plan.tiers]
    return tuple(recordings)


def budget_recordings(slo: SLO) -> tuple[Recording, ...]:
    """The figures over the SLO's whole window: what was promised, what was kept, what is left."""
    seconds = slo.window_days * 86_400
    window = window_text(seconds)
    plan = policy(slo.objective, slo.window_days)
    budget = float(plan.budget)
    bad, events = (_counted(slo, metric, window) for metric in (names.BAD_COUNT, names.EVENTS_COUNT))
    ratio = bad.over(above(events, 0).vector, on=(Slo, *slo.by))
    label = {"slo": slo.name}
    # A tier that looks at the whole window has its count recorded already; a series may have one rule only.
    counted = any(tier.long_seconds == seconds for tier in plan.tiers)
    own = () if counted else (_windowed(slo, names.BAD_COUNT, bad_in(slo, seconds), window),)
    return (
        *own,
        _windowed(slo, names.EVENTS_COUNT, _events_in(slo, seconds), window),
        Recording(names.of(names.OBJECTIVE, slo.by), scalar_of(float(slo.objective / 100), units.RATIO), label),
        Recording(names.of(names.SLI, slo.by), ratio.minus_from(1), label),
        Recording(names.of(names.BUDGET_REMAINING, slo.by), (ratio / budget).minus_from(1), label),
    )


def bad_in(slo: SLO, seconds: int) -> Vector[Any]:
    """How many events (or slices) were bad in the window."""
    if isinstance(slo.sli, EventRatio) and seconds <= _RAW_LIMIT_SECONDS:
        return _raw_bad(slo, slo.sli, window_text(seconds))
    return _summed(slo, seconds, bad=True)


def _events_in(slo: SLO, seconds: int) -> Vector[Any]:
    if isinstance(slo.sli, EventRatio) and seconds <= _RAW_LIMIT_SECONDS:
        return slo.sli.total.increase(window_text(seconds)).sum(*slo.by)
    return _summed(slo, seconds, bad=False)


def _base(slo: SLO) -> tuple[Recording, ...]:
    label = {"slo": slo.name}
    if isinstance(slo.sli, EventRatio):
        return (
            Recording(names.of(names.EVENTS_5M, slo.by), slo.sli.total.increase("5m").sum(*slo.by), label),
            Recording(names.of(names.BAD_5M, slo.by), _raw_bad(slo, slo.sli, "5m"), label),
        )
    # The number of series is always finite, which the value itself need not be.
    known = slo.sli.known.count(*slo.by).clamp_max(1)
    bad = slo.sli.bad.vector.count(*slo.by).clamp_max(1).and_(known, on=slo.by)
    return (
        Recording(names.of(names.KNOWN_SLICE, slo.by), known, label),
        Recording(names.of(names.BAD_SLICE, slo.by), bad.or_(known * 0), label),
    )


def _raw_bad(slo: SLO, sli: EventRatio, window: str) -> Vector[Any]:
    """Bad events; 0 where events are counted and no bad one was ever seen (its series need not exist yet)."""
    bad = sli.bad.increase(window).sum(*slo.by)
    return bad.or_(sli.total.increase(window).sum(*slo.by) * 0)


def _summed(slo: SLO, seconds: int, *, bad: bool) -> Vector[Any]:
    """A long window from what was recorded. Overlapping 5-minute increases count each event several times."""
    window = window_text(seconds)
    if isinstance(slo.sli, EventRatio):
        metric = names.BAD_5M if bad else names.EVENTS_5M
        summed = select(names.of(metric, slo.by), Slo.eq(slo.name)).sum_over(window)
        return summed / (_BASE_SECONDS // EVALUATION_SECONDS)
    metric = names.BAD_SLICE if bad else names.KNOWN_SLICE
    return select(names.of(metric, slo.by), Slo.eq(slo.name)).sum_over(window)


def _burn(slo: SLO, seconds: int) -> Recording:
    budget = float(policy(slo.objective, slo.window_days).budget)
    ratio = bad_in(slo, seconds).over(above(_events_in(slo, seconds), 0).vector, on=(*_own(slo, seconds), *slo.by))
    return _windowed(slo, names.BURN_RATE, (ratio / budget).as_unit(units.COUNT), window_text(seconds))


def _own(slo: SLO, seconds: int) -> tuple[type[Slo], ...]:
    """Recorded series carry the label `slo`; raw ones don't yet."""
    return () if isinstance(slo.sli, EventRatio) and seconds <= _RAW_LIMIT_SECONDS else (Slo,)


def _counted(slo: SLO, metric: Metric[Any], window: str) -> Vector[Any]:
    return select(names.of(metric, slo.by), Slo.eq(slo.name), Window.eq(window))


def _windowed(slo: SLO, metric: Metric[Any], expr: Vector[Any], window: str) -> Recording:
    return Recording(names.of(metric, slo.by), expr, {"slo": slo.name, "window": window})
