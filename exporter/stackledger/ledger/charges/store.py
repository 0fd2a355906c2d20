"""Charges into the ledger and out of it, the same way on every engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stackledger.ledger.charges.charge import CHARGE_FIELDS, Change, Charge, Stored
from stackledger.ledger.engines.base import Engine

_COLUMNS: Final = ", ".join(("id", "delivery", "imported", *CHARGE_FIELDS))
_HEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery changed. `number` is the delivery's, 0 where it changed nothing."""

    added: int
    unchanged: int
    superseded: int
    number: int


def deliver(
    engine: Engine, charges: Sequence[Charge], imported_us: int, *, add: bool = False, dry: bool = False
) -> Delivered:
    """Store a delivery. For each kind, source and billing period in it, lines that it no longer has are superseded.

    With `add` it is a part: nothing is superseded. Delivering the same again changes nothing. With `dry` nothing is
    stored, and the number is 0.
    """
    after = _last_delivery(engine)
    scopes = {(one.kind, one.source, one.period_from_us, one.period_until_us) for one in charges}
    kept = {(one.charge.kind, one.charge.source, one.charge.row_id): one for one in _of_scopes(engine, scopes)}
    wanted = {(one.kind, one.source, one.row_id): one for one in charges}
    added = tuple(one for key, one in wanted.items() if key not in kept)
    gone = () if add else tuple(one.id for key, one in kept.items() if key not in wanted)
    unchanged = len(wanted) - len(added)
    if dry or (not added and not gone):
        return Delivered(len(added), unchanged, len(gone), 0)
    number = engine.charge(Change(after, added, gone, imported_us))
    return Delivered(len(added), unchanged, len(gone), number)


def charges_between(
    engine: Engine, kind: str, from_us: int, until_us: int, *, as_of: int | None = None
) -> list[Stored]:
    """Lines in force whose time touches a range; `as_of` a delivery, as they were after it."""
    force, parameters = _in_force(as_of)
    rows = engine.query(
        f"SELECT {_COLUMNS} FROM charge WHERE kind = ? AND from_us < ? AND until_us > ? AND {force} ORDER BY id",
        [kind, until_us, from_us, *parameters],
    )
    return [_stored(row) for row in rows]


def periods_of(engine: Engine, source: str) -> set[tuple[int, int]]:
    """Billing periods of which a source has lines in force, as microseconds since 1970, the last excluded."""
    rows = engine.query(
        "SELECT DISTINCT period_from_us, period_until_us FROM charge WHERE source = ? AND superseded IS NULL", [source]
    )
    return {(int(first), int(until)) for first, until in rows}


def last_delivery(engine: Engine) -> int:
    """The number of the latest delivery, 0 before the first."""
    return _last_delivery(engine)


def _in_force(as_of: int | None) -> tuple[str, list[object]]:
    if as_of is None:
        return "superseded IS NULL", []
    return "delivery <= ? AND (superseded IS NULL OR superseded > ?)", [as_of, as_of]


def _last_delivery(engine: Engine) -> int:
    # A delivery that only takes lines away has no line of its own.
    (row,) = engine.query("SELECT coalesce(max(delivery), 0), coalesce(max(superseded), 0) FROM charge")
    return max(int(row[0]), int(row[1]))


def _of_scopes(engine: Engine, scopes: Iterable[tuple[str, str, int, int]]) -> list[Stored]:
    found: list[Stored] = []
    for kind, source, from_us, until_us in sorted(scopes):
        rows = engine.query(
            f"SELECT {_COLUMNS} FROM charge WHERE kind = ? AND source = ? AND period_from_us = ?"
            " AND period_until_us = ? AND superseded IS NULL ORDER BY id",
            [kind, source, from_us, until_us],
        )
        found += map(_stored, rows)
    return found


def _stored(row: Sequence[object]) -> Stored:
    number, delivery, imported = row[:_HEAD]
    charge = Charge(*row[_HEAD:])  # type: ignore[arg-type]  # a row has the columns in the order of the fields
    return Stored(int(str(number)), int(str(delivery)), int(str(imported)), charge)
