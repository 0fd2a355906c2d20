"""From what a node said, and what the cluster is, to samples. Pure: no I/O, `now` is in the answers.

Owns which value goes to which family. Absent stays absent, except zeros that redis_exporter shows too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackledger.catalogue import Metric
from stackledger.collect.snapshot import Part
from stackledger.integrations.redis import info_metrics, labels, topology
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.answers import Answers, mode_of, number, pairs_of, words_of
from stackledger.integrations.redis.commands import Cap, Commands, add_capped
from stackledger.integrations.redis.sentinel.samples import add_sentinel
from stackledger.integrations.redis.state import RedisState, SlowLog
from stackledger.integrations.redis.topology import Topology

_ALL = tuple(value for value in vars(info_metrics).values() if isinstance(value, Metric))
_INFO = info_metrics.fields(_ALL, "INFO")
_CLUSTER_INFO = info_metrics.fields(_ALL, "CLUSTER INFO")
_CONFIG = info_metrics.fields(_ALL, "CONFIG GET")
_SCALE = {"latest_fork_usec": 1e-6}
_REPLICA = re.compile(r"slave\d+\Z")
_DATABASES = 64
_ERRORS = 128


class Caps:
    """The caps of one node, and what it last said of what they are for."""

    def __init__(self, commands: int) -> None:
        self.commands = Commands(commands)
        self.errors = Cap(_ERRORS)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of INFO that are one of many, by what comes behind their prefix."""

    commands: Mapping[str, str]
    percentiles: Mapping[str, str]
    errors: Mapping[str, str]
    databases: tuple[str, ...]
    replicas: tuple[str, ...]


@functools.lru_cache(128)  # the nodes of a target have the same ones, in nearly every sweep
def _fields_of(names: tuple[str, ...]) -> _Fields:
    def prefixed(prefix: str) -> dict[str, str]:
        return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}

    return _Fields(
        prefixed("cmdstat_"),
        prefixed("latency_percentiles_usec_"),
        prefixed("errorstat_"),
        tuple([name for name in names if name.startswith("db") and name[2:].isdigit()]),
        tuple(filter(_REPLICA.match, names)),
    )


def node_part(answers: Answers, instance: str, caps: Caps, slow_log: SlowLog | None) -> Part:
    """All samples of one node."""
    part = Part(answers.read_at, instance=instance)
    fields = _fields_of(tuple(answers.info))
    _add_fields(part, _INFO, answers.info)
    _add_fields(part, _CLUSTER_INFO, answers.cluster_info)
    _add_fields(part, _CONFIG, answers.config)
    _add_server(part, answers)
    caps.commands.add_to(
        part, _picked(answers.info, fields.commands), _picked(answers.info, fields.percentiles), answers.histograms
    )
    _add_refusals(part, answers.info)
    _add_errors(part, _picked(answers.info, fields.errors), caps)
    if mode_of(answers.info) == "sentinel":
        add_sentinel(part, answers)
    else:
        _add_databases(part, answers)
    _add_replication(part, answers.info, fields.replicas)
    _add_slow_log(part, answers, slow_log)
    _add_config(part, answers.config)
    _add_view(part, answers)
    return part


