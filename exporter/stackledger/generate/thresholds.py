"""The lines that a panel draws, from the alerts and SLOs that point at it. No panel states a threshold itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from stackledger import units
from stackledger.generate.resolved import Resolved
from stackledger.model import Panel, Severity

GOOD = "green"
_COLOUR = {Severity.PAGE: "red", Severity.TICKET: "orange", Severity.INFO: "blue"}
_RANK = {Severity.PAGE: 2, Severity.TICKET: 1, Severity.INFO: 0}
_BELOW = ("<", "<=")
_ABOVE = (">", ">=")
_JUST_ABOVE = 1e-6


@dataclass(frozen=True, slots=True)
class _Line:
    op: str
    value: float
    severity: Severity

    @property
    def step(self) -> float:
        """Where the colour changes. Grafana's step holds from its value on, so `> 0` must begin a little above 0."""
        # Whole numbers are met exactly by healthy series (0 failures, 1 primary); others practically never.
        met = self.op in (">", "<=") and float(self.value).is_integer()
        return self.value + _JUST_ABOVE if met else self.value


def steps(resolved: Resolved, panel: Panel) -> list[dict[str, Any]]:
    """Grafana's threshold steps, lowest first; the first has no value. A single step where nothing is promised."""
    lines = set(_lines(resolved, panel))
    exact = sorted((line for line in lines if line.op in ("==", "!=")), key=_severest_last)
    if exact:
        return _exact(exact[-1])
    below = _strictest((line for line in lines if line.op in _BELOW), sign=1)
    above = _strictest((line for line in lines if line.op in _ABOVE), sign=-1)
    found: list[dict[str, Any]] = [{"color": _COLOUR[below[0].severity] if below else GOOD, "value": None}]
    for line, following in zip_longest(below, below[1:]):
        found.append({"color": _COLOUR[following.severity] if following else GOOD, "value": line.step})
    # Where "too low" and "too high" overlap there is no good range to draw between them.
    floor = below[-1].value if below else float("-inf")
    found += [{"color": _COLOUR[line.severity], "value": line.step} for line in reversed(above) if line.value > floor]
    return found


def has_lines(resolved: Resolved, panel: Panel) -> bool:
    """Whether any alert or SLO draws a line in the panel."""
    return any(True for _ in _lines(resolved, panel))


def _lines(resolved: Resolved, panel: Panel) -> Iterable[_Line]:
    for alert in resolved.alerts_of(panel):
        condition = alert.rule.condition
        if _comparable(condition.unit, panel):
            yield _Line(condition.op, condition.threshold, alert.rule.severity)
    for slo in resolved.slos_of(panel):
        if panel.shown_unit is units.RATIO:
            yield _Line("<", float(slo.objective / 100), Severity.TICKET)


def _comparable(unit: units.Unit, panel: Panel) -> bool:
    """A line belongs on an axis of its own unit; plain numbers and states share one."""
    plain = (units.COUNT, units.STATE)
    return unit == panel.shown_unit or (unit in plain and panel.shown_unit in plain)


def _severest_last(line: _Line) -> tuple[int, float]:
    return _RANK[line.severity], line.value


def _strictest(lines: Iterable[_Line], *, sign: int) -> list[_Line]:
    """The lines worth drawing, worst first: a mild one beyond a severe one would never show its colour."""
    kept: list[_Line] = []
    for line in sorted(lines, key=lambda line: (-_RANK[line.severity], -sign * line.value)):
        if not kept or sign * line.value > sign * kept[-1].value:
            kept.append(line)
    return kept


def _exact(line: _Line) -> list[dict[str, Any]]:
    """`== 0` is bad at the value and good beside it; `!= 1` the other way round. Such values are whole numbers."""
    bad, at = _COLOUR[line.severity], line.value
    inside, outside = (bad, GOOD) if line.op == "==" else (GOOD, bad)
    return [
        {"color": outside, "value": None},
        {"color": inside, "value": at},
        {"color": outside, "value": at + 1},
    ]
