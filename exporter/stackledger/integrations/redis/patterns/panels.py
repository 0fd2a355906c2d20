"""Panels about keys by pattern."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.redis.patterns import metrics as m
from stackledger.model import Panel, Query, Row
from stackledger.promql import select
from stackledger.units import RATIO

_C = Cluster.variable()

KEYS = Panel(
    key="pattern-keys",
    title="Keys by pattern",
    queries=(Query(select(m.KEYS, _C), "{{pattern}}"),),
    description="Each key once, as the last finished pass counted them. A pattern that only grows lacks an expiry:"
    " before memory is short (RedisMemoryNearLimit) it shows here. `other` matches no pattern.",
    minimum=0,
)
MEMORY = Panel(
    key="pattern-memory",
    title="Memory by pattern, estimated",
    queries=(Query(select(m.MEMORY, _C), "{{pattern}}"),),
    description="An estimate: the mean size of the sampled keys times their number. What takes most is where"
    " deleting or a shorter expiry helps when RedisMemoryNearLimit or RedisEvictions fires.",
    minimum=0,
)
KEY_SIZE = Panel(
    key="pattern-key-size",
    title="Mean size of a key by pattern, estimated",
    queries=(Query(select(m.MEMORY, _C) / select(m.KEYS, _C).clamp_min(1), "{{pattern}}"),),
    description="Grows where values grow, for instance lists that nobody trims: the keys are as many, and memory fills"
    " all the same. Rests on the sampled keys.",
    minimum=0,
)
SAMPLED = Panel(
    key="pattern-sampled",
    title="Keys that the estimates rest on",
    queries=(Query(select(m.SAMPLED, _C), "{{pattern}}"),),
    description="Sizes asked in the last pass. Below about 100 an estimate is rough where sizes differ much: raise"
    " `samples`. 0 with keys there: the right to MEMORY USAGE is missing.",
    minimum=0,
)
PASSES = Panel(
    key="pattern-passes",
    title="Age of the counts, in intervals of passes",
    queries=(Query(select(m.OVERDUE, _C), "{{cluster}}"),),
    description="Rises to 1, or as far above it as a pass takes, and falls to 0 with each finished pass. What goes on"
    " rising is not counted any more: see Progress, and the service's log for the reason.",
    minimum=0,
)
PROGRESS = Panel(
    key="pattern-progress",
    title="Progress of the pass",
    queries=(
        Query(select(m.PROGRESS, _C), "{{cluster}}"),
        Query(select(m.FAILING, _C).as_unit(RATIO), "{{cluster}} failing"),
    ),
    description="Share of the keys seen by the running pass, 100 % between passes. A fall within a pass is a shard"
    " begun anew: its node was lost, or slots moved. `failing` at 100 %: some shard cannot be scanned.",
    minimum=0,
    maximum=1,
)
PACE = Panel(
    key="pattern-pace",
    title="Commands spent on counting",
    queries=(
        Query(select(m.OPERATIONS, _C).rate(), "{{cluster}}"),
        Query(select(m.RESTARTS, _C).rate(), "{{cluster}} shards begun anew"),
    ),
    description="SCAN and MEMORY USAGE on all nodes together: never above `operations_per_second`. Shards that begin"
    " anew all the time mean a cluster that never rests, and a pass that never ends.",
    minimum=0,
)
DURATION = Panel(
    key="pattern-duration",
    title="Time that the last pass took",
    queries=(Query(select(m.LAST_DURATION, _C), "{{cluster}}"),),
    description="Grows with the keys. Longer than the interval of passes: raise `operations_per_second`, or be content"
    " with older counts.",
    minimum=0,
)

ROW = Row(
    "Keys by pattern (with `key_patterns`)",
    (KEYS, MEMORY, KEY_SIZE, SAMPLED, PASSES, PROGRESS, PACE, DURATION),
    collapsed=True,
)
