"""Whose view counts, what nobody serves, and what was a failover."""

from __future__ import annotations

from dataclasses import replace

from stackledger.integrations.redis import topology
from stackledger.integrations.redis.answers import Answers, Member
from stackledger.integrations.redis.state import RedisState

HALVES = ((0, 8191), (8192, 16383))


def member(name: str, *, primary: str = "", epoch: int = 1, slots: tuple[tuple[int, int], ...] = ()) -> Member:
    flags = frozenset({"slave" if primary else "master"})
    return Member(name, name, 6379, "", flags, primary, epoch, slots)


M1, M2 = member("m1", epoch=1, slots=HALVES[:1]), member("m2", epoch=2, slots=HALVES[1:])
R1, R2 = member("r1", primary="m1"), member("r2", primary="m2", epoch=2)
WELL = (M1, M2, R1, R2)


def flagged(one: Member, *flags: str) -> Member:
    return replace(one, flags=one.flags | set(flags))


def view(me: str, members: tuple[Member, ...]) -> Answers:
    lines = tuple(flagged(one, "myself") if one.id == me else one for one in members)
    return Answers(f"{me}:6379", 0.0, {}, members=lines)


def judged(*views: Answers, unread: frozenset[str] = frozenset()) -> topology.Topology:
    seen = topology.judge(views, unread)
    assert seen is not None
    return seen


def test_a_healthy_cluster() -> None:
    seen = judged(*(view(one.id, WELL) for one in WELL))
    assert (seen.views, seen.uncovered, seen.failed, seen.epoch_conflicts) == (1, (), frozenset(), 0)
    assert [(shard.label, shard.replicas) for shard in seen.shards] == [("0-8191", 1), ("8192-16383", 1)]


def test_no_view_is_no_topology() -> None:
    assert topology.judge([Answers("a:1", 0.0, {})], frozenset()) is None


def test_a_failed_master_leaves_its_slots_uncovered_until_its_replica_has_them() -> None:
    dead = flagged(M1, "fail")
    before = judged(*(view(one, (dead, M2, R1, R2)) for one in ("m2", "r1", "r2")))
    assert before.uncovered == ((0, 8191),)
    promoted = (replace(dead, slots=()), M2, member("r1", epoch=3, slots=HALVES[:1]), R2)
    after = judged(*(view(one, promoted) for one in ("m2", "r1", "r2")))
    assert after.uncovered == ()
    assert after.failed == {"m1"}
    assert [(shard.owner.id, shard.replicas) for shard in after.shards] == [("r1", 0), ("m2", 1)]


def test_the_view_of_the_most_masters_counts_not_that_of_the_most_nodes() -> None:
    third = member("m3", epoch=9, slots=HALVES[:1])
    old = (M1, M2, R1, R2, member("m3", primary="m1"))
    new = (replace(M1, slots=()), M2, R1, R2, third)
    seen = judged(view("r1", old), view("r2", old), view("m1", old), view("m2", new), view("m3", new))
    assert seen.views == 2
    assert seen.shards[0].owner.id == "m3"


def test_one_node_that_suspects_does_not_make_a_failure() -> None:
    doubting = view("r1", (flagged(M1, "fail?"), M2, R1, R2))
    seen = judged(doubting, view("m1", WELL), view("m2", WELL))
    assert seen.failed == frozenset()
    assert seen.suspecting["m1"] == 1
    assert seen.uncovered == ()


def test_without_a_quorum_the_suspicion_of_all_and_our_own_failure_are_enough() -> None:
    suspects = (flagged(M1, "fail?"), M2, R1, R2)
    everyone = [view(one, suspects) for one in ("m2", "r1", "r2")]
    assert judged(*everyone, unread=frozenset({"m1"})).uncovered == ((0, 8191),)
    assert judged(*everyone).uncovered == (), "we can read it, so it lives"


def test_masters_with_equal_epochs_are_a_conflict() -> None:
    assert judged(view("m1", (M1, replace(M2, epoch=1)))).epoch_conflicts == 2


def test_replicas_that_are_ill_do_not_count() -> None:
    for flag in ("fail", "fail?", "handshake", "noaddr"):
        seen = judged(view("m1", (M1, M2, flagged(R1, flag), R2)))
        assert [shard.replicas for shard in seen.shards] == [0, 1], flag


def test_nodes_without_an_address_are_no_members() -> None:
    assert len(judged(view("m1", (*WELL, flagged(member("x"), "noaddr")))).members) == 4


def test_failovers_are_counted_once_and_resharding_not_at_all() -> None:
    state = RedisState()

    def see(*members: Member, now: float) -> None:
        seen = judged(view("m2", members))
        topology.remember(state, seen, now, dials={one.id: one.address for one in members})

    see(*WELL, now=1)
    assert (state.failovers, state.last_failover) == (0, None), "the first list counts nothing"
    promoted = (replace(flagged(M1, "fail"), slots=()), M2, member("r1", epoch=3, slots=HALVES[:1]), R2)
    for now in (2, 3, 4):
        see(*promoted, now=now)
    assert (state.failovers, state.last_failover) == (1, 2)
    resharded = (member("m1", slots=((0, 10),)), M2, member("r1", epoch=3, slots=((11, 8191),)), R2)
    see(*resharded, now=5)
    assert state.failovers == 1
    see(member("m1", slots=((0, 10),)), M2, member("r1", epoch=3, slots=((11, 8191),)), member("r2"), now=6)
    assert state.failovers == 1, "a replica that was reset owns no slots"
    see(*resharded[:2], now=7)
    assert set(state.nodes) == {"m1", "m2"}


def test_labels_of_shards_and_ranges() -> None:
    assert topology.range_label((7, 7)) == "7"
    scattered = member("m1", slots=((0, 10), (20, 20), (30, 40)))
    assert judged(view("m1", (scattered,))).shards[0].label == "0-10+2"
    assert judged(view("m1", (scattered,))).uncovered == ((11, 19), (21, 29), (41, 16383))


def test_a_master_that_never_had_slots_is_idle_and_one_that_lost_them_by_failing_is_not() -> None:
    state = RedisState()
    spare = member("m3", epoch=9)

    def see(*members: Member) -> dict[str, str]:
        seen = judged(view("m2", members))
        topology.remember(state, seen, 0.0, dials={one.id: one.address for one in members})
        return {one.id: topology.role_of(one, state) for one in members}

    assert see(*WELL, spare) == {"m1": "master", "m2": "master", "r1": "slave", "r2": "slave", "m3": "idle"}
    promoted = member("r1", epoch=10, slots=HALVES[:1])
    for _ in range(3):
        roles = see(flagged(replace(M1, slots=()), "fail"), M2, promoted, R2, flagged(spare, "fail"))
        assert (roles["m1"], roles["r1"], roles["m3"]) == ("master", "master", "idle")
    assert see(replace(M1, slots=()), M2, promoted, R2)["m1"] == "idle", "it is back, and has nothing to serve"
