"""When a person is told about replicas that fall behind and disks that fail.

The cases are written by hand from scrapes of a real cluster of six nodes, three masters and three replicas.
"""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.redis import info_metrics as i
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.replication import panels as d
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, equals, select

_A = 'cluster="cache",instance="10.0.0.1:6379"'
_B = 'cluster="cache",instance="10.0.0.2:6379"'
_AT_A = {"cluster": "cache", "instance": "10.0.0.1:6379"}

REPLICATION_BROKEN = AlertRule(
    name="RedisReplicationBroken",
    condition=equals(select(m.MASTER_LINK_UP).min(Cluster, Instance), 0),
    hold="1m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: replica {{ $labels.instance }} has lost its master",
    description="The replica is not connected to its master and falls behind; promoted now, it would serve old data."
    " Its log says why: the master is gone, the password (masterauth) is wrong, or each full copy fails half way.",
    panel=d.LINK_UP,
    tests=(
        RuleTest(
            "the link stays down",
            {f'redis_master_link_up{{{_A},master_host="10.0.0.2",master_port="6379"}}': "1 1 0x20"},
            (Silent("1m15s"), Fires("2m", (_AT_A,))),
        ),
        RuleTest(
            "the replica follows another master at once",
            {
                f'redis_master_link_up{{{_A},master_host="10.0.0.2",master_port="6379"}}': "1 1 0 stale",
                f'redis_master_link_up{{{_A},master_host="10.0.0.3",master_port="6379"}}': "_ _ _ 1x20",
            },
            (Silent("2m"),),
        ),
    ),
)
REPLICA_LAGS = AlertRule(
    name="RedisReplicaLags",
    condition=above(select(m.REPLICA_LAG), 10),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: replica {{ $labels.slave_ip }}:{{ $labels.slave_port }} is silent for"
    " {{ $value }} s",
    description="The replica acknowledges nothing, though its connection lives: it is frozen, overloaded, or the"
    " network drops its packets. What was written since then is lost if the master dies now.",
    panel=d.REPLICA_LAG,
    tests=(
        RuleTest(
            "a replica freezes",
            {
                f"redis_connected_slave_lag_seconds{{{_A},"
                'slave_ip="10.0.0.4",slave_port="6379",slave_state="online"}': "0 1 0+15x20"
            },
            (
                Silent("1m30s"),
                Fires("4m", ({**_AT_A, "slave_ip": "10.0.0.4", "slave_port": "6379", "slave_state": "online"},)),
            ),
        ),
        RuleTest(
            "a replica pauses for a full copy",
            {
                f"redis_connected_slave_lag_seconds{{{_A},"
                'slave_ip="10.0.0.4",slave_port="6379",slave_state="online"}': "0 1 14 29 0 1x20"
            },
            (Silent("1m"), Silent("4m")),
        ),
    ),
)
SNAPSHOT_FAILED = AlertRule(
    name="RedisSnapshotFailed",
    condition=equals(select(i.RDB_LAST_STATUS), 0),
    hold="1m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: the last snapshot of {{ $labels.instance }} failed",
    description="The data on disk is old. With stop-writes-on-bgsave-error, Redis' default, writes are refused from now"
    " on (MISCONF), which pages by itself. Mostly the disk is full or there is no memory to fork: the node's log says"
    " which.",
    panel=d.PERSISTENCE,
    tests=(
        RuleTest(
            "the disk is full",
            {f"redis_rdb_last_bgsave_status{{{_A}}}": "1 1 0x10"},
            (Silent("1m15s"), Fires("2m", (_AT_A,))),
        ),
    ),
)
AOF_WRITE_FAILED = AlertRule(
    name="RedisAppendOnlyWriteFailed",
    condition=equals(select(i.AOF_WRITE_STATUS), 0),
    hold="1m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} cannot write its append-only file",
    description="Writes since then are in memory alone, and Redis refuses further ones (MISCONF), which pages by"
    " itself. Make room on the disk; Redis tries again every second.",
    panel=d.PERSISTENCE,
    tests=(
        RuleTest(
            "the disk is full",
            {f"redis_aof_last_write_status{{{_A}}}": "1 1 0x10"},
            (Silent("1m15s"), Fires("2m", (_AT_A,))),
        ),
    ),
)
