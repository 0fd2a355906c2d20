"""Health, selection, releases, filters, keys and settings: small pure parts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stackledger.collect.kept import Kept
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import AuthError
from stackledger.integrations.kafka.cluster.health import HealthMemory, health_of, isr_changes
from stackledger.integrations.kafka.cluster.releases import release_of
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.groups.members import classic_members
from stackledger.integrations.kafka.groups.samples import add_groups
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.selection import shown, whole_within
from stackledger.integrations.kafka.state import TopicConfig
from stackledger.integrations.kafka.sweep import Layout
from stackledger.integrations.kafka.view import View
from stackledger.integrations.kafka.wire.messages.cluster import Broker, Metadata
from stackledger.integrations.kafka.wire.messages.groups import ClassicGroup, ClassicMember
from tests.unit.integrations.kafka.world import BROKERS, World, group, topic


def config(minimum: int) -> TopicConfig:
    return TopicConfig("delete", minimum, -1)


def test_health_counts_each_problem() -> None:
    topics = {
        "well": topic(1, [1]),
        "short": topic(2, [1], in_sync=(1, 2)),
        "refusing": topic(3, [1, 2], in_sync=(1,)),
        "dark": topic(4, [-1], in_sync=(2,)),
    }
    health = health_of(topics, dict.fromkeys(topics, config(2)))
    assert (health.partitions, health.offline, health.under_replicated) == (5, 1, 4)
    assert (health.under_min_isr, health.at_min_isr, health.non_preferred) == (3, 1, 1)
    assert health.unhealthy["refusing", "under_min_isr"] == 2
    assert health.unhealthy["dark", "offline"] == 1
    assert health.leaders == {1: 3, 2: 1}
    assert health.replicas == {1: 5, 2: 5, 3: 5}


def test_min_isr_is_unknown_until_every_topic_s_setting_is_known() -> None:
    health = health_of({"a": topic(1, [1]), "b": topic(2, [1])}, {"a": config(2)})
    assert health.under_min_isr is None
    assert health.at_min_isr is None


def test_fewer_replicas_than_the_minimum_are_held_to_what_there_is() -> None:
    health = health_of({"a": topic(1, [1])}, {"a": config(5)})
    assert (health.under_min_isr, health.at_min_isr) == (0, 1)


def test_health_is_counted_anew_when_topics_or_settings_change() -> None:
    memory, topics = HealthMemory(), {"a": topic(1, [1], in_sync=(1, 2))}
    configs = {"a": config(2)}
    health = memory.of(topics, configs)
    assert memory.of(topics, {"a": config(2), "gone": config(9)}) is health
    assert memory.of(topics, {"a": config(3)}).under_min_isr == 1
    assert memory.of(topics, {}).under_min_isr is None
    assert memory.of({"a": topic(1, [-1])}, configs).offline == 1
    assert memory.of(topics, configs) == health


def test_the_layout_is_found_anew_when_topics_or_live_brokers_change() -> None:
    brokers = {key: Broker(key, f"b{key}", 9092, None) for key in BROKERS}
    topics = {"a": topic(1, [1, 2]), "left": topic(2, [1])}
    layout = Layout(Filters(["left"]))
    layout.learn(Metadata(brokers, "lab", 1, topics))
    led = layout.led
    assert led == {1: {"a": [0]}, 2: {"a": [1]}, 3: {}}
    assert layout.holding == {1, 2, 3}
    layout.learn(Metadata(dict(brokers), "lab", 2, topics))
    assert layout.led is led
    layout.learn(Metadata({1: brokers[1]}, "lab", 1, topics))
    assert layout.led == {1: {"a": [0]}}
    layout.learn(Metadata(brokers, "lab", 1, {"a": topic(1, [3, 2])}))
    assert layout.led == {1: {}, 2: {"a": [1]}, 3: {"a": [0]}}


def test_new_partitions_are_no_change_of_the_isr() -> None:
    assert isr_changes([3, 3], [2, 3, 1]) == (1, 0)
    assert isr_changes([], [3]) == (0, 0)


def test_who_is_shown_stays_shown() -> None:
    first = shown({"a": 1.0, "b": 9.0, "c": 5.0}, 2, before=[])
    assert first == ["b", "c"]
    assert shown({"a": 99.0, "b": 0.0, "c": 0.0}, 2, before=first) == first
    assert shown({"a": 99.0, "c": 0.0, "d": 3.0}, 2, before=first) == ["c", "a"]


def test_whole_names_within_a_limit() -> None:
    assert whole_within({"a": 3, "b": 9, "c": 4}, 7) == {"a", "c"}


@pytest.mark.parametrize(
    ("level", "release"),
    [(None, "unknown"), (1, "v3.0"), (7, "v3.3"), (21, "v3.9"), (25, "v4.0"), (27, "v4.1"), (28, "at least v4.1")],
)
def test_releases(level: int | None, release: str) -> None:
    assert release_of(level) == release


def test_exclusion_takes_whole_names() -> None:
    filters = Filters(topics=("__.*", "tmp"))
    assert [filters.topic(name) for name in ("__x", "tmp", "tmp2", "a__")] == [False, False, True, True]
    assert filters.group("anything")


def test_keys_are_the_same_objects_until_partitions_change_and_forgotten_when_unused() -> None:
    keys = Keys()
    first = keys.rows("high", ("t",), [0, 1])
    assert keys.rows("high", ("t",), [0, 1]) is first
    assert keys.rows("high", ("t",), [0, 1, 2]) == [("t", "0"), ("t", "1"), ("t", "2")]
    pair = keys.pair("g", "t")
    keys.end()
    assert keys.pair("g", "t") is pair
    keys.end()
    keys.end()
    assert keys.pair("g", "t") is not pair


def test_an_assignment_in_a_foreign_form_counts_its_member_only() -> None:
    member = ClassicMember("m", None, "c", "h", b"\xff\xff\xff")
    members = classic_members(ClassicGroup(0, "Stable", "consumer", "own", (member,)))
    assert members.total == 1
    assert members.by_topic == {}
    connect = classic_members(ClassicGroup(0, "Stable", "connect", "sessioned", (member,)))
    assert (connect.total, connect.without_partitions) == (1, 0)


GOOD = {"name": "orders", "bootstrap": ("a:9092",)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bootstrap": ()}, "at least 1"),
        ({"bootstrap": ("a",)}, "host:port"),
        ({"exclude_groups": ("(",)}, "regular expression"),
        ({"sasl": {"mechanism": "PLAIN", "user": "u"}}, "takes `user` and `password`"),
        ({"sasl": {"mechanism": "OAUTHBEARER", "user": "u"}}, "takes `token`"),
        ({"names": "burrow"}, "'kminion', 'kafka_exporter' or 'none'"),
        ({"stuck_after_seconds": 0}, "greater than 0"),
        ({"brokers": 1}, "Extra inputs"),
    ],
)
def test_settings_say_what_is_wrong(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        KafkaTarget.model_validate({**GOOD, **wrong})


def test_good_settings() -> None:
    sasl = {"mechanism": "SCRAM-SHA-256", "user": "u", "password": {"env": "SECRET"}}
    assert KafkaTarget.model_validate({**GOOD, "sasl": sasl}).partition_series


def test_a_verdict_goes_with_its_group_though_a_right_is_missing_for_good() -> None:
    """A facet that always fails makes every sweep partial; what was read, and is empty, must not be held for that."""
    world = World({"t": topic(1, [1])}, {"t": {0: 100}}, groups={1: [group("g", {"t": {0: 10}})]})
    view = View(KafkaTarget.model_validate(GOOD))
    kept = Kept()

    def sweep() -> set[str]:
        part = Part(world.now)
        add_groups(part, world.sweep(), view=view)
        kept.merge(Snapshot({"cluster": part}, facets={"quorum": AuthError("no right")}))
        return {metric.name for metric, rows in kept.parts["cluster"].rows.items() if rows.keys}

    verdict = "stackledger_kafka_consumer_group_topic_verdict"
    assert verdict in sweep()
    world.groups = {1: []}
    for _ in range(3):
        shown = sweep()
    assert verdict not in shown
    assert not {name for name in shown if "consumer_group_topic" in name}
