"""The first board: one line per system, red before green, and the way to the board that shows more."""

from __future__ import annotations

from typing import Any

from stackledger.catalogue import Cluster
from stackledger.catalogue.prometheus import ALERTS, Alertstate, Severity
from stackledger.collect import metrics as cm
from stackledger.model import Dashboard, Folder, Panel, Query, Row, Style, ValueText, Variable
from stackledger.promql import Vector, scalar_of, select

_SEEN = (ValueText(1, "seen", "green"), ValueText(0, "not wholly seen", "red"))


def _firing(severity: str) -> Vector[Any]:
    """How many alerts of a severity are firing; 0 when none is."""
    return select(ALERTS, Alertstate.eq("firing"), Severity.eq(severity)).count().or_(scalar_of(0))


PAGES = Panel(
    key="pages",
    title="Pages firing",
    queries=(Query(_firing("page")),),
    description="Above 0, users are hurt or soon will be, and somebody has been woken: see the list of alerts.",
    style=Style.STAT,
    width=6,
    height=4,
)
TICKETS = Panel(
    key="tickets",
    title="Tickets firing",
    queries=(Query(_firing("ticket")),),
    description="Above 0, something wants looking at in working hours: a margin is gone or part of a target is dark.",
    style=Style.STAT,
    width=6,
    height=4,
)
SEEN = Panel(
    key="share-seen",
    title="Share of the stack that is seen",
    queries=(Query(select(cm.SCRAPE_COMPLETENESS).avg()),),
    description="Below 100 %, some of the stack is dark: no alert there means nothing. See `stackledger itself`.",
    style=Style.STAT,
    width=6,
    height=4,
)
TARGETS = Panel(
    key="targets",
    title="Targets read",
    queries=(Query(select(cm.TARGETS).sum()),),
    description="Clusters and databases that are read now. Fewer than you have means that some are not configured.",
    style=Style.STAT,
    width=6,
    height=4,
)
FIRING = Panel(
    key="firing",
    title="Alerts firing over time",
    queries=(Query(_firing("page"), "pages"), Query(_firing("ticket"), "tickets")),
    description="When it began. A step that never goes down is an alert that nobody acts on: mend it or change it.",
    width=24,
    minimum=0,
)


def _state(lines: int) -> Panel:
    """One line per target; the panel grows with the systems that are configured."""
    return Panel(
        key="state",
        title="Every target, seen or not",
        queries=(
            Query(
                select(cm.SCRAPE_SUCCESS, Cluster.variable()).min(cm.Integration, Cluster),
                "{{integration}} {{cluster}}",
            ),
        ),
        description="Red: not wholly seen. That a target is seen does not make it well: its own board tells.",
        style=Style.STATE_TIMELINE,
        values=_SEEN,
        width=24,
        height=4 + 2 * max(lines, 1),
    )


def dashboards(enabled: tuple[str, ...]) -> tuple[Dashboard, ...]:
    """The overview, with a line for each target of the systems that are configured."""
    return (
        Dashboard(
            uid="stackledger-overview",
            title="Overview",
            folder=Folder.EXECUTIVE,
            description="For anybody: is something broken, and can we see everything? Each system's board is linked.",
            variables=(Variable(Cluster, select(cm.SCRAPE_SUCCESS), "Target"),),
            rows=(
                Row("Is anything broken?", (PAGES, TICKETS, SEEN, TARGETS, FIRING)),
                Row("Can we see everything?", (_state(len(enabled)),)),
            ),
            tags=("overview",),
            span="now-6h",
        ),
    )
