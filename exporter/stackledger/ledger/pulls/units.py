"""Which units of a usage report are those of which line of costs: each row's for one line, or for none.

A vendor may leave out rows of usage beyond the hundredth of a day. A row that is there is whole for its model, but a
sum over several rows may then be too small, and is unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from stackledger.ledger.charges.names import fingerprint
from stackledger.ledger.pulls.anthropic import UNBILLED_TIER
from stackledger.ledger.pulls.values import Billed, Used
from stackledger.money import PICO

_TOP: Final = 100
"""A day with so many rows of usage may have been cut there."""

Place = tuple[date, str, str, str, str, str]
"""Day, account, model, bucket, tier, currency."""
_Row = tuple[int, Used]
"""A row and its number."""


def units_of(
    lines: Mapping[Place, Billed], used: Sequence[Used], named: Collection[tuple[date, str, str]]
) -> dict[Place, int]:
    """1e-12 of a unit by place, for those whose units are told for sure. `named` are the models that costs name."""
    by_account: dict[tuple[date, str], list[_Row]] = defaultdict(list)
    for number, one in enumerate(used):
        if one.tier != UNBILLED_TIER:
            by_account[one.day, one.account].append((number, one))
    rows_on = Counter(one.day for one in used)
    rows_of: dict[Place, list[_Row]] = {}
    for place, line in lines.items():
        rows = _rows(line, by_account.get((line.day, line.account), []), named)
        if _is_row(line, rows) or rows_on[line.day] < _TOP:
            rows_of[place] = rows
    # two names for one model: nobody knows which of the units are whose
    wanted_by = Counter((number, lines[place].bucket) for place, rows in rows_of.items() for number, _ in rows)
    found = {}
    for place, rows in rows_of.items():
        bucket = lines[place].bucket
        if all(wanted_by[number, bucket] == 1 for number, _ in rows):
            found[place] = sum(int(getattr(one.usage, bucket)) for _, one in rows) * PICO
    return {place: units for place, units in found.items() if units}


def _is_row(line: Billed, rows: Sequence[_Row]) -> bool:
    """Whether the line is of exactly what one row is of."""
    return len(rows) == 1 and bool(line.model) and rows[0][1].tier == line.tier


def _rows(line: Billed, rows: Iterable[_Row], named: Collection[tuple[date, str, str]]) -> list[_Row]:
    """Rows of the line's model under its name, else of the one whose name means the same and that no cost has."""
    of_tier = [row for row in rows if not line.tier or row[1].tier == line.tier]
    if not line.model:
        return of_tier
    exactly = [row for row in of_tier if row[1].model == line.model]
    if exactly:
        return exactly
    wanted = fingerprint(line.model)
    alike = [
        row
        for row in of_tier
        if fingerprint(row[1].model) == wanted and (line.day, line.account, row[1].model) not in named
    ]
    return alike if len({one.model for _, one in alike}) == 1 else []
