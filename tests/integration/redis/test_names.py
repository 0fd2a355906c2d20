"""Each name that redis_exporter uses: exposed by us, with its labels and with the value that redis-cli reads.

Which INFO field a name stands for is told by tests/data/names/redis_exporter_fields.txt, a list of facts about that
exporter; our own table of fields has no part in it. A value that moves must lie between two reads around our sweep.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.redis import RedisCluster, RedisNode
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.integrations.redis import REDIS
from tests.integration.redis.reading import reading, run, value_of

pytestmark = pytest.mark.real("redis")

PEER = "redis_exporter"
REQUIRED = 0.90
DATA = Path(__file__).parents[2] / "data" / "names"
OF_A_PASS = {"redis_keys_count", "redis_last_key_groups_scrape_duration_milliseconds"}  # asserted in test_key_patterns
OUT_OF_SCOPE = {name for name in REDIS.left_out if "_sentinel_" not in name}
# Memory is given and taken with each client that comes and goes; a percentile of a few dozen calls moves with each, and
# back.
JUMPY = ("redis_allocator_", "redis_mem_fragmentation_", "redis_memory_used_", "redis_latency_percentiles_usec")
STATUS = {"ok": 1.0, "fail": 0.0, "err": 0.0}
Values = dict[tuple[str, ...], float]


def test_every_name_with_the_value_that_redis_cli_reads(
    start: Callable[[Any], Any], record_coverage: Callable[[str, str, str], None]
) -> None:
    cluster: RedisCluster = start(RedisCluster(config={"enable-debug-command": "yes", "save": "3600 1"}))
    make_history(cluster)
    labels = dict(line.partition(" ")[::2] for line in (DATA / "redis_exporter.txt").read_text().splitlines())
    right, wrong = compare(cluster, seconds=90.0)
    declared = {name: metric for metric in REDIS.metrics for name in metric.sample_names}
    for name in labels:
        status = "asserted" if name in right else "out of scope" if name in OUT_OF_SCOPE else "missing"
        if name not in OF_A_PASS:
            record_coverage(PEER, name, status)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in sorted(wrong.items()))
    for name in right:
        assert label_names(declared[name], name) == set(filter(None, labels[name].split(","))), name
    assert set(labels) - right - OF_A_PASS == OUT_OF_SCOPE, "a name is neither asserted nor out of scope"
    assert len(right) / len(labels) >= REQUIRED


def label_names(metric: Any, name: str) -> set[str]:
    own = {"le"} if name.endswith("_bucket") else {"quantile"} if name == "redis_latency_percentiles_usec" else set()
    return own | set(metric.label_names)


def make_history(cluster: RedisCluster) -> None:
    """Keys with and without expiry, an error, a slow command, a latency spike, a snapshot on every node."""
    for index in range(60):
        cluster.cli(cluster.nodes[0], "-c", "SET", f"key:{index}", "x" * 100, *(("EX", "900") if index % 2 else ()))
    for node in cluster.nodes:
        cluster.cli(node, "DEBUG", "SLEEP", "0.03")
        with socket.create_connection(("127.0.0.1", node.port), timeout=5) as raw:
            raw.sendall(b"NOSUCHCOMMAND\r\n")
            assert raw.recv(100).startswith(b"-ERR")
        cluster.cli(node, "BGSAVE")
    for node in cluster.nodes:
        node.process.wait_ready(lambda node=node: cluster.info(node, "persistence")["rdb_bgsave_in_progress"] == "0")


def compare(cluster: RedisCluster, *, seconds: float) -> tuple[set[str], dict[str, str]]:
    """Names whose values were right on every node in some round, and what was wrong with the others."""
    right: set[str] = set()
    wrong: dict[str, str] = {}
    end = time.monotonic() + seconds

    async def rounds() -> None:
        async with reading(cluster.seeds[:1]) as reader:
            await reader.sweep()
            while time.monotonic() < end:
                before = [expected(cluster, node) for node in cluster.nodes]
                with stand_ins(cluster):
                    snapshot = await reader.sweep()
                after = [expected(cluster, node) for node in cluster.nodes]
                wrong.clear()
                wrong.update(differences(cluster, snapshot, before, after, right))
                if not wrong:
                    return

    run(rounds)
    return right, wrong


class stand_ins:  # noqa: N801 - reads as a phrase
    """A client on each node while we sweep, in the place of the redis-cli that is there when redis-cli reads."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster
        self._open = ExitStack()

    def __enter__(self) -> None:
        for node in self._cluster.nodes:
            client = self._open.enter_context(socket.create_connection(("127.0.0.1", node.port), timeout=5))
            client.sendall(b"PING\r\n")
            client.recv(10)

    def __exit__(self, *_: object) -> None:
        self._open.close()


