"""Names of redis_exporter that are not exposed, and why: shown in docs/metrics.md, and held to by the tests."""

from __future__ import annotations

_SINGLE_KEY = (
    "a single key as a label: without bound, and users' keys on a page. `key_patterns` counts patterns instead"
)
_OWN = "about that program itself; ours is {}"

LEFT_OUT = {
    "redis_key_memory_usage_bytes": _SINGLE_KEY,
    "redis_key_size": _SINGLE_KEY,
    "redis_key_value_as_string": "values of users' keys as labels",
    "redis_exporter_build_info": _OWN.format("`stackledger_build_info`"),
    "redis_exporter_last_scrape_connect_time_seconds": "a connection is kept, not made for each scrape",
    "redis_exporter_last_scrape_duration_seconds": _OWN.format("`stackledger_scrape_duration_seconds`"),
    "redis_exporter_last_scrape_error": _OWN.format("`stackledger_scrape_failures_total`"),
    "redis_exporter_scrape_duration_seconds_count": _OWN.format("`stackledger_scrape_duration_seconds`"),
    "redis_exporter_scrape_duration_seconds_sum": _OWN.format("`stackledger_scrape_duration_seconds`"),
    "redis_exporter_scrapes_total": _OWN.format("`stackledger_scrape_runs_total`"),
    "redis_target_scrape_request_errors_total": _OWN.format("`stackledger_scrape_failures_total`"),
    "redis_sentinel_config_key_value": "settings as labels, passwords among them",
    "redis_sentinel_config_value": "settings of Sentinel itself; those of each master are exposed",
    "redis_sentinel_peer_info": "flags as labels, so that series come and go with each doubt; `redis_up` tells of each",
}