def _picked(info: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {short: info[name] for short, name in names.items()}


def _add_fields(part: Part, table: Mapping[str, Metric[Any]], values: Mapping[str, str]) -> None:
    for name, metric in table.items():
        if name in values and (value := number(values[name])) is not None:
            part.set(metric, value * _SCALE.get(name, 1))


def _add_server(part: Part, answers: Answers) -> None:
    info = {**answers.info, "redis_mode": mode_of(answers.info)}
    facts = ("role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port", "run_id")
    part.add(m.INSTANCE_INFO, 1, *(info.get(name, "") for name in (*facts, "process_id", "master_replid")))
    software = info.get("server_name", "redis")
    version = info.get(f"{software}_version") or info.get("redis_version", "")
    part.add(m.SERVER_INFO, 1, software, version, info.get("availability_zone", ""))
    uptime, server_time = number(info.get("uptime_in_seconds")), number(info.get("server_time_usec"))
    if uptime is not None:
        part.add(m.START_TIME, (answers.read_at if server_time is None else server_time / 1e6) // 1 - uptime)


def _add_errors(part: Part, errors: Mapping[str, str], caps: Caps) -> None:
    counts = {code: pairs_of(text).get("count", 0.0) for code, text in errors.items()}
    add_capped(part, m.ERRORS, counts, caps.errors.take(counts))


def _add_refusals(part: Part, info: Mapping[str, str]) -> None:
    """Zeros where there was none, so that a first refusal is seen as a rise; nothing on servers before 6.2."""
    processed = number(info.get("total_commands_processed"))
    if processed is None or "total_error_replies" not in info:
        return
    refused = {code: pairs_of(info.get(f"errorstat_{code}", "")).get("count", 0.0) for code in labels.REFUSALS}
    for code, count in refused.items():
        part.add(m.COMMANDS_REFUSED, count, code)
    part.add(m.COMMANDS_RECEIVED, processed + sum(refused.values()))


def _add_databases(part: Part, answers: Answers) -> None:
    clustered = answers.info.get("cluster_enabled") == "1"
    total = 1 if clustered else int(number(answers.config.get("databases")) or 1)
    found = _databases(answers.info)
    for name in {**dict.fromkeys(f"db{index}" for index in range(min(total, _DATABASES))), **found}:
        keys = found.get(name, {})
        part.add(m.DB_KEYS, keys.get("keys", 0), name)
        part.add(m.DB_EXPIRING, keys.get("expires", 0), name)
        if "avg_ttl" in keys:
            part.add(m.DB_TTL, keys["avg_ttl"] / 1e3, name)


def _databases(info: Mapping[str, str]) -> dict[str, dict[str, float]]:
    return {name: pairs_of(info[name]) for name in _fields_of(tuple(info)).databases}


def _add_replication(part: Part, info: Mapping[str, str], replicas: Iterable[str]) -> None:
    for replica in (words_of(info[name]) for name in replicas):
        place = tuple(replica.get(name, "") for name in ("ip", "port", "state"))
        part.add(m.REPLICA_OFFSET, number(replica.get("offset")), *place)
        part.add(m.REPLICA_LAG, number(replica.get("lag")), *place)
    if info.get("role") != "slave":
        return
    master = (info.get("master_host", ""), info.get("master_port", ""))
    part.add(m.REPLICA_INFO, 1, *master, info.get("slave_read_only", ""))
    part.add(m.MASTER_LINK_UP, number(info.get("master_link_status")), *master)
    part.add(m.MASTER_LAST_IO, number(info.get("master_last_io_seconds_ago")), *master)
    part.add(m.MASTER_SYNC, number(info.get("master_sync_in_progress")), *master)
    part.add(m.OWN_OFFSET, number(info.get("slave_repl_offset")), *master)


def _add_slow_log(part: Part, answers: Answers, log: SlowLog | None) -> None:
    part.add(m.SLOWLOG_LENGTH, answers.slow_length)
    if answers.slow is not None:
        part.add(m.SLOWLOG_LAST_ID, answers.slow[0].id if answers.slow else 0)
        part.add(m.SLOWLOG_LAST_DURATION, answers.slow[0].seconds if answers.slow else 0)
    for command, counted in (log.commands if log is not None else {}).items():
        part.add(m.SLOW_COMMANDS, counted.entries, command)
        part.add(m.SLOW_SECONDS, counted.seconds, command)
    for event, at, seconds in answers.spikes:
        part.add(m.SPIKE_LAST, at, event)
        part.add(m.SPIKE_DURATION, seconds, event)


def _add_config(part: Part, config: Mapping[str, str]) -> None:
    words = config.get("client-output-buffer-limit", "").split()
    for kind, hard, soft, seconds in zip(*(words[start::4] for start in range(4)), strict=False):
        part.add(m.BUFFER_LIMIT, number(hard), kind, "hard")
        part.add(m.BUFFER_LIMIT, number(soft), kind, "soft")
        part.add(m.BUFFER_OVERCOME, number(seconds), kind, "soft")


def _add_view(part: Part, answers: Answers) -> None:
    if not answers.members:
        return
    part.add(m.VIEW_UNCOVERED, topology.view_uncovered(answers.members))
    if answers.me is not None:
        part.add(m.MIGRATING, answers.me.migrating)
        part.add(m.IMPORTING, answers.me.importing)


_RANGES = 32


def cluster_part(seen: Topology, state: RedisState, masters: Mapping[str, Answers], now: float) -> Part:
    """What is true of the cluster as a whole. `masters` holds, by node id, the answers of those that could be read."""
    part = Part(now)
    part.add(m.UNCOVERED, topology.count_slots(seen.uncovered))
    for slots in seen.uncovered[:_RANGES]:
        part.add(m.UNCOVERED_RANGE, topology.count_slots([slots]), topology.range_label(slots))
    if seen.uncovered[_RANGES:]:
        part.add(m.UNCOVERED_RANGE, topology.count_slots(seen.uncovered[_RANGES:]), labels.OTHER)
    part.add(m.VIEWS, seen.views)
    part.add(m.EPOCH_CONFLICTS, seen.epoch_conflicts)
    part.add(m.FAILOVERS, state.failovers)
    part.add(m.LAST_FAILOVER, state.last_failover)
    for member in seen.members:
        role = topology.role_of(member, state)
        part.add(m.NODE_FAILED, float(member.id in seen.failed), member.address, role)
        part.add(m.NODE_SUSPECTED, seen.suspecting[member.id], member.address)
    for shard in seen.shards:
        part.add(m.SHARD_REPLICAS, shard.replicas, shard.label)
        _add_load(part, shard.label, masters.get(shard.owner.id))
    return part


def _add_load(part: Part, shard: str, answers: Answers | None) -> None:
    """Nothing for a master that could not be read: a shard that is dark is not a shard that is empty."""
    if answers is None:
        return
    databases = _databases(answers.info).values()
    part.add(m.SHARD_KEYS, sum(database.get("keys", 0) for database in databases), shard)
    part.add(m.SHARD_MEMORY, number(answers.info.get("used_memory")), shard)
    part.add(m.SHARD_OPERATIONS, number(answers.info.get("instantaneous_ops_per_sec")), shard)
