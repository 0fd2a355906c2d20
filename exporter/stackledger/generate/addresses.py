"""Every address that a generated file points at: panels, runbooks, alerts. Each is spelt here and nowhere else."""

from __future__ import annotations

from urllib.parse import quote

from stackledger.generate.inputs import Links
from stackledger.generate.resolved import Alert


def runbook_url(links: Links, alert: str) -> str:
    """Where the runbook of an alert is read."""
    return f"{links.runbook_base_url}/{alert}{links.runbook_suffix}"


def alert_list_url(links: Links, alert: str) -> str:
    """Where one alert's state is seen: Prometheus, which evaluates it."""
    series = quote(f'ALERTS{{alertname="{alert}"}}')
    return f"{links.prometheus_url}/graph?g0.expr={series}&g0.tab=1"


def panel_url(links: Links, alert: Alert) -> str:
    """The alert's panel, for instance `https://grafana.example/d/redis?viewPanel=17`."""
    return f"{links.grafana_url}/d/{alert.dashboard.uid}?viewPanel={alert.rule.panel.id}"


def board_url_template(links: Links, alert: Alert) -> str:
    """The alert's panel with the board's variables set from the alert's labels, as Prometheus expands it.

    The time range is added where the start is known: in the templates of Alertmanager.
    """
    carried = alert.rule.condition.vector.labels
    names = [variable.label.name for variable in alert.dashboard.variables if variable.label.name in carried]
    variables = "".join(f"&var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names)
    return f"{panel_url(links, alert)}{variables}"
