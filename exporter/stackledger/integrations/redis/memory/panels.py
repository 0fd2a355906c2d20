"""Panels about memory: how full, what is thrown out, what is lost to fragmentation and swap."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.redis import info_metrics as i
from stackledger.model import Panel, Query, Row
from stackledger.promql import above, select
from stackledger.units import COUNT, RATIO

_C = Cluster.variable()
_I = Instance.variable()

MEMORY_SHARE = Panel(
    key="memory-share",
    title="Memory used of the limit",
    queries=(
        Query(
            (select(i.MEMORY_USED, _C, _I) / above(select(i.MEMORY_MAX, _C, _I), 0).vector).or_(
                (select(i.MEMORY_USED, _C, _I) * 0).as_unit(RATIO)
            ),
            "{{instance}}",
        ),
    ),
    description="Near 100 % writes are refused, or keys are evicted, by the policy. 0 where no limit is set: then the"
    " kernel decides, by killing the process.",
    minimum=0,
)
MEMORY = Panel(
    key="memory",
    title="Memory used",
    queries=(
        Query(select(i.MEMORY_USED, _C, _I), "{{instance}} used"),
        Query(select(i.MEMORY_RSS, _C, _I), "{{instance}} resident"),
    ),
    description="Used is what the data takes, resident what the operating system gives. Used that climbs without end is"
    " a leak of keys without expiry; resident far above used is fragmentation.",
    minimum=0,
)
EVICTIONS = Panel(
    key="evictions",
    title="Keys evicted",
    queries=(Query(select(i.EVICTED_KEYS, _C, _I).rate(), "{{instance}}"),),
    description="Keys thrown out for want of memory. Read it with its neighbours: full by design, with hits as high as"
    " ever, is a cache at work; hits that fall are a cache too small; for anything but a cache it is loss of data.",
    minimum=0,
)
HIT_RATIO = Panel(
    key="hit-ratio",
    title="Lookups that found their key",
    queries=(
        Query(
            select(i.HITS, _C).rate().sum(Cluster)
            / (select(i.HITS, _C).rate().sum(Cluster) + select(i.MISSES, _C).rate().sum(Cluster)).clamp_min(0.001),
            "{{cluster}}",
        ),
    ),
    description="For a cache the share of hits. A sudden fall means lost keys (RedisEvictions, RedisShardEmptied) or a"
    " new key scheme.",
    minimum=0,
    maximum=1,
)
FRAGMENTATION = Panel(
    key="fragmentation",
    title="Fragmentation and pages not given back",
    queries=(Query(select(i.MEMORY_RSS, _C, _I) - select(i.MEMORY_USED, _C, _I), "{{instance}}"),),
    description="Resident less used memory. In bytes, since the ratio is meaningless for small nodes. Gigabytes of it"
    " are worth active defragmentation (RedisMemoryFragmented); below 0 a part of the data is swapped out"
    " (RedisSwapped).",
)
RSS_RATIO = Panel(
    key="rss-ratio",
    title="Resident over used memory",
    queries=(Query(select(i.MEMORY_RSS, _C, _I) / select(i.MEMORY_USED, _C, _I).clamp_min(1), "{{instance}}"),),
    description="1 to 1.3 is usual above some 100 MB, anything below that: an empty node shows 5 and is well. Above 1.5"
    " memory is lost to fragmentation; below 1 pages are in swap, and commands wait for the disk.",
    unit=COUNT,
    minimum=0,
)

ROW = Row(
    "Memory: fragmentation and swap",
    (MEMORY, FRAGMENTATION, RSS_RATIO),
    collapsed=True,
)
