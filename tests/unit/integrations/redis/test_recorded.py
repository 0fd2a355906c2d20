"""Answers of real servers, 6.2 to 8.2 and Valkey 8 and 9, replayed through the reading of one node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from stackledger.clock import ManualClock
from stackledger.collect.snapshot import Part
from stackledger.integrations.redis import samples
from stackledger.integrations.redis.answers import Answers
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.connection import Command
from stackledger.integrations.redis.dialogue import Dialogue
from stackledger.integrations.redis.sentinel import watch
from stackledger.integrations.redis.slots import answers as slot_answers
from stackledger.integrations.redis.state import RedisState

FOLDER = Path(__file__).parent / "recorded"
VERSIONS = sorted(path.stem for path in FOLDER.glob("*.json"))
SINCE_7 = {
    "redis_commands_latencies_usec",
    "redis_latency_percentiles_usec",
    "redis_number_of_functions",
    "redis_evicted_clients_total",
    "redis_rdb_saves_total",
}
IN_ALL = {
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_mem_fragmentation_ratio",
    "redis_connected_clients",
    "redis_max_clients",
    "redis_evicted_keys_total",
    "redis_keyspace_hits_total",
    "redis_cpu_user_main_thread_seconds_total",
    "redis_rdb_last_bgsave_status",
    "redis_commands_total",
    "redis_errors_total",
    "redis_cluster_state",
    "redis_db_keys",
    "redis_slowlog_length",
    "redis_config_maxclients",
    "redis_start_time_seconds",
    "stackledger_redis_commands_received_total",
    "stackledger_redis_commands_refused_total",
}


def recorded(version: str, of: str) -> dict[str, Any]:
    return {
        command: revived(reply) for command, reply in json.loads((FOLDER / f"{version}.json").read_text())[of].items()
    }


def revived(reply: Any) -> Any:
    """The reply as the driver gives it: an error as the driver's class."""
    if isinstance(reply, dict):
        return getattr(exceptions, reply["error"])(reply["text"])
    return reply


class Replayed:
    """Answers what was recorded, and to other commands what a server says that has no more to say."""

    address = "10.0.0.1:6379"

    def __init__(self, replies: dict[str, Any]) -> None:
        self.replies = replies

    async def ask(self, commands: Sequence[Command], _seconds: float) -> list[Any]:
        words = [" ".join(map(str, command)) for command in commands]
        return [self.replies.get(word, self.replies.get(word.replace(" 32", " 4"), [])) for word in words]


def read(version: str, of: str) -> tuple[Answers, Part]:
    settings = RedisTarget.model_validate({"name": "cache", "seeds": ["10.0.0.1:6379"]})
    replies = recorded(version, of) if of != "replica" else recorded(version, "master") | recorded(version, of)
    dialogue = Dialogue(Replayed(replies), settings, ManualClock())  # type: ignore[arg-type]
    answers = asyncio.run(dialogue.answers(4.0))
    return answers, samples.node_part(answers, "10.0.0.1:6379", dialogue.caps, None)


def values(part: Part, name: str) -> dict[tuple[str, ...], float]:
    found = next((rows for metric, rows in part.rows.items() if metric.name == name), None)
    return {} if found is None else dict(zip(found.keys, found.values, strict=True))


def test_all_versions_that_are_promised_are_recorded() -> None:
    assert {version.rpartition(".")[0] for version in VERSIONS} == {
        *("redis-6.2", "redis-7.0", "redis-7.2", "redis-7.4", "redis-8.2", "valkey-8.0", "valkey-9.1")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_member_of_a_cluster(version: str) -> None:
    answers, part = read(version, "master")
    assert [name for name, problem in answers.facets.items() if problem] == []
    names = {metric.name for metric in part.rows}
    assert names >= IN_ALL
    assert (names >= SINCE_7) is not version.startswith("redis-6")
    assert answers.members is not None
    assert len(answers.members) == 6
    assert answers.me is not None
    assert answers.me.slots == ((0, 5460),)
    software, _, number = version.partition("-")
    assert values(part, "stackledger_redis_server_info") == {(software, number, ""): 1}
    ((role, _, _, mode, *_),) = values(part, "redis_instance_info")
    assert (role, mode) == ("master", "cluster")
    assert values(part, "redis_slowlog_length")[()] == 128
    assert {slow.command for slow in answers.slow or ()} <= {
        "get",
        "set",
        "config",
        "info",
        "cluster",
        "wait",
        "replconf",
    }
    assert values(part, "redis_connected_slave_lag_seconds")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_replica(version: str) -> None:
    _, part = read(version, "replica")
    assert set(values(part, "redis_master_link_up").values()) == {1}
    assert set(values(part, "redis_master_last_io_seconds_ago").values()) <= {0, 1, 2}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sentinel(version: str) -> None:
    answers, part = read(version, "sentinel")
    assert [name for name, problem in answers.facets.items() if problem] == []
    seen = watch.judge([answers], RedisState())
    assert seen is not None
    (master,) = seen.masters
    assert (master.name, len(master.replicas), len(seen.sentinels)) == ("orders", 2, 3)
    assert set(values(part, "redis_sentinel_master_ok_sentinels").values()) == {3}
    assert set(values(part, "redis_sentinel_master_ckquorum_status").values()) == {1}
    assert set(values(part, "redis_sentinel_master_status").values()) == {1}
    assert not values(part, "redis_db_keys")


@pytest.mark.parametrize("version", VERSIONS)
def test_single_slots(version: str) -> None:
    replies = recorded(version, "master")
    reply = replies["CLUSTER SLOT-STATS SLOTSRANGE 448 450"]
    answers, _ = read(version, "master")
    if not slot_answers.has_slot_stats(answers.info):
        assert isinstance(reply, exceptions.ResponseError), "it would be an error to ask"
        return
    found = slot_answers.parse(reply, "a:1")
    assert set(found) == {448, 449, 450}
    assert found[449].keys == 1  # k1
    assert found[449].cpu_usec
    assert found[449].bytes_in
