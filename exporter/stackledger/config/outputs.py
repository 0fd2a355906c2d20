"""Settings of what is generated: the Prometheus that reads us, links, changes to alerts, your own rules."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from stackledger.catalogue.labels import COMMON, Le, Quantile
from stackledger.clients.settings import Address, Settings, TeamName, WebAddress
from stackledger.config.notify import VERSION

_DURATION = r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?"
_MILLISECONDS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_LONGEST = 10 * _MILLISECONDS["y"]  # Prometheus ends at 292 years; nobody waits as long as this


def checked_duration(text: str) -> str:
    """The text, if Prometheus reads it as a duration: each unit once, the larger first. Raises ValueError."""
    if not text or not text.isascii() or not re.fullmatch(_DURATION, text):
        raise ValueError("a duration is expected: 5m, 1h30m; each unit once, the larger ones first")
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if sum(int(number[:20]) * _MILLISECONDS[unit] for number, unit in parts) > _LONGEST:
        raise ValueError("a duration of at most ten years is expected")
    return text


Duration = Annotated[
    str, AfterValidator(checked_duration), WithJsonSchema({"type": "string", "pattern": f"^{_DURATION}$"})
]
"""A duration in Prometheus' spelling."""
_LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")
_RESERVED = frozenset((*(label.name for label in COMMON), Le.name, Quantile.name))


def _checked_label(name: str) -> str:
    if name in _RESERVED:
        raise ValueError(f"any metric may have {name}: list only labels of its own")
    if not _LABEL.match(name):
        raise ValueError("a label has lower case letters, digits and underscores, a letter first")
    return name


ALERT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_SEVERITY = r"^(page|ticket|info)$"


class PrometheusSettings(Settings):
    """The Prometheus that reads this service and evaluates its rules."""

    url: WebAddress = "http://127.0.0.1:9090"
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
    scrape_address: Address | None = None
    """host:port under which Prometheus reaches us. Default: http.listen, unless that is every address (0.0.0.0)."""
    ca_file: str | None = None
    """File on Prometheus' machine with the authority of our certificate (http.tls). Default: the system's."""
    cert_file: str | None = None
    """File on Prometheus' machine with its certificate, where http.tls asks for one."""
    key_file: str | None = None
    """File on Prometheus' machine with the key of that certificate."""

    @model_validator(mode="after")
    def _whole_certificate(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("give `cert_file` and `key_file` both, or neither")
        return self


class Links(Settings):
    """Where people open things."""

    grafana_url: WebAddress = "http://127.0.0.1:3000"
    """Grafana; alerts link to the panel that shows them."""
    grafana_version: str = Field(default="12.0", pattern=VERSION)
    """Version that will read the boards."""
    runbook_url: WebAddress | None = None
    """Where the runbooks are published; `<url>/<Alert>.md` is linked. Default: this service's own page at http.listen,
    unless that is every address (0.0.0.0)."""


class Override(Settings):
    """A change to an alert that comes with an integration or domain."""

    alert: str = Field(pattern=ALERT_NAME)
    """The alert's name."""
    threshold: float | None = None
    """Another threshold, in the same unit."""
    hold: Duration | None = None
    """Another `for`, for instance 5m."""
    severity: str | None = Field(default=None, pattern=_SEVERITY)
    """page, ticket or info."""
    team: Annotated[TeamName, Field(min_length=1)] | None = None
    """Another team."""
    match: dict[str, str] = Field(default_factory=dict)
    """Only for series with these labels; others keep the alert as it is."""
    enabled: bool = True
    """false switches it off; say why."""
    reason: str = ""
    """Why; required to switch an alert off."""
    expires: dt.date | None = None
    """Last day (UTC) of the change. From the next day on `check` and `generate` call it a mistake, until it is removed
    or renewed: what was meant to end is neither kept nor dropped in silence. Default: it has no end."""


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
    hold: Duration = "5m"
    """The rule's `for`."""
    severity: str = Field(default="ticket", pattern=_SEVERITY)
    """page, ticket or info."""
    team: TeamName = ""
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
    labels: tuple[Annotated[str, AfterValidator(_checked_label)], ...] = ()
    """Its labels, without those that any metric may have: instance, cluster, environment, region, job, le, quantile."""

    @model_validator(mode="after")
    def _distinct_labels(self) -> Self:
        twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if twice:
            raise ValueError(f"labels given twice: {', '.join(twice)}")
        return self


class Extra(Settings):
    """Your own rules and the metrics of others that they use."""

    metrics: tuple[ExternalMetric, ...] = ()
    """Metrics of others."""
    rules: tuple[Rule, ...] = ()
    """Alert rules."""
