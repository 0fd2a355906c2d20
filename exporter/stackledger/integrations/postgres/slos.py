"""Promises about PostgreSQL: a primary takes writes, and work that begins is committed."""

from __future__ import annotations

from decimal import Decimal

from stackledger.catalogue import Cluster
from stackledger.integrations.postgres.core import metrics as core
from stackledger.integrations.postgres.core.panels import ROLLBACK_RATIO
from stackledger.integrations.postgres.replication import metrics as replication
from stackledger.integrations.postgres.replication.panels import WRITABLE
from stackledger.model import SLO, EventRatio, TimeSlices
from stackledger.promql import select, unequal


def slos() -> tuple[SLO, ...]:
    """Both are per cluster."""
    writable = select(replication.WRITABLE).max(Cluster)
    return (
        SLO(
            name="postgres-writable-primary",
            title="One primary takes writes",
            description="Time in which exactly one node takes writes. None is an outage, two lose data.",
            sli=TimeSlices(bad=unequal(writable, 1), known=writable),
            objective=Decimal("99.9"),
            by=(Cluster,),
            panel=WRITABLE,
        ),
        SLO(
            name="postgres-commits",
            title="Transactions are committed",
            description="Share of transactions that end in a commit. Deliberate rollbacks count against it "
            "too: set the "
            "objective to what your applications do when they are well.",
            sli=EventRatio(bad=select(core.ROLLBACKS), total=select(core.TRANSACTIONS)),
            objective=Decimal("99.0"),
            by=(Cluster,),
            panel=ROLLBACK_RATIO,
        ),
    )