def differences(
    cluster: RedisCluster,
    snapshot: Snapshot,
    before: list[dict[str, Values]],
    after: list[dict[str, Values]],
    right: set[str],
) -> Iterator[tuple[str, str]]:
    names = {name for values in (*before, *after) for name in values}
    for name in sorted(names - right):
        found = [
            difference(
                ours(snapshot.parts[node.address], name),
                first.get(name, {}),
                second.get(name, {}),
                slack=0.1 if name.startswith(JUMPY) else 1e-9,
            )
            for node, first, second in zip(cluster.nodes, before, after, strict=True)
        ]
        problem = next(filter(None, found), None)
        if problem is None:
            right.add(name)
        else:
            yield name, problem


def ours(part: Part, name: str) -> Values:
    """Our series of a sample name, by the values of its labels."""
    if name == "redis_up":
        return {(): 1.0}  # set by the runner for each part that was read
    for suffix in ("_bucket", "_sum", "_count"):
        family = value_of(part, name.removesuffix(suffix)) if name.endswith(suffix) else {}
        if any(key[0] == suffix for key in family):
            cut = 1 if suffix == "_bucket" else 2
            return {key[cut:]: value for key, value in family.items() if key[0] == suffix}
    family = value_of(part, name)
    if name == "redis_latency_percentiles_usec":
        return {key[1:]: value for key, value in family.items() if key[0] == ""}
    return family


def difference(got: Values, first: Values, second: Values, *, slack: float) -> str | None:
    """What is wrong; None when every series lies between the two reads and none is missing. `slack` is relative."""
    for key in first.keys() & second.keys():
        low, high = sorted((first[key], second[key]))
        room = slack * max(abs(low), abs(high))
        if key not in got:
            return f"{key} is missing; there is {sorted(got)[:5]}"
        if not low - room <= got[key] <= high + room:
            return f"{key} is {got[key]}, not within {low} and {high}"
    extra = got.keys() - first.keys() - second.keys()
    if extra and not any(key[0] in ("", "+Inf") or key[0][:1].isdigit() for key in extra if key):
        return f"{sorted(extra)[:3]} is not there by redis-cli"
    return None if first or not second else "nothing to compare"


# -- what redis-cli says -----------------------------------------------------------------------------------------------


def expected(cluster: RedisCluster, node: RedisNode) -> dict[str, Values]:
    """Every value that redis_exporter would show of this node, from redis-cli alone."""
    info = cluster.info(node, "all")
    found: dict[str, Values] = {"redis_up": {(): float(cluster.cli(node, "PING") == "PONG")}}
    found |= {name: {(): value} for name, value in of_fields(cluster, node, info)}
    for more in (of_commands(info), of_keyspace(info), of_replication(info), of_logs(cluster, node)):
        found |= more
    found |= of_histograms(cluster, node, info)
    uptime, now = float(info["uptime_in_seconds"]), int(info["server_time_usec"]) // 1_000_000
    found["redis_start_time_seconds"] = {(): now - uptime}
    facts = "role redis_version redis_build_id redis_mode os maxmemory_policy tcp_port run_id process_id master_replid"
    found["redis_instance_info"] = {tuple(info[name] for name in facts.split()): 1.0}
    limits = cluster.cli(node, "CONFIG", "GET", "client-output-buffer-limit").splitlines()[1].split()
    classes = [limits[start : start + 4] for start in range(0, len(limits), 4)]
    found["redis_config_client_output_buffer_limit_bytes"] = {
        (name, kind): float(value)
        for name, hard, soft, _ in classes
        for kind, value in (("hard", hard), ("soft", soft))
    }
    found["redis_config_client_output_buffer_limit_overcome_seconds"] = {
        (name, "soft"): float(seconds) for name, _, _, seconds in classes
    }
    return found


def of_fields(cluster: RedisCluster, node: RedisNode, info: dict[str, str]) -> Iterator[tuple[str, float]]:
    text = cluster.cli(node, "CLUSTER", "INFO")
    cluster_info = dict(line.split(":", 1) for line in text.splitlines())
    for line in (DATA / "redis_exporter_fields.txt").read_text().splitlines():
        name, command, field = line.split()
        if command == "CONFIG":
            value = cluster.cli(node, "CONFIG", "GET", field).splitlines()[1]
        else:
            value = {"INFO": info, "CLUSTER-INFO": cluster_info}[command].get(field, "")
        if value:
            number = STATUS[value] if value in STATUS else float(value)
            yield name, number / 1e6 if name == "redis_latest_fork_seconds" else number


