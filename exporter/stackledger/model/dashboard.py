"""What a board shows: panels in rows, each with a question, typed queries and what bad looks like.

Owns: the values and the checks that need no renderer. Thresholds are not written here: they come from the alerts and
SLOs that point at a panel.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stackledger.catalogue import Label
from stackledger.errors import DeclarationError
from stackledger.promql import Use, Vector
from stackledger.units import Unit

_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_TITLE_LIMIT = 60
_UID_LIMIT = 40
_COLUMNS = 24


class Style(StrEnum):
    """How a panel draws. The values are Grafana's panel types."""

    TIMESERIES = "timeseries"
    STAT = "stat"
    GAUGE = "gauge"
    BARGAUGE = "bargauge"
    TABLE = "table"
    STATE_TIMELINE = "state-timeline"
    HEATMAP = "heatmap"
    TEXT = "text"


class Folder(StrEnum):
    """Where Grafana shows a board."""

    EXECUTIVE = "Executive"
    TECHNICAL = "Technical"
    COST = "Cost"


@dataclass(frozen=True, slots=True)
class Query:
    """One line (or set of lines) of a panel. `legend` uses {{label}}; empty means all labels."""

    expr: Vector[Any]
    legend: str = ""


@dataclass(frozen=True, slots=True)
class ValueText:
    """A value shown as a word with a colour: state must not be told by colour alone."""

    value: float
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class ColumnStyle:
    """A table column: the label or query (by its letter) it shows, its heading and unit."""

    source: str
    heading: str
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    `key` is stable: the panel's id in links derives from it. `description` says what bad looks like and what to do.
    `unit` defaults to the unit of the first query. Width is in Grafana's 24 columns, height in its rows of about 30 px.
    """

    key: str
    title: str
    queries: tuple[Query, ...]
    description: str
    style: Style = Style.TIMESERIES
    unit: Unit | None = None
    width: int = 8
    height: int = 8
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[ValueText, ...] = ()
    columns: tuple[ColumnStyle, ...] = ()
    stacked: bool = False

    def __post_init__(self) -> None:
        """Refuse what no renderer could draw well."""
        checks = [
            (bool(_KEY.match(self.key)), "the key is lower case words joined by hyphens"),
            (0 < len(self.title) <= _TITLE_LIMIT, f"the title has 1 to {_TITLE_LIMIT} characters"),
            (bool(self.queries) or self.style is Style.TEXT, "a panel needs a query"),
            (len(self.description) > len(self.title), "the description says what bad looks like and what to do"),
            (1 <= self.width <= _COLUMNS, f"width is 1 to {_COLUMNS} columns"),
            (self.style is not Style.STATE_TIMELINE or bool(self.values), "states need words: set values"),
        ]
        mistakes = [message for good, message in checks if not good]
        if mistakes:
            raise DeclarationError(f"panel {self.key!r}: " + "; ".join(mistakes))

    @property
    def id(self) -> int:
        """A number for links that does not move when other panels do."""
        return zlib.crc32(self.key.encode()) % 1_000_000 + 1

    @property
    def shown_unit(self) -> Unit | None:
        """The unit on the axis."""
        return self.unit or (self.queries[0].expr.unit if self.queries else None)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every selector that the panel's queries hold."""
        return tuple(use for query in self.queries for use in query.expr.uses)


@dataclass(frozen=True, slots=True)
class Row:
    """A heading over panels. The panels flow left to right into 24 columns; collapsed rows open on a click."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A drop-down: the values of `label` among the series of `source`, which may use the variables before it."""

    label: type[Label]
    source: Vector[Any]
    heading: str
    multi: bool = True


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One board. `description` says for whom it is and which question it answers."""

    uid: str
    title: str
    folder: Folder
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    tags: tuple[str, ...] = ()
    span: str = "now-1h"
    refresh: str = "30s"

    def __post_init__(self) -> None:
        """Refuse a board whose panels could not be told apart."""
        if len(self.uid) > _UID_LIMIT or not _KEY.match(self.uid):
            raise DeclarationError(f"board {self.uid!r}: a uid is at most {_UID_LIMIT} of a-z, 0-9 and single hyphens")
        for what in ("key", "title", "id"):
            seen = [getattr(panel, what) for panel in self.panels]
            twice = sorted({str(value) for value in seen if seen.count(value) > 1})
            if twice:
                raise DeclarationError(f"board {self.uid!r}: two panels share the {what} {', '.join(twice)}")

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, open or collapsed."""
        return tuple(panel for row in self.rows for panel in row.panels)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every selector of panels and variables."""
        sources = tuple(use for variable in self.variables for use in variable.source.uses)
        return sources + tuple(use for panel in self.panels for use in panel.uses)
