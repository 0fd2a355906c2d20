"""The board of promises: every SLO's budget and burn rates. Each burn alert points at the panel of its window."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.model.dashboard import ColumnStyle, Dashboard, Folder, Panel, Query, Row, Style, Variable
from stackledger.promql import Vector, below, select
from stackledger.slo import names
from stackledger.slo.names import Slo, Window
from stackledger.slo.tiers import window_text
from stackledger.units import COUNT, RATIO

UID = "slo-budgets"
_WINDOWS = (3_600, 6 * 3_600, 86_400, 3 * 86_400)
_LEGEND = "{{slo}} {{cluster}}"


def dashboard() -> Dashboard:
    """The board; it shows whatever SLOs there are."""
    return Dashboard(
        uid=UID,
        title="Promises and error budgets",
        folder=Folder.EXECUTIVE,
        description="For owners of services and the people on call: which promise is in danger, how fast, since when?",
        rows=(
            Row("Are we keeping our promises?", (_SPENT, _LEFT, _TABLE)),
            Row("How fast is the budget used?", tuple(burn_panel(seconds) for seconds in _WINDOWS)),
            Row("What the figures rest on", (_BUDGET_HISTORY, _EVENTS), collapsed=True),
        ),
        variables=(
            Variable(label=Cluster, source=select(names.BURN_RATE), heading="Cluster"),
            Variable(label=Slo, source=select(names.BURN_RATE, Cluster.variable()), heading="SLO"),
        ),
        tags=("slo", "overview"),
        span="now-24h",
        refresh="1m",
    )


def burn_panel(long_seconds: int) -> Panel:
    """The panel of burn rates over one window."""
    window = window_text(long_seconds)
    burn = select(names.BURN_RATE, Window.eq(window), Slo.variable(), Cluster.variable())
    return Panel(
        key=f"burn-rate-{window}",
        title=f"Burn rate over {window}",
        queries=(Query(burn, _LEGEND),),
        description=(
            "1 uses the budget up exactly at the end of its window. Bad is a line above the threshold: open the SLO's "
            "own panel, find what changed when the line left the ground, and follow the runbook of the alert."
        ),
        unit=COUNT,
        width=12,
        minimum=0,
    )


def _budget() -> Vector[Slo]:
    return select(names.BUDGET_REMAINING, Slo.variable(), Cluster.variable())


_SPENT = Panel(
    key="promises-broken",
    title="Promises broken",
    queries=(Query(below(_budget(), 0).vector.count().or_(select(names.OBJECTIVE).count() * 0)),),
    description="Budgets that are overspent now. Bad is anything above 0: releases of that service should wait.",
    style=Style.STAT,
    unit=COUNT,
    width=4,
    height=6,
)
_LEFT = Panel(
    key="budget-left",
    title="Error budget left",
    queries=(Query(_budget(), _LEGEND),),
    description="100 % is untouched, below 0 the promise is broken. Look first at the shortest bar.",
    style=Style.BARGAUGE,
    width=8,
    height=6,
    maximum=1,
)
_TABLE = Panel(
    key="promises",
    title="Promises",
    queries=(
        Query(_budget()),
        Query(select(names.SLI, Slo.variable(), Cluster.variable())),
        Query(select(names.BURN_RATE, Window.eq("1h"), Slo.variable(), Cluster.variable())),
    ),
    description="One line per promise, the one with the least budget first. Bad is a burn rate above 1 for long.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("slo", "SLO"),
        ColumnStyle("cluster", "Cluster"),
        ColumnStyle("A", "Budget left", RATIO),
        ColumnStyle("B", "Good so far", RATIO),
        ColumnStyle("C", "Burn rate 1 h", COUNT),
    ),
    width=12,
    height=6,
)
_BUDGET_HISTORY = Panel(
    key="budget-history",
    title="Error budget left over time",
    queries=(Query(_budget(), _LEGEND),),
    description="A steep fall is an incident, a steady fall a fault that nobody was paged for. Both need an owner.",
    width=12,
)
_EVENTS = Panel(
    key="bad-events",
    title="Bad events in the last hour",
    queries=(Query(select(names.BAD_COUNT, Window.eq("1h"), Slo.variable(), Cluster.variable()), _LEGEND),),
    description="Failures, or bad slices of 30 s. Bad is a rise; a few of them alert nobody, however high the ratio.",
    unit=COUNT,
    width=12,
)
