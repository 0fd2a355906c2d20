"""From both sides to the answer: a pure function of estimates, lines of bills, and the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stackledger.ledger.charges.charge import Category, Charge
from stackledger.ledger.reconcile.cells import Names, cells, days_of
from stackledger.ledger.reconcile.settle import settled
from stackledger.ledger.reconcile.split import Ground, split
from stackledger.ledger.reconcile.values import (
    ALL_MODELS,
    AccountSum,
    Cause,
    Cell,
    Compared,
    Estimate,
    Key,
    Reconciliation,
)
from stackledger.ledger.rows import DAY_US
from stackledger.money import PICO, USD

_CENT = PICO // 100
_LUMPS: Mapping[str, Cause] = {
    Category.TAX: Cause.TAX,
    Category.CREDIT: Cause.CREDITS,
    Category.REFUND: Cause.CREDITS,
    Category.ROUNDING: Cause.ROUNDING,
    Category.PURCHASE: Cause.FEES,
    Category.ADJUSTMENT: Cause.ADJUSTMENTS,
}
_NOT_COVERED = (Cause.MISSING, Cause.NOT_OURS, Cause.UNEXPLAINED)
"""What is billed for usage that our calls do not account for."""
FINAL, PROVISIONAL, NO_BILL = "final", "provisional", "no bill"


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are asked about, the last excluded; `now_us` decides what is final."""

    first: int
    until: int
    now_us: int
    settle_days: Mapping[str, float] = field(default_factory=dict)
    by_account: bool = False
    """Whether calls tell their account; else all accounts of a provider are compared as one."""
    steps: Mapping[str, int] = field(default_factory=dict)
    """The last decimal, in pico-USD, of lines that were in another currency, by row."""

    def holds(self, first: int, until: int) -> bool:
        """Whether these days are among them."""
        return first >= self.first and until <= self.until

    def touches(self, first: int, until: int) -> bool:
        """Whether any of these days is among them."""
        return first < self.until and until > self.first


def reconcile(ours: Sequence[Estimate], charges: Iterable[Charge], span: Span) -> Reconciliation:
    """Compare. Both sides should also have the day before and the day after, so that a shift is seen at the edges."""
    others: dict[str, int] = defaultdict(int)
    lines: list[Charge] = []
    for one in charges:
        if one.currency == USD:
            lines.append(one if span.by_account else one._replace(account=""))
        elif span.touches(*days_of(one)):
            others[one.currency] += one.billed
    usage = [one for one in lines if _is_usage(one)]
    names = Names(usage)
    grounds = _Grounds(ours, usage, names, span)
    found: list[Compared] = []
    longer: list[int] = []
    for key, of_key in cells(ours, usage, names).items():
        split(of_key, grounds.of(key))
        for cell in of_key:
            if span.holds(cell.first, cell.until):
                found.append(_line(key, cell, grounds.models(key)))
            elif cell.lines and span.touches(cell.first, cell.until):
                longer.append(cell.billed)
    for one in lines:
        if _is_usage(one) and names.of_charge(one) is not None:
            continue
        if span.holds(*days_of(one)):
            found.append(_lump(one, grounds))
        elif span.touches(*days_of(one)):
            longer.append(one.billed)
    accounts = _accounts(found, ours, lines, span)
    return Reconciliation(found, accounts, dict(others), len(longer), sum(longer))


def _is_usage(one: Charge) -> bool:
    """Usage, and adjustments that say of how much of what. A correction of an amount alone is not usage."""
    told = bool(one.model and one.unit) and one.quantity is not None
    return told if one.corrects or one.category == Category.ADJUSTMENT else one.category == Category.USAGE


