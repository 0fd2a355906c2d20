"""Plain CSV in our own words: a column for each field of an event and for each bucket; tags as columns "tag.NAME"."""

from __future__ import annotations

import csv
import difflib
import io
from typing import Any, Final

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.event import Refusal, UsageEvent
from stackledger.ledger.intake.body import BodyError, Fault
from stackledger.ledger.intake.build import EXPECTED, build
from stackledger.ledger.intake.exports.rows import Row, csv_rows, text_of
from stackledger.ledger.intake.providers.reading import shown
from stackledger.ledger.intake.result import Outcomes, Taken

_TAG: Final = "tag."
_DIGITS: Final = 30  # far above any count, far below what takes time to parse
COLUMNS: Final = (*(name for name in EXPECTED if name not in {"usage", "tags"}), *BUCKETS)


def take(body: bytes) -> Taken:
    """The events of one file. A column of an unknown name refuses the file: its counts would be lost in silence."""
    text = text_of(body)
    _check_header(text)
    outcomes = Outcomes()
    for row in csv_rows(text):
        outcomes.add(row if isinstance(row, Refusal) else _take(row))
    return outcomes.taken()


def _check_header(text: str) -> None:
    try:
        header = next(csv.reader(io.StringIO(text)), [])
    except csv.Error as error:
        raise BodyError(Fault.MALFORMED, f"The file is no CSV: {error}.") from None
    if len(set(header)) < len(header):
        raise BodyError(Fault.MALFORMED, "Two columns have the same name: each needs its own.")
    for name in header:
        if name not in COLUMNS and not name.startswith(_TAG):
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else f" Columns are {', '.join(COLUMNS)} and {_TAG}NAME."
            raise BodyError(Fault.MALFORMED, f"A column is unknown: {shown([name])}.{meant}")
    missing = [name for name in ("id", "time", "provider", "model") if name not in header]
    if missing:
        raise BodyError(Fault.MALFORMED, f"The header lacks {', '.join(missing)}: its first line names the columns.")


def _take(row: Row) -> UsageEvent | Refusal:
    fields: dict[str, Any] = {name: cell for name, cell in row.items() if name in EXPECTED}
    fields["usage"] = {name: _number(cell) for name, cell in row.items() if name in BUCKETS}
    tags = {name.removeprefix(_TAG): cell for name, cell in row.items() if name.startswith(_TAG)}
    return build({**fields, "tags": tags} if tags else fields)


def _number(cell: str) -> object:
    """A whole number where it is one; anything else is left for the check to refuse with its reason."""
    if cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS:
        return int(cell)
    try:
        return float(cell)
    except ValueError:
        return cell
