"""Whose word counts among Sentinels, what was a failover, and answers that are none."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import NoPermissionError, ResponseError

from stackledger.errors import ConnectError, ProtocolError
from stackledger.integrations.redis import roster, servers
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.roster import Sweep
from stackledger.integrations.redis.sentinel import answers as read
from stackledger.integrations.redis.sentinel import watch
from stackledger.integrations.redis.state import RedisState

OLD, NEW = "10.0.0.1:6379", "10.0.0.2:6379"
IDS = {"s1": "a" * 40, "s2": "b" * 40, "s3": "c" * 40}


def row(**fields: Any) -> list[str]:
    return [word for name, value in fields.items() for word in (name.replace("_", "-"), str(value))]


def told(
    name: str, address: str, epoch: int, *, peers: tuple[str, ...] = ("s1", "s2", "s3"), flags: str = "slave"
) -> Answers:
    """One Sentinel's answers, as the protocol brings them."""
    host, _, port = address.partition(":")
    other = NEW if address == OLD else OLD
    master = row(name="orders", ip=host, port=port, flags="master", config_epoch=epoch, quorum=2)
    sentinels = [row(ip=peer, port=26379, runid=IDS[peer], flags="sentinel") for peer in peers if peer != name]
    replicas = [row(ip=other.partition(":")[0], port=6379, runid="r", flags=flags)]
    replies = [[master], IDS[name], "OK 3 usable Sentinels.", sentinels, replicas]
    view = read.parse(replies, ("orders",), "s:1")
    return Answers(f"{name}:26379", 0.0, {"redis_mode": "sentinel", "run_id": name}, sentinel=view)


def see(state: RedisState, *answers: Answers, now: float = 0.0) -> watch.Watch:
    seen = watch.judge(answers, state)
    assert seen is not None
    watch.remember(state, seen, now)
    return seen


def test_the_newest_configuration_counts_and_all_nodes_are_found() -> None:
    state = RedisState()
    seen = see(state, told("s1", OLD, 1), told("s2", NEW, 2), told("s3", OLD, 1))
    (master,) = seen.masters
    assert (master.address, master.epoch, master.agreeing, master.views) == (NEW, 2, 1, 2)
    assert set(seen.servers) == {OLD, NEW}
    assert {one.address for one in seen.sentinels.values()} == {"s1:26379", "s2:26379", "s3:26379"}


def test_one_sentinel_is_enough_to_find_the_others() -> None:
    seen = see(RedisState(), told("s1", OLD, 1))
    assert {id_: one.dial for id_, one in seen.sentinels.items()} == {IDS[name]: f"{name}:26379" for name in IDS}


def test_a_failover_is_counted_once_though_epoch_and_address_change_one_after_the_other() -> None:
    state = RedisState()
    steps = [(OLD, 0), (OLD, 0), (OLD, 1), (NEW, 1), (OLD, 1), (NEW, 1), (NEW, 1)]
    for now, (address, epoch) in enumerate(steps):
        see(state, told("s1", address, epoch), now=now)
    known = state.watched["orders"]
    assert (known.failovers, known.last_failover, known.address) == (1, 3, NEW)
    see(state, told("s1", OLD, 2), now=9)
    assert (state.watched["orders"].failovers, state.watched["orders"].last_failover) == (2, 9)


def test_a_sentinel_that_slept_through_a_failover_changes_nothing() -> None:
    state = RedisState()
    see(state, told("s1", OLD, 0), told("s2", OLD, 0), told("s3", OLD, 0))
    see(state, told("s1", NEW, 1), told("s2", NEW, 1))
    see(state, told("s3", OLD, 0))
    assert (state.watched["orders"].address, state.watched["orders"].failovers) == (NEW, 1)
    see(state, told("s1", NEW, 1), told("s2", NEW, 1), told("s3", NEW, 1))
    assert state.watched["orders"].failovers == 1


def unlearnt(name: str) -> Answers:
    """A Sentinel that came back without its configuration, or never had it."""
    view = read.parse([[], IDS[name]], (), "s:1")
    return Answers(f"{name}:26379", 0.0, {"redis_mode": "sentinel", "run_id": name}, sentinel=view)


def test_a_sentinel_that_never_told_of_a_master_makes_nobody_forget_it() -> None:
    state = RedisState()
    see(state, told("s1", OLD, 0, peers=("s1", "s2")), told("s2", OLD, 0, peers=("s1", "s2")))
    see(state, told("s1", NEW, 1, peers=("s1", "s2")))
    for _ in range(2):
        seen = see(state, unlearnt("s3"))
        assert set(seen.servers) == {OLD, NEW}
        assert set(state.sentinels) == set(IDS.values()), "those that know it are asked again"
        assert (state.watched["orders"].address, state.watched["orders"].failovers) == (NEW, 1)
    see(state, told("s2", OLD, 2, peers=("s1", "s2")), unlearnt("s3"))
    assert state.watched["orders"].failovers == 2


def test_a_master_that_a_sentinel_no_longer_watches_is_forgotten() -> None:
    state = RedisState()
    see(state, told("s1", OLD, 0), told("s2", OLD, 0))
    seen = see(state, unlearnt("s1"))
    assert not state.watched
    assert not seen.servers


