"""Panels about single slots, and about how evenly the shards are loaded."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Common
from stackledger.integrations.redis import metrics as rm
from stackledger.integrations.redis.labels import Range, Shard
from stackledger.integrations.redis.slots import metrics as m
from stackledger.model import ColumnStyle, Panel, Query, Row, Style
from stackledger.promql import Vector, select
from stackledger.units import COUNT

_C = Cluster.variable()
_LONG = "15m"  # the slow lane looks every five minutes: a shorter window would mostly hold no change


def over_the_others(shards: Vector[Common | Shard]) -> Vector[Common | Shard]:
    """The highest shard over the mean of the others; 0 for a shard that is alone.

    The mean of all would hold the highest itself: of two shards none could ever be above twice that.
    """
    highest = shards.max(Cluster)
    others = shards.sum(Cluster) - highest
    return (highest * (shards.count(Cluster) - 1) / others.clamp_min(1)).as_unit(COUNT)


SHARD_KEYS = Panel(
    key="shard-keys",
    title="Keys by shard",
    queries=(Query(select(rm.SHARD_KEYS, _C), "slots {{shard}}"),),
    description="Shards far apart come from hash tags that put many keys into one slot, or from slots shared out"
    " badly. What it costs is memory, of which RedisShardMemoryUneven tells.",
    minimum=0,
)
SHARD_MEMORY = Panel(
    key="shard-memory",
    title="Memory by shard",
    queries=(Query(select(rm.SHARD_MEMORY, _C), "slots {{shard}}"),),
    description="Equal keys but unequal memory is a few big keys: redis-cli --bigkeys on the master of that shard.",
    minimum=0,
)
SHARD_OPERATIONS = Panel(
    key="shard-operations",
    title="Load by shard",
    queries=(Query(select(rm.SHARD_OPERATIONS, _C), "slots {{shard}}"),),
    description="One shard far above the others has a hot key: Hot slots below where the server tells, else"
    " redis-cli --hotkeys, or MONITOR for a second, on its master.",
    minimum=0,
)
MEMORY_SKEW = Panel(
    key="shard-memory-skew",
    title="Memory: the biggest shard over the mean of the others",
    queries=(
        Query(over_the_others(select(rm.SHARD_MEMORY, _C).as_unit(COUNT)), "{{cluster}}"),
        Query(over_the_others(select(rm.SHARD_KEYS, _C)), "{{cluster}} keys"),
    ),
    description="1 is even. At 2 one shard carries twice what the others do, and the cluster is full when that shard"
    " is. 0 is a shard that is alone.",
    unit=COUNT,
    minimum=0,
)
LOAD_SKEW = Panel(
    key="shard-load-skew",
    title="Load: the busiest shard over the mean of the others",
    queries=(Query(over_the_others(select(rm.SHARD_OPERATIONS, _C).avg_over(_LONG).as_unit(COUNT)), "{{cluster}}"),),
    description="1 is even. One thread serves a shard, so at 2 the others are half idle when the busiest is at its end."
    " 0 is a shard that is alone.",
    unit=COUNT,
    minimum=0,
)
SLOT_KEYS = Panel(
    key="slot-keys",
    title="Keys of the biggest slots",
    queries=(Query(select(m.KEYS, _C, m.Slot.ne("other")).top(12), "slot {{slot}}"),),
    description="A slot far above the others holds one hash tag's keys: CLUSTER GETKEYSINSLOT on its master shows"
    " some. A slot cannot be split over two shards. Empty before Redis 8.2 and Valkey 8.",
    minimum=0,
)
SLOT_CPU = Panel(
    key="slot-cpu",
    title="CPU time of the busiest slots, in 15 minutes",
    queries=(Query(select(m.CPU, _C).increase(_LONG).top(12), "slot {{slot}}"),),
    description="15 minutes are a whole core. A single slot that takes most of its shard is a hot key or hash tag:"
    " spread it, or read it from replicas. `other` sums the rest. RedisShardLoadUneven tells when it matters.",
    minimum=0,
)
SLOT_NETWORK = Panel(
    key="slot-network",
    title="Network of the busiest slots, in 15 minutes",
    queries=(Query(select(m.NETWORK, _C).increase(_LONG).top(12), "slot {{slot}} {{direction}}"),),
    description="Much out of one slot with few commands is a big value that is read whole. `other` sums the rest.",
    minimum=0,
)

MOVING = Panel(
    key="slots-moving",
    title="Slots that are half moved",
    queries=(
        Query(select(rm.MIGRATING, _C).sum(Cluster), "{{cluster}} leaving"),
        Query(select(rm.IMPORTING, _C).sum(Cluster), "{{cluster}} arriving"),
    ),
    description="A resharding moves one slot after the other, so 1 and 1 for its time is usual. Slots that stay half"
    " moved answer multi-key commands with TRYAGAIN: redis-cli --cluster fix ends the move.",
    minimum=0,
)
VIEWS_UNCOVERED = Panel(
    key="views-uncovered",
    title="Slots that nobody serves, as each node sees it",
    queries=(Query(select(rm.VIEW_UNCOVERED, _C), "{{instance}}"),),
    description="Nodes that differ see different clusters: a node with a high count is cut off from the others, and its"
    " clients are refused though the cluster is well.",
    minimum=0,
)
RANGES_UNCOVERED = Panel(
    key="ranges-uncovered",
    title="Ranges of slots that nobody serves",
    queries=(Query(select(rm.UNCOVERED_RANGE, _C).max(Cluster, Range), "{{range}}"),),
    description="Which keys can be neither read nor written; empty when all is well. CLUSTER KEYSLOT tells the"
    " slot of a key.",
    style=Style.TABLE,
    columns=(ColumnStyle("range", "Slots"), ColumnStyle("A", "How many", COUNT)),
)
LAST_FAILOVER = Panel(
    key="since-last-failover",
    title="Time since the last failover",
    queries=(Query(select(rm.LAST_FAILOVER, _C).age(), "{{cluster}}"),),
    description="Since this service watches. A failover that nobody planned cost seconds of refused writes, and what"
    " the old master had not yet replicated.",
    minimum=0,
)

ROW = Row(
    "Balance of shards and slots",
    (SHARD_KEYS, SHARD_MEMORY, SHARD_OPERATIONS, MEMORY_SKEW, LOAD_SKEW, SLOT_KEYS, SLOT_CPU, SLOT_NETWORK),
    collapsed=True,
)
COVERAGE = Row("Slots: who serves them", (MOVING, VIEWS_UNCOVERED, RANGES_UNCOVERED, LAST_FAILOVER), collapsed=True)
