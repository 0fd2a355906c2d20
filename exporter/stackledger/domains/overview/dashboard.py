"""The first board: one line per system, red before green, and the way to the board that shows more."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.collect import metrics as cm
from stackledger.model import Dashboard, Folder, Panel, Query, Row, Style, ValueText, Variable
from stackledger.promql import select

_SEEN = (ValueText(1, "seen", "green"), ValueText(0, "not wholly seen", "red"))


def dashboards(enabled: tuple[str, ...]) -> tuple[Dashboard, ...]:
    """The overview, with a line for each system that is configured."""
    seen = Panel(
        key="share-seen",
        title="Share of the stack that is seen",
        queries=(Query(select(cm.SCRAPE_COMPLETENESS).avg()),),
        description="Below 100 %, some of the stack is dark: no alert there means nothing. See `stackledger itself`.",
        style=Style.STAT,
        width=6,
        height=4,
    )
    targets = Panel(
        key="targets",
        title="Targets read",
        queries=(Query(select(cm.TARGETS).sum()),),
        description="Clusters and databases that are read now. Fewer than you have means that some are not configured.",
        style=Style.STAT,
        width=6,
        height=4,
    )
    state = Panel(
        key="state",
        title="Every target, seen or not",
        queries=(
            Query(
                select(cm.SCRAPE_SUCCESS, Cluster.variable()).min(cm.Integration, Cluster),
                "{{integration}} {{cluster}}",
            ),
        ),
        description="One line per target over time. Red: not wholly seen; open the system's board for its own health.",
        style=Style.STATE_TIMELINE,
        values=_SEEN,
        width=24,
        height=4 + 2 * max(len(enabled), 1),
    )
    return (
        Dashboard(
            uid="stackledger-overview",
            title="Overview",
            folder=Folder.EXECUTIVE,
            description="For anybody: is something broken, and where? Each system's own board is in the links above.",
            variables=(Variable(Cluster, select(cm.SCRAPE_SUCCESS), "Target"),),
            rows=(Row("Is anything broken?", (seen, targets, state)),),
            tags=("overview",),
            span="now-6h",
        ),
    )
