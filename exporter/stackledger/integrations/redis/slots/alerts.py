"""When a person is told that one shard carries what all should: tickets, since nothing is refused yet."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.slots import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, select
from stackledger.units import COUNT

_CACHE = {"cluster": "cache"}
_SHARDS = ("0-5460", "5461-10922", "10923-16383")


def _series(name: str, *values: str) -> dict[str, str]:
    return {f'{name}{{cluster="cache",shard="{shard}"}}': told for shard, told in zip(_SHARDS, values, strict=True)}


_MEMORY = "stackledger_redis_shard_memory_used_bytes"
_LOAD = "stackledger_redis_shard_operations_per_second"
_MEMORY_OF = select(m.SHARD_MEMORY).as_unit(COUNT)
_LOAD_OF = select(m.SHARD_OPERATIONS).avg_over("15m").as_unit(COUNT)

MEMORY_UNEVEN = AlertRule(
    name="RedisShardMemoryUneven",
    condition=above(panels.over_the_others(_MEMORY_OF), 2).where(above(select(m.SHARD_MEMORY).max(Cluster), 1e9)),
    hold="30m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: one shard holds {{ $value | humanize }} times the memory of the others' mean",
    description="The cluster is full when this shard is. Usually a few big keys, or a hash tag that puts many keys into"
    " one slot: the row Balance of shards and slots shows which shard, redis-cli --bigkeys on its replica which keys."
    " Silent below 1 GB.",
    panel=panels.MEMORY_SKEW,
    tests=(
        RuleTest(
            "one shard grows",
            _series(_MEMORY, "6000000000x50", "1000000000x50", "1000000000x50"),
            (Silent("25m"), Fires("40m", (_CACHE,))),
            interval="1m",
        ),
        RuleTest(
            "one of two shards grows",
            {
                f'{_MEMORY}{{cluster="cache",shard="0-8191"}}': "6000000000x50",
                f'{_MEMORY}{{cluster="cache",shard="8192-16383"}}': "2000000000x50",
            },
            (Silent("25m"), Fires("40m", (_CACHE,))),
            interval="1m",
        ),
        RuleTest(
            "even, uneven but small, and alone",
            {
                **_series(_MEMORY, "6000000000x50", "5000000000x50", "4000000000x50"),
                f'{_MEMORY}{{cluster="alone",shard="0-16383"}}': "6000000000x50",
                f'{_MEMORY}{{cluster="small",shard="0-5460"}}': "60000000x50",
                f'{_MEMORY}{{cluster="small",shard="5461-16383"}}': "2000000x50",
            },
            (Silent("45m"),),
            interval="1m",
        ),
    ),
)
LOAD_UNEVEN = AlertRule(
    name="RedisShardLoadUneven",
    condition=above(panels.over_the_others(_LOAD_OF), 2).where(above(_LOAD_OF.max(Cluster), 10_000)),
    hold="30m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: one shard serves {{ $value | humanize }} times the commands of the others'"
    " mean",
    description="One thread serves a shard, so this one limits the cluster while the others idle. Usually a hot key:"
    " the panels of hot slots show it where the server tells, else redis-cli --hotkeys on the shard's master. Silent"
    " below 10,000 commands/s.",
    panel=panels.LOAD_SKEW,
    tests=(
        RuleTest(
            "a hot key",
            _series(_LOAD, "40000x50", "2000x50", "2000x50"),
            (Silent("25m"), Fires("40m", (_CACHE,))),
            interval="1m",
        ),
        RuleTest(
            "a hot key on one of two shards",
            {
                f'{_LOAD}{{cluster="cache",shard="0-8191"}}': "40000x50",
                f'{_LOAD}{{cluster="cache",shard="8192-16383"}}': "10000x50",
            },
            (Silent("25m"), Fires("40m", (_CACHE,))),
            interval="1m",
        ),
        RuleTest(
            "even under load, uneven but idle, and alone",
            {
                **_series(_LOAD, "40000x50", "30000x50", "35000x50"),
                f'{_LOAD}{{cluster="alone",shard="0-16383"}}': "40000x50",
                f'{_LOAD}{{cluster="idle",shard="0-5460"}}': "90x50",
                f'{_LOAD}{{cluster="idle",shard="5461-16383"}}': "1x50",
            },
            (Silent("45m"),),
            interval="1m",
        ),
    ),
)
HALF_MOVED = AlertRule(
    name="RedisSlotHalfMoved",
    condition=above(select(m.MIGRATING).sum(Cluster) + select(m.IMPORTING).sum(Cluster), 0),
    hold="6h",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: slots have been on the move for six hours",
    description="A resharding runs for very long, or was broken off and left a slot half moved: commands on several of"
    " its keys are answered with TRYAGAIN. redis-cli --cluster check names the slots, --cluster fix ends the move.",
    panel=panels.MOVING,
    tests=(
        RuleTest(
            "a resharding was broken off",
            {
                'stackledger_redis_slots_migrating{cluster="cache",instance="10.0.0.1:6379"}': "0x12 1x100",
                'stackledger_redis_slots_importing{cluster="cache",instance="10.0.0.2:6379"}': "0x12 1x100",
            },
            (Silent("6h"), Fires("7h30m", (_CACHE,))),
            interval="5m",
        ),
        RuleTest(
            "a resharding of two hours",
            {
                'stackledger_redis_slots_migrating{cluster="cache",instance="10.0.0.1:6379"}': "0x12 1x24 0x60",
                'stackledger_redis_slots_importing{cluster="cache",instance="10.0.0.2:6379"}': "0x12 1x24 0x60",
            },
            (Silent("2h"), Silent("7h30m")),
            interval="5m",
        ),
    ),
)
