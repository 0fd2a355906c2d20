"""The arithmetic of the cost per active user: worked by hand, and sums that are exact whatever the amounts are."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackledger.ledger.per_user.arithmetic import (
    UserUse,
    attribution,
    per,
    share_of_days,
    shares,
    split_by_user,
)
from stackledger.ledger.per_user.definition import Key, Part

AMOUNT = st.integers(-(10**18), 10**18)


def test_parts_for_one_user_sum_to_the_rounded_quotient() -> None:
    assert per([10, 10, 10], 4) == [2, 3, 3]  # 2.5, 5, 7.5: half to even 2, 5, 8
    assert per([100, -30], 7) == [14, -4]  # credits: 14.29, 10
    assert per([5], 3, 1000) == [1667]
    assert per([5], 0) is None
    assert per([], 3) == []


@given(st.lists(AMOUNT, max_size=6), st.integers(1, 10**9), st.sampled_from((1, 1000)))
def test_no_part_is_further_from_its_quotient_than_one(amounts: list[int], divisor: int, times: int) -> None:
    found = per(amounts, divisor, times)
    assert found is not None
    assert abs(sum(found) - Fraction(sum(amounts) * times, divisor)) <= Fraction(1, 2)
    assert all(abs(part - Fraction(one * times, divisor)) <= 1 for part, one in zip(found, amounts, strict=True))


def test_the_largest_remainder_gets_what_is_left_and_of_equals_the_first() -> None:
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(10, [5, 3, 1]) == [6, 3, 1]  # 5.56, 3.33, 1.11
    assert shares(-10, [1, 1, 1]) == [-4, -3, -3]
    assert shares(0, [0, 7]) == [0, 0]
    with pytest.raises(ValueError, match="one is above 0"):
        shares(1, [0, 0])
    with pytest.raises(ValueError, match="none is negative"):
        shares(1, [2, -1])


@given(AMOUNT, st.lists(st.integers(0, 10**15), min_size=1, max_size=40).filter(any))
def test_shares_sum_to_the_amount_and_are_within_one_of_the_quota(amount: int, weights: list[int]) -> None:
    found = shares(amount, weights)
    assert sum(found) == amount
    whole = sum(weights)
    assert all(abs(one - Fraction(amount * weight, whole)) < 1 for one, weight in zip(found, weights, strict=True))
    assert all(not one for one, weight in zip(found, weights, strict=True) if not weight)


@given(AMOUNT, st.integers(-50, 50), st.integers(1, 400), st.lists(st.integers(-100, 500), max_size=5))
def test_a_charge_for_a_longer_time_is_cut_into_days_that_sum_to_it(
    amount: int, first: int, days: int, cuts: list[int]
) -> None:
    edges = [first - 1, *sorted(cuts), first + days + 1]
    edges = [edges[0], *(one for one in edges[1:-1] if edges[0] < one < edges[-1]), edges[-1]]
    parts = [share_of_days(amount, first, first + days, *cut) for cut in itertools.pairwise(edges)]
    assert sum(parts) == amount


def test_a_yearly_fee_by_hand() -> None:
    assert share_of_days(3650, 0, 365, 31, 59) == 280  # 28 days of February at 10
    assert share_of_days(100, 0, 3, 0, 1) == 33
    assert share_of_days(100, 0, 3, 1, 2) == 34
    assert share_of_days(100, 0, 3, 3, 9) == 0


def test_what_is_billed_is_divided_as_the_estimates_are() -> None:
    assert attribution(120, 75, 25) == (90, 30)
    assert attribution(10, 0, 0) == (0, 10)
    assert attribution(10, 0, 5) == (0, 10)


PARTS = {Part.LLM_ATTRIBUTED: 300, Part.LLM_ALLOCATED: 50, Part.INFRASTRUCTURE: 100, Part.ENGINEERING: -10}
USED = [UserUse("alice", 3, 200), UserUse("bob", 1, 100)]


def test_by_user_by_hand() -> None:
    lines, rest = split_by_user(PARTS, USED, 5, Key.EQUAL)
    assert [(one.name, one.parts[Part.LLM_ATTRIBUTED], one.parts[Part.INFRASTRUCTURE]) for one in lines] == [
        ("alice", 200, 20), ("bob", 100, 20),
    ]  # fmt: skip
    assert rest is not None
    assert (rest.name, rest.users, rest.calls, rest.parts[Part.LLM_ATTRIBUTED]) == ("", 3, 0, 0)
    assert (rest.parts[Part.INFRASTRUCTURE], rest.total) == (60, 84)  # 30 + 60 - 6
    lines, rest = split_by_user(PARTS, USED, 2, Key.CALLS)
    assert [one.parts[Part.INFRASTRUCTURE] for one in lines] == [75, 25]
    assert rest is None
    lines, rest = split_by_user(PARTS, USED, 5, Key.LLM_COST)
    assert [one.parts[Part.INFRASTRUCTURE] for one in lines] == [67, 33]
    assert rest is not None
    assert rest.total == 0
    lines, rest = split_by_user(PARTS, USED, 1, Key.EQUAL)  # fewer than made a call: these bear it
    assert ([one.parts[Part.INFRASTRUCTURE] for one in lines], rest) == ([50, 50], None)
    free = [UserUse("carol", 2, 0)]
    lines, _ = split_by_user({Part.LLM_ALLOCATED: 9}, free, 1, Key.LLM_COST)  # nobody has a weight: equally
    assert lines[0].total == 9
    lines, rest = split_by_user({Part.INFRASTRUCTURE: 9}, [], 3, Key.CALLS)
    assert lines == []
    assert rest is not None
    assert rest.total == 9
    with pytest.raises(ValueError, match="no users"):
        split_by_user({Part.INFRASTRUCTURE: 9}, [], 0, Key.EQUAL)


@given(
    amounts=st.lists(AMOUNT, min_size=3, max_size=3),
    used=st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**15)), min_size=1, max_size=30),
    users=st.integers(1, 60),
    key=st.sampled_from(Key),
)
def test_each_part_is_the_sum_of_its_users(
    amounts: list[int], used: list[tuple[int, int]], users: int, key: Key
) -> None:
    uses = [UserUse(f"u{place}", *one) for place, one in enumerate(used)]
    attributed = sum(cost for _, cost in used)
    parts = dict(zip((Part.LLM_ALLOCATED, Part.INFRASTRUCTURE, Part.ENGINEERING), amounts, strict=True))
    lines, rest = split_by_user({Part.LLM_ATTRIBUTED: attributed, **parts}, uses, users, key)
    every = [*lines, *([rest] if rest else [])]
    for part, amount in {Part.LLM_ATTRIBUTED: attributed, **parts}.items():
        assert sum(one.parts[part] for one in every) == amount
    assert [one.parts[Part.LLM_ATTRIBUTED] for one in lines] == [cost for _, cost in used]  # to the picodollar
    assert sum(one.total for one in every) == attributed + sum(amounts)
    assert sum(one.users for one in every) == max(users, len(used))
