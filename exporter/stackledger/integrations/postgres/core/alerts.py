"""Alerts on single servers: gone, nearly full, blocked, failing."""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.postgres.core import metrics as m
from stackledger.integrations.postgres.core import panels as p
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, below, equals, select

_LABELS: Final = {
    "cluster": "main",
    "environment": "prod",
    "region": "eu",
    "job": "postgres",
    "instance": "10.0.0.1:5432",
}
_AT: Final = ",".join(f'{name}="{value}"' for name, value in _LABELS.items())


def alerts() -> tuple[AlertRule, ...]:
    """In order of urgency."""
    return (
        _wraparound(),
        _connections(),
        _node_down(),
        _archive(),
        _long_transaction(),
        _idle_transaction(),
        _deadlocks(),
        _blocked(),
    )


def _node_down() -> AlertRule:
    return AlertRule(
        name="PostgresNodeDown",
        condition=below(select(m.UP), 1),
        hold="1m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: PostgreSQL on {{ $labels.instance }} does not answer",
        description="The node is stopped, hangs or refuses our login; the cluster has lost capacity or protection. The "
        "service's log says which of these. If it was the primary, PostgresNoPrimary pages.",
        panel=p.UP_BY_NODE,
        tests=(
            RuleTest(
                title="a node dies",
                series={f"pg_up{{{_AT}}}": "1 1 0 0 0 0 0 0 0 0"},
                expect=(Silent("1m"), Fires("2m", (_LABELS,))),
            ),
            RuleTest(title="a restart", series={f"pg_up{{{_AT}}}": "1 1 0 0 1 1 1 1 1 1"}, expect=(Silent("2m"),)),
        ),
    )


def _wraparound() -> AlertRule:
    series = f"stackledger_postgres_wraparound_ratio{{{_AT}}}"
    return AlertRule(
        name="PostgresWraparoundNear",
        condition=above(select(m.WRAPAROUND), 0.5),
        hold="5m",
        severity=Severity.PAGE,
        summary="{{ $labels.cluster }}: {{ $value | humanizePercentage }} of transaction ids used on "
        "{{ $labels.instance }}",
        description="Autovacuum's forced runs did not help: at 100 % the server refuses all writes. End old "
        "transactions, "
        "drop dead slots and prepared transactions, then vacuum the tables with the oldest relfrozenxid.",
        panel=p.WRAPAROUND,
        tests=(
            RuleTest(
                title="vacuum is held back for weeks", series={series: "0.51x40"}, expect=(Fires("6m", (_LABELS,)),)
            ),
            RuleTest(title="ordinary ages before a forced vacuum", series={series: "0.1x40"}, expect=(Silent("6m"),)),
        ),
    )


def _connections() -> AlertRule:
    used = f"stackledger_postgres_connections{{{_AT}}}"
    usable = f"stackledger_postgres_connections_usable{{{_AT}}}"
    return AlertRule(
        name="PostgresConnectionsNearLimit",
        condition=above(select(m.CONNECTIONS) / select(m.CONNECTIONS_USABLE), 0.9),
        hold="2m",
        severity=Severity.PAGE,
        summary="{{ $labels.cluster }}: {{ $value | humanizePercentage }} of connections used on {{ "
        "$labels.instance }}",
        description="New clients will soon be refused. See which application holds the sessions; end idle "
        "ones, fix its "
        "pool, or put a pooler in front. Raising max_connections needs a restart.",
        panel=p.CONNECTIONS,
        tests=(
            RuleTest(
                title="a pool that leaks",
                series={used: "80+3x20", usable: "97x20"},
                expect=(Silent("1m"), Fires("4m", (_LABELS,))),
            ),
            RuleTest(title="a busy hour", series={used: "70x20", usable: "97x20"}, expect=(Silent("4m"),)),
        ),
    )


