"""Series that Prometheus itself makes and that we rely on: whether it reads us. Their names are not ours to choose."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue.labels import Label
from stackledger.catalogue.metric import Kind, Metric, Origin

JOB = "stackledger"
"""The job of the generated scrape configuration."""


class Alertstate(Label):
    """`pending` or `firing` (Prometheus)."""

    values = ("pending", "firing")


class Severity(Label):
    """Severity of the rule (its label)."""


UP = Metric(
    "up",
    Kind.GAUGE,
    units.STATE,
    "1 if Prometheus could read us (Prometheus).",
    compat="Prometheus",
    node=False,
    origin=Origin.EXTERNAL,
)
ALERTS = Metric(
    "ALERTS",
    Kind.GAUGE,
    units.COUNT,
    "1 for each alert that is pending or firing (Prometheus).",
    labels=(Alertstate, Severity),
    budget=10_000,
    compat="Prometheus",
    node=False,
    origin=Origin.EXTERNAL,
    conditional="an alert is pending or firing",
)
