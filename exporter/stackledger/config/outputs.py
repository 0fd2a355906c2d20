"""Settings of what is generated: the Prometheus that reads us, links, changes to alerts, your own rules."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from stackledger.clients.settings import Settings
from stackledger.config.notify import VERSION

DURATION = r"^(\d+(ms|[smhdwy]))+$"
ALERT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_SEVERITY = r"^(page|ticket|info)$"


class PrometheusSettings(Settings):
    """The Prometheus that reads this service and evaluates its rules."""

    url: str = "http://127.0.0.1:9090"
    """Where this program and people reach it."""
    version: str = Field(default="2.42", pattern=VERSION)
    """Version that will read the rules; decides what may be written."""
    scrape_interval_seconds: float = Field(default=15, ge=1, le=300)
    """How often it reads us. 15: at least as often as targets are read, so nothing is seen late."""
    evaluation_interval_seconds: float = Field(default=15, ge=1, le=300)
    """How often it evaluates rules. 15: an alert's delay is interval plus evaluation plus its own hold."""
    sample_limit: int = Field(default=500_000, ge=1000)
    """Most samples it takes from us in one read; beyond it the read is refused rather than the server flooded."""
    token_file: str | None = None
    """File on Prometheus' machine with our bearer token, where reading us needs one."""
    scrape_address: str | None = None
    """host:port under which Prometheus reaches us. Default: http.listen."""


class Links(Settings):
    """Where people open things."""

    grafana_url: str = "http://127.0.0.1:3000"
    """Grafana; alerts link to the panel that shows them."""
    grafana_version: str = Field(default="12.0", pattern=VERSION)
    """Version that will read the boards."""
    runbook_url: str | None = None
    """Where the runbooks are published; `<url>/<Alert>.md` is linked. Default: this service's own page."""


class Override(Settings):
    """A change to an alert that comes with an integration or domain."""

    alert: str = Field(pattern=ALERT_NAME)
    """The alert's name."""
    threshold: float | None = None
    """Another threshold, in the same unit."""
    hold: str | None = Field(default=None, pattern=DURATION)
    """Another `for`, for instance 5m."""
    severity: str | None = Field(default=None, pattern=_SEVERITY)
    """page, ticket or info."""
    team: str | None = None
    """Another team."""
    match: dict[str, str] = Field(default_factory=dict)
    """Only for series with these labels; others keep the alert as it is."""
    enabled: bool = True
    """false switches it off; say why."""
    reason: str = ""
    """Why; required to switch an alert off."""
    expires: dt.date | None = None
    """Day from which a switched-off alert is a mistake again."""


class Alerts(Settings):
    """Changes to the alerts."""

    overrides: tuple[Override, ...] = ()
    """One per alert, or per alert and matcher."""


class Rule(Settings):
    """An alert rule of your own."""

    alert: str = Field(pattern=ALERT_NAME)
    """Its name; must not be one of ours."""
    expr: str
    """PromQL. It is parsed, and its metrics must be ours, recorded, or declared under extra.metrics."""
    hold: str = Field(default="5m", pattern=DURATION)
    """The rule's `for`."""
    severity: str = Field(default="ticket", pattern=_SEVERITY)
    """page, ticket or info."""
    team: str = ""
    """Who is told. Default: the root's owner."""
    summary: str
    """One line for a phone."""
    description: str = ""
    """What it means and what to do first."""


class ExternalMetric(Settings):
    """A metric that another exporter or your service exposes and your rules use."""

    name: str = Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
    """Its name on the page."""
    type: str = Field(pattern=r"^(gauge|counter|histogram|summary)$")
    """Its type."""
    labels: tuple[str, ...] = ()
    """Its labels."""


class Extra(Settings):
    """Your own rules and the metrics of others that they use."""

    metrics: tuple[ExternalMetric, ...] = ()
    """Metrics of others."""
    rules: tuple[Rule, ...] = ()
    """Alert rules."""
