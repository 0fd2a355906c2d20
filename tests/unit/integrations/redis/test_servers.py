"""Servers that are listed one by one: what each was, and whether another has taken its place."""

from __future__ import annotations

from stackledger.collect.snapshot import Part
from stackledger.errors import ConnectError
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis import roster, servers
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.roster import Sweep
from stackledger.integrations.redis.state import RedisState

A, B, C = (f"10.0.0.{last}:6379" for last in (1, 2, 3))
MASTER = {"role": "master", "redis_mode": "standalone", "run_id": "a", "master_replid": "x"}
REPLICA = {"role": "slave", "redis_mode": "standalone", "run_id": "b", "master_replid": "x"}


def seen(state: RedisState, told: dict[str, dict[str, str] | None]) -> dict[tuple[str, ...], float]:
    """What is shown after a sweep in which `None` could not be read."""
    read = {address: Answers(address, 0.0, info) for address, info in told.items() if info is not None}
    failed = {address: ConnectError("gone") for address, info in told.items() if info is None}
    settings = RedisTarget.model_validate({"name": "cache", "seeds": list(told)})
    found = roster.of(Sweep(read, failed), state, settings)
    assert found.alone
    assert found.dials == set(told), "no connection is let go of"
    servers.remember(state, found.places())
    part = Part(0.0)
    servers.add_servers(part, state, read)
    rows = part.rows.get(m.SERVER_FAILED)
    return {} if rows is None else dict(zip(rows.keys, rows.values, strict=True))


def test_a_lost_server_keeps_the_role_that_it_was_last_read_in() -> None:
    state = RedisState()
    assert seen(state, {A: MASTER, B: REPLICA}) == {(A, "master"): 0, (B, "slave"): 0}
    for _ in range(2):
        assert seen(state, {A: None, B: REPLICA}) == {(A, "master"): 1, (B, "slave"): 0}
    assert seen(state, {A: MASTER, B: None}) == {(A, "master"): 0, (B, "slave"): 1}
    assert seen(state, {A: MASTER}) == {(A, "master"): 0}, "no longer listed"


def test_a_master_whose_history_another_goes_on_with_is_replaced_until_it_is_read_again() -> None:
    state = RedisState()
    seen(state, {A: MASTER, B: REPLICA, C: REPLICA})
    promoted = MASTER | {"run_id": "b", "master_replid": "y", "master_replid2": "x"}
    assert seen(state, {A: None, B: promoted, C: REPLICA})[A, "replaced"] == 1
    assert seen(state, {A: None, B: None, C: REPLICA | {"master_replid": "y", "master_replid2": "x"}}) == {
        (A, "replaced"): 1,
        (B, "master"): 1,
        (C, "slave"): 0,
    }
    assert seen(state, {A: MASTER, B: promoted, C: REPLICA})[A, "master"] == 0


def test_a_replica_that_follows_another_history_now_replaces_nobody() -> None:
    state = RedisState()
    seen(state, {A: MASTER, B: REPLICA})
    assert seen(state, {A: None, B: REPLICA | {"master_replid": "y", "master_replid2": "x"}})[A, "master"] == 1


def test_what_was_never_read_members_of_a_cluster_and_sentinels_have_no_role() -> None:
    state = RedisState()
    other = {"redis_mode": "sentinel"}
    member = {"redis_mode": "cluster", "cluster_enabled": "1", "role": "master"}
    assert seen(state, {A: None, B: other, C: member}) == {}
    assert seen(state, {A: None, B: None, C: None}) == {}
