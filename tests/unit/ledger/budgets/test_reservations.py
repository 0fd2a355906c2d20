"""Proof (f): however many callers ask at once, what is admitted is never more than the budget."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.errors import QuestionError
from stackledger.ledger.budgets.budget import Budget, Cadence
from stackledger.ledger.budgets.reservations import Reservations

NOW = 1_795_000_000_000_000
HOUR = 3_600_000_000


class Ledger:
    """What the ledger has of each budget, and up to which number of the inbox."""

    def __init__(self):
        self.spent, self.through = {}, 0

    def __call__(self, budget, period):
        return self.spent.get((budget.name, period), 0), self.through


def _budget(name="all", amount=1000, **more):
    return Budget(name, amount, Cadence.MONTH, "Europe/Berlin", hard=True, **more)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def open_(tmp_path, ledger):
    opened = []

    def make(*budgets):
        opened.append(Reservations(tmp_path / "reservations.sqlite", budgets, ledger))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_an_amount_is_set_aside_until_it_is_released(open_):
    held = open_(_budget())
    assert held.reserve("a", {}, 700, NOW, 60).granted
    refused = held.reserve("b", {}, 400, NOW, 60)
    assert (refused.granted, refused.budget, refused.left) == (False, "all", "300")
    held.release("a")
    assert held.reserve("b", {}, 400, NOW, 60).granted


def test_a_settled_amount_counts_here_until_the_ledger_has_it_and_never_twice(open_, ledger):
    budget = _budget()
    held = open_(budget)
    held.reserve("a", {}, 700, NOW, 60)
    held.settle("a", 650, seq=5)
    assert held.held(budget, NOW) == 650
    ledger.spent["all", "2026-11-01"], ledger.through = 650, 5
    assert held.held(budget, NOW) == 0
    assert not held.reserve("b", {}, 351, NOW, 60).granted
    assert held.reserve("b", {}, 350, NOW, 60).granted


def test_what_was_never_settled_counts_until_it_expires_and_again_when_it_is_settled_late(open_):
    budget = _budget()
    held = open_(budget)
    held.reserve("a", {}, 700, NOW, lasts_seconds=60)
    later = NOW + 61_000_000
    assert held.held(budget, later) == 0
    held.settle("a", 800, seq=9)
    assert held.held(budget, later) == 800


def test_the_same_name_again_is_the_same_reservation(open_):
    held = open_(_budget())
    first = held.reserve("a", {"team": "x"}, 700, NOW, 60)
    assert held.reserve("a", {"team": "x"}, 700, NOW + HOUR, 60) == first
    with pytest.raises(QuestionError, match="other attributes"):
        held.reserve("a", {"team": "y"}, 700, NOW, 60)


def test_every_budget_that_covers_the_call_must_have_room_and_none_is_touched_when_one_has_not(open_):
    team = _budget("team", 100, where={"team": ("search",)})
    held = open_(_budget(), team)
    assert held.reserve("a", {"team": "search"}, 101, NOW, 60).budget == "team"
    assert held.held(_budget(), NOW) == 0
    assert held.reserve("b", {"team": "chat"}, 101, NOW, 60).granted
    assert held.reserve("c", {"team": "search"}, 100, NOW, 60).granted
    assert held.held(_budget(), NOW) == 201


def test_a_new_period_begins_with_nothing_taken(open_):
    held = open_(_budget())
    held.reserve("a", {}, 1000, NOW, 10**9)
    assert not held.reserve("b", {}, 1, NOW, 60).granted
    assert held.reserve("c", {}, 1000, NOW + 31 * 24 * HOUR, 60).granted


def test_a_soft_budget_refuses_nothing(open_):
    assert open_(Budget("soft", 1, Cadence.DAY, "UTC")).reserve("a", {}, 10**18, NOW, 60).granted


def test_reservations_survive_the_process(open_):
    open_(_budget()).reserve("a", {}, 700, NOW, 60)
    again = open_(_budget())
    assert again.held(_budget(), NOW) == 700


def test_what_nobody_reserved_cannot_be_settled(open_):
    with pytest.raises(QuestionError, match="/api/v1/usage"):
        open_(_budget()).settle("nobody", 1, seq=1)


def test_a_hundred_callers_at_once_never_overspend(open_, ledger):
    budget = _budget(amount=10_000)
    held = open_(budget)
    granted: list[int] = []
    worst: list[int] = []
    lock = threading.Lock()

    def call(lane: int) -> None:
        chance = random.Random(lane)
        for number in range(20):
            amount = chance.randrange(1, 400)
            name = f"{lane}-{number}"
            if not held.reserve(name, {}, amount, NOW, 600).granted:
                continue
            real = chance.randrange(amount + 1)
            with lock:
                granted.append(amount)
            if chance.random() < 0.5:
                with lock:  # the ledger applies it some time later
                    ledger.spent["all", "2026-11-01"] = ledger.spent.get(("all", "2026-11-01"), 0)
                    held.settle(name, real, seq=10**9)
            elif chance.random() < 0.5:
                held.release(name)
            worst.append(held.held(budget, NOW))

    threads = [threading.Thread(target=call, args=(lane,)) for lane in range(100)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert max(worst) <= 10_000
    assert sum(granted) > 10_000, "nothing came near the budget"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_in_any_order_of_calls_nothing_beyond_the_budget_is_ever_admitted(tmp_path_factory, data):
    ledger = Ledger()
    budget = _budget(amount=500)
    held = Reservations(tmp_path_factory.mktemp("r") / "r.sqlite", [budget], ledger)
    open_amounts: dict[str, int] = {}
    settled: list[tuple[int, int]] = []
    key = ("all", "2026-11-01")
    for step in range(data.draw(st.integers(1, 40))):
        action = data.draw(st.sampled_from(("reserve", "settle", "release", "apply")))
        if action == "reserve":
            amount = data.draw(st.integers(0, 300))
            if held.reserve(f"r{step}", {}, amount, NOW, 600).granted:
                open_amounts[f"r{step}"] = amount
        elif action == "settle" and open_amounts:
            name = data.draw(st.sampled_from(sorted(open_amounts)))
            real = data.draw(st.integers(0, open_amounts.pop(name)))
            settled.append((step + 1, real))
            held.settle(name, real, seq=step + 1)
        elif action == "release" and open_amounts:
            name = data.draw(st.sampled_from(sorted(open_amounts)))
            open_amounts.pop(name)
            held.release(name)
        elif action == "apply" and settled:
            ledger.through = data.draw(st.sampled_from([seq for seq, _ in settled]))
            ledger.spent[key] = sum(real for seq, real in settled if seq <= ledger.through)
        whole = sum(open_amounts.values()) + sum(real for _, real in settled)
        assert whole <= 500
        assert ledger.spent.get(key, 0) + held.held(budget, NOW) == whole
    held.close()
