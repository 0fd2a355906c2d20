"""Which open transactions hang: pure, from what was heard in several reads."""

from __future__ import annotations

from stackledger.integrations.kafka.state import OpenMemory
from stackledger.integrations.kafka.transactions import read
from stackledger.integrations.kafka.transactions.judge import OpenTransaction, judge

ONE = OpenTransaction("t", 0, 7, 100, 1_000.0)


def hanging(*reads: set[int] | None) -> list[bool]:
    memory: dict[str, OpenMemory] = {}
    return [judge([ONE], ongoing, memory, now=1_010.0 + i)[0].hanging for i, ongoing in enumerate(reads)]


def test_two_reads_without_a_coordinator_make_it_hang() -> None:
    assert hanging(set(), set(), set()) == [False, True, True]


def test_one_that_a_coordinator_knows_never_hangs() -> None:
    assert hanging({7}, {7, 8}, {7}) == [False, False, False]


def test_a_coordinator_that_comes_back_takes_the_verdict_back() -> None:
    assert hanging(set(), set(), {7}, set()) == [False, True, False, False]


def test_a_silent_coordinator_changes_nothing() -> None:
    assert hanging(set(), None, None, set(), None) == [False, False, False, True, True]


def test_it_is_as_old_as_its_last_write_or_as_we_have_known_it() -> None:
    memory: dict[str, OpenMemory] = {}
    assert judge([ONE], {7}, memory, now=1_060.0)[0].age == 60
    unknown = ONE._replace(partition=1, last_written=0.0)
    assert [judge([unknown], {7}, memory, now=now)[0].age for now in (2_000.0, 2_030.0)] == [0, 30]


def test_what_ended_is_forgotten() -> None:
    memory: dict[str, OpenMemory] = {}
    judge([ONE], set(), memory, now=1.0)
    judge([], set(), memory, now=2.0)
    assert not memory


def test_only_partitions_that_are_held_back_are_asked_about() -> None:
    stable = {"t": {0: 5, 1: 9, 2: 3}, "u": {0: 1}}
    high = {"t": {0: 9, 1: 9, 2: 4}}
    assert read.held_back(stable, high) == {"t": [0, 2]}
