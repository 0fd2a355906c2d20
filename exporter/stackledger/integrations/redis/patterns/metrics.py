"""Families about keys by pattern, and about the pass that counts them. All are absent without `key_patterns`.

Two are redis_exporter's names. There a pattern counts all that matches it, in the one node that was asked; here each
key once, for the first pattern that it matches, in all shards. What it shows of single keys is left out:
`redis_key_size`, `redis_key_memory_usage_bytes` and `redis_key_value_as_string` put users' keys and values on a page.

A key that the server moves while it grows or shrinks its table may be met twice by SCAN: a count can be slightly high
while a database changes fast, never low for keys that exist throughout.
"""

from __future__ import annotations

from stackledger.catalogue import HOLD, Kind, Label, Metric
from stackledger.integrations.redis.info_metrics import EXPORTER, MILLISECONDS
from stackledger.integrations.redis.labels import Db
from stackledger.integrations.redis.patterns.config import MOST_PATTERNS
from stackledger.units import BYTES, COUNT, RATIO, SECONDS, STATE, TIMESTAMP

_CONDITION = "a finished pass, with `key_patterns` in the target's settings"
_SET = "`key_patterns` in the target's settings"


class Pattern(Label):
    """Name of a pattern in the configuration; `other` for the keys that match none."""


class Key(Label):
    """The pattern itself, as the configuration spells it."""


KEYS = Metric(
    "stackledger_redis_key_pattern_keys",
    Kind.GAUGE,
    COUNT,
    "Keys by pattern in the last finished pass, each key once (SCAN of one node of each shard).",
    labels=(Pattern,),
    budget=MOST_PATTERNS + 1,
    node=False,
    missing=HOLD,
    conditional=_CONDITION,
)
MEMORY = Metric(
    "stackledger_redis_key_pattern_estimated_memory_bytes",
    Kind.GAUGE,
    BYTES,
    "Estimate of the memory of a pattern's keys: mean size of the sampled keys times the number of keys, shard by shard"
    " (MEMORY USAGE).",
    labels=(Pattern,),
    budget=MOST_PATTERNS + 1,
    node=False,
    missing=HOLD,
    conditional=_CONDITION,
)
SAMPLED = Metric(
    "stackledger_redis_key_pattern_sampled_keys",
    Kind.GAUGE,
    COUNT,
    "Keys whose size the estimate rests on (MEMORY USAGE).",
    labels=(Pattern,),
    budget=MOST_PATTERNS + 1,
    node=False,
    missing=HOLD,
    conditional=_CONDITION,
)
KEYS_COUNT = Metric(
    "redis_keys_count",
    Kind.GAUGE,
    COUNT,
    "Keys by pattern and database in the last finished pass, each key for the first pattern that it matches (SCAN).",
    labels=(Db, Key),
    budget=16 * MOST_PATTERNS,
    node=False,
    missing=HOLD,
    compat=EXPORTER,
    conditional=_CONDITION,
)
LAST_DURATION_MS = Metric(
    "redis_last_key_groups_scrape_duration_milliseconds",
    Kind.GAUGE,
    MILLISECONDS,
    "Time that the last finished pass took; it is paced, so it tells of the budget, not of the servers (SCAN).",
    node=False,
    missing=HOLD,
    compat=EXPORTER,
    conditional=_CONDITION,
)
LAST_PASS = Metric(
    "stackledger_redis_key_scan_last_pass_timestamp_seconds",
    Kind.GAUGE,
    TIMESTAMP,
    "Time when the last finished pass over all keys ended (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_CONDITION,
)
LAST_DURATION = Metric(
    "stackledger_redis_key_scan_last_pass_duration_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time that the last finished pass took (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_CONDITION,
)
PASSES = Metric(
    "stackledger_redis_key_scan_passes_total",
    Kind.COUNTER,
    COUNT,
    "Passes finished since the service watches (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
PROGRESS = Metric(
    "stackledger_redis_key_scan_progress_ratio",
    Kind.GAUGE,
    RATIO,
    "Share of the keys that the running pass has seen, 1 between passes (SCAN against INFO keyspace).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
FAILING = Metric(
    "stackledger_redis_key_scan_failing",
    Kind.GAUGE,
    STATE,
    "1 while some shard cannot be scanned; the service's log says why (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
OVERDUE = Metric(
    "stackledger_redis_key_scan_overdue_ratio",
    Kind.GAUGE,
    RATIO,
    "Time since the last finished pass, or since the service began, over the interval of passes (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
OPERATIONS = Metric(
    "stackledger_redis_key_scan_operations_total",
    Kind.COUNTER,
    COUNT,
    "Commands that counting has sent to all nodes since the service watches (SCAN, MEMORY USAGE).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
RESTARTS = Metric(
    "stackledger_redis_key_scan_shard_restarts_total",
    Kind.COUNTER,
    COUNT,
    "Shards begun anew within a pass, since their node was lost or changed its role, or slots moved (SCAN).",
    node=False,
    missing=HOLD,
    conditional=_SET,
)
