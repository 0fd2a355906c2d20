"""Counting keys by pattern without a server: matching, the pace, what a pass has to walk."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from stackledger.clock import ManualClock
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.patterns import shards
from stackledger.integrations.redis.patterns.glob import Sorter
from stackledger.integrations.redis.patterns.pace import Pace
from stackledger.integrations.redis.patterns.walk import summed
from stackledger.integrations.redis.state import PatternCount, Server
from tests.unit.integrations.redis.test_topology import R1, WELL, flagged, judged, view

GLOBS = [
    ("session:*", "session:", True),
    ("session:*", "xsession:1", False),
    ("session:*", "session:a\nb", True),
    ("user:?", "user:1", True),
    ("user:?", "user:", False),
    ("user:?", "user:\u00e4", False),  # two bytes, as the server counts
    ("h[ae]llo", "hallo", True),
    ("h[^e]llo", "hello", False),
    ("h[a-c]llo", "hbllo", True),
    ("h[c-a]llo", "hbllo", True),
    ("h[\\]]llo", "h]llo", True),
    ("h[]llo", "hllo", False),
    ("h[^]llo", "hxllo", True),
    ("h[ab", "hb", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "axb", False),
    ("a.b", "axb", False),
    ("a**b", "ab", True),
    ("a*b*c", "a-b-b-c", True),
    ("a*b*c", "a-c-b", False),
    ("*a*b", "abab", True),
    ("*", "", True),
    ("*?", "", False),
    ("end\\", "end\\", True),
    ("\u00e4:*", "\u00e4:1", True),
]


@pytest.mark.parametrize(("pattern", "key", "matches"), GLOBS)
def test_globs_match_as_the_server_says(*, pattern: str, key: str, matches: bool) -> None:
    assert (Sorter({"p": pattern}).name(key.encode()) == "p") is matches


def test_a_pattern_with_many_stars_is_not_slow() -> None:
    sorter = Sorter({"p": "*a" * 40 + "*b"})
    assert sorter.name(b"a" * 20_000) == "other"


def test_a_key_belongs_to_the_first_pattern_that_it_matches() -> None:
    sorter = Sorter({"admins": "session:admin:*", "sessions": "session:*", "all users": "*:user:*"})
    names = [sorter.name(key) for key in (b"session:admin:1", b"session:2", b"x:user:1", b"session:user:1", b"\xff")]
    assert names == ["admins", "sessions", "all users", "sessions", "other"]


@pytest.mark.parametrize(
    ("patterns", "part"),
    [({}, "patterns"), ({"other": "a*"}, "taken"), ({"": "a*"}, "pattern"), ({"a": ""}, "character")],
)
def test_patterns_that_make_no_sense_are_refused(patterns: dict[str, str], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        RedisTarget.model_validate({"name": "cache", "seeds": ["a:1"], "key_patterns": {"patterns": patterns}})


def test_the_pace_is_shared_and_never_above_the_budget() -> None:
    clock = ManualClock()
    pace = Pace(100, clock)
    times: list[float] = []

    async def worker(operations: int) -> None:
        while True:
            await pace.take(operations)
            times.extend([clock.monotonic()] * operations)

    async def check() -> None:
        workers = [asyncio.create_task(worker(operations)) for operations in (1, 1, 16)]
        await clock.advance(3)
        for task in workers:
            task.cancel()
        await asyncio.wait(workers)

    asyncio.run(check())
    assert 250 <= len(times) <= 100 * 3 + 11 + 16
    for start in range(3):
        inside = [at for at in times if start <= at < start + 1]
        assert len(inside) <= 100 * 1.1 + 16


def test_after_a_rest_only_a_tenth_of_a_second_is_made_up_for() -> None:
    clock = ManualClock()
    pace = Pace(100, clock)
    taken = 0

    async def worker() -> None:
        nonlocal taken
        while True:
            await pace.take(1)
            taken += 1

    async def check() -> None:
        await clock.advance(3600)
        task = asyncio.create_task(worker())
        await clock.advance(0)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(check())
    assert 10 <= taken <= 12


def info(**fields: str) -> dict[str, str]:
    return {"redis_version": "7.0.15", "run_id": "run", **fields}


REPLICA = {"role": "slave", "master_link_status": "up", "master_host": "m1", "master_port": "6379"}


def answers(name: str, **fields: str) -> Answers:
    return Answers(f"{name}:6379", 0.0, info(**fields))


def mapped(read: dict[str, Answers], *, members: Any = WELL, masters_first: bool = False) -> shards.Map:
    seen = judged(*(view(one.id, members) for one in members))
    return shards.of_cluster(seen, read, 1, masters_first=masters_first)


def test_a_shard_is_walked_on_a_replica_that_is_well_else_on_its_master() -> None:
    well = {"m1": answers("m1", role="master", db0="keys=7,expires=0"), "r1": answers("r1", **REPLICA)}
    first, second = mapped(well).shards.values()
    assert [node.dial for node in first.nodes] == ["r1:6379", "m1:6379"]
    assert second.nodes == (), "nobody of the other shard could be read"
    assert next(iter(mapped(well, masters_first=True).shards.values())).nodes[0].dial == "m1:6379"
    for ill in ({"master_link_status": "down"}, {"loading": "1"}, {"async_loading": "1"}):
        read = well | {"r1": answers("r1", **(REPLICA | ill))}
        shard = next(iter(mapped(read).shards.values()))
        assert [node.dial for node in shard.nodes] == ["m1:6379"], ill
        assert (shard.keys, shard.databases) == (7, (0,))
    failed = tuple(flagged(one, "fail") if one is R1 else one for one in WELL)
    assert [node.dial for node in next(iter(mapped(well, members=failed).shards.values())).nodes] == ["m1:6379"]


def test_a_shard_keeps_its_key_through_a_failover_and_a_node_does_not() -> None:
    before = mapped({"r1": answers("r1", **REPLICA)})
    after = mapped({"r1": answers("r1", role="master")})
    assert before.shards.keys() == after.shards.keys()
    assert not set(next(iter(before.shards.values())).nodes) & set(next(iter(after.shards.values())).nodes)


def test_servers_outside_a_cluster_are_one_shard_for_each_history() -> None:
    told = [
        answers("a", role="master", master_replid="x", db0="keys=2,expires=0", db3="keys=5,expires=0"),
        answers("b", **REPLICA, master_replid="x", db0="keys=2,expires=0", db3="keys=5,expires=0"),
        answers("c", role="master", master_replid="y"),
    ]
    found = shards.of_servers(told, {}, 1, masters_first=False).shards
    assert [[node.dial for node in shard.nodes] for shard in found.values()] == [["b:6379", "a:6379"], ["c:6379"]]
    assert [(shard.databases, shard.keys) for shard in found.values()] == [((0, 3), 7), ((), 0)]


def test_a_missed_read_outside_a_cluster_leaves_every_shard_what_it_was() -> None:
    told = {
        "a": answers("a", role="master", master_replid="x"),
        "b": answers("b", **REPLICA, master_replid="x"),
        "c": answers("c", role="master", master_replid="y"),
    }
    known = {
        f"{name}:6379": Server(one.info["role"] == "master", one.info["master_replid"]) for name, one in told.items()
    }
    before = shards.of_servers(told.values(), known, 1, masters_first=False).shards
    missed = shards.of_servers([told["b"]], known, 2, masters_first=False).shards
    assert missed.keys() == before.keys(), "what was counted of them is kept"
    assert missed["x"].nodes[0] == before["x"].nodes[0], "the walk on the replica goes on"
    assert (missed["y"].nodes, missed["y"].label) == ((), "server c:6379")
    replaced = {**known, "c:6379": Server(master=True, history="y", replaced=True)}
    assert shards.of_servers([told["b"]], replaced, 3, masters_first=False).shards.keys() == {"x"}


def test_a_sentinel_that_refuses_us_is_no_server_with_keys() -> None:
    told = [answers("a", role="master", master_replid="x"), answers("s", redis_mode="sentinel")]
    assert shards.of_servers(told, {}, 1, masters_first=False).shards.keys() == {"x"}


def test_counts_of_shards_add_up() -> None:
    one = {"a": PatternCount(3, 30.0, 3, {0: 3}), "other": PatternCount()}
    two = {"a": PatternCount(4, 80.0, 2, {0: 1, 3: 3}), "other": PatternCount(1, 9.0, 1)}
    total = summed({"1": one, "2": two})
    assert total == {"a": PatternCount(7, 110.0, 5, {0: 4, 3: 3}), "other": PatternCount(1, 9.0, 1)}
