"""Printing a table and taking CPU time, for every benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


def cpu(action: Callable[[], object]) -> float:
    """CPU seconds of this process and its threads while `action` runs once."""
    began = time.process_time()
    action()
    return time.process_time() - began


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under heads, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    print(title)
    for row in (heads, ["-" * width for width in widths], *rows):
        first, *others = zip(row, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]))


def milliseconds(seconds: float) -> str:
    """For a table cell."""
    return f"{seconds * 1e3:,.2f} ms"
