"""The arithmetic of the cost per active user: exact, in whole pico-USD, without a ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from stackledger.ledger.per_user.definition import Key, Part
from stackledger.money import rounded

THOUSAND = 1000


def per(amounts: Sequence[int], divisor: int, times: int = 1) -> list[int] | None:
    """Each amount for one of `divisor` (for `times` of them), such that they sum to the rounded quotient of the sum.

    Amounts may be negative, as credits are. The running sum is rounded half to even and each result is the step of it.
    None without anything to divide by: it is no cost of 0.
    """
    if divisor <= 0:
        return None
    found, sum_so_far, shown = [], 0, 0
    for amount in amounts:
        sum_so_far += amount
        quotient = rounded(Fraction(sum_so_far * times, divisor))
        found.append(quotient - shown)
        shown = quotient
    return found


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """The amount in proportion to the weights, by the largest remainder: whole numbers that sum to it exactly.

    Equal remainders go to the first. Weights are not negative, and one of them is above 0; the amount may be negative.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("an amount is spread over weights of which none is negative and one is above 0")
    sign = -1 if amount < 0 else 1
    parts = [divmod(abs(amount) * weight, whole) for weight in weights]
    found = [quotient for quotient, _ in parts]
    left = abs(amount) - sum(found)
    for place in sorted(range(len(parts)), key=lambda place: -parts[place][1])[:left]:
        found[place] += 1
    return [sign * one for one in found]


def share_of_days(amount: int, first: int, until: int, day: int, end: int) -> int:
    """What of an amount for the days `first` until `until` falls on the days `day` until `end`, by days.

    Shares of ranges that touch sum to the amount exactly: each is a step of the rounded running sum.
    """
    days = until - first

    def running(at: int) -> int:
        return rounded(Fraction(amount * (min(max(at, first), until) - first), days))

    return running(end) - running(day)


class UserUse(NamedTuple):
    """What one user's calls of the month were: how many, and their estimated cost."""

    name: str
    calls: int
    cost: int


class UserCost(NamedTuple):
    """What one user costs, by part. `users` is how many this line stands for: above 1 only those without a call."""

    name: str
    users: int
    calls: int
    parts: Mapping[Part, int]

    @property
    def total(self) -> int:
        """All parts."""
        return sum(self.parts.values())


def split_by_user(
    parts: Mapping[Part, int], used: Sequence[UserUse], users: int, key: Key
) -> tuple[list[UserCost], UserCost | None]:
    """Every part by user; each sums to the part exactly. The last line stands for active users without a call.

    Attributed cost goes by the estimated cost of each user's calls, which are that cost itself where the part is our
    estimate. Where the key gives nobody a weight, equal shares are taken. Where fewer users are declared than made a
    call, what is allocated goes to those who made one.
    """
    silent = max(0, users - len(used))
    by_key: dict[Key, list[int]] = {
        Key.EQUAL: [*(1 for _ in used), silent],
        Key.CALLS: [*(one.calls for one in used), 0],
        Key.LLM_COST: [*(one.cost for one in used), 0],
    }
    equal = by_key[Key.EQUAL]
    weights = by_key[key] if any(by_key[key]) else equal
    costs = by_key[Key.LLM_COST]
    if not any(equal):
        if any(parts.values()):
            raise ValueError("cost cannot be spread over no users")
        return [], None
    columns = {
        part: shares(amount, costs if part == Part.LLM_ATTRIBUTED and any(costs) else weights)
        for part, amount in parts.items()
    }
    lines = [
        UserCost(one.name, 1, one.calls, {part: column[place] for part, column in columns.items()})
        for place, one in enumerate(used)
    ]
    rest = UserCost("", silent, 0, {part: column[-1] for part, column in columns.items()})
    return lines, rest if silent else None


def attribution(billed: int, with_user: int, without: int) -> tuple[int, int]:
    """What is billed, as far as calls name their user and as far as they do not: in the proportion of the estimates.

    Where nothing is estimated all of it is allocated.
    """
    if with_user + without <= 0:
        return 0, billed
    attributed, allocated = shares(billed, [with_user, without])
    return attributed, allocated
