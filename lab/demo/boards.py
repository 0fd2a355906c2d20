"""Grafana's JSON read as Grafana reads it: panels, their queries with variables filled in, thresholds, names of values.

Owns that reading and the check that every query returns data. Drawing is lab.demo.chart's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.process import ServerFailedError
from lab.prometheus import Prometheus, Series

EVERYTHING = ".*"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VALUES_OF = re.compile(r"label_values\((.*),\s*(\w+)\)\Z", re.DOTALL)
_SPAN = re.compile(r"now-(\d+)([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Target:
    """One query of a panel. `instant` asks for now, otherwise for a range."""

    letter: str
    expr: str
    legend: str
    instant: bool


@dataclass(frozen=True)
class Step:
    """From this value on (None: from the bottom) a value has this colour."""

    start: float | None
    colour: str


@dataclass(frozen=True)
class Panel:
    """What the viewer and the checks need of a panel.

    `words` names values, with their colours; the width is in 24ths of the page.
    """

    id: int
    title: str
    description: str
    style: str
    unit: str
    steps: tuple[Step, ...]
    targets: tuple[Target, ...]
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    width: int = 12

    def colour(self, value: float) -> str:
        """The colour that the thresholds (or the word for the value) give it."""
        word = self.words.get(f"{value:g}")
        if word is not None:
            return word[1]
        reached = [step.colour for step in self.steps if step.start is None or value >= step.start]
        return reached[-1] if reached else "green"


@dataclass(frozen=True)
class Board:
    """One board: its panels, the variables with the query of their values, and the time that it shows at first."""

    uid: str
    title: str
    description: str
    folder: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    variables: Mapping[str, str]
    span_seconds: int

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, also those of closed rows."""
        return tuple(panel for _, panels in self.rows for panel in panels)

    def panel(self, number: int) -> Panel | None:
        """The panel with that id."""
        return next((panel for panel in self.panels if panel.id == number), None)


def read(generated: Path) -> tuple[Board, ...]:
    """Every board below `generated`/dashboards, by folder and title."""
    files = sorted((generated / "dashboards").glob("*/*.json"))
    boards = [_board(path.parent.name, json.loads(path.read_text())) for path in files]
    return tuple(sorted(boards, key=lambda board: (board.folder, board.title)))


