"""Alerts on who leads and who follows. A page is for writes refused, two halves, or a standby that protects nothing."""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.postgres.replication import metrics as m
from stackledger.integrations.postgres.replication import panels as p
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, at_least, below, equals, select

_AT: Final = 'cluster="main",environment="prod",region="eu",job="postgres"'
_LABELS: Final = {"cluster": "main", "environment": "prod", "region": "eu", "job": "postgres"}
_STANDBY: Final = {**_LABELS, "standby": "10.0.0.2:5432"}
_SLOT: Final = {**_LABELS, "instance": "10.0.0.1:5432", "slot_name": "old"}

_WRITABLE: Final = f"stackledger_postgres_writable_nodes{{{_AT}}}"
_CONNECTED: Final = f'stackledger_postgres_standby_connected{{{_AT},standby="10.0.0.2:5432"}}'
_STALLED: Final = f'stackledger_postgres_standby_stalled_seconds{{{_AT},standby="10.0.0.2:5432"}}'
_LAG: Final = f'stackledger_postgres_standby_replay_lag_seconds{{{_AT},standby="10.0.0.2:5432"}}'
_RETAINED: Final = f'pg_replication_slots_pg_wal_lsn_diff{{{_AT},instance="10.0.0.1:5432",slot_name="old",database=""}}'


def alerts() -> tuple[AlertRule, ...]:
    """In order of urgency."""
    return (_no_primary(), _two_primaries(), _stalled(), _disconnected(), _lag_high(), _slot_retains())


def _no_primary() -> AlertRule:
    return AlertRule(
        name="PostgresNoPrimary",
        condition=below(select(m.WRITABLE).max(Cluster), 1),
        hold="20s",
        severity=Severity.PAGE,
        summary="{{ $labels.cluster }}: no PostgreSQL node takes writes",
        description="Every node that can be read is a standby, and the others refuse connections or are lost to the "
        "standbys too: applications cannot write. See which node was the primary and why it is gone; start it, or "
        "promote the standby that has received most.",
        panel=p.WRITABLE,
        inhibits=("PostgresNodeDown", "PostgresReplicaDisconnected"),
        tests=(
            RuleTest(
                title="the primary dies and nobody is promoted",
                series={_WRITABLE: "1 1 0 0 0 0 0 0"},
                expect=(Silent("30s"), Fires("1m", ({"cluster": "main"},))),
            ),
            RuleTest(
                title="a failover within one scrape",
                series={_WRITABLE: "1 1 0 1 1 1 1 1"},
                expect=(Silent("1m"), Silent("1m45s")),
            ),
            RuleTest(
                title="the nodes are silent to us alone, so nobody knows",
                series={_WRITABLE: "1 1 stale _ _ _ _ _ _ _"},
                expect=(Silent("1m"), Silent("2m")),
            ),
        ),
    )


def _two_primaries() -> AlertRule:
    return AlertRule(
        name="PostgresTwoPrimaries",
        condition=above(select(m.WRITABLE_COPIES).max(Cluster), 1),
        hold="10s",
        severity=Severity.PAGE,
        summary="{{ $labels.cluster }}: {{ $value }} PostgreSQL nodes of one cluster take writes",
        description="Two copies of the same cluster accept writes. What the one with the older timeline "
        "accepts will be "
        "lost. Stop that one first, then find out who still sends it work.",
        panel=p.COPIES,
        tests=(
            RuleTest(
                title="a standby is promoted beside a living primary",
                series={f'stackledger_postgres_writable_copies{{{_AT},system_identifier="7"}}': "1 1 2 2 2 2"},
                expect=(Silent("15s"), Fires("1m", ({"cluster": "main"},))),
            ),
            RuleTest(
                title="two clusters with a primary each",
                series={
                    f'stackledger_postgres_writable_copies{{{_AT},system_identifier="7"}}': "1x8",
                    f'stackledger_postgres_writable_copies{{{_AT},system_identifier="8"}}': "1x8",
                },
                expect=(Silent("1m30s"),),
            ),
        ),
    )


