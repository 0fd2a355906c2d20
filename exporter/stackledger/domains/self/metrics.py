"""What the service tells of its own process, page and configuration. Its reading of targets: `collect.metrics`."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric

CLIENT_PYTHON = "prometheus_client"


class Version(Label):
    """Version of the distribution."""


class Python(Label):
    """Version of the interpreter."""


BUILD = Metric(
    "stackledger_build_info",
    Kind.INFO,
    units.STATE,
    "The running version (package metadata).",
    labels=(Version, Python),
    node=False,
)
RELOAD_SUCCESS = Metric(
    "stackledger_config_last_reload_successful",
    Kind.GAUGE,
    units.STATE,
    "1 if the newest configuration was accepted, 0 if it was refused and the one before it stays (own reload).",
    node=False,
)
RELOAD_TIME = Metric(
    "stackledger_config_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the configuration in force was accepted (own reload).",
    node=False,
)
RELOAD_MISTAKES = Metric(
    "stackledger_config_last_reload_mistakes",
    Kind.GAUGE,
    units.COUNT,
    "Mistakes in the newest configuration; the log and the answer to /-/reload name them (own reload).",
    node=False,
)
PAGE_SERIES = Metric(
    "stackledger_page_series",
    Kind.GAUGE,
    units.COUNT,
    "Series on the page when it was last asked for (own page).",
    node=False,
)
PAGE_SIZE = Metric(
    "stackledger_page_size_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Size of the page when it was last sent, as sent (own page).",
    node=False,
)
PAGE_RENDER = Metric(
    "stackledger_page_render_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long it took to put the page together when it was last asked for (own page).",
    node=False,
)
LOOP_LAG = Metric(
    "stackledger_event_loop_lag_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Longest that the event loop was late in the last 15 seconds (own watch).",
    node=False,
)
PROCESS_CPU = Metric(
    "process_cpu_seconds_total",
    Kind.COUNTER,
    units.SECONDS,
    "CPU time of this process (/proc/self/stat).",
    node=False,
    compat=CLIENT_PYTHON,
)
PROCESS_MEMORY = Metric(
    "process_resident_memory_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Resident memory of this process (/proc/self/statm).",
    node=False,
    compat=CLIENT_PYTHON,
)
PROCESS_START = Metric(
    "process_start_time_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When this process began (/proc/self/stat).",
    node=False,
    compat=CLIENT_PYTHON,
)
PROCESS_FDS = Metric(
    "process_open_fds",
    Kind.GAUGE,
    units.COUNT,
    "Open files and sockets of this process (/proc/self/fd).",
    node=False,
    compat=CLIENT_PYTHON,
)
