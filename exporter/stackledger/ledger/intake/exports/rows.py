"""Rows of a file: a JSON array, one JSON object a line, an API's page ({"data": [...]}), or CSV with a header."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.intake.arithmetic import ReadingError
from stackledger.ledger.intake.body import BodyError, Fault

Row = dict[str, Any]
_WIDEST_CELL: Final = 64 << 20
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999

NOT_JSON: Final = Refusal(Reason.MALFORMED, "The row is no JSON object.")


def text_of(body: bytes) -> str:
    """The file as text; a byte order mark, which spreadsheets write, is dropped."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyError(Fault.MALFORMED, f"The file is not UTF-8 at byte {error.start}.") from None


def rows(body: bytes) -> Iterable[Row | Refusal]:
    """The rows of a file whose form is told by its first character."""
    text = text_of(body)
    start = text.lstrip()[:1]
    if start not in {"[", "{"}:
        return csv_rows(text)
    whole = _whole(text, lines=start == "{")
    if whole is None:
        return [_line(line) for line in text.split("\n") if line.strip()]
    return [row if isinstance(row, dict) else NOT_JSON for row in whole]


def csv_rows(text: str) -> list[Row | Refusal]:
    """Rows of CSV by column; empty cells are left out."""
    csv.field_size_limit(_WIDEST_CELL)  # exports with prompts in them have cells far above the default of 128 KiB
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        return [_cells(row) for row in reader]
    except csv.Error as error:
        raise BodyError(Fault.MALFORMED, f"The file is no CSV: {error}.") from None


def instant(value: object, name: str) -> datetime:
    """A time in seconds since 1970, or in ISO 8601. Both LiteLLM and Langfuse store and export UTC without saying so.

    Raises ReadingError for what is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and 0 < value <= _LAST_SECOND:
            return datetime.fromtimestamp(value, UTC)
    elif isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    raise ReadingError(Reason.MALFORMED, f"$.{name} is no time: send ISO 8601 or seconds since 1970.")


def nested(value: object) -> Row:
    """An object, or the text of one: databases and CSV hold JSON as text. Anything else is an empty object."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def first(row: Row, *names: str) -> str:
    """The first of the fields that holds text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _whole(text: str, *, lines: bool) -> list[Any] | None:
    """The rows of one JSON document; None where it is none but may be one object a line."""
    try:
        whole = json.loads(text)
    except RecursionError:
        raise BodyError(Fault.MALFORMED, "The file is nested too deeply.") from None
    except ValueError as error:
        if lines:
            return None
        place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BodyError(Fault.MALFORMED, f"The file is not valid JSON{place}.") from None
    if isinstance(whole, list):
        return whole
    page = whole.get("data") if isinstance(whole, dict) else None
    return page if isinstance(page, list) else [whole]


def _line(line: str) -> Row | Refusal:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Refusal(Reason.MALFORMED, "The line is not valid JSON.")
    return row if isinstance(row, dict) else NOT_JSON


def _cells(row: dict[str | None, Any]) -> Row | Refusal:
    if None in row:
        return Refusal(Reason.MALFORMED, "The row has more cells than the header has names: quote cells with commas.")
    return {name: cell for name, cell in row.items() if name is not None and cell}
