"""Everything that is rendered, as one plain value. The configuration is mapped to it elsewhere.

Paths of secrets are written into files as references; no field here holds a secret itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from stackledger.catalogue import Metric
from stackledger.model import SLO, AlertRule, Dashboard, Severity

Version = tuple[int, ...]
"""A version such as (2, 42)."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where people get to from a notification. Addresses without a slash at the end."""

    grafana_url: str
    prometheus_url: str
    runbook_base_url: str
    runbook_suffix: str = ".md"


@dataclass(frozen=True, slots=True)
class Section:
    """What one integration or domain contributes, and the team that owns what doesn't name its own.

    `name` becomes the label `integration` and the name of the rule group. `runbooks` is the folder with one
    `<Alert>.md` per alert.
    """

    name: str
    title: str
    team: str
    runbooks: Path
    dashboards: tuple[Dashboard, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
    slos: tuple[SLO, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """One label condition of an override, with an operator of PromQL: =, !=, =~ or !~."""

    label: str
    value: str
    op: str = "="


@dataclass(frozen=True, slots=True)
class Override:
    """A change to the alert `name`, everywhere or only where all of `matchers` hold. None leaves a thing as it is.

    `threshold` is in the unit of the alert's condition. A switched-off alert needs a reason; `expires` is its last
    day, and after that it is a mistake. `path` and `line` say where the user wrote it.
    """

    name: str
    matchers: tuple[LabelMatch, ...] = ()
    threshold: float | None = None
    hold: str | None = None
    severity: Severity | None = None
    team: str | None = None
    enabled: bool = True
    reason: str = ""
    expires: date | None = None
    path: str = "alerts.overrides"
    file: str = ""
    line: int | None = None

    def has_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and self.expires < today


@dataclass(frozen=True, slots=True)
class ExtraRule:
    """An alert that the user wrote, PromQL and all."""

    name: str
    expr: str
    hold: str
    severity: Severity
    team: str
    summary: str
    description: str
    runbook_url: str = ""
    dashboard_url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    path: str = "extra.alerts"
    file: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """A team that wants to be told in ways of its own, and where the user wrote so."""

    name: str
    path: str = "notify.teams"
    file: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """How Prometheus reads one address of this service. The times are in PromQL's spelling.

    The files are on Prometheus' machine: its token, the authority of our certificate, its own certificate and key.
    """

    name: str
    address: str
    path: str = "/metrics"
    scheme: str = "http"
    interval: str = "15s"
    timeout: str = "10s"
    sample_limit: int = 200_000
    bearer_token_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slack:
    """Slack: the file with the webhook's address, the default channel, and each team's own."""

    api_url_file: str
    channel: str
    channels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """PagerDuty: the file with the routing key, each team's own, and another address to send to (for tests)."""

    routing_key_file: str
    routing_key_files: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True, slots=True)
class Email:
    """Email by SMTP: `smarthost` is host:port."""

    smarthost: str
    sender: str
    to: str
    to_teams: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password_file: str = ""
    require_tls: bool = True


_WAYS: Mapping[Severity, tuple[str, ...]] = {
    Severity.PAGE: ("pagerduty", "slack"),
    Severity.TICKET: ("slack", "email"),
    Severity.INFO: (),
}


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Alertmanager: its version decides what may be written. `ways` says how each severity reaches people.

    `template_glob` is where Alertmanager finds the templates, relative to its configuration or absolute.
    """

    version: Version = (0, 25)
    address: str = "127.0.0.1:9093"
    slack: Slack | None = None
    pagerduty: PagerDuty | None = None
    email: Email | None = None
    ways: Mapping[Severity, tuple[str, ...]] = field(default_factory=lambda: dict(_WAYS))
    group_wait: str = "10s"
    group_interval: str = "1m"
    repeat_interval: str = "4h"
    template_glob: str = "templates/*.tmpl"


@dataclass(frozen=True, slots=True)
class Grafana:
    """Grafana: its version, where it finds the boards, and how boards behave.

    `deployments` is the tag of the annotations that mark deployments.
    """

    version: Version = (12, 3)
    plugin_version: str = "12.3.3"
    dashboards_path: str = "/var/lib/grafana/dashboards"
    datasource_uid: str = "stackledger-prometheus"
    timezone: str = "browser"
    deployments: str = "deployment"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Prometheus: its version, how often it evaluates, and how long a page stays on after its condition ended."""

    version: Version = (2, 42)
    evaluation_interval: str = "15s"
    keep_firing_for: str = ""
    rule_files: tuple[str, ...] = ("../alerts/rules/*.yaml", "../slo/rules/*.yaml")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The whole input of `render`. `today` decides which overrides have expired; it is given, never read.

    `known` maps sample names to metrics: what the user's own PromQL is checked against.
    """

    organisation: str
    environment: str
    region: str
    today: date
    links: Links
    sections: tuple[Section, ...]
    scrape_jobs: tuple[ScrapeJob, ...]
    alertmanager: Alertmanager = field(default_factory=Alertmanager)
    grafana: Grafana = field(default_factory=Grafana)
    prometheus: Prometheus = field(default_factory=Prometheus)
    overrides: tuple[Override, ...] = ()
    extra_rules: tuple[ExtraRule, ...] = ()
    default_team: str = "platform"
    teams: tuple[Team, ...] = ()
    known: Mapping[str, Metric[Any]] = field(default_factory=dict)

    def without_expired(self) -> Inputs:
        """The same without overrides that are over: for those who look, while only who writes must renew them."""
        return replace(self, overrides=tuple(one for one in self.overrides if not one.has_expired(self.today)))

    @property
    def dashboards(self) -> tuple[Dashboard, ...]:
        """Every board, in the order of the sections."""
        return tuple(board for section in self.sections for board in section.dashboards)

    @property
    def slos(self) -> tuple[SLO, ...]:
        """Every SLO, in the order of the sections."""
        return tuple(slo for section in self.sections for slo in section.slos)