def test_a_master_that_is_set_up_anew_counts_from_its_new_epoch() -> None:
    state = RedisState()
    see(state, told("s1", OLD, 7), told("s2", OLD, 7), told("s3", OLD, 7))
    see(state, told("s1", OLD, 0), told("s2", OLD, 0), told("s3", OLD, 0))
    see(state, told("s1", NEW, 1), told("s2", NEW, 1), told("s3", NEW, 1))
    assert state.watched["orders"].failovers == 1


def test_a_sentinel_keeps_its_name_when_the_others_are_away() -> None:
    state = RedisState()
    seed = Answers(
        "sentinel-1.example.com:26379", 0.0, {"redis_mode": "sentinel"}, sentinel=told("s1", OLD, 1).sentinel
    )
    see(state, seed, told("s2", OLD, 1))
    assert (state.sentinels[IDS["s1"]].address, state.sentinels[IDS["s1"]].dial) == ("s1:26379", seed.dialled)
    see(state, seed)
    assert state.sentinels[IDS["s1"]].address == "s1:26379"


def roster_of(sweep: Sweep, state: RedisState, *seeds: str) -> roster.Roster:
    return roster.of(sweep, state, RedisTarget.model_validate({"name": "cache", "seeds": seeds}))


def test_with_all_sentinels_away_their_servers_are_still_there() -> None:
    state = RedisState()
    see(state, told("s1", OLD, 1))
    server = Answers(OLD, 0.0, {"redis_mode": "standalone", "run_id": "x"})
    gone = {f"{name}:26379": ConnectError("gone") for name in IDS} | {NEW: ConnectError("gone")}
    places = {name: answer for name, answer, _ in roster_of(Sweep({OLD: server}, gone), state, "s1:26379").places()}
    assert places == {"s1:26379": None, "s2:26379": None, "s3:26379": None, OLD: server, NEW: None}
    assert set(roster.remembered(state)) == {*gone, OLD}


def test_a_replica_that_nobody_has_met_is_no_node_that_is_down() -> None:
    state = RedisState()
    gone = {"s2:26379": ConnectError("gone"), "s3:26379": ConnectError("gone"), NEW: ConnectError("gone")}
    server = Answers(OLD, 0.0, {"redis_mode": "standalone", "run_id": "x"})
    replica = Answers(NEW, 0.0, {"redis_mode": "standalone", "run_id": "y", "role": "slave"})
    stale, well = told("s1", OLD, 1, flags="slave,s_down,disconnected"), told("s1", OLD, 1)

    def places(sentinel: Answers, *servers_: Answers) -> set[str]:
        read_ = {answer.dialled: answer for answer in (sentinel, *servers_)}
        seen = roster_of(
            Sweep(read_, {name: error for name, error in gone.items() if name not in read_}), state, "s1:26379"
        )
        assert NEW in seen.dials, "it is still asked"
        servers.remember(state, seen.places())
        see(state, sentinel)
        return {name for name, *_ in seen.places()}

    assert NEW not in places(stale, server)
    assert NEW not in roster.remembered(state), "nor is it one when all Sentinels are away"
    assert NEW in places(well, server), "it is there for Sentinels, and not for us"
    assert NEW in places(stale, server, replica)
    assert NEW in places(stale, server), "one that was read is missed"


def test_one_sentinel_that_reaches_a_replica_is_enough() -> None:
    seen = see(RedisState(), told("s1", OLD, 1), told("s2", OLD, 1, flags="slave,s_down"))
    assert not seen.unmet


def test_a_seed_that_is_a_server_known_by_another_name_is_no_second_node() -> None:
    sentinel, server = told("s1", OLD, 1), Answers(OLD, 0.0, {"run_id": "x"})
    alias = Answers("redis-1.example.com:6379", 0.0, {"run_id": "x"})
    stranger = Answers("redis-9.example.com:6379", 0.0, {"run_id": "y"})
    read_ = {answer.dialled: answer for answer in (sentinel, server, alias, stranger)}
    places = [name for name, *_ in roster_of(Sweep(read_), RedisState(), *read_).places()]
    assert places.count(OLD) == 1
    assert alias.dialled not in places
    assert stranger.dialled in places


def test_answers_of_older_and_odd_sentinels() -> None:
    named = row(name="orders", ip="fd00::7", port=6379, config_epoch="x")
    old = read.parse([[named], ResponseError("unknown subcommand"), ResponseError("NOQUORUM 1 usable"), None, [7]],
                     ("orders",), "s:1")  # fmt: skip
    (master,) = old.masters
    assert (old.id, master.address, master.epoch, master.sentinels, master.replicas) == (
        "",
        "[fd00::7]:6379",
        0,
        None,
        (),
    )
    assert master.quorum == (False, "NOQUORUM 1 usable")
    assert not read.refused([[named], ResponseError("unknown subcommand")])
    assert read.refused([ResponseError("unknown command")])
    assert read.refused([[named], "id", NoPermissionError("no")])
    unasked = read.parse([[named], "id"], (), "s:1").masters[0]
    assert (unasked.quorum, unasked.sentinels, unasked.replicas) == (None, None, None)
    with pytest.raises(ProtocolError, match="s:1"):
        read.parse(["OK", "id"], (), "s:1")
