"""What is kept of answers: holding, counting, forgetting. Each rule on hand-made sweeps."""

from __future__ import annotations

import msgspec

from stackledger.integrations.kafka.state import KafkaState, TopicConfig
from tests.unit.integrations.kafka.world import World, group, topic


def two_brokers() -> World:
    """Two partitions, on brokers 1 and 2, and a group on broker 2."""
    world = World({"t": topic(1, [1, 2])}, {"t": {0: 100, 1: 50}}, low={"t": {0: 0, 1: 0}})
    world.groups = {2: [group("g", {"t": {0: 90, 1: 50}})]}
    return world


def test_the_first_sweep_counts_nothing() -> None:
    assert two_brokers().sweep().topics["t"].produced == 0


def test_what_is_written_later_counts_once() -> None:
    world = two_brokers()
    world.sweep()
    world.high["t"] = {0: 103, 1: 50}
    world.sweep()
    assert world.sweep().topics["t"].produced == 3


def test_a_silent_broker_holds_its_offsets_and_what_it_missed_is_counted_when_it_is_back() -> None:
    world = two_brokers()
    world.sweep()
    world.high["t"] = {0: 110, 1: 70}
    state = world.sweep(silent=[2])
    assert state.topics["t"].high == {0: 110, 1: 50}
    assert state.topics["t"].held == {1: world.now - 10}
    assert state.topics["t"].produced == 10
    world.sweep(silent=[2])
    assert state.topics["t"].held == {1: world.now - 20}
    world.sweep()
    assert state.topics["t"].held == {}
    assert state.topics["t"].produced == 30


def test_a_partition_that_was_silent_from_the_first_sweep_counts_from_its_first_reading() -> None:
    world = two_brokers()
    state = world.sweep(silent=[2])
    assert state.topics["t"].held == {1: 0.0}
    world.sweep()
    assert state.topics["t"].produced == 0
    world.high["t"][1] = 55
    assert world.sweep().topics["t"].produced == 5


def test_a_high_watermark_that_falls_for_a_while_counts_no_record_twice() -> None:
    """A new leader may know less of the high watermark than the old one did."""
    world = two_brokers()
    for high in (100, 90, 100, 104):
        world.high["t"] = {0: high, 1: 50}
        world.sweep()
    assert world.state.topics["t"].produced == 4
    assert world.state.topics["t"].high[0] == 104


def test_a_new_id_is_a_new_topic() -> None:
    world = two_brokers()
    world.sweep()
    world.topics["t"] = topic(2, [1, 2])
    world.high["t"] = {0: 5, 1: 6}
    state = world.sweep()
    assert state.topics["t"].produced == 11
    assert state.topics["t"].high == {0: 5, 1: 6}


def test_a_new_topic_whose_leader_is_silent_at_first_still_counts_from_zero() -> None:
    world = two_brokers()
    world.sweep()
    world.topics["new"] = topic(9, [3])
    world.high["new"] = {0: 40}
    world.sweep(silent=[3])
    assert world.sweep().topics["new"].produced == 40


def test_a_topic_that_is_gone_is_forgotten_with_its_commits() -> None:
    world = two_brokers()
    world.sweep()
    del world.topics["t"]
    world.sweep()
    state = world.sweep()
    assert not state.topics
    assert not state.groups["g"].topics
    assert not state.groups["g"].verdicts


def test_a_topic_that_was_only_not_listed_goes_on_counting() -> None:
    """A broker that has just started may answer before it knows every topic; the next one knows them all."""
    world = two_brokers()
    world.sweep()
    before = world.state.topics["t"].produced
    hidden, world.topics = world.topics, {}
    for _ in range(2):
        world.sweep()
    assert not world.state.topics
    world.topics = hidden
    world.high["t"][0] += 7
    assert world.sweep().topics["t"].produced == before + 7
    assert not world.state.departed


def test_one_answer_without_a_topic_takes_nothing_from_its_groups() -> None:
    """Neither the time for which a group has waited, nor its verdict, nor its counter."""
    world = two_brokers()
    world.sweep()
    for _ in range(6):
        world.sweep()
    before = world.state.groups["g"]
    verdict, waiting = before.verdicts["t"], dict(before.topics["t"].waiting)
    consumed, lag = before.topics["t"].consumed, before.topics["t"].lag
    assert verdict[0] == "stalled"
    hidden, world.topics = world.topics, {}
    world.sweep()
    world.topics = hidden
    after = world.sweep().groups["g"]
    assert (after.verdicts["t"], after.topics["t"].waiting) == (verdict, waiting)
    assert (after.topics["t"].consumed, after.topics["t"].lag) == (consumed, lag)


