"""A query and its answer, and how columns of an answer become samples. Pure: no connection is known here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackledger.catalogue import Metric
from stackledger.collect.snapshot import Part

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One statement, run in its own transaction, so that its failure costs only what it tells.

    `parameters` are the names of the values that $1, $2, ... stand for. `facet` names it in the success metric.
    """

    facet: str
    sql: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node answered to one query."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Family:
    """Which columns of a query's answer are labels (in the metrics' order) and which are values of which metric."""

    query: Query
    labels: tuple[str, ...]
    values: Mapping[str, Metric[Any]]

    def add(self, part: Part, answer: Answer) -> None:
        """One sample a row and value column; NULL adds nothing, for absent is not zero."""
        places = [answer.columns.index(label) for label in self.labels]
        keys = [tuple(str(row[place]) for place in places) for row in answer.rows]
        for column, metric in self.values.items():
            place = answer.columns.index(column)
            found = [
                (key, float(row[place])) for key, row in zip(keys, answer.rows, strict=True) if row[place] is not None
            ]
            if found:
                part.extend(metric, [key for key, _ in found], [value for _, value in found])
