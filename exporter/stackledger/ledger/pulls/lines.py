"""What a vendor's reports say, as lines of a bill.

A report of costs tells amounts, one of usage tells units, and a line of a bill needs both. Amounts are of costs alone.
Units are those that the line of costs tells itself; else lines that mean the same model, kind of unit and service tier
become one, and the units of the usage report stand on it, once. Where they are not told for sure they are unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from stackledger.ledger.charges.charge import Category, Charge, Kind
from stackledger.ledger.charges.names import fingerprint
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.periods import last_of_month
from stackledger.ledger.prices.timeline import midnight_us
from stackledger.ledger.pulls.anthropic import UNBILLED_TIER
from stackledger.ledger.pulls.values import OTHERS, Billed, Used
from stackledger.money import PICO

_TOP: Final = 100
"""A day with so many rows of usage may have been cut there."""

Place = tuple[date, str, str, str, str, str]
"""Day, account, model, bucket, tier, currency."""


class Bill(NamedTuple):
    """Whose lines they are."""

    kind: Kind
    source: str
    provider: str
    file: str
    """Where they come from, for people."""


def bill_lines(bill: Bill, costs: Sequence[Billed], used: Sequence[Used]) -> list[Charge]:
    """The lines of a month's bill, identified."""
    units = _Units(used, costs)
    alike: dict[Place, list[Billed]] = defaultdict(list)
    for one in costs:
        alike[one.day, one.account, one.model, one.bucket, one.tier, one.currency].append(one)
    found = []
    for lines in alike.values():
        if not lines[0].bucket or any(one.quantity is not None for one in lines):
            found += [line_of(bill, *_month(one.day), one) for one in _by_words(lines)]
        else:
            whole = _summed(lines)._replace(quantity=units.of(lines[0]))
            found.append(line_of(bill, *_month(lines[0].day), whole))
    return identified(found)


def line_of(bill: Bill, begin: date, end: date, one: Billed | Summed) -> Charge:
    """A line in the billing period from one day to another, the last excluded."""
    credit = one.amount < 0 and one.words != OTHERS
    return Charge(
        kind=bill.kind,
        source=bill.source,
        file=bill.file,
        provider=bill.provider,
        account=one.account,
        from_us=midnight_us(one.day),
        until_us=midnight_us(one.day + timedelta(days=1)),
        period_from_us=midnight_us(begin),
        period_until_us=midnight_us(end),
        sku=one.words,
        model=one.model,
        unit=one.bucket,
        quantity=one.quantity,
        billed=one.amount,
        effective=None,
        listed=None,
        currency=one.currency,
        category=Category.CREDIT if credit else Category.USAGE,
        corrects=False,
        invoice="",
        row_id="",
    )


def _month(day: date) -> tuple[date, date]:
    return day.replace(day=1), last_of_month(day) + timedelta(days=1)


class Summed(NamedTuple):
    """Several lines as one."""

    day: date
    account: str
    words: str
    amount: int
    currency: str
    model: str
    bucket: str
    quantity: int | None


def _summed(lines: Sequence[Billed]) -> Summed:
    """One line for all; its units are known where all of theirs are."""
    first = lines[0]
    words = " + ".join(sorted({one.words for one in lines}))
    told = [one.quantity for one in lines if one.quantity is not None]
    quantity = sum(told) if len(told) == len(lines) else None
    amount = sum(one.amount for one in lines)
    return Summed(first.day, first.account, words, amount, first.currency, first.model, first.bucket, quantity)


def _by_words(lines: Iterable[Billed]) -> list[Summed]:
    """One line for the same words: a vendor may tell a group in several."""
    found: dict[str, list[Billed]] = defaultdict(list)
    for one in lines:
        found[one.words].append(one)
    return [_summed(same) for same in found.values()]


class _Units:
    """Units by day, account and model, each given out once."""

    def __init__(self, used: Sequence[Used], costs: Iterable[Billed]) -> None:
        self._named = {(one.day, one.account, one.model) for one in costs}
        self._given: set[tuple[int, str]] = set()
        self._rows: dict[tuple[date, str], list[tuple[int, Used]]] = defaultdict(list)
        self._counted = Counter(one.day for one in used)
        for number, one in enumerate(used):
            if one.tier != UNBILLED_TIER:
                self._rows[one.day, one.account].append((number, one))

    def of(self, line: Billed) -> int | None:
        """1e-12 of a unit for all lines of the line's model, bucket and tier; None where that is not told for sure."""
        rows = [(number, one) for number, one in self._of_model(line) if not line.tier or one.tier == line.tier]
        single = len(rows) == 1 and bool(line.model) and rows[0][1].tier == line.tier
        if not single and self._counted[line.day] >= _TOP:
            return None  # of several rows that belong together, some may have been cut
        taken = {(number, line.bucket) for number, _ in rows}
        if taken & self._given:
            return None  # two names for one model: nobody knows which of the units are whose
        self._given |= taken
        return sum(int(getattr(one.usage, line.bucket)) for _, one in rows) * PICO or None

    def _of_model(self, line: Billed) -> list[tuple[int, Used]]:
        """Rows of the model under its name, else of the one whose name means the same and that no cost has."""
        rows = self._rows.get((line.day, line.account), [])
        if not line.model:
            return rows
        exactly = [row for row in rows if row[1].model == line.model]
        if exactly:
            return exactly
        wanted = fingerprint(line.model)
        alike = [
            row
            for row in rows
            if fingerprint(row[1].model) == wanted and (line.day, line.account, row[1].model) not in self._named
        ]
        return alike if len({one.model for _, one in alike}) == 1 else []
