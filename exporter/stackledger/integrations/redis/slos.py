"""What users of a Redis Cluster are promised: every slot served, and no command refused for the server's sake."""

from __future__ import annotations

from decimal import Decimal

from stackledger.catalogue import Cluster
from stackledger.integrations.redis import dashboard
from stackledger.integrations.redis import metrics as m
from stackledger.model import SLO, EventRatio, TimeSlices
from stackledger.promql import above, select


def slos() -> tuple[SLO, ...]:
    """Slot availability by time, command success by events."""
    return (
        SLO(
            name="redis-slots",
            title="Every slot of Redis is served",
            description="Time in which a healthy node serves each of the 16,384 slots. A failover costs the seconds"
            " between the agreement that the master failed and the promotion of its replica.",
            sli=TimeSlices(bad=above(select(m.UNCOVERED), 0), known=select(m.UNCOVERED)),
            objective=Decimal("99.9"),
            by=(Cluster,),
            panel=dashboard.UNCOVERED,
        ),
        SLO(
            name="redis-commands",
            title="Redis serves the commands that it receives",
            description="Commands that are not refused for a reason of the server: out of memory, cluster down,"
            " loading, busy, snapshots failing, too few replicas. Redirections and clients' mistakes do not count.",
            sli=EventRatio(bad=select(m.COMMANDS_REFUSED), total=select(m.COMMANDS_RECEIVED)),
            objective=Decimal("99.9"),
            by=(Cluster,),
            panel=dashboard.SERVED_SHARE,
        ),
    )
