"""From answers to samples: caps, zeros, what stays absent, and the table of fields."""

from __future__ import annotations

from typing import Any

from stackledger.catalogue import Metric
from stackledger.integrations.redis import commands as by_command
from stackledger.integrations.redis import info_metrics, labels, samples, slow_log
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.answers import Answers, Slow
from stackledger.integrations.redis.slow_log import advance
from stackledger.integrations.redis.state import SlowLog

MASTER = {"redis_version": "7.0.15", "role": "master", "cluster_enabled": "1", "uptime_in_seconds": "60"}


def part_of(info: dict[str, str], *, commands: int = 100, **more: Any) -> samples.Part:
    answers = Answers("a:1", 1_700_000_000.5, MASTER | info, **more)
    return samples.node_part(answers, "a:1", samples.Caps(commands), None)


def rows(part: samples.Part, metric: Metric[Any]) -> dict[tuple[str, ...], float]:
    found = part.rows.get(metric)
    return {} if found is None else dict(zip(found.keys, found.values, strict=True))


def test_what_was_not_said_is_absent() -> None:
    shown = set(part_of({}).rows)
    assert shown == {
        m.INSTANCE_INFO,
        m.SERVER_INFO,
        info_metrics.CLUSTER_ENABLED,
        info_metrics.UPTIME,
        m.START_TIME,
        m.DB_KEYS,
        m.DB_EXPIRING,
    }


def test_fields_are_read_as_their_help_says() -> None:
    table = info_metrics.fields((info_metrics.MEMORY_USED, info_metrics.CLUSTER_SIZE, m.UP), "INFO")
    assert dict(table) == {"used_memory": info_metrics.MEMORY_USED}
    declared = [value for value in vars(info_metrics).values() if isinstance(value, Metric)]
    found = [info_metrics.fields(tuple(declared), command) for command in ("INFO", "CLUSTER INFO", "CONFIG GET")]
    assert sum(map(len, found)) == len(declared), "every family has a field, and none has another's"


def test_status_words_and_scales() -> None:
    part = part_of({"latest_fork_usec": "341", "rdb_last_bgsave_status": "err", "aof_last_write_status": "ok"})
    assert rows(part, info_metrics.LATEST_FORK)[()] == 341e-6
    assert rows(part, info_metrics.RDB_LAST_STATUS) == {(): 0}
    assert rows(part, info_metrics.AOF_WRITE_STATUS) == {(): 1}


def test_commands_above_the_cap_are_summed_and_the_choice_does_not_change() -> None:
    caps = samples.Caps(2)

    def counts(**calls: int) -> dict[tuple[str, ...], float]:
        info = {f"cmdstat_{name}": f"calls={n},usec=10,rejected_calls=0,failed_calls=0" for name, n in calls.items()}
        answers = Answers("a:1", 0.0, MASTER | info)
        return rows(samples.node_part(answers, "a:1", caps, None), m.COMMANDS)

    assert counts(get=9, set=5, ping=1) == {("get",): 9, ("set",): 5, ("other",): 1}
    assert counts(get=9, set=5, ping=100, hget=50) == {("get",): 9, ("set",): 5, ("other",): 150}


def test_errors_above_the_cap_are_summed() -> None:
    info = {f"errorstat_E{index}": "count=2" for index in range(200)}
    found = rows(part_of(info), m.ERRORS)
    assert len(found) == 129
    assert found["other",] == 2 * (200 - 128)
    assert sum(found.values()) == 400


def test_refusals_begin_at_zero_and_count_only_what_is_the_servers_fault() -> None:
    part = part_of(
        {
            "total_commands_processed": "100",
            "total_error_replies": "12",
            "errorstat_OOM": "count=3",
            "errorstat_MOVED": "count=9",
        }
    )
    found = rows(part, m.COMMANDS_REFUSED)
    assert {key[0] for key in found} == set(labels.REFUSALS)
    assert found["OOM",] == 3
    assert sum(found.values()) == 3
    assert rows(part, m.COMMANDS_RECEIVED) == {(): 103}
    old = part_of({"total_commands_processed": "100"})
    assert not rows(old, m.COMMANDS_REFUSED), "a server before 6.2 does not tell"


