"""Which open transactions hang: pure, from what was heard in several reads."""

from __future__ import annotations

from stackledger.integrations.kafka.state import OpenMemory
from stackledger.integrations.kafka.transactions import read
from stackledger.integrations.kafka.transactions.judge import OpenTransaction, judge

ONE = OpenTransaction("t", 0, 7, 100)


def hanging(*reads: set[int] | None) -> list[bool]:
    memory: dict[str, OpenMemory] = {}
    return [judge([ONE], ongoing, memory, now=1_010.0 + i, hangs_after=0)[0].hanging for i, ongoing in enumerate(reads)]


def test_two_reads_without_a_coordinator_make_it_hang() -> None:
    assert hanging(set(), set(), set()) == [False, True, True]


def test_one_that_a_coordinator_knows_never_hangs() -> None:
    assert hanging({7}, {7, 8}, {7}) == [False, False, False]


def test_a_coordinator_that_comes_back_takes_the_verdict_back() -> None:
    assert hanging(set(), set(), {7}, set()) == [False, True, False, False]


def test_a_silent_coordinator_changes_nothing() -> None:
    assert hanging(set(), None, None, set(), None) == [False, False, False, True, True]


def test_it_is_as_old_as_we_have_known_it() -> None:
    memory: dict[str, OpenMemory] = {}
    ages = [judge([ONE], {7}, memory, now=now, hangs_after=0)[0].age for now in (2_000.0, 2_030.0)]
    assert ages == [0, 30]


def test_a_young_one_does_not_hang_whoever_is_not_seen() -> None:
    memory: dict[str, OpenMemory] = {}
    told = [judge([ONE], set(), memory, now=now, hangs_after=900)[0].hanging for now in (0.0, 300.0, 899.0, 901.0)]
    assert told == [False, False, False, True]


def test_a_silent_leader_takes_no_verdict_away() -> None:
    memory: dict[str, OpenMemory] = {}
    for now in (0.0, 1.0):
        judge([ONE], set(), memory, now=now, hangs_after=0)
    (kept,) = judge([], set(), memory, now=2.0, hangs_after=0, unread={("t", 0)})
    assert (kept.transaction, kept.hanging, kept.age) == (ONE, True, 2.0)
    assert judge([ONE], {7}, memory, now=3.0, hangs_after=0)[0].hanging is False
    assert not judge([], set(), memory, now=4.0, hangs_after=0, unread={("t", 1)})


def test_what_ended_is_forgotten() -> None:
    memory: dict[str, OpenMemory] = {}
    judge([ONE], set(), memory, now=1.0, hangs_after=0)
    judge([], set(), memory, now=2.0, hangs_after=0)
    assert not memory


def test_only_partitions_that_are_held_back_are_asked_about() -> None:
    stable = {"t": {0: 5, 1: 9, 2: 3}, "u": {0: 1}}
    high = {"t": {0: 9, 1: 9, 2: 4}}
    assert read.held_back(stable, high) == {"t": [0, 2]}
