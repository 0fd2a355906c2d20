"""Whether a bill can be paid: in one word for each provider, and the sums of its accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction

from stackledger.ledger.reconcile.answers import AccountTold
from stackledger.ledger.reconcile.compare import FINAL, NO_BILL, PROVISIONAL
from stackledger.money import PICO


class Verdict(StrEnum):
    """How a bill stands beside our estimate."""

    MATCHES = "matches"
    EXPLAINED = "explained"
    TOLERATED = "explained within tolerance"
    UNEXPLAINED = "not explained"
    PROVISIONAL = "provisional"
    NO_BILL = "no bill"


GOOD = frozenset({Verdict.MATCHES, Verdict.EXPLAINED, Verdict.TOLERATED})
"""The bill is final, and what differs has a cause, or is as little as finance tolerates."""


def verdict(one: AccountTold, tolerance_percent: Fraction) -> Verdict:
    """In a word. A final bill matches where no cause reaches half a cent; else little enough of it is unexplained."""
    if one.status == NO_BILL:
        return Verdict.NO_BILL
    if one.status != FINAL:
        return Verdict.PROVISIONAL
    if int(one.unexplained) * 100 > tolerance_percent * abs(int(one.billed)):
        return Verdict.UNEXPLAINED
    if int(one.unexplained):
        return Verdict.TOLERATED
    alike = all(abs(int(amount)) * 200 < PICO for amount in one.causes.values())
    return Verdict.MATCHES if alike else Verdict.EXPLAINED


def by_provider(accounts: Sequence[AccountTold]) -> list[AccountTold]:
    """One for each provider, the sums of its accounts: final only where all of them are."""
    found: dict[str, list[AccountTold]] = defaultdict(list)
    for one in accounts:
        found[one.provider].append(one)
    return [ours[0] if len(ours) == 1 else _summed(provider, ours) for provider, ours in sorted(found.items())]


def _summed(provider: str, accounts: Sequence[AccountTold]) -> AccountTold:
    causes: dict[str, int] = defaultdict(int)
    for one in accounts:
        for cause, amount in one.causes.items():
            causes[cause] += int(amount)
    told = {one.status for one in accounts}
    return AccountTold(
        provider=provider,
        account="",
        status=told.pop() if len(told) == 1 else PROVISIONAL,
        estimated=_total(one.estimated for one in accounts),
        billed=_total(one.billed for one in accounts),
        causes={cause: str(amount) for cause, amount in causes.items() if amount},
        usage_billed=_total(one.usage_billed for one in accounts),
        covered=_total(one.covered for one in accounts),
        days_billed=sum(one.days_billed for one in accounts),
        days_used=sum(one.days_used for one in accounts),
        unexplained=_total(one.unexplained for one in accounts),
    )


def _total(amounts: Iterable[str]) -> str:
    return str(sum(map(int, amounts)))