def fill(expr: str, values: Mapping[str, str], *, scrape_seconds: int = 5, span_seconds: int = 3_600) -> str:
    """The query as Grafana sends it: its own variables for this scrape interval, the others from `values` (or all)."""
    own = {
        "__rate_interval": f"{4 * scrape_seconds}s",
        "__interval": f"{scrape_seconds}s",
        "__range": f"{span_seconds}s",
        "__range_s": str(span_seconds),
    }

    def replaced(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return own.get(name) or values.get(name) or EVERYTHING

    return _VARIABLE.sub(replaced, expr)


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A line's name: the legend's pattern, or the labels that tell it apart where there is none."""
    if legend and legend != "__auto":
        return _LABEL.sub(lambda match: labels.get(match[1], ""), legend).strip()
    shown = {key: value for key, value in labels.items() if key not in ("__name__", "environment", "region", "job")}
    return ", ".join(f"{key}={value}" for key, value in sorted(shown.items())) or labels.get("__name__", "value")


# -- every query returns data ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """One query with the place where it stands."""

    where: str
    expr: str
    instant: bool
    excuse: str = ""


@dataclass(frozen=True)
class Answers:
    """What became of the questions: those with data, those without that may be, and those without that may not."""

    answered: tuple[Question, ...]
    excused: tuple[Question, ...]
    silent: tuple[Question, ...]

    def __str__(self) -> str:
        """In one line."""
        total = len(self.answered) + len(self.excused) + len(self.silent)
        return f"{len(self.answered)} of {total} dashboard queries return data, {len(self.excused)} need an event first"


def questions(boards: Iterable[Board], conditional: Sequence[Mapping[str, str]]) -> tuple[Question, ...]:
    """Every query of every panel and variable. `conditional`: uses (selector, where, reason) that may have no data."""
    found = []
    for board in boards:
        for name, query in board.variables.items():
            found.append(_question(f"dashboard {board.uid}, variable {name}", _selector(query), board, conditional))
        for panel in board.panels:
            where = f"dashboard {board.uid}, panel {panel.title!r}"
            found += [_question(where, target, board, conditional) for target in panel.targets]
    return tuple(found)


def ask(wanted: Iterable[Question], prometheus: Prometheus, *, now: float, back_seconds: int = 300) -> Answers:
    """Ask Prometheus each: for now, or for the last `back_seconds`. Only a number counts as data, NaN does not."""
    answered: list[Question] = []
    excused: list[Question] = []
    silent: list[Question] = []
    for question in wanted:
        if _has_data(question, prometheus, now, back_seconds):
            answered.append(question)
        else:
            (excused if question.excuse else silent).append(question)
    return Answers(tuple(answered), tuple(excused), tuple(silent))


def _question(where: str, asked: Target | str, board: Board, conditional: Sequence[Mapping[str, str]]) -> Question:
    target = Target("", asked, "", instant=True) if isinstance(asked, str) else asked
    excuse = next(
        (use["reason"] for use in conditional if use["where"] == where and use["selector"] in target.expr), ""
    )
    return Question(where, fill(target.expr, {}, span_seconds=board.span_seconds), target.instant, excuse)


def _has_data(question: Question, prometheus: Prometheus, now: float, back: int) -> bool:
    try:
        if question.instant:
            return any(_is_number(series["value"][1]) for series in prometheus.query(question.expr))
        found = prometheus.query_range(question.expr, start=now - back, end=now, step_seconds=5)
    except ServerFailedError:
        return False
    return any(_is_number(value) for series in found for _, value in series["values"])


def _is_number(text: str) -> bool:
    return not math.isnan(float(text))


def _selector(query: str) -> str:
    match = _VALUES_OF.match(query)
    return f"count by ({match[2]}) ({match[1]})" if match else query


# -- reading ---------------------------------------------------------------------------------------------------------


def _board(folder: str, data: Mapping[str, Any]) -> Board:
    variables = {item["name"]: item["definition"] for item in data["templating"]["list"] if item["type"] == "query"}
    span = _SPAN.match(data["time"]["from"])
    seconds = int(span[1]) * _SECONDS[span[2]] if span else 3_600
    description = data.get("description", "")
    return Board(data["uid"], data["title"], description, folder, tuple(_rows(data["panels"])), variables, seconds)


def _rows(panels: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[Panel, ...]]]:
    title, open_panels = "", list[Panel]()
    for panel in panels:
        if panel["type"] != "row":
            open_panels.append(_panel(panel))
            continue
        if open_panels:
            yield title, tuple(open_panels)
        title, open_panels = panel["title"], [_panel(inner) for inner in panel.get("panels", ())]
    if open_panels:
        yield title, tuple(open_panels)


def _panel(data: Mapping[str, Any]) -> Panel:
    defaults = data.get("fieldConfig", {}).get("defaults", {})
    steps = defaults.get("thresholds", {}).get("steps", ())
    return Panel(
        id=data["id"],
        title=data["title"],
        description=data.get("description", ""),
        style=data["type"],
        unit=defaults.get("unit", "short"),
        steps=tuple(Step(step.get("value"), step["color"]) for step in steps),
        targets=tuple(_target(target) for target in data.get("targets", ())),
        words=_words(defaults.get("mappings", ())),
        links=tuple((link["title"], link["url"]) for link in data.get("links", ())),
        width=data.get("gridPos", {}).get("w", 12),
    )


def _target(data: Mapping[str, Any]) -> Target:
    return Target(data["refId"], data["expr"], data.get("legendFormat", ""), bool(data.get("instant")))


def _words(mappings: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    return {
        value: (option["text"], option["color"])
        for mapping in mappings
        if mapping["type"] == "value"
        for value, option in mapping["options"].items()
    }


def lines(panel: Panel, prometheus: Prometheus, values: Mapping[str, str], *, start: float, end: float) -> list[Series]:
    """Every line of the panel over [start, end]: name and (time, value) points; an instant query over time too."""
    step = max(5.0, (end - start) / 240)
    found: list[Series] = []
    for target in panel.targets:
        expr = fill(target.expr, values, span_seconds=int(end - start))
        for series in prometheus.query_range(expr, start=start, end=end, step_seconds=step):
            points = [(float(at), float(value)) for at, value in series["values"]]
            found.append({"name": named(target.legend, series["metric"]), "points": points})
    return found
