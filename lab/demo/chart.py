"""A panel as a picture: lines over time, thresholds, states and tables, drawn on the server as SVG and HTML.

Owns the drawing. It stands for Grafana where there is none and shows the same numbers; the looks are its own.
"""

from __future__ import annotations

import html
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.demo.boards import Panel
from lab.demo.figures import figure
from lab.prometheus import Series

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 960, 320, 92, 30, 12
_NAMES_WIDTH = 330
_NAME_LENGTH = 44
_PALETTE = (
    "#2f6fde",
    "#c4562a",
    "#6b4fbb",
    "#0b8a8f",
    "#b8328f",
    "#8a6d00",
    "#46699c",
    "#577a2d",
    "#9c4646",
    "#555555",
)
_COLOURS = {"green": "#1a7f37", "red": "#cf222e", "orange": "#bc6c00", "yellow": "#9a7d00", "blue": "#0969da"}
_MOST_LINES = 40
_GRID = 5
_SINGLE = ("stat", "gauge", "bargauge")
_MOST_FIGURES = 12


@dataclass(frozen=True)
class _Axes:
    start: float
    end: float
    low: float
    high: float
    left: int = _LEFT

    def x(self, at: float) -> float:
        """Pixel of a time."""
        return self.left + (at - self.start) / max(1e-9, self.end - self.start) * (_WIDTH - self.left - 8)

    def y(self, value: float) -> float:
        """Pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def colour(name: str) -> str:
    """The colour that is drawn for one of Grafana's names."""
    return _COLOURS.get(name, "#777777")


def draw(panel: Panel, lines: Sequence[Series], *, start: float, end: float, small: bool = False) -> str:
    """The panel over [start, end] as HTML, with its legend; says so when there is no data.

    `small` is for a panel among others: single values alone, no picture of how they came about.
    """
    known = [line for line in lines if any(not math.isnan(value) for _, value in line["points"])]
    if not known:
        return '<p class="empty">No data in this time.</p>'
    shown = sorted(known, key=lambda line: -_last(line))[:_MOST_LINES]
    if panel.style == "table":
        return _legend(panel, shown, marks=False)
    figures = _figures(panel, shown) if panel.style in _SINGLE else ""
    if figures and small:
        return figures
    states = panel.style == "state-timeline"
    picture = (_states if states else _plot)(panel, shown, _first_data(shown, start, end), end)
    more = f"<p>{len(known) - len(shown)} more lines are not drawn.</p>" if len(known) > len(shown) else ""
    return figures + picture + _legend(panel, shown, marks=not states) + more


def _first_data(lines: Sequence[Series], start: float, end: float) -> float:
    """Where the picture begins: a little before the first point, for what is empty tells nothing."""
    first: float = min(at for line in lines for at, _ in line["points"])
    return max(start, min(first - (end - first) * 0.05, end - 60))


def _figures(panel: Panel, lines: Sequence[Series]) -> str:
    """The last value of each line, big, in the colour of its threshold, and as a word where it has one."""
    cells = []
    for line in lines[:_MOST_FIGURES]:
        value = _last(line)
        word = panel.words.get(f"{value:g}")
        text = word[0] if word else figure(value, panel.unit)
        tint = colour(panel.colour(value)) if len(panel.steps) > 1 or word else "inherit"
        name = html.escape(str(line["name"]))
        cells.append(f'<div><div class="big" style="color:{tint}">{html.escape(text)}</div>{name}</div>')
    return f'<div class="figures">{"".join(cells)}</div>'


def _last(line: Series) -> float:
    numbers: list[float] = [value for _, value in line["points"] if not math.isnan(value)]
    return numbers[-1] if numbers else math.nan


# -- lines -----------------------------------------------------------------------------------------------------------


def _plot(panel: Panel, lines: Sequence[Series], start: float, end: float) -> str:
    axes = _axes(panel, lines, start, end)
    parts = [*_grid(panel, axes), *_bands(panel, axes)]
    for index, line in enumerate(lines):
        parts.append(_path(line, axes, _PALETTE[index % len(_PALETTE)]))
    return _svg(panel.title, parts, _HEIGHT)