def test_a_histogram_has_every_bound_and_only_rises() -> None:
    filled = by_command.dense([(2, 3), (33, 7), (1_082_130, 8)])
    assert [bound for bound, _ in filled] == sorted({*map(float, by_command.BOUNDS), 1_082_130.0})
    assert dict(filled)[1.0] == 0
    assert dict(filled)[16.0] == 3
    assert dict(filled)[541_065.0] == 7


def test_a_command_that_stands_still_is_not_parsed_again_and_one_that_moves_is() -> None:
    caps = samples.Caps(10)

    def read(**calls: int) -> tuple[samples.Part, dict[str, Any]]:
        info = {f"cmdstat_{name}": f"calls={n},usec={n}" for name, n in calls.items()}
        info |= {f"latency_percentiles_usec_{name}": "p50=1" for name in calls}
        histograms = {name: (n, ((1, n),)) for name, n in calls.items()}
        part = samples.node_part(Answers("a:1", 0.0, MASTER | info, histograms=histograms), "a:1", caps, None)
        return part, dict(caps.commands._known)

    before, known = read(get=1, set=1, hget=1)
    after, known_then = read(get=1, set=2)
    assert known_then["get"] is known["get"]
    assert known_then.keys() == {"get", "set"}
    assert rows(before, m.COMMANDS) == {("get",): 1, ("set",): 1, ("hget",): 1}
    assert rows(after, m.COMMANDS) == {("get",): 1, ("set",): 2}
    for name, calls in (("get", 1), ("set", 2)):
        assert rows(after, m.LATENCIES)["_count", "", name] == calls
        assert rows(after, m.LATENCIES)["_bucket", "1.0", name] == calls
        assert rows(after, m.PERCENTILES)["_count", "", name] == calls
    assert len(rows(after, m.LATENCIES)) == 2 * (len(by_command.BOUNDS) + 3)


def test_quantiles_are_ratios() -> None:
    info = {
        "cmdstat_get": "calls=4,usec=80,usec_per_call=20.00,rejected_calls=0,failed_calls=0",
        "latency_percentiles_usec_get": "p50=20.095,p99=21.119,p99.9=27.007,px=1",
    }
    found = rows(part_of(info), m.PERCENTILES)
    assert {key[1] for key in found if key[0] == ""} == {"0.5", "0.99", "0.999"}
    assert found["_count", "", "get"] == 4
    assert found["_sum", "", "get"] == 80


def test_databases_outside_a_cluster_are_shown_when_empty() -> None:
    info = {"cluster_enabled": "0", "db3": "keys=5,expires=1,avg_ttl=1500"}
    part = part_of(info, config={"databases": "16"})
    assert len(rows(part, m.DB_KEYS)) == 16
    assert rows(part, m.DB_KEYS)["db3",] == 5
    assert rows(part, m.DB_TTL) == {("db3",): 1.5}
    assert rows(part_of({}), m.DB_KEYS) == {("db0",): 0}


def entries(*ids: int, command: str = "get") -> tuple[Slow, ...]:
    return tuple(Slow(id_, 0.5, command) for id_ in ids)


def test_the_slow_log_counts_each_entry_once() -> None:
    log = advance(None, "run", entries(7, 6))
    assert not log.commands, "the first list counts nothing"
    log = advance(log, "run", entries(9, 8, 7))
    log = advance(log, "run", entries(9, 8, 7))
    assert log.commands["get"].entries == 2
    assert log.commands["get"].seconds == 1.0


def test_slow_commands_that_fell_out_of_the_log_are_still_counted() -> None:
    log = advance(SlowLog("run", 10), "run", entries(*range(100, 68, -1)))
    assert log.commands["get"].entries == 32
    assert log.commands[labels.OTHER].entries == 58
    assert sum(counted.entries for counted in log.commands.values()) == 90


def test_a_new_process_begins_its_slow_log_at_zero() -> None:
    log = advance(SlowLog("run", 10), "new run", entries(1, 0))
    assert log.commands["get"].entries == 2
    assert (log.run_id, log.last_id) == ("new run", 1)
    assert advance(log, "newer", ()).last_id == -1


def test_the_slow_log_is_bounded() -> None:
    log: SlowLog | None = SlowLog("run", -1)
    for index in range(500):
        log = advance(log, "run", entries(index, command=f"c{index}"))
    assert log is not None
    assert len(log.commands) <= slow_log.READ * 2 + 1
    assert sum(counted.entries for counted in log.commands.values()) == 500