def of_commands(info: dict[str, str]) -> dict[str, Values]:
    stats = {key[8:]: pairs(value) for key, value in info.items() if key.startswith("cmdstat_")}
    percentiles = {key[25:]: pairs(value) for key, value in info.items() if key.startswith("latency_percentiles_usec_")}
    return {
        "redis_commands_total": {(cmd,): found["calls"] for cmd, found in stats.items()},
        "redis_commands_duration_seconds_total": {(cmd,): found["usec"] / 1e6 for cmd, found in stats.items()},
        "redis_commands_failed_calls_total": {(cmd,): found["failed_calls"] for cmd, found in stats.items()},
        "redis_commands_rejected_calls_total": {(cmd,): found["rejected_calls"] for cmd, found in stats.items()},
        "redis_latency_percentiles_usec": {
            (str(round(float(name[1:]) / 100, 6)), cmd): value
            for cmd, found in percentiles.items()
            for name, value in found.items()
        },
        "redis_latency_percentiles_usec_count": {(cmd,): stats[cmd]["calls"] for cmd in percentiles},
        "redis_latency_percentiles_usec_sum": {(cmd,): stats[cmd]["usec"] for cmd in percentiles},
        "redis_errors_total": {
            (key[10:],): pairs(value)["count"] for key, value in info.items() if key.startswith("errorstat_")
        },
    }


def pairs(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (part.split("=") for part in text.split(","))}


def of_keyspace(info: dict[str, str]) -> dict[str, Values]:
    keys = pairs(info["db0"]) if "db0" in info else {"keys": 0.0, "expires": 0.0}
    found = {"redis_db_keys": {("db0",): keys["keys"]}, "redis_db_keys_expiring": {("db0",): keys["expires"]}}
    if "avg_ttl" in keys:
        found["redis_db_avg_ttl_seconds"] = {("db0",): keys["avg_ttl"] / 1000}
    return found


def of_replication(info: dict[str, str]) -> dict[str, Values]:
    if info["role"] == "master":
        replica = dict(part.split("=") for part in info["slave0"].split(","))
        labels = (replica["ip"], replica["port"], replica["state"])
        return {
            "redis_connected_slave_lag_seconds": {labels: float(replica["lag"])},
            "redis_connected_slave_offset_bytes": {labels: float(replica["offset"])},
        }
    labels = (info["master_host"], info["master_port"])
    return {
        "redis_master_link_up": {labels: float(info["master_link_status"] == "up")},
        "redis_master_last_io_seconds_ago": {labels: float(info["master_last_io_seconds_ago"])},
        "redis_master_sync_in_progress": {labels: float(info["master_sync_in_progress"])},
        "redis_slave_repl_offset": {labels: float(info["slave_repl_offset"])},
        "redis_slave_info": {(*labels, info["slave_read_only"]): 1.0},
    }


def of_logs(cluster: RedisCluster, node: RedisNode) -> dict[str, Values]:
    newest = cluster.cli(node, "SLOWLOG", "GET", "1").splitlines()
    spikes = cluster.cli(node, "LATENCY", "LATEST").splitlines()
    rows = [spikes[start : start + 4] for start in range(0, len(spikes), 4)]
    return {
        "redis_slowlog_length": {(): float(cluster.cli(node, "SLOWLOG", "LEN"))},
        "redis_slowlog_last_id": {(): float(newest[0])},
        "redis_last_slow_execution_duration_seconds": {(): float(newest[2]) / 1e6},
        "redis_latency_spike_last": {(event,): float(at) for event, at, _, _ in rows},
        "redis_latency_spike_duration_seconds": {(event,): float(took) / 1e3 for event, _, took, _ in rows},
    }


def of_histograms(cluster: RedisCluster, node: RedisNode, info: dict[str, str]) -> dict[str, Values]:
    """LATENCY HISTOGRAM as redis-cli prints it: name, calls, n, histogram_usec, then bounds and counts."""
    lines = cluster.cli(node, "LATENCY", "HISTOGRAM").splitlines()
    starts = [index - 1 for index, line in enumerate(lines) if line == "calls"]
    found: dict[str, Values] = {f"redis_commands_latencies_usec_{part}": {} for part in ("bucket", "count", "sum")}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        cmd, calls, buckets = lines[start], float(lines[start + 2]), lines[start + 4 : end]
        found["redis_commands_latencies_usec_count"][cmd,] = calls
        found["redis_commands_latencies_usec_sum"][cmd,] = pairs(info[f"cmdstat_{cmd}"])["usec"]
        found["redis_commands_latencies_usec_bucket"]["+Inf", cmd] = calls
        for bound, count in zip(buckets[::2], buckets[1::2], strict=True):
            found["redis_commands_latencies_usec_bucket"][str(float(bound)), cmd] = float(count)
    return found
