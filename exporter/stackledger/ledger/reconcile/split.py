"""The arithmetic: the difference of each cell as causes that sum to it exactly.

With B the bill, E ours, u units and p our price of a unit (on that day, else on the nearest day, else the bill's own):
B - E = units moved to or from a neighbouring day, times p
      + other units billed beyond ours (missing, not ours) or ours beyond the bill (duplicates, not billed), times p
      + our units whose price we do not know, times p (unpriced)
      + what the bill has below its own list price (discount)
      + the rest: the list price less p, for what was billed (price), or rounding where it is that small.
Each product is rounded once and the rest is a difference of integers, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stackledger.ledger.reconcile.values import Cause, Cell


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of a provider's account beyond one key."""

    sent: bool
    """Whether any call of ours is of the account and the model."""
    days: frozenset[int]
    """Days for which the bill has any usage."""
    open_days: frozenset[int]
    """Those of them whose bill may still change."""
    quantum: int
    """The finest step of the bill's amounts, in pico-units."""


def split(cells: Sequence[Cell], ground: Ground) -> None:
    """Fill in the causes of one key's cells."""
    prices = _prices(cells)
    moved = _moved(cells, ground)
    has_bill = any(cell.lines for cell in cells)
    shifted = [0] * len(cells)
    for giving, taking, units in moved:
        amount = round(prices[giving] * units)
        shifted[giving] -= units
        shifted[taking] += units
        cells[giving].put(Cause.DAY_BOUNDARY, -amount)
        cells[taking].put(Cause.DAY_BOUNDARY, amount)
    for cell, price, units in zip(cells, prices, shifted, strict=True):
        if not cell.lines and not _covered(cell, ground, has_bill=has_bill):
            cell.put(Cause.NOT_BILLED, cell.rest)
            continue
        if cell.bill_units is None:
            _without_units(cell, ground)
            continue
        more = cell.more - units
        if more > 0 and not ground.sent:
            cell.put(Cause.NOT_OURS, cell.rest)
            continue
        if more:
            cell.put(_why(cell, ground, more), round(price * more))
        cell.put(Cause.UNPRICED, round(price * (cell.est_units - cell.est_priced)))
        _prices_differ(cell, ground)


def _why(cell: Cell, ground: Ground, more: int) -> Cause:
    """Units billed beyond ours were missed; ours beyond a bill that may still grow are not yet billed."""
    if more > 0:
        return Cause.MISSING
    still_open = any(day in ground.open_days for day in range(cell.first, cell.until))
    return Cause.NOT_BILLED if still_open else Cause.DUPLICATES


def _covered(cell: Cell, ground: Ground, *, has_bill: bool) -> bool:
    """Whether the bill would tell of such units if there were any."""
    return has_bill and all(day in ground.days for day in range(cell.first, cell.until))


def _prices_differ(cell: Cell, ground: Ground) -> None:
    discount = cell.billed - cell.listed
    if discount < 0 and abs(cell.rest) > _slack(cell, ground):
        cell.put(Cause.DISCOUNT, discount)
    rest = cell.rest
    if abs(rest) <= _slack(cell, ground):
        cell.put(Cause.ROUNDING, rest)
    elif discount > 0:
        cell.put(Cause.UNEXPLAINED, discount)  # nobody bills above a list price for a reason that the bill tells
        cell.put(Cause.PRICE, rest - discount)
    else:
        cell.put(Cause.PRICE, rest)


def _without_units(cell: Cell, ground: Ground) -> None:
    """Amounts alone: what differs beyond discount and rounding cannot be told apart."""
    if not ground.sent:
        cell.put(Cause.NOT_OURS, cell.rest)
        return
    if cell.billed < cell.listed:
        cell.put(Cause.DISCOUNT, cell.billed - cell.listed)
    cell.put(Cause.ROUNDING if abs(cell.rest) <= _slack(cell, ground) else Cause.UNEXPLAINED, cell.rest)


def _slack(cell: Cell, ground: Ground) -> int:
    """What rounding can make of the lines: half a step each, and a pico-unit of our own."""
    return cell.lines * (ground.quantum // 2 + 1)


def _prices(cells: Sequence[Cell]) -> list[Fraction]:
    """The price of a unit in each cell: ours, else ours of the nearest cell, else the bill's."""
    own = [Fraction(cell.est_cost, cell.est_priced) if cell.est_priced else None for cell in cells]
    known = [place for place, price in enumerate(own) if price is not None]
    found: list[Fraction] = []
    for place, cell in enumerate(cells):
        price = own[place]
        if price is None and known:
            price = own[min(known, key=lambda other, cell=cell: (abs(cells[other].first - cell.first), other))]  # type: ignore[misc]
        if price is None:
            price = Fraction(cell.listed, cell.bill_units) if cell.bill_units else Fraction(0)
        found.append(price)
    return found


def _moved(cells: Sequence[Cell], ground: Ground) -> list[tuple[int, int, int]]:
    """Units that the bill has on a neighbouring day: (from which cell, to which, how many).

    A run of days that all differ, whose differences sum to nothing, is a boundary between days that lies elsewhere:
    the sum up to each day is what crossed its midnight, always in one direction and never more than a day has.
    """
    found: list[tuple[int, int, int]] = []
    place = 0
    while place < len(cells):
        run = _run(cells, ground, place)
        found += run
        place = max((max(one, other) for one, other, _ in run), default=place) + 1
    return found


def _run(cells: Sequence[Cell], ground: Ground, place: int) -> list[tuple[int, int, int]]:
    if not _is_day(cells[place], ground):
        return []
    found: list[tuple[int, int, int]] = []
    crossed = first = cells[place].more
    while crossed:
        after = place + 1
        if after >= len(cells) or cells[after].first != cells[place].until or not _is_day(cells[after], ground):
            return []
        giving, taking = (place, after) if crossed < 0 else (after, place)
        if abs(crossed) > cells[giving].est_units or not cells[after].more:
            return []
        found.append((giving, taking, abs(crossed)))
        crossed += cells[after].more
        if crossed * first < 0:
            return []
        place = after
    return found


def _is_day(cell: Cell, ground: Ground) -> bool:
    return cell.until - cell.first == 1 and cell.first in ground.days and cell.bill_units is not None
