"""Alertmanager: who is told what, how, and what keeps silent meanwhile. Secrets appear as names of files only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stackledger.generate.checks import ways
from stackledger.generate.inputs import Alertmanager, Inputs
from stackledger.generate.notifications import TEMPLATES
from stackledger.generate.resolved import Alert, Resolved
from stackledger.generate.text import yaml_bytes
from stackledger.model import Severity

_NOBODY = "null"
_FALLBACK = "unrouted"
_PAGERDUTY_SEVERITY = {Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.INFO: "info"}
_CANNOT_SEE = "CannotSee"


def render(resolved: Resolved) -> dict[str, bytes]:
    """`alerts/alertmanager.yml` and its templates."""
    return {
        "alerts/alertmanager.yml": yaml_bytes(_config(resolved)),
        "alerts/templates/stackledger.tmpl": TEMPLATES.encode(),
    }


def _config(resolved: Resolved) -> dict[str, Any]:
    settings = resolved.inputs.alertmanager
    return {
        "global": _global(settings),
        "templates": [settings.template_glob],
        "route": _route(resolved),
        "inhibit_rules": _inhibitions(resolved),
        "receivers": _receivers(resolved),
    }


def _global(settings: Alertmanager) -> dict[str, Any]:
    found: dict[str, Any] = {"resolve_timeout": "5m"}
    if settings.slack is not None:
        found["slack_api_url_file"] = settings.slack.api_url_file
    if settings.email is not None:
        email = settings.email
        found |= {"smtp_smarthost": email.smarthost, "smtp_from": email.sender, "smtp_require_tls": email.require_tls}
        if email.username:
            found |= {"smtp_auth_username": email.username, "smtp_auth_password_file": email.password_file}
    return found


# -- routes ----------------------------------------------------------------------------------------------------------


def _route(resolved: Resolved) -> dict[str, Any]:
    settings = resolved.inputs.alertmanager
    return {
        # An alert of somebody else's rules, without our labels, still reaches a person.
        "receiver": _FALLBACK,
        "group_by": ["alertname", "cluster"],
        "group_wait": settings.group_wait,
        "group_interval": settings.group_interval,
        "repeat_interval": settings.repeat_interval,
        "routes": [_severity_route(resolved, severity) for severity in Severity],
    }


def _severity_route(resolved: Resolved, severity: Severity) -> dict[str, Any]:
    matchers = [f'severity="{severity}"']
    if not ways(resolved.inputs.alertmanager, severity):
        return {"matchers": matchers, "receiver": _NOBODY}
    teams = [
        {"matchers": [f'team="{team}"'], "receiver": _receiver_name(severity, team)} for team in _routed_teams(resolved)
    ]
    default = _receiver_name(severity, resolved.inputs.default_team)
    return {"matchers": matchers, "receiver": default} | ({"routes": teams} if teams else {})


def _routed_teams(resolved: Resolved) -> tuple[str, ...]:
    """The teams that need a route of their own: the default team gets what is left."""
    return tuple(team for team in resolved.teams() if team != resolved.inputs.default_team)


def _receiver_name(severity: Severity, team: str) -> str:
    return f"{severity}-{team}"


# -- receivers -------------------------------------------------------------------------------------------------------


def _receivers(resolved: Resolved) -> list[dict[str, Any]]:
    inputs = resolved.inputs
    settings = inputs.alertmanager
    found = [_receiver(inputs, _FALLBACK, severity=Severity.TICKET, team=inputs.default_team)]
    unheard = False
    for severity in Severity:
        if not ways(settings, severity):
            unheard = True
            continue
        found += [
            _receiver(inputs, _receiver_name(severity, team), severity=severity, team=team)
            for team in (inputs.default_team, *_routed_teams(resolved))
        ]
    return found + ([{"name": _NOBODY}] if unheard else [])


def _receiver(inputs: Inputs, name: str, *, severity: Severity, team: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    configured = ways(inputs.alertmanager, severity)
    if "pagerduty" in configured:
        found["pagerduty_configs"] = [_pagerduty(inputs, severity, team)]
    if "slack" in configured:
        found["slack_configs"] = [_slack(inputs, team)]
    if "email" in configured:
        found["email_configs"] = [_email(inputs, team)]
    return found


def _slack(inputs: Inputs, team: str) -> dict[str, Any]:
    slack = inputs.alertmanager.slack
    channel = slack.channels.get(team, slack.channel) if slack else ""
    return {
        "channel": channel,
        "send_resolved": True,
        "color": '{{ if eq .Status "firing" }}{{ if eq .CommonLabels.severity "page" }}danger{{ else }}warning'
        "{{ end }}{{ else }}good{{ end }}",
        "title": '{{ template "stackledger.title" . }}',
        "title_link": '{{ template "stackledger.link" . }}',
        "fallback": '{{ template "stackledger.title" . }}',
        "text": '{{ template "stackledger.slack.text" . }}',
        "mrkdwn_in": ["text"],
        "actions": [
            {"type": "button", "text": "Panel", "url": '{{ template "stackledger.link" . }}'},
            {"type": "button", "text": "Runbook", "url": '{{ template "stackledger.runbook" . }}'},
        ],
    }


def _pagerduty(inputs: Inputs, severity: Severity, team: str) -> dict[str, Any]:
    pagerduty = inputs.alertmanager.pagerduty
    key = pagerduty.routing_key_files.get(team, pagerduty.routing_key_file) if pagerduty else ""
    address = {"url": pagerduty.url} if pagerduty and pagerduty.url else {}
    return {
        "routing_key_file": key,
        **address,
        "send_resolved": True,
        "severity": _PAGERDUTY_SEVERITY[severity],
        "class": "{{ .CommonLabels.alertname }}",
        "component": "{{ .CommonLabels.integration }}",
        "group": "{{ .CommonLabels.cluster }}",
        "client": f"stackledger ({inputs.organisation})",
        "client_url": '{{ template "stackledger.link" . }}',
        "description": '{{ template "stackledger.title" . }}',
        "details": {"what": '{{ template "stackledger.plain" . }}', "firing": "{{ .Alerts.Firing | len }}"},
        "links": [
            {"href": '{{ template "stackledger.link" . }}', "text": "Panel"},
            {"href": '{{ template "stackledger.runbook" . }}', "text": "Runbook"},
        ],
    }


def _email(inputs: Inputs, team: str) -> dict[str, Any]:
    email = inputs.alertmanager.email
    return {
        "to": email.to_teams.get(team, email.to) if email else "",
        "send_resolved": True,
        "headers": {"Subject": '{{ template "stackledger.title" . }}'},
        "html": '{{ template "stackledger.email.html" . }}',
        "text": '{{ template "stackledger.plain" . }}',
    }


# -- what keeps silent -----------------------------------------------------------------------------------------------


def _inhibitions(resolved: Resolved) -> list[dict[str, Any]]:
    return [*_slo_inhibitions(resolved), *_declared_inhibitions(resolved), *_blindness(resolved)]


def _slo_inhibitions(resolved: Resolved) -> list[dict[str, Any]]:
    """The page of an SLO silences its tickets, for the same thing promised: one rule per set of labels."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for _, slo in resolved.slos:
        groups.setdefault(tuple(label.name for label in slo.by), []).append(slo.name)
    return [
        {
            "source_matchers": [f'severity="{Severity.PAGE}"', _any_of("slo", names)],
            "target_matchers": [f'severity="{Severity.TICKET}"', _any_of("slo", names)],
            "equal": ["slo", *by],
        }
        for by, names in sorted(groups.items())
    ]


