"""Both sides under the same names: our models as the bill calls them, our buckets as finely as it counts them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.names import fingerprint
from stackledger.ledger.reconcile.values import ALL_MODELS, Cell, Estimate, Key
from stackledger.ledger.rows import DAY_US
from stackledger.money import PICO

_LONG_US = 25 * 3600 * 1_000_000  # a day may have 25 hours
_COARSER = {"reasoning": "output", "cache_write_1h": "cache_write_5m"}
"""What most bills count together with another bucket."""

Days = tuple[int, int]


def days_of(charge: Charge) -> Days:
    """Days (UTC) that a line is for. A day of another zone is the UTC day that most of it lies in."""
    if charge.until_us - charge.from_us <= _LONG_US:
        day = (charge.from_us + charge.until_us) // 2 // DAY_US
        return day, day + 1
    first = round(charge.from_us / DAY_US)
    return first, max(first + 1, round(charge.until_us / DAY_US))


class Names:
    """How the bills of all accounts call what was used."""

    def __init__(self, usage: Iterable[Charge]) -> None:
        self._units: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._alike: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
        self._whole: set[tuple[str, str]] = set()
        for one in usage:
            place = (one.provider, one.account)
            if not one.model and not one.unit and not one.sku:
                self._whole.add(place)
            self._units[*place, one.model].add(one.unit)
            if one.model:
                self._alike[*place, fingerprint(one.model)].add(one.model)

    def of_charge(self, one: Charge) -> Key | None:
        """Where a line of usage belongs; None where nobody knows what it is for."""
        if (one.provider, one.account) in self._whole:
            return Key(one.provider, one.account, ALL_MODELS, "")
        if not one.model and one.unit not in BUCKETS:
            return None
        return self._as_fine(one.provider, one.account, one.model, one.unit if one.unit in BUCKETS else "")

    def of_estimate(self, one: Estimate) -> Key:
        """Where our units belong."""
        place = (one.provider, one.account)
        if place in self._whole:
            return Key(*place, ALL_MODELS, "")
        if one.unit in self._units.get((*place, ""), ()):
            return Key(*place, "", one.unit)  # billed for all models together, as searches are
        model = one.model
        if (*place, model) not in self._units:
            alike = self._alike.get((*place, fingerprint(model)), set())
            if len(alike) == 1:  # of several dated ones, nobody knows which is meant
                model = next(iter(alike))
        return self._as_fine(*place, model, one.unit)

    def _as_fine(self, provider: str, account: str, model: str, unit: str) -> Key:
        billed = self._units.get((provider, account, model), set())
        if billed and not billed <= set(BUCKETS):
            return Key(provider, account, model, "")  # a line for the whole model: all its units are compared at once
        coarser = _COARSER.get(unit)
        if coarser is not None and coarser in billed and unit not in billed:
            unit = coarser
        return Key(provider, account, model, unit)


def cells(ours: Sequence[Estimate], usage: Sequence[Charge], names: Names) -> dict[Key, list[Cell]]:
    """For each key its periods in order, days where the bill has days. Lines that nobody understands are left out."""
    bills: dict[Key, list[Charge]] = defaultdict(list)
    for charge in usage:
        if (key := names.of_charge(charge)) is not None:
            bills[key].append(charge)
    mine: dict[Key, list[Estimate]] = defaultdict(list)
    for one in ours:
        mine[names.of_estimate(one)].append(one)
    return {key: _cells_of(mine.get(key, ()), bills.get(key, ())) for key in sorted({*bills, *mine})}


def _cells_of(ours: Sequence[Estimate], lines: Sequence[Charge]) -> list[Cell]:
    spans = _merged([*map(days_of, lines), *((one.day, one.day + 1) for one in ours)])
    found = [Cell(*span) for span in spans]
    at = {day: cell for cell in found for day in range(cell.first, cell.until)}
    for one in ours:
        cell = at[one.day]
        cell.est_units += one.units * PICO
        cell.est_priced += (one.units - one.unpriced) * PICO
        cell.est_cost += one.cost
    for line in lines:
        cell = at[days_of(line)[0]]
        cell.lines += 1
        known = line.quantity is not None and line.unit in BUCKETS
        cell.bill_units = cell.bill_units + (line.quantity or 0) if known and cell.bill_units is not None else None
        cell.billed += line.billed
        cell.listed += line.billed if line.listed is None else line.listed
    return found


def _merged(spans: Iterable[Days]) -> list[Days]:
    """The spans, those that overlap as one."""
    found: list[Days] = []
    for first, until in sorted(set(spans)):
        if found and first < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((first, until))
    return found
