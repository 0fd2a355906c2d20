"""What users of Kafka are promised: every partition served, and records read while they are fresh."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.cluster import metrics as of_cluster
from stackledger.integrations.kafka.cluster import panels
from stackledger.integrations.kafka.groups import dashboard as consumers
from stackledger.integrations.kafka.groups import metrics as of_groups
from stackledger.model import SLO, TimeSlices
from stackledger.promql import above, select

FRESH_SECONDS: Final = 300.0
"""Records older than five minutes are no longer what a user expects of a stream."""


def slos() -> tuple[SLO, ...]:
    """Availability of partitions and freshness of consumption, both by time."""
    return (
        SLO(
            name="kafka-partitions",
            title="Every partition of Kafka has a leader",
            description="Time in which no partition is offline. Moving a leader after a broker died costs the seconds"
            " until the controller notices.",
            sli=TimeSlices(bad=above(select(of_cluster.OFFLINE), 0), known=select(of_cluster.OFFLINE)),
            objective=Decimal("99.9"),
            by=(Cluster,),
            panel=panels.OFFLINE,
        ),
        SLO(
            name="kafka-freshness",
            title="Kafka's records are read within five minutes",
            description="Time in which no group has left a record unread for more than five minutes. Groups that are"
            " meant to be slow are left out with exclude_groups.",
            sli=TimeSlices(
                bad=above(select(of_groups.LAG_SECONDS).max(Cluster), FRESH_SECONDS),
                known=select(of_groups.LAG_SECONDS).max(Cluster),
            ),
            objective=Decimal(99),
            by=(Cluster,),
            panel=consumers.WORST_SECONDS,
        ),
    )