def _stalled() -> AlertRule:
    return AlertRule(
        name="PostgresReplicaStalled",
        condition=at_least(select(m.STALLED), 15).where(equals(select(m.STANDBY_CONNECTED), 1)),
        hold="5s",
        severity=Severity.PAGE,
        summary="{{ $labels.cluster }}: standby {{ $labels.standby }} got nothing for {{ $value | humanizeDuration }}",
        description="The stream's connection lives but carries nothing while the primary writes on: a failover now "
        "loses all of it, and reads on the standby grow stale. End its WAL sender on the primary: it connects anew.",
        panel=p.STALLED,
        inhibits=("PostgresReplicationLagHigh",),
        tests=(
            RuleTest(
                title="the WAL sender stands still while its connection lives",
                series={_STALLED: "0 0 0 15 30 45 60", _CONNECTED: "1x6"},
                expect=(Silent("45s"), Fires("1m", (_STANDBY,))),
            ),
            RuleTest(
                title="a standby that is disconnected has its own alert",
                series={_STALLED: "0 0 0 15 30 45 60", _CONNECTED: "1 1 1 0 0 0 0"},
                expect=(Silent("1m30s"),),
            ),
            RuleTest(
                title="an idle cluster with nothing to send",
                series={_STALLED: "0x40", _CONNECTED: "1x40"},
                expect=(Silent("10m"),),
            ),
            RuleTest(
                title="a standby that neither we nor its upstream can tell of",
                series={_STALLED: "0 0 stale _ _ _ _ _", _CONNECTED: "1x8"},
                expect=(Silent("2m"),),
            ),
        ),
    )


def _disconnected() -> AlertRule:
    return AlertRule(
        name="PostgresReplicaDisconnected",
        condition=equals(select(m.STANDBY_CONNECTED), 0),
        hold="1m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: standby {{ $labels.standby }} is fed by no node",
        description="The standby's stream is gone from pg_stat_replication. Read its log: wrong password, slot lost, "
        "timeline split, or the host is down. Its slot holds back log on the primary meanwhile.",
        panel=p.CONNECTED,
        tests=(
            RuleTest(
                title="a standby is shut down",
                series={_CONNECTED: "1 1 0 0 0 0 0 0 0 0"},
                expect=(Silent("1m"), Fires("2m", (_STANDBY,))),
            ),
            RuleTest(
                title="a standby reconnects at once",
                series={_CONNECTED: "1 1 0 0 1 1 1 1 1 1"},
                expect=(Silent("2m"),),
            ),
        ),
    )


def _lag_high() -> AlertRule:
    return AlertRule(
        name="PostgresReplicationLagHigh",
        condition=above(select(m.REPLAY_LAG), 60),
        hold="2m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: standby {{ $labels.standby }} is {{ $value | humanizeDuration }} behind",
        description="Readers of the standby see old data and a failover would take long. Compare received "
        "with replayed: "
        "the network is the brake, or a long query or a slow disk on the standby.",
        panel=p.REPLAY_SECONDS,
        tests=(
            RuleTest(
                title="replay is held back for minutes",
                series={_LAG: "0+15x20"},
                expect=(Silent("2m"), Fires("4m", (_STANDBY,))),
            ),
            RuleTest(
                title="a bulk load that is caught up with",
                series={_LAG: "0 15 30 45 60 75 30 0 0 0 0 0 0 0 0 0 0"},
                expect=(Silent("4m"),),
            ),
        ),
    )


def _slot_retains() -> AlertRule:
    return AlertRule(
        name="PostgresSlotRetainsWal",
        condition=above(select(m.SLOT_RETAINED), 10 * 2**30),
        hold="5m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: slot {{ $labels.slot_name }} holds back {{ $value | humanize1024 }}B of log",
        description="The disk of {{ $labels.instance }} fills until the slot's reader catches up or the "
        "slot is dropped. "
        "If its standby or consumer is gone for good, drop the slot.",
        panel=p.SLOT_RETAINED,
        tests=(
            RuleTest(
                title="a slot whose reader is gone",
                series={_RETAINED: "11000000000x40"},
                expect=(Silent("4m"), Fires("6m", (_SLOT,))),
            ),
            RuleTest(
                title="a reader that is a little behind",
                series={_RETAINED: "100000000x40"},
                expect=(Silent("6m"),),
            ),
        ),
    )