def _axes(panel: Panel, lines: Sequence[Series], start: float, end: float) -> _Axes:
    values = [value for line in lines for _, value in line["points"] if math.isfinite(value)] or [0.0]
    low, high = min(*values, 0.0), max(*values, 0.0)
    # A threshold in sight helps; one far above would press the lines to the ground.
    near = [step.start for step in panel.steps if step.start is not None and step.start <= high * 3 + 1]
    step = _round_step((max([high, *near]) - min([low, *near])) / _GRID)
    low = math.floor(min([low, *near]) / step) * step
    high = math.ceil(max([high, *near]) * 1.02 / step) * step
    return _Axes(start, end, low, max(high, low + step))


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`; 1 for a flat line at 0."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _grid(panel: Panel, axes: _Axes) -> Iterator[str]:
    step = _round_step((axes.high - axes.low) / (_GRID + 1))
    for index in range(round((axes.high - axes.low) / step) + 1):
        value = axes.low + step * index
        y = axes.y(value)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        text = html.escape(figure(round(value, 9), panel.unit))
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    yield from _times(axes, _HEIGHT)


def _times(axes: _Axes, height: int) -> Iterator[str]:
    for index in range(_GRID + 1):
        at = axes.start + (axes.end - axes.start) * index / _GRID
        anchor = "start" if index == 0 else "end" if index == _GRID else "middle"
        label = time.strftime("%H:%M:%S", time.gmtime(at))
        yield f'<text x="{axes.x(at):.1f}" y="{height - 8}" text-anchor="{anchor}">{label}</text>'


def _bands(panel: Panel, axes: _Axes) -> Iterator[str]:
    """Each threshold as a dashed line with its value; what lies beyond it is tinted."""
    bounds = [step.start for step in panel.steps[1:]] + [None]
    for step, until in zip(panel.steps, bounds, strict=False):
        low = axes.low if step.start is None else max(axes.low, step.start)
        high = axes.high if until is None else min(axes.high, until)
        if step.colour != "green" and len(panel.steps) > 1 and high > low:
            top, height = axes.y(high), axes.y(low) - axes.y(high)
            yield (
                f'<rect x="{_LEFT}" y="{top:.1f}" width="{_WIDTH - _LEFT}" height="{height:.1f}" '
                f'fill="{colour(step.colour)}" opacity="0.08"/>'
            )
        if step.start is not None and axes.low <= step.start <= axes.high:
            y, text = axes.y(step.start), html.escape(figure(step.start, panel.unit))
            tint = colour(step.colour)
            yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{tint}" stroke-dasharray="6 4"/>'
            yield f'<text x="{_WIDTH - 4}" y="{y - 4:.1f}" text-anchor="end" fill="{tint}">threshold {text}</text>'


def _path(line: Series, axes: _Axes, tint: str) -> str:
    pieces, pen = [], "M"
    for at, value in line["points"]:
        if not math.isfinite(value):
            pen = "M"
            continue
        pieces.append(f"{pen}{axes.x(at):.1f} {axes.y(value):.1f}")
        pen = "L"
    label = html.escape(str(line["name"]))
    return f'<path d="{" ".join(pieces)}" fill="none" stroke="{tint}" stroke-width="1.8"><title>{label}</title></path>'


# -- states ----------------------------------------------------------------------------------------------------------


def _states(panel: Panel, lines: Sequence[Series], start: float, end: float) -> str:
    height = 26 * len(lines) + _BOTTOM + 4
    axes = _Axes(start, end, 0, 1, _NAMES_WIDTH)
    parts = list(_times(axes, height))
    for index, line in enumerate(lines):
        y = 4 + 26 * index
        name = html.escape(str(line["name"]))
        for first, last, value in _stretches(line["points"]):
            word, tint = panel.words.get(f"{value:g}", (figure(value, panel.unit), panel.colour(value)))
            x, width = axes.x(first), max(2.0, axes.x(last) - axes.x(first))
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="20" fill="{colour(tint)}" opacity="0.75">'
                f"<title>{name}: {html.escape(word)}</title></rect>"
            )
            if width > 9 * len(word):
                parts.append(f'<text x="{x + 5:.1f}" y="{y + 14}" class="inside">{html.escape(word)}</text>')
        label = html.escape(str(line["name"])[:_NAME_LENGTH])
        parts.append(f'<text x="{_NAMES_WIDTH - 8}" y="{y + 14}" text-anchor="end">{label}</text>')
    return _svg(panel.title, parts, height)


def _stretches(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, float]]:
    """(first, last, value) of each time in which the value stays."""
    first, held, before = 0.0, math.nan, 0.0
    for at, value in points:
        if value != held:
            if not math.isnan(held):
                yield first, at, held
            first, held = at, value
        before = at
    if not math.isnan(held):
        yield first, before, held


# -- legend ----------------------------------------------------------------------------------------------------------


def _legend(panel: Panel, lines: Sequence[Series], *, marks: bool) -> str:
    rows = []
    for index, line in enumerate(lines):
        last = _last(line)
        values = [value for _, value in line["points"] if not math.isnan(value)]
        mark = (
            f'<span class="mark" style="background:{_PALETTE[index % len(_PALETTE)]}"></span>' if marks else index + 1
        )
        cells = [_cell(panel, value) for value in (last, min(values), max(values))]
        rows.append(f"<tr><td>{mark}</td><td>{html.escape(str(line['name']))}</td>{''.join(cells)}</tr>")
    head = "<th></th><th>line</th>" + "".join(f'<th class="number">{name}</th>' for name in ("last", "least", "most"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(panel: Panel, value: float) -> str:
    word = panel.words.get(f"{value:g}")
    text = word[0] if word else figure(value, panel.unit)
    tint = panel.colour(value)
    style = f' style="color:{colour(tint)};font-weight:600"' if tint in ("red", "orange") else ""
    return f'<td class="number"{style}>{html.escape(text)}</td>'


def _svg(title: str, parts: Sequence[str], height: int) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
