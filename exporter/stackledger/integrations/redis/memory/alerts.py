"""When a person is told about memory: tickets, since what refuses commands pages by itself.

The cases are written by hand from scrapes of a real cluster of six nodes, three masters and three replicas.
"""

from __future__ import annotations

from stackledger.integrations.redis import info_metrics as i
from stackledger.integrations.redis.memory import panels as d
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, below, select

_A = 'cluster="cache",instance="10.0.0.1:6379"'
_B = 'cluster="cache",instance="10.0.0.2:6379"'
_AT_A = {"cluster": "cache", "instance": "10.0.0.1:6379"}

MEMORY_NEAR_LIMIT = AlertRule(
    name="RedisMemoryNearLimit",
    condition=above(select(i.MEMORY_USED) / above(select(i.MEMORY_MAX), 0).vector, 0.9),
    hold="5m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory"
    " limit",
    description="At 100 % writes are refused (noeviction) or keys are evicted. See which shard grows and whether its"
    " keys have an expiry; then add memory, add shards, or delete. Harmless for a cache that is full by design: raise"
    " the threshold or switch the alert off for it.",
    panel=d.MEMORY_SHARE,
    tests=(
        RuleTest(
            "a node fills",
            {
                f"redis_memory_used_bytes{{{_A}}}": "850000000 850000000 930000000x40",
                f"redis_memory_max_bytes{{{_A}}}": "1000000000x42",
            },
            (Silent("5m"), Fires("6m", (_AT_A,))),
        ),
        RuleTest(
            "no limit is set",
            {f"redis_memory_used_bytes{{{_A}}}": "930000000x42", f"redis_memory_max_bytes{{{_A}}}": "0x42"},
            (Silent("8m"),),
        ),
    ),
)
EVICTIONS = AlertRule(
    name="RedisEvictions",
    condition=above(select(i.EVICTED_KEYS).rate("5m"), 0),
    hold="10m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} evicts {{ $value | humanize }} keys/s",
    description="Memory is full and keys are thrown out before they expire. For anything but a cache that is loss of"
    " data: add memory or shards, or give keys an expiry. For a cache look at the panel beside it: hits as high as ever"
    " are a cache at work, for which this alert is switched off; hits that fall are a cache too small.",
    panel=d.EVICTIONS,
    tests=(
        RuleTest(
            "keys are evicted without end",
            {f"redis_evicted_keys_total{{{_A}}}": "0+30x80"},
            (Silent("8m"), Fires("12m", (_AT_A,))),
        ),
        RuleTest("evicted long ago", {f"redis_evicted_keys_total{{{_A}}}": "4711x80"}, (Silent("15m"),)),
    ),
)
FRAGMENTED = AlertRule(
    name="RedisMemoryFragmented",
    # Bytes too: a node that is nearly empty has a high ratio and nothing to gain.
    condition=above(select(i.MEMORY_RSS) / select(i.MEMORY_USED).clamp_min(1), 1.5).where(
        above(select(i.MEMORY_RSS) - select(i.MEMORY_USED), 1e9)
    ),
    hold="30m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} takes {{ $value | humanize }} times the memory that it"
    " uses",
    description="More than a gigabyte is lost to fragmentation, or was not given back after a peak. It counts on the"
    " host, where the kernel may kill the process, though not for maxmemory. CONFIG SET activedefrag yes, or MEMORY"
    " PURGE; a restart through a failover helps in any case.",
    panel=d.RSS_RATIO,
    tests=(
        RuleTest(
            "half was deleted, and its pages stay",
            {
                f"redis_memory_used_rss_bytes{{{_A}}}": "8200000000x50",
                f"redis_memory_used_bytes{{{_A}}}": "8000000000 4000000000x49",
            },
            (Silent("25m"), Fires("40m", (_AT_A,))),
            interval="1m",
        ),
        RuleTest(
            "a nearly empty node",
            {
                f"redis_memory_used_rss_bytes{{{_A}}}": "13369344x50",
                f"redis_memory_used_bytes{{{_A}}}": "1711952x50",
            },
            (Silent("45m"),),
            interval="1m",
        ),
    ),
)
SWAPPED = AlertRule(
    name="RedisSwapped",
    condition=below(select(i.MEMORY_RSS) / select(i.MEMORY_USED).clamp_min(1), 0.9).where(
        above(select(i.MEMORY_USED), 1e8)
    ),
    hold="10m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: only {{ $value | humanizePercentage }} of the data of {{ $labels.instance }}"
    " is in memory, the rest is swapped out",
    description="Commands that touch the rest wait for the disk, a thousand times longer, and every other command waits"
    " with them. Free memory on the host, lower maxmemory, or move the node. Right after a start with lazily loaded"
    " pages it may be harmless.",
    panel=d.RSS_RATIO,
    tests=(
        RuleTest(
            "a neighbour takes the host's memory",
            {
                f"redis_memory_used_rss_bytes{{{_A}}}": "4100000000 4100000000 2500000000x60",
                f"redis_memory_used_bytes{{{_A}}}": "4000000000x62",
            },
            (Silent("8m"), Fires("12m", (_AT_A,))),
        ),
        RuleTest(
            "all is in memory; and a small node",
            {
                f"redis_memory_used_rss_bytes{{{_A}}}": "4100000000x62",
                f"redis_memory_used_bytes{{{_A}}}": "4000000000x62",
                f"redis_memory_used_rss_bytes{{{_B}}}": "800000x62",
                f"redis_memory_used_bytes{{{_B}}}": "1711952x62",
            },
            (Silent("14m"),),
        ),
    ),
)
