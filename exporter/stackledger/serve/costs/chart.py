"""Cost by day as bars stacked by model, in inline SVG that needs no script.

Positions across are percentages and positions down are pixels, so the text keeps its size at every width.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Final

from stackledger import money
from stackledger.ledger.views import Chart, Day, Tally, added
from stackledger.serve.costs.markup import Markup, el, join
from stackledger.serve.costs.parts import amount, calls, is_unknown, name_of, table, usd

_HEIGHT: Final = 240
_TOP: Final = 26  # room for a mark above the highest bar
_BOTTOM: Final = 22  # room for the days
_FILLED: Final = 0.76  # of a day's width
_LABELS: Final = 5
_LETTER_PIXELS: Final = 7.5
_LEAST_PIXELS: Final = 1.5  # what cost anything is seen
_STEPS: Final = (1, 2, 5, 10)
OTHERS: Final = "all other models"


def cost_chart(chart: Chart, today: date, zone: str) -> Markup:
    """The bars, what the colours mean, and the same numbers as a table."""
    first, last = chart.days[0].day, chart.days[-1].day
    title = f"Cost by day, {first} to {last}, days of {zone}"
    whole = added(day.tally for day in chart.days)
    return el(
        "figure",
        el("figcaption", title, el("span", " · USD", class_="quiet")),
        _bars(chart, today, title, whole),
        _legend(chart),
        el("details", el("summary", "The same as a table"), _table(chart, title)),
        class_="chart",
    )


def _bars(chart: Chart, today: date, title: str, whole: Tally) -> Markup:
    highest = max([0, *(int(day.tally.cost) for day in chart.days)])
    step = _step(money.to_float(highest))
    top = step * max(1, math.ceil(money.to_float(highest) / step)) if step else 1.0
    scale = (_HEIGHT - _TOP - _BOTTOM) / top
    width = 100 / len(chart.days)
    shown = [_day(chart, day, place * width, width, scale) for place, day in enumerate(chart.days)]
    cost = "Unknown cost" if is_unknown(whole) else f"{money.cents(int(whole.cost))} USD in all"
    told = f"{cost} for {calls(whole.events)}"
    if whole.unpriced:
        told += f"; {calls(whole.unpriced)} without a price are in no bar, their days bear a question mark"
    ticks, lines = _grid(step, top, scale)
    bars = el(
        "svg",
        el("title", title, id="chart-title"),
        el("desc", f"{told}. The table below has every number.", id="chart-desc"),
        lines,
        shown,
        _days(chart, today, width),
        class_="days",
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_labelledby="chart-title chart-desc",
    )
    return el("div", ticks, bars, class_="plot")


def _step(highest: float) -> float:
    """A round distance of grid lines that gives two to five of them; 0 where nothing cost anything."""
    if highest <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(highest / 4))
    return next(power * step for step in _STEPS if power * step * 5 >= highest)


def _grid(step: float, top: float, scale: float) -> tuple[Markup, list[Markup]]:
    """The amounts, in a strip of their own beside the bars, and the lines behind the bars."""
    floor = _HEIGHT - _BOTTOM
    lines = [el("line", x1="0", x2="100%", y1=floor, y2=floor, class_="axis")]
    amounts = [number * step for number in range(1, round(top / step) + 1)] if step else []
    names = [f"{value:,.12f}".rstrip("0").rstrip(".") for value in amounts]
    width = round(_LETTER_PIXELS * max((len(name) for name in names), default=0)) + 8
    texts = []
    for value, name in zip(amounts, names, strict=True):
        y = floor - value * scale
        lines.append(el("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        texts.append(el("text", name, x=width - 8, y=y + 4, class_="end"))
    return el("svg", texts, width=width, height=_HEIGHT, class_="ticks", aria_hidden="true"), lines


def _day(chart: Chart, day: Day, left: float, width: float, scale: float) -> Markup:
    floor, y = _HEIGHT - _BOTTOM, float(_HEIGHT - _BOTTOM)
    place = {"x": f"{left + width * (1 - _FILLED) / 2:.3f}%", "width": f"{width * _FILLED:.3f}%"}
    bars = []
    for number, cost in enumerate(day.parts):
        height = money.to_float(int(cost)) * scale
        if height <= 0:  # a correction may lower another day's cost below nothing: the table tells
            continue
        height = max(_LEAST_PIXELS, height)
        y -= height
        colour = "rest" if number == len(chart.series) else f"s{number}"
        bars.append(el("rect", y=round(y, 2), height=round(height, 2), class_=colour, **place))
    mark = el("text", "?", x=f"{left + width / 2:.3f}%", y=min(y, floor) - 5, class_="unknown")
    return el("g", el("title", _told(day)), bars, mark if day.tally.unpriced else None)


def _told(day: Day) -> str:
    if not day.tally.events and not int(day.tally.cost):
        return f"{day.day:%a %Y-%m-%d}: no calls"
    cost = "unknown" if is_unknown(day.tally) else f"{money.cents(int(day.tally.cost))} USD"
    missing = f", {calls(day.tally.unpriced)} without a price" if day.tally.unpriced else ""
    return f"{day.day:%a %Y-%m-%d}: {cost}, {calls(day.tally.events)}{missing}"


def _days(chart: Chart, today: date, width: float) -> list[Markup]:
    """Names of a few days, evenly apart, the last one among them."""
    last = len(chart.days) - 1
    places = sorted({round(last * number / (_LABELS - 1)) for number in range(_LABELS)})
    return [
        el(
            "text",
            "today" if chart.days[place].day == today else f"{chart.days[place].day:%d %b}".lstrip("0"),
            x="0" if place == 0 else "100%" if place == last else f"{(place + 0.5) * width:.3f}%",
            y=_HEIGHT - 5,
            class_="when " + ("begin" if place == 0 else "end" if place == last else "middle"),
        )
        for place in places
    ]


def _series(chart: Chart) -> list[tuple[str, str, int]]:
    """Class, name and cost of each colour."""
    sums = [sum(int(day.parts[place]) for day in chart.days) for place in range(len(chart.series) + 1)]
    named = [(f"s{place}", name_of(keys), sums[place]) for place, keys in enumerate(chart.series)]
    return [*named, ("rest", OTHERS, sums[-1])] if sums[-1] else named


def _legend(chart: Chart) -> Markup:
    items = [
        el("li", el("span", class_=f"swatch {colour}", aria_hidden="true"), name, " ", amount(cost))
        for colour, name, cost in _series(chart)
    ]
    if any(day.tally.unpriced for day in chart.days):
        items.append(el("li", el("span", "?", class_="unknown"), " some calls of the day have no price"))
    return el("ul", items, class_="legend")


def _table(chart: Chart, title: str) -> Markup:
    names = [name_of(keys) for keys in chart.series] + ([OTHERS] if any(int(d.parts[-1]) for d in chart.days) else [])
    rows = [
        [
            f"{day.day:%a %Y-%m-%d}",
            usd(day.tally),
            f"{day.tally.events:,}",
            f"{day.tally.tokens:,}",
            f"{day.tally.unpriced:,}" if day.tally.unpriced else "",
            *(amount(int(cost)) if int(cost) else join("") for cost in day.parts[: len(names)]),
        ]
        for day in reversed(chart.days)
    ]
    return table(title, ["Day", "USD", "Calls", "Tokens", "Without a price", *names], rows)
