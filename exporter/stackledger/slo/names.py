"""The recorded series of SLOs: their names and labels, once. Rules, alerts, boards and `verify` refer to these.

One family per kind of figure for all SLOs; the label `slo` says which, `window` over which time.
"""

from __future__ import annotations

from typing import Any

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric, Origin
from stackledger.catalogue.labels import COMMON
from stackledger.units import Unit


class Slo(Label):
    """Name of the SLO as it is declared."""

    name = "slo"


class Window(Label):
    """The time that a figure looks back over, in PromQL's spelling: 5m, 1h, 30d."""

    name = "window"


def _recorded(name: str, unit: Unit, doc: str, *, window: bool = False) -> Metric[Any]:
    labels: tuple[type[Label], ...] = (Slo, Window) if window else (Slo,)
    return Metric(name, Kind.GAUGE, unit, doc, labels=labels, budget=10_000, node=False, origin=Origin.RECORDED)


BAD_5M = _recorded("slo:bad:increase5m", units.COUNT, "Bad events of the last 5 minutes (recording rule).")
EVENTS_5M = _recorded("slo:events:increase5m", units.COUNT, "Events of the last 5 minutes (recording rule).")
BAD_SLICE = _recorded("slo:bad:slice", units.COUNT, "1 if this evaluation was bad, else 0 (recording rule).")
KNOWN_SLICE = _recorded("slo:known:slice", units.COUNT, "1 if this evaluation's state is known (recording rule).")
_BAD_DOC = "Bad events or slices in the window (recording rule)."
_EVENTS_DOC = "All events or slices of the window (recording rule)."
BAD_COUNT = _recorded("slo:bad:count", units.COUNT, _BAD_DOC, window=True)
EVENTS_COUNT = _recorded("slo:events:count", units.COUNT, _EVENTS_DOC, window=True)
BURN_RATE = _recorded(
    "slo:burn_rate:ratio",
    units.COUNT,
    "How many times faster than allowed the budget was spent in the window (recording rule).",
    window=True,
)
SLI = _recorded("slo:sli:ratio", units.RATIO, "Good share of the SLO's whole window (recording rule).")
OBJECTIVE = _recorded("slo:objective:ratio", units.RATIO, "Good share that is promised (recording rule).")
BUDGET_REMAINING = _recorded(
    "slo:budget_remaining:ratio",
    units.RATIO,
    "Part of the error budget that is left: 1 untouched, below 0 overspent (recording rule).",
)

ALL = (
    BAD_5M,
    EVENTS_5M,
    BAD_SLICE,
    KNOWN_SLICE,
    BAD_COUNT,
    EVENTS_COUNT,
    BURN_RATE,
    SLI,
    OBJECTIVE,
    BUDGET_REMAINING,
)


def of(metric: Metric[Any], by: tuple[type[Label], ...]) -> Metric[Any]:
    """The family as one SLO records it: with the labels of the SLO that are not on every series anyway."""
    own = tuple(label for label in by if label not in COMMON)
    if not own:
        return metric
    return Metric(
        metric.name,
        metric.kind,
        metric.unit,
        metric.doc,
        labels=(*metric.labels, *own),
        budget=metric.budget,
        node=False,
        origin=Origin.RECORDED,
    )
