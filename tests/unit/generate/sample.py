"""A small made-up system as model values: what the renderers are tested with until integrations deliver theirs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from stackledger import units
from stackledger.catalogue import Cluster, Instance, Kind, Label, Le, Metric
from stackledger.generate.inputs import (
    Alertmanager,
    Email,
    Inputs,
    Links,
    PagerDuty,
    ScrapeJob,
    Section,
    Slack,
)
from stackledger.model import (
    SLO,
    AlertRule,
    ColumnStyle,
    Dashboard,
    EventRatio,
    Fires,
    Folder,
    Panel,
    Query,
    Row,
    RuleTest,
    Severity,
    Silent,
    Style,
    TimeSlices,
    ValueText,
    Variable,
)
from stackledger.promql import above, bucket, equals, quantile, select


class Code(Label):
    """Status code of the answer."""


_PEER = "web_exporter"
UP = Metric("web_up", Kind.GAUGE, units.STATE, "Whether the node answers (GET /healthz).", compat=_PEER)
USED = Metric("web_memory_used_bytes", Kind.GAUGE, units.BYTES, "Memory in use (GET /stats memory.used).", compat=_PEER)
LIMIT = Metric(
    "web_memory_limit_bytes", Kind.GAUGE, units.BYTES, "Memory allowed (GET /stats memory.limit).", compat=_PEER
)
REQUESTS = Metric(
    "web_requests_total",
    Kind.COUNTER,
    units.COUNT,
    "Requests (GET /stats requests).",
    labels=(Code,),
    budget=20,
    compat=_PEER,
)
DURATION = Metric(
    "web_duration_seconds", Kind.HISTOGRAM, units.SECONDS, "Time to answer (GET /stats durations).", compat=_PEER
)

HERE = (Cluster.variable(), Instance.variable())
NODES_UP = Panel(
    key="nodes-up",
    title="Nodes that answer",
    queries=(Query(select(UP, *HERE), "{{instance}}"),),
    description="Bad is a node that shows down: read its log, then start it again.",
    style=Style.STAT,
    values=(ValueText(0, "down", "red"), ValueText(1, "up", "green")),
    width=4,
    height=4,
)
MEMORY = Panel(
    key="memory",
    title="Memory used",
    queries=(Query(select(USED, *HERE) / select(LIMIT, *HERE), "{{instance}}"),),
    description="Share of the limit. Bad is a line that keeps rising towards the threshold: find what grows.",
    minimum=0,
    maximum=1,
    width=10,
)
ERRORS = Panel(
    key="good-answers",
    title="Good answers",
    queries=(Query(select(REQUESTS, *HERE).rate().sum(Cluster) / select(REQUESTS, *HERE).rate().sum(Cluster)),),
    description="Share of requests answered well. Bad is a dip below the objective: look at the newest deployment.",
    width=10,
)
STATES = Panel(
    key="states",
    title="States over time",
    queries=(Query(select(UP, *HERE), "{{instance}}"),),
    description="When each node was down. Bad is red; look for a pattern across the nodes of a cluster.",
    style=Style.STATE_TIMELINE,
    values=(ValueText(0, "down", "red"), ValueText(1, "up", "green")),
    width=12,
)
HEAT = Panel(
    key="durations",
    title="Time to answer",
    queries=(Query(bucket(DURATION, *HERE).rate().sum(Le), "{{le}}"),),
    description="How long requests take. Bad is a second band far above the first: some of them wait for something.",
    style=Style.HEATMAP,
    unit=units.SECONDS,
    width=12,
)
SLOWEST = Panel(
    key="slowest",
    title="Slowest in a hundred",
    queries=(Query(quantile(0.99, bucket(DURATION, *HERE).rate().sum(Le, Cluster), units.SECONDS), "{{cluster}}"),),
    description="99th percentile of the time to answer. Bad is a step up that stays: compare with deployments.",
    width=12,
)
TABLE = Panel(
    key="nodes",
    title="Nodes",
    queries=(Query(select(USED, *HERE)), Query(select(LIMIT, *HERE))),
    description="One line per node, the fullest first. Bad is a node that uses far more than its peers.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("instance", "Node"),
        ColumnStyle("A", "Used", units.BYTES),
        ColumnStyle("B", "Limit", units.BYTES),
    ),
    width=12,
)
GAUGE = Panel(
    key="fullest",
    title="Fullest node",
    queries=(Query((select(USED, *HERE) / select(LIMIT, *HERE)).max(Cluster)),),
    description="The node that is nearest to its limit. Bad is above nine tenths: see the table of nodes.",
    style=Style.GAUGE,
    width=4,
    height=4,
)
NOTE = Panel(
    key="note",
    title="Read me",
    queries=(),
    description="What this board shows and where its figures come from: the statistics page of every node.",
    style=Style.TEXT,
    width=12,
)

BOARD = Dashboard(
    uid="web",
    title="Web",
    folder=Folder.TECHNICAL,
    description="For the people on call: does the web answer, and if not, which node is the reason?",
    rows=(
        Row("Is it broken?", (NODES_UP, GAUGE)),
        Row("Load and failures", (MEMORY, ERRORS, SLOWEST)),
        Row("Details", (STATES, HEAT, TABLE, NOTE), collapsed=True),
    ),
    variables=(
        Variable(label=Cluster, source=select(UP), heading="Cluster"),
        Variable(label=Instance, source=select(UP, Cluster.variable()), heading="Node"),
    ),
    tags=("web", "detail"),
)

NODE_DOWN = AlertRule(
    name="WebNodeDown",
    condition=equals(select(UP), 0),
    hold="1m",
    severity=Severity.PAGE,
    summary="{{ $labels.cluster }}: web node {{ $labels.instance }} does not answer",
    description="The node refuses or hangs. Start it again; its log says why it stopped.",
    panel=NODES_UP,
    inhibits=("WebMemoryHigh",),
    tests=(
        RuleTest(
            "a node stops",
            {'web_up{cluster="demo",instance="a:1"}': "1x8 0x20", 'web_up{cluster="demo",instance="b:1"}': "1x28"},
            (Silent("2m"), Fires("5m", ({"cluster": "demo", "instance": "a:1"},))),
        ),
    ),
)
MEMORY_HIGH = AlertRule(
    name="WebMemoryHigh",
    condition=above(select(USED) / select(LIMIT), 0.9),
    hold="5m",
    severity=Severity.TICKET,
    summary="{{ $labels.cluster }}: {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory",
    description="Above nine tenths the next peak may end the process. Find what grows, or raise the limit.",
    panel=MEMORY,
    team="capacity",
    tests=(
        RuleTest(
            "above and below nine tenths",
            {
                'web_memory_used_bytes{cluster="demo",instance="a:1"}': "95x40",
                'web_memory_limit_bytes{cluster="demo",instance="a:1"}': "100x40",
                'web_memory_used_bytes{cluster="demo",instance="b:1"}': "85x40",
                'web_memory_limit_bytes{cluster="demo",instance="b:1"}': "100x40",
            },
            (Silent("4m"), Fires("8m", ({"cluster": "demo", "instance": "a:1"},))),
        ),
    ),
)
CANNOT_SEE = AlertRule(
    name="CannotSeeWeb",
    condition=equals(select(UP).max(Cluster), 0),
    hold="0s",
    severity=Severity.PAGE,
    summary="{{ $labels.cluster }}: nothing of the web can be read",
    description="We are blind, it may be fine. Check the network between us and the cluster.",
    panel=STATES,
    tests=(
        RuleTest(
            "all nodes gone",
            {'web_up{cluster="demo",instance="a:1"}': "1x8 0x20"},
            (Silent("1m"), Fires("4m", ({"cluster": "demo"},))),
        ),
    ),
)
ANSWERS = SLO(
    name="web-answers",
    title="Web answers",
    description="Requests are answered without a server error.",
    sli=EventRatio(select(REQUESTS, Code.matches("5..")), select(REQUESTS)),
    objective=Decimal("99.95"),
    by=(Cluster,),
    panel=ERRORS,
)
AVAILABLE = SLO(
    name="web-available",
    title="Web available",
    description="Every node answers.",
    sli=TimeSlices(equals(select(UP), 0), select(UP)),
    objective=Decimal("99.9"),
    by=(Cluster,),
    panel=ERRORS,
    window_days=28,
    team="capacity",
)
SECRETS = "/etc/stackledger/secrets"


def sample(runbooks: Path, **changes: Any) -> Inputs:
    """The input; `runbooks` is filled with one file per alert."""
    for rule in (NODE_DOWN, MEMORY_HIGH, CANNOT_SEE):
        text = f"# {rule.name}\n\n## Meaning\n\nSee the alert.\n\n## Mitigation\n\nStart the node.\n"
        (runbooks / f"{rule.name}.md").write_text(text)
    section = Section(
        name="web",
        title="Web",
        team="web",
        runbooks=runbooks,
        dashboards=(BOARD,),
        alerts=(NODE_DOWN, MEMORY_HIGH, CANNOT_SEE),
        slos=(ANSWERS, AVAILABLE),
    )
    inputs = Inputs(
        organisation="Acme",
        environment="production",
        region="eu-1",
        today=date(2026, 11, 1),
        links=Links("https://grafana.example", "https://prometheus.example", "https://runbooks.example"),
        sections=(section,),
        scrape_jobs=(ScrapeJob("stackledger", "127.0.0.1:9469", bearer_token_file=f"{SECRETS}/scrape-token"),),
        alertmanager=Alertmanager(
            slack=Slack(f"{SECRETS}/slack", "#alerts", {"capacity": "#capacity"}),
            pagerduty=PagerDuty(f"{SECRETS}/pagerduty", {"web": f"{SECRETS}/pagerduty-web"}),
            email=Email(
                "127.0.0.1:25",
                "alerts@acme.example",
                "oncall@acme.example",
                username="alerts",
                password_file=f"{SECRETS}/smtp",
            ),
        ),
    )
    return replace(inputs, **changes)
