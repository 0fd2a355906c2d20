"""When a person is told about masters that Sentinels watch. A failover that worked is a ticket about the lost node.

The cases are written by hand from scrapes of three real Sentinels, a master and two replicas.
"""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.redis.sentinel import metrics as m
from stackledger.integrations.redis.sentinel import panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, below, equals, select

_OF = 'cluster="cache",instance="10.0.0.{}:26379",master_name="orders",master_address="10.0.0.1:6379"'
_A, _B = _OF.format(1), _OF.format(2)
_ORDERS = {"cluster": "cache", "master_name": "orders"}
_QUORUM = 'redis_sentinel_master_ckquorum_status{cluster="cache",instance="10.0.0.1:26379",master_name="orders"'
_OK = ',message="OK 3 usable Sentinels. Quorum and failover authorization can be reached"}'
_LOST = (
    ',message="NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this'
    ' master"}'
)

MASTER_DOWN = AlertRule(
    name="RedisSentinelMasterDown",
    condition=equals(select(m.STATUS).max(Cluster, m.MasterName), 0),
    hold="30s",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: master {{ $labels.master_name }} is down and was not replaced",
    description="Every Sentinel that answers holds the master to be down, for longer than a failover takes: clients can"
    " write nothing. Either no replica may be promoted, or the Sentinels lack a quorum. SENTINEL CKQUORUM"
    " {{ $labels.master_name }} on a Sentinel tells which; starting the old master ends it in any case.",
    panel=panels.MASTER_UP,
    # Not RedisNodeDown nor RedisReplicationBroken: they tell no master's name, and others may share the Sentinels.
    inhibits=("RedisSentinelQuorumLost", "RedisSentinelsMissing"),
    tests=(
        RuleTest(
            "the master dies and nobody is promoted",
            {
                f'redis_sentinel_master_status{{{_A},master_status="ok"}}': "1 1 stale",
                f'redis_sentinel_master_status{{{_A},master_status="odown"}}': "_ _ 0x20",
                f'redis_sentinel_master_status{{{_B},master_status="ok"}}': "1 1 stale",
                f'redis_sentinel_master_status{{{_B},master_status="sdown"}}': "_ _ 0x20",
            },
            (Silent("45s"), Fires("1m15s", (_ORDERS,))),
        ),
        RuleTest(
            "a replica is promoted within seconds; and one Sentinel alone is cut off",
            {
                f'redis_sentinel_master_status{{{_A},master_status="ok"}}': "1 1 stale",
                f'redis_sentinel_master_status{{{_A},master_status="odown"}}': "_ _ 0 stale",
                'redis_sentinel_master_status{cluster="cache",instance="10.0.0.1:26379",master_name="orders",'
                'master_address="10.0.0.2:6379",master_status="ok"}': "_ _ _ 1x20",
                f'redis_sentinel_master_status{{{_B},master_status="sdown"}}': "0x24",
            },
            (Silent("1m"), Silent("3m")),
        ),
    ),
)
QUORUM_LOST = AlertRule(
    name="RedisSentinelQuorumLost",
    condition=equals(select(m.QUORUM).max(Cluster, m.MasterName), 0),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: Sentinels can no longer fail {{ $labels.master_name }} over",
    description="Nothing is down, but too few Sentinels reach one another: if the master dies now it stays down, which"
    " then pages. Start the missing Sentinels, or mend the network between them.",
    panel=panels.QUORUM,
    inhibits=("RedisSentinelsMissing",),
    tests=(
        RuleTest(
            "two of three Sentinels are gone",
            {_QUORUM + _OK: "1 1 stale", _QUORUM + _LOST: "_ _ 0x20"},
            (Silent("2m"), Fires("3m", (_ORDERS,))),
        ),
        RuleTest("all are there", {_QUORUM + _OK: "1x20"}, (Silent("4m"),)),
    ),
)
SENTINELS_MISSING = AlertRule(
    name="RedisSentinelsMissing",
    condition=below(
        select(m.OK_SENTINELS).max(Cluster, m.MasterName) / select(m.SENTINELS).max(Cluster, m.MasterName), 1
    ),
    hold="5m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: only {{ $value | humanizePercentage }} of the Sentinels of"
    " {{ $labels.master_name }} are reachable",
    description="A failover is still possible, but each Sentinel that is away brings the loss of the quorum nearer."
    " Start it; one that was taken away for good is forgotten with SENTINEL RESET {{ $labels.master_name }}, on one"
    " Sentinel after the other.",
    panel=panels.SENTINELS_OK,
    tests=(
        RuleTest(
            "one of three is away, for all that are left",
            {
                f"redis_sentinel_master_ok_sentinels{{{_A}}}": "3 3 2x40",
                f"redis_sentinel_master_ok_sentinels{{{_B}}}": "3 3 2x40",
                f"redis_sentinel_master_sentinels{{{_A}}}": "3x42",
                f"redis_sentinel_master_sentinels{{{_B}}}": "3x42",
            },
            (Silent("5m"), Fires("6m", (_ORDERS,))),
        ),
        RuleTest(
            "one cannot reach another, a third can",
            {
                f"redis_sentinel_master_ok_sentinels{{{_A}}}": "2x42",
                f"redis_sentinel_master_ok_sentinels{{{_B}}}": "3x42",
                f"redis_sentinel_master_sentinels{{{_A}}}": "3x42",
                f"redis_sentinel_master_sentinels{{{_B}}}": "3x42",
            },
            (Silent("8m"),),
        ),
    ),
)
NO_REPLICA = AlertRule(
    name="RedisSentinelMasterWithoutReplica",
    condition=below(select(m.OK_REPLICAS).max(Cluster, m.MasterName), 1).where(
        above(select(m.OK_REPLICAS).max_over("1d").max(Cluster, m.MasterName), 0)
    ),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: master {{ $labels.master_name }} has no replica that could take over",
    description="Everything is served, but the next failure of the master is an outage and loses its data. Start the"
    " replicas again; after a failover the old master is one of them. Silent where there was none for a day.",
    panel=panels.REPLICAS_OK,
    tests=(
        RuleTest(
            "the last replica is gone",
            {f"redis_sentinel_master_ok_slaves{{{_A}}}": "1 1 0x20"},
            (Silent("2m"), Fires("3m", (_ORDERS,))),
        ),
        RuleTest("none by design", {f"redis_sentinel_master_ok_slaves{{{_A}}}": "0x20"}, (Silent("4m"),)),
    ),
)
