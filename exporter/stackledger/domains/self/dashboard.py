"""The board of the service itself: which targets it sees, how old their values are, how the process does."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Job
from stackledger.catalogue.prometheus import JOB, UP
from stackledger.collect import metrics as cm
from stackledger.domains.self import metrics as m
from stackledger.model import ColumnStyle, Dashboard, Folder, Panel, Query, Row, Style, ValueText, Variable
from stackledger.promql import select

_SEEN = (ValueText(1, "seen", "green"), ValueText(0, "not seen", "red"))
_FORCE = (ValueText(1, "in force", "green"), ValueText(0, "refused", "red"))

TARGETS = Panel(
    key="targets",
    title="Targets",
    queries=(Query(select(cm.TARGETS).sum()),),
    description="How many targets are read. Fewer than you configured means that a discovery lost some.",
    style=Style.STAT,
    width=4,
    height=4,
)
NOT_SEEN = Panel(
    key="targets-not-seen",
    title="Targets not wholly seen",
    queries=(Query((select(cm.SCRAPE_SUCCESS).min(cm.Integration, cm.Target).minus_from(1)).sum()),),
    description="Above 0, part of some target is dark: the table below says which, the log and `doctor` say why.",
    style=Style.STAT,
    width=4,
    height=4,
)
SCRAPED = Panel(
    key="scraped",
    title="Prometheus reads stackledger",
    queries=(Query(select(UP, Job.eq(JOB)).min()),),
    description="`no` means that nothing of this is current: every alert on every system is blind. Is the process up?",
    style=Style.STAT,
    values=(ValueText(1, "yes", "green"), ValueText(0, "no", "red")),
    width=4,
    height=4,
)
CONFIGURATION = Panel(
    key="configuration",
    title="Newest configuration",
    queries=(Query(select(m.RELOAD_SUCCESS).min()),),
    description="`refused` means that the one before it still runs. Ask POST /-/reload or `stackledger check` why.",
    style=Style.STAT,
    values=_FORCE,
    width=4,
    height=4,
)
OLDEST = Panel(
    key="oldest-values",
    title="Oldest values shown",
    queries=(Query(select(cm.PART_READ).age().max()),),
    description="Age of the oldest part of any target. Much above the interval of its lane: that part is silent.",
    style=Style.STAT,
    width=4,
    height=4,
)
CUT = Panel(
    key="series-cut",
    title="Series left off the page",
    queries=(Query(select(cm.SCRAPE_CUT_SERIES).sum(Cluster, cm.Integration), "{{integration}} {{cluster}}"),),
    description="Above 0, a metric's series budget is spent: totals stay exact, single series are missing.",
    style=Style.STAT,
    width=4,
    height=4,
)
SUCCESS = Panel(
    key="success",
    title="Seen or not, by target",
    queries=(
        Query(
            select(cm.SCRAPE_SUCCESS, Cluster.variable()).min(Cluster, cm.Integration, cm.Lane),
            "{{integration}} {{cluster}} {{lane}}",
        ),
    ),
    description="Red: not all of the target could be read at that time, so its graphs have gaps or old values.",
    style=Style.STATE_TIMELINE,
    values=_SEEN,
    width=24,
)
COMPLETENESS = Panel(
    key="completeness",
    title="Share of parts read",
    queries=(
        Query(
            select(cm.SCRAPE_COMPLETENESS, Cluster.variable()).min(Cluster, cm.Integration),
            "{{integration}} {{cluster}}",
        ),
    ),
    description="Below 100 %, nodes of the target are silent; sums over it are held at their last whole value.",
    minimum=0,
    maximum=1,
)
DURATION = Panel(
    key="duration",
    title="Time that one read takes",
    queries=(
        Query(
            select(cm.SCRAPE_DURATION, Cluster.variable()).max(Cluster, cm.Integration, cm.Lane),
            "{{integration}} {{cluster}} {{lane}}",
        ),
    ),
    description="Near the timeout, a target is about to go dark: raise timeout_seconds or look at its load.",
)
STALENESS = Panel(
    key="since-complete",
    title="Since the last complete read",
    queries=(
        Query(
            select(cm.SCRAPE_LAST_SUCCESS, Cluster.variable()).age().max(Cluster, cm.Integration, cm.Lane),
            "{{integration}} {{cluster}} {{lane}}",
        ),
    ),
    description="Rises while something of the target is dark; a saw-tooth as high as the interval is normal.",
)
PARTS = Panel(
    key="parts",
    title="Parts, dark ones first",
    queries=(Query(select(cm.PART_SUCCESS, Cluster.variable()).bottom(20)),),
    description="Nodes, brokers and shards; `not seen` ones were dark at the last read. `stackledger doctor` says why.",
    style=Style.TABLE,
    values=_SEEN,
    columns=(ColumnStyle("integration", "System"), ColumnStyle("cluster", "Target"), ColumnStyle("part", "Part")),
    width=24,
)
SERIES = Panel(
    key="series",
    title="Series by target",
    queries=(
        Query(select(cm.SCRAPE_SERIES, Cluster.variable()).sum(Cluster, cm.Integration), "{{integration}} {{cluster}}"),
    ),
    description="A jump means that a target grew or a cap is off: it costs Prometheus 3 to 4 KB a series.",
    stacked=True,
)
SKIPPED = Panel(
    key="skipped",
    title="Reads left out",
    queries=(
        Query(
            select(cm.SCRAPE_SKIPPED, Cluster.variable()).increase().sum(Cluster, cm.Integration, cm.Reason),
            "{{integration}} {{cluster}} {{reason}}",
        ),
    ),
    description="overrun: a read took longer than its interval. breaker: a dead target is tried less often.",
)
LAG = Panel(
    key="loop-lag",
    title="Event loop lag",
    queries=(Query(select(m.LOOP_LAG), "longest in 15 s"),),
    description="Above 0.1 s the process is starved of CPU or something blocks it: reads and scrapes come late.",
)
PROCESS = Panel(
    key="process-cpu",
    title="CPU of the service",
    queries=(Query(select(m.PROCESS_CPU).rate(), "CPU"),),
    description="Share of one core. A steady climb without more targets is worth a look at series by target.",
    minimum=0,
)
MEMORY = Panel(
    key="process-memory",
    title="Memory of the service",
    queries=(Query(select(m.PROCESS_MEMORY), "resident"),),
    description="Rises with series, then stays flat. A steady climb at a steady number of series is a leak: report it.",
    minimum=0,
)


def dashboards() -> tuple[Dashboard, ...]:
    """The board of the service itself."""
    return (
        Dashboard(
            uid="stackledger-self",
            title="stackledger itself",
            folder=Folder.TECHNICAL,
            description="For whoever runs stackledger: does it see everything, is it current, is it well?",
            variables=(Variable(Cluster, select(cm.SCRAPE_SUCCESS), "Target"),),
            rows=(
                Row("Is it seeing everything?", (SCRAPED, TARGETS, NOT_SEEN, CONFIGURATION, OLDEST, CUT, SUCCESS)),
                Row("Reading", (COMPLETENESS, DURATION, STALENESS, PARTS)),
                Row("The process", (SERIES, SKIPPED, LAG, PROCESS, MEMORY)),
            ),
            tags=("self",),
        ),
    )
