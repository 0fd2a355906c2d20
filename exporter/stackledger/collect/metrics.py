"""What the service tells of its own reading: success, age, duration, series, skipped runs, by target and lane."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric, drop_after


class Integration(Label):
    """The integration's key in the configuration."""

    bounded, cap = False, 64


class Target(Label):
    """The target's name in the configuration, or the one that discovery gave it."""

    bounded, cap = False, 10_000


class Lane(Label):
    """`fast` for what is read on every interval, `slow` for heavy reads."""

    values = ("fast", "slow")


class Facet(Label):
    """An aspect of a target that can fail alone; the integration names them."""

    bounded, cap = False, 32


class PartName(Label):
    """A node, broker or shard of a target, as the target names it."""

    name = "part"
    bounded, cap = False, 10_000


class Reason(Label):
    """Why: the class of error, or why a run was left out."""

    values = ("connect", "auth", "timeout", "protocol", "error", "defect", "overrun", "breaker")


SCRAPE_SUCCESS = Metric(
    "stackledger_scrape_success",
    Kind.GAUGE,
    units.STATE,
    "1 if the last read of the target was complete, 0 if anything of it could not be read (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_COMPLETENESS = Metric(
    "stackledger_scrape_completeness_ratio",
    Kind.GAUGE,
    units.RATIO,
    "Share of the target's parts that the last read got (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_DURATION = Metric(
    "stackledger_scrape_duration_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long the last read of the target took (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_LAST_SUCCESS = Metric(
    "stackledger_scrape_last_success_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the target was last read completely (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_INTERVAL = Metric(
    "stackledger_scrape_interval_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How often the target is read (configuration, interval_seconds).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_SERIES = Metric(
    "stackledger_scrape_series",
    Kind.GAUGE,
    units.COUNT,
    "Series that the target has on the page (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_CUT_SERIES = Metric(
    "stackledger_scrape_cut_series",
    Kind.GAUGE,
    units.COUNT,
    "Series left off the page because a metric's budget was spent or a series came twice (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_RUNS = Metric(
    "stackledger_scrape_runs_total",
    Kind.COUNTER,
    units.COUNT,
    "Reads of the target since the service began with it (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
SCRAPE_FAILURES = Metric(
    "stackledger_scrape_failures_total",
    Kind.COUNTER,
    units.COUNT,
    "Reads of the target that got nothing at all, by class of error (own scheduler).",
    labels=(Integration, Target, Lane, Reason),
    budget=16,
    node=False,
    conditional="a target that could not be read",
)
SCRAPE_SKIPPED = Metric(
    "stackledger_scrape_skipped_total",
    Kind.COUNTER,
    units.COUNT,
    "Reads left out because the last one overran its interval or the target's breaker is open (own scheduler).",
    labels=(Integration, Target, Lane, Reason),
    budget=4,
    node=False,
)
BREAKER_OPEN = Metric(
    "stackledger_breaker_open",
    Kind.GAUGE,
    units.STATE,
    "1 while a target that failed repeatedly is read less often, up to every fifth interval (own scheduler).",
    labels=(Integration, Target, Lane),
    budget=2,
    node=False,
)
FACET_SUCCESS = Metric(
    "stackledger_facet_success",
    Kind.GAUGE,
    units.STATE,
    "1 if this aspect of the target could be read (own scheduler).",
    labels=(Integration, Target, Lane, Facet),
    budget=64,
    node=False,
)
PART_SUCCESS = Metric(
    "stackledger_part_success",
    Kind.GAUGE,
    units.STATE,
    "1 if this part of the target could be read (own scheduler).",
    labels=(Integration, Target, Lane, PartName),
    budget=20_000,
    node=False,
)
PART_READ = Metric(
    "stackledger_part_read_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the values shown for this part of the target were read (own scheduler).",
    labels=(Integration, Target, Lane, PartName),
    budget=20_000,
    node=False,
)
STATE_START = Metric(
    "stackledger_state_start_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the counters that the service keeps for this target began at 0 (own scheduler).",
    labels=(Integration, Target),
    budget=2,
    node=False,
)
TARGETS = Metric(
    "stackledger_targets",
    Kind.GAUGE,
    units.COUNT,
    "Targets that are read, configured and discovered (own scheduler).",
    labels=(Integration,),
    budget=64,
    node=False,
)
DISCOVERY_SUCCESS = Metric(
    "stackledger_discovery_success",
    Kind.GAUGE,
    units.STATE,
    "1 if the last look-up of targets gave any, 0 if the list before it was kept (own discovery).",
    labels=(Integration,),
    budget=64,
    node=False,
    conditional="a discovery in the configuration",
    missing=drop_after(0),
)
