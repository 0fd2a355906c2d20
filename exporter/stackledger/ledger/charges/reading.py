"""Rows of a CSV or Parquet file as text, exactly as written: no amount ever becomes a float on the way.

DuckDB reads both, also compressed with gzip. A Parquet column of doubles comes as the shortest decimal that means it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeVar

from stackledger.errors import QuestionError
from stackledger.money import PICO, rounded

T = TypeVar("T")
_CHUNK: Final = 10_000
_SHOWN: Final = 20
_WIDEST: Final = 10**34
"""No amount or quantity has more digits before the point: above it, it is a mistake."""


class RowError(Exception):
    """What is wrong with a row, and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column; empty ones are left out."""

    number: int
    cells: dict[str, str]

    def text(self, *names: str) -> str:
        """The first of the cells that is filled, or an empty text."""
        return next((self.cells[name] for name in names if name in self.cells), "")

    def needed(self, *names: str) -> str:
        """The first of the cells that is filled."""
        found = self.text(*names)
        if not found:
            raise RowError(f"{' or '.join(names)} is empty: every line needs it")
        return found

    def pico(self, name: str) -> int | None:
        """A decimal as an integer of 1e-12, half to even beyond; None where it is empty."""
        return None if name not in self.cells else pico_of(self.cells[name], name)

    def instant(self, name: str) -> int:
        """A time in microseconds UTC; without an offset it is UTC, as FOCUS has it."""
        text = self.needed(name)
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise RowError(f"{name} {text!r} is no time: write ISO 8601, as 2026-10-01T00:00:00Z") from None
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return round(aware.timestamp()) * 1_000_000


def pico_of(text: str, name: str) -> int:
    """A decimal, also with an exponent, as an integer of 1e-12."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RowError(f"{name} {text!r} is no decimal: write digits with a point, without a thousands sign") from None
    if not value.is_finite() or abs(value) >= _WIDEST:
        raise RowError(f"{name} {text!r} is no amount: write a finite decimal")
    return rounded(Fraction(value) * PICO)


def collected(path: str, required: Callable[[set[str]], list[str]], made: Callable[[Row], T]) -> list[T]:
    """What `made` makes of each row. Raises QuestionError with every row that is wrong, not just the first."""
    faults = Faults(path)
    found = []
    for row in read(path, required):
        try:
            found.append(made(row))
        except RowError as error:
            faults.add(row, error)
    faults.check()
    return found


def read(path: str, required: Callable[[set[str]], list[str]]) -> Iterator[Row]:
    """The file's rows; a row's number is its place after the header, from 1.

    `required` tells from the columns which are missing. Raises QuestionError for a file that cannot be read.
    """
    import duckdb  # noqa: PLC0415 - a driver, needed only here

    if not Path(path).is_file():
        raise QuestionError(f"{path} is no file: name a CSV or Parquet file")
    parquet = path.lower().endswith((".parquet", ".parq"))
    with duckdb.connect() as db:
        try:
            db.execute("SET TimeZone = 'UTC'; SET threads = 2; SET preserve_insertion_order = true")
            table = "read_parquet(?)" if parquet else "read_csv(?, all_varchar = true, header = true, delim = ',')"
            described = db.execute(f"DESCRIBE SELECT * FROM {table}", [path]).fetchall()
            columns = {str(name): str(kind) for name, kind, *_ in described}
            if missing := required(set(columns)):
                raise QuestionError(
                    f"{path} has no column {', '.join(missing)}; it has {', '.join(list(columns)[:60])}."
                    " Is --format the file's format?"
                )
            # x_ columns are the sender's own; nested ones, as Tags, tell nothing that a bill is compared by
            names = [name for name, kind in columns.items() if not name.startswith("x_") and _plain(kind)]
            chosen = ", ".join(f'CAST("{name.replace(chr(34), chr(34) * 2)}" AS VARCHAR)' for name in names)
            cursor = db.execute(f"SELECT {chosen} FROM {table}", [path])
            number = 0
            while rows := cursor.fetchmany(_CHUNK):
                for row in rows:
                    number += 1
                    yield Row(number, {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell})
        except duckdb.Error as error:
            first = str(error).split("\n\n", maxsplit=1)[0].strip()
            raise QuestionError(f"{path} cannot be read as {'Parquet' if parquet else 'CSV'}: {first}") from error


def _plain(kind: str) -> bool:
    return not (kind.startswith(("MAP", "STRUCT")) or kind.endswith("]"))


class Faults:
    """What is wrong with a file's rows, the first of them in words. A file is taken whole or not at all."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told: list[str] = []
        self._count = 0

    def add(self, row: Row, error: RowError) -> None:
        """One row is wrong."""
        self._count += 1
        if len(self._told) < _SHOWN:
            self._told.append(f"{self._path}: row {row.number}: {error}")

    def check(self) -> None:
        """Raise QuestionError with all that is wrong."""
        if self._count:
            more = f"\n... and {self._count - len(self._told)} more" if self._count > len(self._told) else ""
            told = "\n".join(self._told)
            raise QuestionError(f"{told}{more}\nNothing of {self._path} was taken: a part of a bill would be wrong.")