def _declared_inhibitions(resolved: Resolved) -> list[dict[str, Any]]:
    there = {alert.rule.name for alert in resolved.alerts}
    named = {alert.rule.name: set(alert.rule.inhibits) for alert in resolved.alerts}
    return [
        {
            "source_matchers": [f'alertname="{name}"'],
            "target_matchers": [_any_of("alertname", silenced & there)],
            "equal": ["cluster"],
        }
        for name, silenced in named.items()
        if silenced & there  # what it silences may belong to a system that is not configured
    ]


def _blindness(resolved: Resolved) -> list[dict[str, Any]]:
    """What cannot be seen at all cannot be judged: tickets about it wait. Pages don't, nor does what is partly seen."""
    blind = [alert.rule.name for alert in resolved.alerts if _is_blindness(alert)]
    if not blind:
        return []
    return [
        {
            "source_matchers": [_any_of("alertname", blind)],
            "target_matchers": [f'severity="{Severity.TICKET}"', f'alertname!~"{_CANNOT_SEE}.+"'],
            "equal": ["cluster", "integration"],
        }
    ]


def _is_blindness(alert: Alert) -> bool:
    return alert.rule.name.startswith(_CANNOT_SEE) and alert.rule.severity is Severity.PAGE


def _any_of(label: str, values: Iterable[str]) -> str:
    found = sorted(set(values))
    return f'{label}="{found[0]}"' if len(found) == 1 else f'{label}=~"{"|".join(found)}"'
