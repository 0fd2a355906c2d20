"""From what Sentinels say to samples. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stackledger.collect.snapshot import Part
from stackledger.integrations.redis.answers import Answers, number, words_of
from stackledger.integrations.redis.sentinel import metrics as m
from stackledger.integrations.redis.sentinel.answers import Watched
from stackledger.integrations.redis.sentinel.watch import Watch
from stackledger.integrations.redis.state import RedisState

_MASTER = re.compile(r"master\d+\Z")
_OWN = {
    "sentinel_masters": m.MASTERS,
    "sentinel_tilt": m.TILT,
    "sentinel_running_scripts": m.RUNNING_SCRIPTS,
    "sentinel_scripts_queue_length": m.SCRIPTS_QUEUED,
    "sentinel_simulate_failure_flags": m.SIMULATED_FAILURES,
}
_SETTINGS = (
    ("quorum", m.SETTING_QUORUM, 1.0),
    ("failover-timeout", m.SETTING_FAILOVER_TIMEOUT, 1.0),
    ("parallel-syncs", m.SETTING_PARALLEL_SYNCS, 1.0),
    ("down-after-milliseconds", m.SETTING_DOWN_AFTER, 1.0),
    ("config-epoch", m.CONFIG_EPOCH, 1.0),
    ("last-ok-ping-reply", m.LAST_OK_PING, 1e-3),
)


def add_sentinel(part: Part, answers: Answers) -> None:
    """What one Sentinel says, into its own part."""
    for field, metric in _OWN.items():
        part.add(metric, number(answers.info.get(field)))
    for name, value in answers.info.items():
        if _MASTER.match(name):
            _add_line(part, words_of(value))
    for master in answers.sentinel.masters if answers.sentinel is not None else ():
        _add_master(part, master)


def _add_line(part: Part, words: Mapping[str, str]) -> None:
    """A line of INFO, for instance `name=orders,status=ok,address=10.0.0.1:6379,slaves=2,sentinels=3`."""
    name, address, status = words.get("name", ""), words.get("address", ""), words.get("status", "")
    if not name or status not in m.MasterStatus.values:
        return
    part.add(m.STATUS, float(status == "ok"), name, address, status)
    part.add(m.REPLICAS, number(words.get("slaves")), name, address)
    part.add(m.SENTINELS, number(words.get("sentinels")), name, address)


def _add_master(part: Part, master: Watched) -> None:
    labels = (master.name, master.address)
    for field, metric, scale in _SETTINGS:
        value = number(master.facts.get(field))
        part.add(metric, None if value is None else value * scale, *labels)
    if master.quorum is not None:
        part.add(m.QUORUM, float(master.quorum[0]), master.name, master.quorum[1])
    if master.sentinels is not None:
        part.add(m.OK_SENTINELS, 1 + sum(peer.well for peer in master.sentinels), *labels)
    if master.replicas is not None:
        part.add(m.OK_REPLICAS, sum(peer.well for peer in master.replicas), *labels)


def add_watch(part: Part, watch: Watch, state: RedisState) -> None:
    """What is true of each master as a whole."""
    part.add(m.KNOWN_SENTINELS, len(watch.sentinels))
    for master in watch.masters:
        part.add(m.VIEWS, master.views, master.name)
    for name, known in state.watched.items():
        part.add(m.FAILOVERS, known.failovers, name)
        part.add(m.LAST_FAILOVER, known.last_failover, name)
