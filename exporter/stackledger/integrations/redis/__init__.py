"""Redis: a cluster from one seed, or single servers. The declaration; it imports no driver and no board.

Owns what the registry sees. The reading is in `collector`, the judging of a cluster in `topology`.
"""

from __future__ import annotations

from pathlib import Path

from stackledger.catalogue import metrics_of
from stackledger.collect.integration import Integration, Opening, Source
from stackledger.integrations.redis import info_metrics, metrics
from stackledger.integrations.redis.config import RedisTarget
from stackledger.integrations.redis.left_out import LEFT_OUT
from stackledger.integrations.redis.patterns import metrics as pattern_metrics
from stackledger.integrations.redis.sentinel import metrics as sentinel_metrics
from stackledger.integrations.redis.slots import metrics as slot_metrics
from stackledger.integrations.redis.state import RedisState
from stackledger.model import SLO, AlertRule, Dashboard


def _open(opening: Opening[RedisTarget, RedisState]) -> Source:
    from stackledger.integrations.redis.collector import RedisSource

    return RedisSource(opening)


def _dashboards() -> tuple[Dashboard, ...]:
    from stackledger.integrations.redis.dashboard import dashboards

    return dashboards()


def _alerts() -> tuple[AlertRule, ...]:
    from stackledger.integrations.redis.alerts import alerts

    return alerts()


def _slos() -> tuple[SLO, ...]:
    from stackledger.integrations.redis.slos import slos

    return slos()


REDIS: Integration[RedisTarget, RedisState] = Integration(
    name="redis",
    title="Redis Cluster",
    settings=RedisTarget,
    metrics=tuple(
        metric
        for module in (metrics, info_metrics, sentinel_metrics, pattern_metrics, slot_metrics)
        for metric in metrics_of(module)
    ),
    open=_open,
    folder=Path(__file__).parent,
    state=RedisState,
    up=metrics.UP,
    job="redis",
    slow=True,
    addresses="seeds",
    dashboards=_dashboards,
    alerts=_alerts,
    slos=_slos,
    left_out=LEFT_OUT,
)
