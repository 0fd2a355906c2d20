"""What others charged for a month: each source's amount in its own currency and in USD, and whether it is all there.

A charge counts by its days of UTC. One for a longer time counts by the days of it that are in the month, so that the
months sum to it exactly; one in another currency by the rate of the last of those days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import msgspec

from stackledger.ledger.charges.charge import Charge, Kind, Stored
from stackledger.ledger.charges.store import charges_between
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.per_user.arithmetic import share_of_days
from stackledger.ledger.per_user.definition import Reason, Why
from stackledger.ledger.rates import Rates
from stackledger.ledger.reconcile.cells import days_of
from stackledger.ledger.reconcile.estimates import EPOCH
from stackledger.ledger.reconcile.settle import settled
from stackledger.ledger.rows import DAY_US

FINAL: Final = "final"
PROVISIONAL: Final = "provisional"


class SourceSum(msgspec.Struct, frozen=True):
    """What one source charged in one currency, in pico-units as digits. `usd` is None where a rate is missing."""

    kind: str
    source: str
    currency: str
    amount: str
    usd: str | None
    rates: list[str]
    status: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Charges of which month (both days included), read how; `as_of` a delivery, as they were after it."""

    first: date
    last: date
    now_us: int
    rates: Rates
    settle_days: Mapping[str, float] = field(default_factory=dict)
    leave_out: Collection[str] = ()
    only: Collection[str] = ()
    """Sources, or their providers, that count alone; without them all do."""
    as_of: int | None = None

    @property
    def days(self) -> tuple[int, int]:
        """Days since 1970, the last excluded."""
        return (self.first - EPOCH).days, (self.last - EPOCH).days + 1


@dataclass(frozen=True, slots=True)
class Charged:
    """All that a kind's sources charged. `usd` is pico-USD, None where a rate is missing."""

    usd: int | None
    sources: Sequence[SourceSum]
    present: frozenset[str]
    """Names of the sources, and of their providers."""
    before: frozenset[str]
    """Sources that count and charged for the month before."""
    aside: Sequence[str]
    """Sources that charged for the month and do not count."""
    reasons: Sequence[Why]


def charged(engine: Engine, kind: str, ask: Ask) -> Charged:
    """What was charged, and what keeps it from being known: a rate that is missing, a source that is not final."""
    begin, end = ask.days
    earlier = ((ask.first - timedelta(days=1)).replace(day=1) - EPOCH).days
    stored = charges_between(engine, kind, (earlier - 1) * DAY_US, (end + 1) * DAY_US, as_of=ask.as_of)
    touching = [one for one in stored if _touches(one.charge, begin, end)]
    inside = [one for one in touching if _counts(one.charge, ask)]
    by_source: dict[str, list[Stored]] = defaultdict(list)
    for one in inside:
        by_source[one.charge.source].append(one)
    sums: list[SourceSum] = []
    reasons: list[Why] = []
    for source, lines in sorted(by_source.items()):
        final = all(settled(one.charge, ask.now_us, ask.settle_days) for one in lines)
        final = final and (kind == Kind.BILL or _is_whole(lines, ask))  # days of bills are held against those of calls
        if not final:
            reasons.append(
                Why(
                    Reason.BILL_NOT_FINAL,
                    f"the {kind} of {source} is not final or not of the whole month: import it again once it is"
                    " (a line with its invoice's number is final)",
                )
            )
        for summed, day in _by_currency([line.charge for line in lines], ask, FINAL if final else PROVISIONAL):
            sums.append(summed)
            if day is not None:
                words = ask.rates.why_not(summed.currency, day)
                reasons.append(Why(Reason.NO_RATE, f"{kind} of {source}: {words}: add it to costs.rates.file"))
    unknown = any(one.usd is None for one in sums)
    return Charged(
        usd=None if unknown else sum(int(one.usd or 0) for one in sums),
        sources=sums,
        present=frozenset({*by_source, *(one.charge.provider for one in inside)}),
        before=frozenset(
            one.charge.source for one in stored if _touches(one.charge, earlier, begin) and _counts(one.charge, ask)
        ),
        aside=sorted({one.charge.source for one in touching} - set(by_source)),
        reasons=reasons,
    )


def _touches(one: Charge, begin: int, end: int) -> bool:
    first, until = days_of(one)
    return first < end and until > begin


def _counts(one: Charge, ask: Ask) -> bool:
    return not ask.only or one.source in ask.only or one.provider in ask.only


def _is_whole(lines: Sequence[Stored], ask: Ask) -> bool:
    """Whether every day of the month is told of.

    By the days of a line; or by its whole billing period, where that was delivered after its end or was invoiced.
    """
    covered: set[int] = set()
    for one in lines:
        covered.update(range(*days_of(one.charge)))
        if one.charge.invoice or one.imported_us >= one.charge.period_until_us:
            covered.update(range(*days_of(_period(one.charge))))
    return covered >= set(range(*ask.days))


def _period(one: Charge) -> Charge:
    return one._replace(from_us=one.period_from_us, until_us=one.period_until_us)


def _by_currency(charges: Sequence[Charge], ask: Ask, status: str) -> Iterator[tuple[SourceSum, date | None]]:
    """Each currency's sum, with the first day of which no rate is known."""
    begin, end = ask.days
    groups: dict[str, list[Charge]] = defaultdict(list)
    for one in charges:
        groups[one.currency].append(one)
    for currency, of_currency in sorted(groups.items()):
        amount, usd = 0, 0
        unknown: list[date] = []
        used: set[str] = set()
        for one in of_currency:
            if one.category in ask.leave_out:
                continue
            first, until = days_of(one)
            part = share_of_days(one.billed, first, until, begin, end)
            day = EPOCH + timedelta(min(until, end) - 1)
            worth = ask.rates.worth(part, currency, day)
            amount += part
            if worth is None:
                unknown.append(day)
                continue
            usd += worth.usd
            if worth.rate is not None:
                used.add(str(worth.rate))
        head = of_currency[0]
        told = None if unknown else str(usd)
        summed = SourceSum(head.kind, head.source, currency, str(amount), told, sorted(used), status)
        yield summed, min(unknown, default=None)
