"""Families about Sentinels: redis_exporter's names, one set per Sentinel, and ours about each master that they watch.

Left out of redis_exporter's: `redis_sentinel_config_key_value` and `redis_sentinel_config_value` (settings as labels,
passwords among them), and `redis_sentinel_peer_info` (off there by default; `redis_up` tells of each Sentinel).
"""

# ruff: noqa: E501 - a table reads best with one row a line

from __future__ import annotations

from stackledger.catalogue import HOLD, Common, Kind, Label, Metric
from stackledger.integrations.redis.info_metrics import EXPORTER, MILLISECONDS
from stackledger.units import COUNT, SECONDS, STATE, TIMESTAMP, Unit

MOST_MASTERS = 64
"""Masters of one Sentinel that are read; that there are more shows in `redis_sentinel_masters`."""
_SENTINEL = "Sentinels among the seeds"
_MASTER = "a master that Sentinels watch"


class MasterName(Label):
    """Name of a master in the Sentinels' configuration."""


class MasterAddress(Label):
    """Address of the master, as this Sentinel has it."""


class MasterStatus(Label):
    """`ok`, `sdown` (this Sentinel cannot reach it) or `odown` (a quorum cannot)."""

    values = ("ok", "sdown", "odown")


class Message(Label):
    """Answer of SENTINEL CKQUORUM; it changes with the number of Sentinels that are usable."""


def _gauge(name: str, text: str, unit: Unit = COUNT) -> Metric[Common]:
    return Metric(name, Kind.GAUGE, unit, text, compat=EXPORTER, conditional=_SENTINEL)


def _of_master(name: str, text: str, unit: Unit = COUNT) -> Metric[Common | MasterName | MasterAddress]:
    return Metric(
        name,
        Kind.GAUGE,
        unit,
        text,
        labels=(MasterName, MasterAddress),
        budget=MOST_MASTERS,
        compat=EXPORTER,
        conditional=_MASTER,
    )


# fmt: off
MASTERS = _gauge("redis_sentinel_masters", "Masters that this Sentinel watches (INFO sentinel_masters).")
TILT = _gauge("redis_sentinel_tilt", "1 while this Sentinel does not trust its own clock and takes no action (INFO sentinel_tilt).", STATE)
RUNNING_SCRIPTS = _gauge("redis_sentinel_running_scripts", "Notification scripts that run now (INFO sentinel_running_scripts).")
SCRIPTS_QUEUED = _gauge("redis_sentinel_scripts_queue_length", "Notification scripts that wait (INFO sentinel_scripts_queue_length).")
SIMULATED_FAILURES = _gauge("redis_sentinel_simulate_failure_flags", "Failures that this Sentinel is told to simulate, as bits; anything but 0 is a test left on (INFO sentinel_simulate_failure_flags).", STATE)

STATUS = Metric(
    "redis_sentinel_master_status", Kind.GAUGE, STATE, "1 when the master is well for this Sentinel (INFO masterN status).",
    labels=(MasterName, MasterAddress, MasterStatus), budget=MOST_MASTERS, compat=EXPORTER, conditional=_MASTER,
)
REPLICAS = _of_master("redis_sentinel_master_slaves", "Replicas of the master that this Sentinel knows, well or not (INFO masterN slaves).")
SENTINELS = _of_master("redis_sentinel_master_sentinels", "Sentinels that watch the master, this one included (INFO masterN sentinels).")
OK_REPLICAS = _of_master("redis_sentinel_master_ok_slaves", "Replicas of the master that this Sentinel can reach (SENTINEL REPLICAS).")
OK_SENTINELS = _of_master("redis_sentinel_master_ok_sentinels", "Sentinels that watch the master and that this one can reach, itself included (SENTINEL SENTINELS).")
QUORUM = Metric(
    "redis_sentinel_master_ckquorum_status", Kind.GAUGE, STATE, "1 when enough Sentinels are reachable to fail over (SENTINEL CKQUORUM).",
    labels=(MasterName, Message), budget=MOST_MASTERS, compat=EXPORTER, conditional=_MASTER,
)
SETTING_QUORUM = _of_master("redis_sentinel_master_setting_ckquorum", "Sentinels that must agree that the master is down (SENTINEL MASTERS quorum).")
SETTING_FAILOVER_TIMEOUT = _of_master("redis_sentinel_master_setting_failover_timeout", "Longest time for a failover, and half of the wait before another try (SENTINEL MASTERS failover-timeout).", MILLISECONDS)
SETTING_PARALLEL_SYNCS = _of_master("redis_sentinel_master_setting_parallel_syncs", "Replicas that copy from a new master at the same time (SENTINEL MASTERS parallel-syncs).")
SETTING_DOWN_AFTER = _of_master("redis_sentinel_master_setting_down_after_milliseconds", "Silence after which this Sentinel takes the master for down (SENTINEL MASTERS down-after-milliseconds).", MILLISECONDS)
CONFIG_EPOCH = _of_master("redis_sentinel_master_config_epoch", "Version of the master's configuration: each failover raises it (SENTINEL MASTERS config-epoch).", STATE)
LAST_OK_PING = _of_master("redis_sentinel_master_last_ok_ping_reply_seconds", "Time since the master last answered this Sentinel (SENTINEL MASTERS last-ok-ping-reply).", SECONDS)

# -- ours, of each master, over all Sentinels --------------------------------------------------------------------------
FAILOVERS = Metric(
    "stackledger_redis_sentinel_failovers_total", Kind.COUNTER, COUNT,
    "Changes of the master's address with a newer configuration since the service watches (SENTINEL MASTERS of every Sentinel).",
    labels=(MasterName,), budget=MOST_MASTERS, node=False, missing=HOLD, conditional=_MASTER,
)
LAST_FAILOVER = Metric(
    "stackledger_redis_sentinel_last_failover_timestamp_seconds", Kind.GAUGE, TIMESTAMP,
    "Time of the sweep that saw the last failover (SENTINEL MASTERS of every Sentinel).",
    labels=(MasterName,), budget=MOST_MASTERS, node=False, missing=HOLD, conditional="a failover by Sentinels",
)
VIEWS = Metric(
    "stackledger_redis_sentinel_master_views", Kind.GAUGE, COUNT,
    "Different addresses that the Sentinels give for the master, 1 when they agree (SENTINEL MASTERS of every Sentinel).",
    labels=(MasterName,), budget=MOST_MASTERS, node=False, conditional=_MASTER,
)
KNOWN_SENTINELS = Metric(
    "stackledger_redis_sentinels", Kind.GAUGE, COUNT,
    "Sentinels that exist, by what they tell of one another (SENTINEL SENTINELS of every Sentinel).",
    node=False, missing=HOLD, conditional=_SENTINEL,
)
# fmt: on
