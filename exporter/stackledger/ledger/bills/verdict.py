"""Whether a bill can be paid: in one word for each account and provider, and the sums of a provider's accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final

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
_WORSE: Final = (Verdict.MATCHES, Verdict.EXPLAINED, Verdict.TOLERATED, Verdict.UNEXPLAINED)
"""The words of final bills, the best first."""


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


def verdict_of_all(accounts: Sequence[AccountTold], tolerance_percent: Fraction) -> Verdict:
    """Of some accounts, at least one, the worst word: what differs in one must not hide what differs in another."""
    words = {verdict(one, tolerance_percent) for one in accounts}
    if words.issubset(_WORSE):
        return max(words, key=_WORSE.index)
    return words.pop() if len(words) == 1 else Verdict.PROVISIONAL


def by_provider(accounts: Sequence[AccountTold]) -> dict[str, list[AccountTold]]:
    """The accounts of each provider."""
    found: dict[str, list[AccountTold]] = defaultdict(list)
    for one in accounts:
        found[one.provider].append(one)
    return dict(sorted(found.items()))


def summed(accounts: Sequence[AccountTold]) -> AccountTold:
    """Some accounts, at least one, as one of the first's provider: final only where all of them are."""
    if len(accounts) == 1:
        return accounts[0]
    causes: dict[str, int] = defaultdict(int)
    for one in accounts:
        for cause, amount in one.causes.items():
            causes[cause] += int(amount)
    told = {one.status for one in accounts}
    return AccountTold(
        provider=accounts[0].provider,
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
