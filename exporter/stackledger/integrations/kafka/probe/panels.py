"""Panels of the end-to-end probe: the row that is empty while no target has it on."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Le
from stackledger.integrations.kafka.labels import BrokerId
from stackledger.integrations.kafka.probe import metrics as m
from stackledger.model import Panel, Query, Row
from stackledger.promql import RATE_INTERVAL, bucket, quantile, select
from stackledger.units import PER_SECOND, SECONDS

_C = Cluster.variable()
_OFF = " Empty unless the target's settings switch the probe on."

SILENT = Panel(
    key="probe-silence",
    title="Time since a message came through",
    queries=(Query(select(m.SILENCE, _C).max(Cluster, BrokerId), "{{cluster}} broker {{broker_id}}"),),
    description="Below two intervals when all is well. One broker that grows: its partition cannot be written or read;"
    f" all of them: nobody gets a record through this cluster.{_OFF}",
    width=12,
)
ROUND_TRIP = Panel(
    key="probe-round-trip",
    title="Round trip, from sending to reading",
    queries=(
        Query(
            quantile(0.5, bucket(m.ROUND_TRIP, _C).rate(RATE_INTERVAL).sum(Cluster, Le), SECONDS), "{{cluster}} median"
        ),
        Query(
            quantile(0.99, bucket(m.ROUND_TRIP, _C).rate(RATE_INTERVAL).sum(Cluster, BrokerId, Le), SECONDS),
            "{{cluster}} broker {{broker_id}} p99",
        ),
    ),
    description="What a client with acks=all sees. One broker far above the others: its disk, or a follower that is"
    f" slow to copy from it; all together: the network or this service's own host.{_OFF}",
    width=12,
)
PRODUCE = Panel(
    key="probe-produce",
    title="Produce, from sending to acknowledgement",
    queries=(
        Query(quantile(0.5, bucket(m.PRODUCE, _C).rate(RATE_INTERVAL).sum(Cluster, Le), SECONDS), "{{cluster}} median"),
        Query(
            quantile(0.99, bucket(m.PRODUCE, _C).rate(RATE_INTERVAL).sum(Cluster, BrokerId, Le), SECONDS),
            "{{cluster}} broker {{broker_id}} p99",
        ),
    ),
    description="The part of the round trip that waits for all replicas in sync. Slow here too: writing or copying is"
    f" the cause; slow only in the round trip: reading is.{_OFF}",
    width=12,
)
FAILURES = Panel(
    key="probe-failures",
    title="Messages that failed or were lost",
    queries=(
        Query(
            select(m.FAILED, _C).rate().sum(Cluster, BrokerId, m.FailureReason).as_unit(PER_SECOND),
            "{{cluster}} broker {{broker_id}} {{reason}}",
        ),
        Query(
            select(m.LOST, _C).rate().sum(Cluster, BrokerId).as_unit(PER_SECOND),
            "{{cluster}} broker {{broker_id}} lost",
        ),
    ),
    description="Failed: not acknowledged within the timeout, as a leader's move costs for some seconds. Lost:"
    f" acknowledged, but not read in time. Steady values are real trouble of writers.{_OFF}",
    width=12,
)
MISSING = Panel(
    key="probe-missing",
    title="Acknowledged messages that never came",
    queries=(Query(select(m.MISSING, _C).max(Cluster, BrokerId), "{{cluster}} broker {{broker_id}}"),),
    description="Of the last ten minutes. Above 0 for longer than a leader's move: acknowledged records are gone, or"
    f" the partition cannot be read from here.{_OFF}",
    width=12,
)
MESSAGES = Panel(
    key="probe-messages",
    title="Messages sent and read again",
    queries=(
        Query(select(m.SENT, _C).rate().sum(Cluster).as_unit(PER_SECOND), "{{cluster}} sent"),
        Query(select(m.RECEIVED, _C).rate().sum(Cluster).as_unit(PER_SECOND), "{{cluster}} read again"),
        Query(
            select(m.STRAY, _C).rate().sum(Cluster, m.StrayKind).as_unit(PER_SECOND),
            "{{cluster}} {{kind}}",
        ),
    ),
    description="The two lines lie on each other when all is well. late, failed and duplicate messages tell of a broker"
    f" that was slow or moved; foreign ones are another instance's and do no harm.{_OFF}",
    width=24,
)

END_TO_END = Row("End to end", (SILENT, ROUND_TRIP, PRODUCE, FAILURES, MISSING, MESSAGES), collapsed=True)
