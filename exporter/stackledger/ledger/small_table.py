"""A small table in CSV with known columns, read whole or not at all, every wrong line named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from stackledger.errors import QuestionError

T = TypeVar("T")
_SHOWN: Final = 20


def read_table(path: Path, columns: Sequence[str], made: Callable[[dict[str, str]], T]) -> list[T]:
    """What `made` makes of each line's cells by column; it raises ValueError with what is expected instead.

    Raises QuestionError for a file that cannot be read, or with its wrong lines.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _collected(path, columns, made, csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise QuestionError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _collected(
    path: Path, columns: Sequence[str], made: Callable[[dict[str, str]], T], lines: Iterator[list[str]]
) -> list[T]:
    heads = [cell.strip().lower() for cell in next(lines, [])]
    if sorted(heads) != sorted(columns):
        raise QuestionError(f"{path}: the first line is {','.join(columns)}, not {','.join(heads) or 'empty'}")
    found: list[T] = []
    faults: list[str] = []
    for number, line in enumerate(lines, start=2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        try:
            found.append(made(_by_column(heads, cells)))
        except ValueError as error:
            faults.append(f"{path}: line {number}: {error}")
    if faults:
        more = [f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise QuestionError("\n".join([*faults[:_SHOWN], *more, f"Nothing of {path} was taken."]))
    return found


def _by_column(heads: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(heads):
        raise ValueError(f"{len(cells)} cells where {len(heads)} are expected: {','.join(heads)}")
    return dict(zip(heads, cells, strict=True))
