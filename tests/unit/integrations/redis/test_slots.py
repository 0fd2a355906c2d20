"""Hot slots: a choice that does not flicker, counters that only rise, and an `other` that is exact."""

from __future__ import annotations

import random

import pytest

from stackledger.errors import ProtocolError
from stackledger.integrations.redis.slots import answers as read
from stackledger.integrations.redis.slots.answers import SlotStats
from stackledger.integrations.redis.slots.hot import HotSlots


def told(
    cpu: dict[int, int], *, process: str = "run", keys: dict[int, int] | None = None
) -> dict[int, tuple[str, SlotStats]]:
    keys = keys or {}
    return {slot: (process, SlotStats(keys.get(slot, 0), usec, usec * 2, usec * 3)) for slot, usec in cpu.items()}


def test_the_answer_with_and_without_counters() -> None:
    reply = [[0, ["key-count", 3]], [449, ["key-count", 1, "cpu-usec", 51, "network-bytes-in", 78, "memory-bytes", 9]]]
    assert read.parse(reply, "a:1") == {0: SlotStats(3), 449: SlotStats(1, 51, 78)}


@pytest.mark.parametrize("reply", [None, "OK", [["x", []]], [[99_999, []]], [[1]], [7]])
def test_an_answer_that_is_none(reply: object) -> None:
    with pytest.raises(ProtocolError, match="a:1"):
        read.parse(reply, "a:1")


@pytest.mark.parametrize(
    ("info", "has"),
    [
        ({"redis_version": "7.0.15"}, False),
        ({"redis_version": "8.0.6"}, False),
        ({"redis_version": "8.2.3"}, True),
        ({"redis_version": "10.0"}, True),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.0.1"}, True),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.2.7"}, False),
        ({}, False),
    ],
)
def test_which_servers_are_asked(*, info: dict[str, str], has: bool) -> None:
    assert read.has_slot_stats(info) is has


def test_the_first_look_counts_nothing_and_a_failover_neither() -> None:
    hot = HotSlots(4)
    hot.advance(told({1: 1000, 2: 10}))
    assert {name: gained.cpu_usec for name, gained in hot.gained.items()} == {"other": 0}
    hot.advance(told({1: 1500, 2: 11}))
    assert {name: gained.cpu_usec for name, gained in hot.gained.items()} == {"1": 500, "2": 1, "other": 0}
    hot.advance(told({1: 90, 2: 11}, process="promoted"))
    hot.advance(told({1: 100, 2: 5}, process="promoted"))
    assert {name: gained.cpu_usec for name, gained in hot.gained.items()} == {"1": 510, "2": 1, "other": 0}


def test_a_slot_stays_while_it_is_near_the_top() -> None:
    hot = HotSlots(4)  # two by keys, two by CPU
    base = dict.fromkeys(range(10), 0)
    hot.advance(told(base))
    used = base | {1: 10, 2: 9, 3: 8}
    hot.advance(told(used))
    assert set(hot.gained) == {"1", "2", "other"}
    used = {slot: usec + (20 if slot in (3, 4) else 5 if slot in (1, 2) else 0) for slot, usec in used.items()}
    hot.advance(told(used))
    assert set(hot.gained) == {"1", "2", "other"}, "third and fourth now, within twice the number"
    used = {slot: usec + (20 if slot in (3, 4, 5, 6) else 0) for slot, usec in used.items()}
    hot.advance(told(used))
    assert not {"1", "2"} & set(hot.gained)


def test_nothing_is_lost_or_counted_twice_whatever_the_choice() -> None:
    hot, chance = HotSlots(8), random.Random(1)
    raw = dict.fromkeys(range(200), 0)
    hot.advance(told(raw))
    before = {name: gained.cpu_usec for name, gained in hot.gained.items()}
    for _ in range(50):
        gains = {slot: chance.choice((0, 0, 1, 7, 300)) for slot in raw}
        raw = {slot: usec + gains[slot] for slot, usec in raw.items()}
        keys = {slot: chance.randrange(50) for slot in raw}
        hot.advance(told(raw, keys=keys))
        now = {name: gained.cpu_usec for name, gained in hot.gained.items()}
        assert sum(now[name] - before.get(name, 0) for name in now) == sum(gains.values())
        assert all(value >= before.get(name, 0) for name, value in now.items()), "counters only rise"
        assert sum(hot.keys.values()) == sum(keys.values()), "`other` is exact"
        assert len(now) <= 8 + 1
        before = now
