"""Metrics for these tests: one of each kind, with and without labels."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric, Origin


class Db(Label):
    """The number of the database (INFO keyspace)."""


class Role(Label):
    """The node's role (INFO role)."""

    values = ("master", "replica")


USED = Metric("stackledger_used_bytes", Kind.GAUGE, units.BYTES, "Memory used (INFO memory).")
LIMIT = Metric("stackledger_limit_bytes", Kind.GAUGE, units.BYTES, "Memory limit (INFO memory).")
KEYS = Metric("stackledger_keys", Kind.GAUGE, units.COUNT, "Keys (INFO keyspace).", labels=(Db, Role), budget=32)
READ = Metric("stackledger_read_bytes_total", Kind.COUNTER, units.BYTES, "Bytes read (INFO stats).")
CALLS = Metric("stackledger_calls_total", Kind.COUNTER, units.COUNT, "Calls (INFO stats).", labels=(Db,), budget=32)
BUSY = Metric("stackledger_busy_seconds_total", Kind.COUNTER, units.SECONDS, "CPU time (INFO cpu).")
BOOT = Metric("stackledger_boot_timestamp_seconds", Kind.GAUGE, units.TIMESTAMP, "Start (INFO server).")
WAIT = Metric("stackledger_wait_seconds", Kind.HISTOGRAM, units.SECONDS, "Waits (LATENCY).", labels=(Db,), budget=8)
SPREAD = Metric("stackledger_spread_seconds", Kind.SUMMARY, units.SECONDS, "Spread (INFO latencystats).")
TOPICS = Metric("stackledger_topics", Kind.GAUGE, units.COUNT, "Topics of all nodes (Metadata).", node=False)
UP = Metric("redis_up", Kind.GAUGE, units.STATE, "1 if read (PING).", compat="redis_exporter")
WEB = Metric("web_requests_total", Kind.COUNTER, units.COUNT, "", labels=(Db,), budget=32, origin=Origin.EXTERNAL)

KNOWN = {
    sample: metric
    for metric in (USED, LIMIT, KEYS, READ, CALLS, BUSY, BOOT, WAIT, SPREAD, TOPICS, UP, WEB)
    for sample in metric.sample_names
}