def _long_transaction() -> AlertRule:
    series = f"stackledger_postgres_oldest_transaction_seconds{{{_AT}}}"
    return AlertRule(
        name="PostgresLongTransaction",
        condition=above(select(m.OLDEST_TRANSACTION), 3_600),
        hold="1m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: a transaction on {{ $labels.instance }} is open for "
        "{{ $value | humanizeDuration }}",
        description="While it lasts vacuum removes nothing newer and its locks stay. See who it is and "
        "whether it still "
        "works; end it if not.",
        panel=p.OLDEST_TRANSACTION,
        tests=(
            RuleTest(title="a forgotten session", series={series: "3500+15x40"}, expect=(Fires("6m", (_LABELS,)),)),
            RuleTest(title="a report of ten minutes", series={series: "0+15x40"}, expect=(Silent("10m"),)),
        ),
    )


def _idle_transaction() -> AlertRule:
    series = f"stackledger_postgres_oldest_idle_transaction_seconds{{{_AT}}}"
    return AlertRule(
        name="PostgresIdleInTransaction",
        condition=above(select(m.OLDEST_IDLE_TRANSACTION), 600),
        hold="1m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: a session on {{ $labels.instance }} idles in a transaction for "
        "{{ $value | humanizeDuration }}",
        description="A client opened a transaction and went away: its locks and its view of old rows stay. "
        "End the session "
        "and set idle_in_transaction_session_timeout.",
        panel=p.OLDEST_TRANSACTION,
        tests=(
            RuleTest(title="a client that hangs", series={series: "590+15x40"}, expect=(Fires("3m", (_LABELS,)),)),
            RuleTest(title="short pauses", series={series: "2 0 5 1 0 3x30"}, expect=(Silent("5m"),)),
        ),
    )


def _archive() -> AlertRule:
    series = f"stackledger_postgres_archive_failing{{{_AT}}}"
    return AlertRule(
        name="PostgresArchiveFailing",
        condition=equals(select(m.ARCHIVE_FAILING), 1),
        hold="5m",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: {{ $labels.instance }} cannot archive its log",
        description="Recovery to a point in time ends where archiving stopped, and the log fills the disk. "
        "The server's log "
        "has the archive command's own error.",
        panel=p.ARCHIVE,
        tests=(
            RuleTest(title="the archive is full", series={series: "1x40"}, expect=(Fires("6m", (_LABELS,)),)),
            RuleTest(title="one attempt failed", series={series: "0 0 1 1 0 0 0x40"}, expect=(Silent("6m"),)),
        ),
    )


def _deadlocks() -> AlertRule:
    series = f'pg_stat_database_deadlocks{{{_AT},datid="5",datname="shop"}}'
    return AlertRule(
        name="PostgresDeadlocks",
        condition=above(select(m.DEADLOCKS).increase("15m").sum(Cluster, m.Datname), 5),
        hold="0s",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: {{ $value | humanize }} deadlocks in {{ $labels.datname }} within 15 minutes",
        description="Each failed a transaction. The server's log names both statements of each; make them take their "
        "locks in the same order.",
        panel=p.DEADLOCKS,
        tests=(
            RuleTest(
                title="two jobs that lock in opposite order",
                series={series: "0+1x60"},
                expect=(Fires("10m", ({"cluster": "main", "datname": "shop"},)),),
            ),
            RuleTest(title="one in an hour", series={series: "0x20 1x40"}, expect=(Silent("10m"),)),
        ),
    )


def _blocked() -> AlertRule:
    series = f"stackledger_postgres_longest_lock_wait_seconds{{{_AT}}}"
    return AlertRule(
        name="PostgresBlockedBackends",
        condition=above(select(m.LONGEST_BLOCK), 300),
        hold="0s",
        severity=Severity.TICKET,
        summary="{{ $labels.cluster }}: a backend on {{ $labels.instance }} has waited "
        "{{ $value | humanizeDuration }} for a lock",
        description="Work stands behind one session. pg_blocking_pids of a waiting backend names it; end it "
        "or wait for "
        "its migration.",
        panel=p.LONGEST_BLOCK,
        tests=(
            RuleTest(
                title="a migration behind a report", series={series: "0+15x40"}, expect=(Fires("6m", (_LABELS,)),)
            ),
            RuleTest(title="waits that resolve", series={series: "0 15 30 0 15 30 0x20"}, expect=(Silent("5m"),)),
        ),
    )
