"""What is kept from sweep to sweep never shows: a page made with it equals one made with nothing kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackledger.collect.snapshot import Key, Part
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.groups import metrics as m
from stackledger.integrations.kafka.groups.lag import lag_of, pack, points_of, remember, still
from stackledger.integrations.kafka.groups.samples import add_groups
from stackledger.integrations.kafka.state import HistoryPoint, TopicConfig
from stackledger.integrations.kafka.view import View
from tests.unit.integrations.kafka.world import World, group, topic

SETTINGS = KafkaTarget(name="lab", bootstrap=["b1:9092"], partition_seconds=True)

ACTIONS = (
    "nothing", "write", "consume", "rewind", "delete", "recreate", "retention", "silent", "grow", "forget", "markers",
)  # fmt: skip


def made_of(world: World, view: View) -> dict[str, dict[Key, float]]:
    part = Part(world.now)
    add_groups(part, world.state, view=view)
    view.end()
    return {metric.name: dict(zip(rows.keys, rows.values, strict=True)) for metric, rows in part.rows.items()}


def small_world() -> World:
    high = {"a": {0: 10, 1: 20}, "b": {0: 5}}
    told = {1: [group("one", {"a": {0: 4, 1: 20}, "b": {0: 5}})], 2: [group("two", {"a": {1: 1}})]}
    return World({"a": topic(1, (1, 2)), "b": topic(2, (3,))}, high, told, low={"a": {0: 0, 1: 0}})


def act(world: World, action: str, number: int) -> None:
    """Change what the next sweep will hear, with objects of its own, as an answer that was decoded anew."""
    world.high = {name: dict(ends) for name, ends in world.high.items()}
    world.low = {name: dict(starts) for name, starts in world.low.items()}
    (one,), (two,) = world.groups[1] or [], world.groups[2] or []
    offsets = {name: dict(commits) for name, commits in (one.offsets or {}).items()}
    if action == "write":
        world.high["a"][number % len(world.high["a"])] += number
    elif action == "consume":
        offsets["a"][0] = min(offsets["a"][0] + number, world.high["a"][0])
    elif action == "rewind":
        offsets["a"][1] = max(offsets["a"][1] - number, 0)
    elif action == "delete":
        world.low["a"][0] = min(world.low["a"][0] + number, world.high["a"][0])
    elif action == "recreate":
        partitions = len(world.high["a"])
        world.topics["a"] = topic(100 + number, (1, 2) * (partitions // 2))
        world.high["a"] = dict.fromkeys(range(partitions), number)
    elif action == "grow" and len(world.high["a"]) == 2:
        world.topics["a"] = topic(world.topics["a"].id.int, (1, 2, 1, 2))
        world.high["a"] |= {2: number, 3: 0}
        offsets["a"] |= {2: 0, 3: 0}
    elif action == "forget":
        offsets.pop("b", None)
    elif action == "markers":
        memory = world.state.topics["a"]
        memory.markers = {0: memory.high[0]} if 0 in memory.high else {}
    world.groups = {1: [one._replace(offsets=offsets)], 2: [two]}


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 12)), max_size=25))
def test_a_page_made_with_what_is_kept_equals_one_made_anew(steps: list[tuple[str, int]]) -> None:
    world, view = small_world(), View(SETTINGS)
    world.sweep()
    made_of(world, view)
    for action, number in steps:
        act(world, action, number)
        if action == "retention":
            world.state.configs["a"] = TopicConfig("delete", 1, retention_ms=number * 10_000)
        world.sweep(silent=(2,) if action == "silent" else ())
        assert made_of(world, view) == made_of(world, View(SETTINGS))
        shown = sum(made_of(world, view)[m.LAG.name].values())
        if not any(kept.held for kept in world.state.groups.values()):
            assert shown == sum(read.lag for kept in world.state.groups.values() for read in kept.topics.values())


def test_age_and_verdict_go_on_while_nothing_moves() -> None:
    world, view = small_world(), View(SETTINGS)
    ages, verdicts = [], []
    for _ in range(6):
        world.sweep()
        page = made_of(world, view)
        ages.append(page.get(m.LAG_SECONDS.name, {}).get(("one", "a")))
        verdicts.append(page[m.VERDICT.name]["one", "a"])
    assert ages == [None, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert verdicts == [0.0, 0.0, 0.0, 2.0, 2.0, 2.0]


def test_headroom_follows_the_retention() -> None:
    world, view = small_world(), View(SETTINGS)
    world.sweep()
    for retention in (100.0, 60.0):
        world.state.configs["a"] = TopicConfig("delete", 1, retention_ms=int(retention * 1_000))
        world.sweep()
        page = made_of(world, view)
        age = page[m.LAG_SECONDS.name]["one", "a"]
        assert page[m.RETENTION_HEADROOM.name]["one", "a"] == retention - age


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=60), st.integers(0, 20))
def test_a_topic_that_stands_gives_all_who_wait_the_same_lag(growth: list[list[int]], commit: int) -> None:
    history: list[HistoryPoint] = []
    high = {0: 10, 1: 10}
    for at, step in enumerate(growth):
        high = {index: end + more for (index, end), more in zip(high.items(), step, strict=True)}
        remember(history, at * 15.0, {"id": pack(high, 2)})
    points = points_of(history, "id")
    found = still(points, high)
    if found is not None and commit < max(high.values()):
        assert lag_of({0: commit, 1: commit}, high, points) == found
    if len(growth) > 1 and not any(map(any, growth[1:])):
        assert found is not None
