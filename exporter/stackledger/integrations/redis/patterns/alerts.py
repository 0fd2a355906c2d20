"""When a person is told that counting keys does not work. How many there are is for the board: no count is wrong."""

from __future__ import annotations

from stackledger.integrations.redis.patterns import metrics as m
from stackledger.integrations.redis.patterns import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, select

_CACHE = {"cluster": "cache"}
_OVERDUE = 'stackledger_redis_key_scan_overdue_ratio{cluster="cache"}'

KEY_SCAN_OVERDUE = AlertRule(
    name="RedisKeyScanOverdue",
    condition=above(select(m.OVERDUE), 3),
    hold="10m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: keys were last counted by pattern {{ $value | humanize }} intervals ago",
    description="No user is hurt; the panels on keys by pattern show old numbers. A shard cannot be scanned (a missing"
    " right, no healthy node), begins anew all the time, or the budget is too small for so many keys. The service's"
    " log names the reason.",
    panel=panels.PASSES,
    tests=(
        RuleTest(
            "a shard cannot be scanned any more",
            {_OVERDUE: "0 0.5 1 1.5+0.5x40"},
            (Silent("6m"), Silent("15m"), Fires("18m", (_CACHE,))),
            interval="1m",
        ),
        RuleTest(
            "a pass takes as long as an interval", {_OVERDUE: "0 0.5 1 1.5 2 0 0.5 1 1.5 2 0 0.5 1"}, (Silent("12m"),),
            interval="1m",
        ),
    ),
)  # fmt: skip