def test_settings_of_topics_that_are_gone_are_forgotten() -> None:
    world = two_brokers()
    world.sweep()
    world.state.configs = {name: TopicConfig("delete", 1, -1) for name in ("t", "excluded-and-gone")}
    assert world.sweep().configs.keys() == {"t"}


def test_a_group_that_comes_with_its_lag_is_no_growth() -> None:
    world = two_brokers()
    for _ in range(8):
        world.sweep()
    lag = world.state.readings[-1].lag
    world.groups[2] = [*(world.groups[2] or []), group("late", {"t": {0: 0}}, members=0)]
    assert world.sweep().readings[-1].lag == lag
    world.groups[2] = world.groups[2][:-1]
    for _ in range(2):
        world.sweep()
    assert world.state.readings[-1].lag == lag


def test_a_topic_that_stays_away_is_forgotten_for_good() -> None:
    world = two_brokers()
    world.sweep()
    world.topics = {}
    for _ in range(2):
        world.sweep()
    assert world.state.departed
    assert not world.sweep(later=601.0).departed


def test_another_cluster_behind_the_same_address_begins_anew() -> None:
    world = two_brokers()
    world.sweep()
    world.high["t"] = {0: 500, 1: 500}
    world.cluster_id = "other"
    assert world.sweep().topics["t"].produced == 0


def test_a_silent_coordinator_holds_its_groups() -> None:
    world = two_brokers()
    world.sweep()
    for _ in range(5):
        state = world.sweep(silent=[2])
    assert state.groups["g"].held
    assert state.groups["g"].topics["t"].committed == {0: 90, 1: 50}
    assert not world.sweep().groups["g"].held


def test_a_coordinator_that_is_loading_holds_its_groups() -> None:
    world = two_brokers()
    world.sweep()
    world.groups[2] = None
    for _ in range(5):
        assert world.sweep().groups["g"].held


def test_a_group_that_moves_is_not_forgotten_in_between() -> None:
    world = two_brokers()
    world.sweep()
    (moving,) = world.groups.pop(2) or []
    world.sweep()
    world.groups[3] = [moving]
    state = world.sweep()
    assert state.groups["g"].coordinator == 3
    assert not state.groups["g"].held


def test_a_group_that_nobody_lists_twice_is_gone() -> None:
    world = two_brokers()
    world.sweep()
    world.groups = {}
    assert "g" in world.sweep().groups
    assert "g" not in world.sweep().groups


def test_commits_that_could_not_be_read_are_held() -> None:
    world = two_brokers()
    world.sweep()
    world.groups = {2: [group("g", None)]}
    state = world.sweep()
    assert state.groups["g"].held
    assert state.groups["g"].topics["t"].committed == {0: 90, 1: 50}


def test_consumption_counts_forward_moves_only() -> None:
    world = two_brokers()
    for committed in ({0: 90, 1: 50}, {0: 95, 1: 40}, {0: 100, 1: 45}):
        world.groups = {2: [group("g", {"t": committed})]}
        world.sweep()
    assert world.state.groups["g"].topics["t"].consumed == 5 + 5 + 5


def test_an_idle_topic_whose_first_record_arrives_late_is_not_stuck() -> None:
    world = two_brokers()
    world.groups = {2: [group("g", {"t": {0: 100, 1: 50}})]}
    world.sweep()
    world.sweep(later=3600)
    world.high["t"][0] = 101
    assert world.sweep().groups["g"].verdicts["t"] == ("ok", "progressing")
    assert world.sweep(later=29).groups["g"].verdicts["t"] == ("ok", "waiting")
    assert world.sweep(later=1).groups["g"].verdicts["t"] == ("stalled", "no_progress")


def test_members_that_read_something_else_do_not_save_a_topic() -> None:
    world = two_brokers()
    answer = group("g", {"t": {0: 90}})
    assert answer.members is not None
    world.groups = {2: [answer._replace(members=answer.members._replace(by_topic={"u": 1}, assigned={"u": 1}))]}
    world.sweep()
    assert world.sweep(later=30).groups["g"].verdicts["t"] == ("stopped", "no_members")


def test_isr_changes_are_counted() -> None:
    world = two_brokers()
    world.sweep()
    world.topics["t"] = topic(1, [1, 2], in_sync=(1, 2))
    world.sweep()
    world.sweep()
    world.topics["t"] = topic(1, [1, 2])
    state = world.sweep()
    assert (state.isr_shrinks, state.isr_expands) == (2, 2)


def test_the_state_survives_a_checkpoint() -> None:
    world = two_brokers()
    world.sweep()
    world.sweep(silent=[2])
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(world.state), type=KafkaState)
    assert copy == world.state
    world.state = copy
    world.high["t"][0] = 107
    assert world.sweep().topics["t"].produced == 7
