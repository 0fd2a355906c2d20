"""One panel and one alert."""

from stackledger.integrations.thermometer import metrics as m

from stackledger.catalogue import Cluster
from stackledger.model import (
    AlertRule,
    Dashboard,
    Fires,
    Folder,
    Panel,
    Query,
    Row,
    RuleTest,
    Severity,
    Silent,
    Variable,
)
from stackledger.promql import above, select

DEGREES = Panel(
    key="degrees",
    title="Degrees",
    queries=(Query(select(m.DEGREES, Cluster.variable()), "{{cluster}}"),),
    description="Above 30 it is too hot: open a window.",
)


def dashboards() -> tuple[Dashboard, ...]:
    """The board."""
    variable = Variable(Cluster, select(m.DEGREES), "Room")
    rows = (Row("Room", (DEGREES,)),)
    return (Dashboard("thermometer", "Thermometer", Folder.TECHNICAL, "How hot is it?", rows, (variable,)),)


def alerts() -> tuple[AlertRule, ...]:
    """The alert."""
    hot = RuleTest(
        title="hot",
        series={'thermometer_degrees{cluster="hall",instance="file"}': "20x4 40x8"},
        expect=(Silent("30s"), Fires("3m", ({"cluster": "hall", "instance": "file"},))),
    )
    return (
        AlertRule(
            name="TooHot",
            condition=above(select(m.DEGREES), 30),
            hold="1m",
            severity=Severity.TICKET,
            summary="{{ $labels.cluster }} is too hot: {{ $value }}",
            description="Open a window.",
            panel=DEGREES,
            tests=(hot,),
        ),
    )