class _Grounds:
    """What is known of each account and model."""

    def __init__(self, ours: Sequence[Estimate], usage: Sequence[Charge], names: Names, span: Span) -> None:
        self._accounts = {(one.provider, one.account) for one in ours}
        self._ours: dict[Key, set[str]] = defaultdict(set)
        for one in ours:
            self._ours[names.of_estimate(one)].add(one.model)
        self._models = {(key.provider, key.account, key.model) for key in self._ours}
        self._days: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._open: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._quanta: dict[tuple[str, str], int] = {}
        for line in usage:
            place = (line.provider, line.account)
            self._days[place].update(range(*days_of(line)))
            if not settled(line, span.now_us, span.settle_days):
                self._open[place].update(range(*days_of(line)))
            step = span.steps.get(line.row_id) or last_decimal(line.billed)
            self._quanta[place] = min(self._quanta.get(place, step), step)

    def of(self, key: Key) -> Ground:
        """For the lines of one key."""
        place = (key.provider, key.account)
        sent = (*place, key.model) in self._models
        days, open_days = (frozenset(known.get(place, ())) for known in (self._days, self._open))
        return Ground(sent, days, open_days, self._quanta.get(place, _CENT))

    def models(self, key: Key) -> tuple[str, ...]:
        """What we call the models of a key; none where it is for any model."""
        return () if key.model in ("", ALL_MODELS) else tuple(sorted(self._ours.get(key, ())))

    def known(self, one: Charge) -> bool:
        """Whether anybody sent calls of the line's account."""
        return (one.provider, one.account) in self._accounts


def last_decimal(amount: int) -> int:
    """The last decimal that the amount has, at most a cent."""
    step = _CENT
    while amount % step:
        step //= 10
    return step


def _line(key: Key, cell: Cell, models: tuple[str, ...]) -> Compared:
    return Compared(
        key.provider, key.account, cell.first, cell.until, key.model, key.unit, cell.est_units, cell.bill_units,
        cell.est_cost, cell.billed, {cause: amount for cause, amount in cell.causes.items() if amount}, models,
    )  # fmt: skip


def _lump(one: Charge, grounds: _Grounds) -> Compared:
    """A line with no units of ours beside it: one cause for all of it."""
    cause = _LUMPS.get(one.category)
    if cause is None and one.corrects:
        cause = Cause.ADJUSTMENTS
    elif cause is None:
        cause = Cause.UNEXPLAINED if grounds.known(one) else Cause.NOT_OURS
    first, until = days_of(one)
    words = one.sku if one.category == Category.USAGE else one.category
    causes = {cause: one.billed} if one.billed else {}
    return Compared(one.provider, one.account, first, until, words, "", 0, None, 0, one.billed, causes)


def _accounts(
    lines: Sequence[Compared], ours: Sequence[Estimate], charges: Sequence[Charge], span: Span
) -> list[AccountSum]:
    used: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one in ours:
        if span.holds(one.day, one.day + 1):
            used[one.provider, one.account].add(one.day)
    billed: dict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        if span.holds(*days_of(charge)):
            billed[charge.provider, charge.account].append(charge)
    found = []
    for place in sorted({(one.provider, one.account) for one in lines}):
        of_place = [line for line in lines if (line.provider, line.account) == place]
        causes: dict[Cause, int] = {}
        for line in of_place:
            for cause, part in line.causes.items():
                causes[cause] = causes.get(cause, 0) + part
        bill_days = {day for charge in billed[place] if _is_usage(charge) for day in range(*days_of(charge))}
        usage = [line for line in of_place if not _besides_usage(line)]
        amount = sum(line.billed for line in usage)
        without = sum(max(0, line.causes.get(cause, 0)) for line in usage for cause in _NOT_COVERED)
        complete = used[place] <= bill_days and span.until * DAY_US <= span.now_us
        found.append(
            AccountSum(
                *place,
                estimated=sum(line.estimated for line in of_place),
                billed=sum(line.billed for line in of_place),
                causes=causes,
                usage_billed=amount,
                covered=max(0, amount - without),
                days_billed=len(used[place] & bill_days),
                days_used=len(used[place]),
                status=_status(billed[place], span, complete=complete),
            )
        )
    return found


def _besides_usage(line: Compared) -> bool:
    """Whether it is a whole line of tax, credit or the like."""
    alone = not line.est_units and line.bill_units is None and not line.unit
    return alone and bool(line.causes) and set(line.causes) <= set(_LUMPS.values())


def _status(charges: Sequence[Charge], span: Span, *, complete: bool) -> str:
    if not charges:
        return NO_BILL
    done = complete and all(settled(one, span.now_us, span.settle_days) for one in charges)
    return FINAL if done else PROVISIONAL
