"""Prometheus rule files: one per section for its alerts, one per SLO for its recordings and burn alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stackledger.generate.addresses import board_url_template, runbook_url
from stackledger.generate.inputs import ExtraRule, Inputs, Prometheus
from stackledger.generate.resolved import Alert, Resolved
from stackledger.generate.text import yaml_bytes
from stackledger.model import SLO, Severity
from stackledger.slo.recording import (
    BUDGET_SECONDS,
    EVALUATION_SECONDS,
    Recording,
    budget_recordings,
    burn_recordings,
)
from stackledger.slo.tiers import policy

_KEEP_FIRING_SINCE = (2, 42)
_AT_ONCE = ("", "0s", "0m")


def render(resolved: Resolved) -> dict[str, bytes]:
    """`alerts/rules/<section>.yaml`, `alerts/rules/extra.yaml` and `slo/rules/<name>.yaml`."""
    files = {}
    for section in resolved.inputs.sections:
        alerts = [alert for alert in resolved.alerts if alert.section is section and alert.slo is None]
        if alerts:
            files[rule_file(section.name)] = yaml_bytes(_groups(section.name, _rules(resolved, alerts)))
    for _, slo in resolved.slos:
        files[slo_rule_file(slo)] = _slo_file(resolved, slo)
    if resolved.inputs.extra_rules:
        files[rule_file("extra")] = yaml_bytes(_groups("extra", _extra(resolved.inputs)))
    return files


def rule_file(group: str) -> str:
    """Where a section's alerts are."""
    return f"alerts/rules/{group}.yaml"


def slo_rule_file(slo: SLO) -> str:
    """Where an SLO's recordings and burn alerts are."""
    return f"slo/rules/{slo.name}.yaml"


def _groups(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"groups": [{"name": name, "rules": rules}]}


def _rules(resolved: Resolved, alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    return [alert_json(resolved.inputs, alert) for alert in alerts]


def alert_json(inputs: Inputs, alert: Alert) -> dict[str, Any]:
    """One alerting rule."""
    rule = alert.rule
    timing = {} if rule.hold in _AT_ONCE else {"for": rule.hold}
    return {
        "alert": rule.name,
        "expr": str(rule.condition),
        **timing,
        **_keep_firing(inputs.prometheus, rule.severity),
        "labels": static_labels(alert),
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": runbook_url(inputs.links, rule.name),
            "dashboard_url": board_url_template(inputs.links, alert),
            "query": rule.condition.value.text,
        },
    }


def static_labels(alert: Alert) -> dict[str, str]:
    """The labels that the rule adds. `integration` only where the series don't say themselves which one they mean."""
    labels = {"severity": alert.rule.severity.value, "team": alert.team}
    if "integration" not in alert.rule.condition.vector.labels:
        labels["integration"] = alert.section.name
    return labels | dict(alert.rule.labels)


def _keep_firing(prometheus: Prometheus, severity: Severity) -> dict[str, str]:
    wanted = prometheus.keep_firing_for and severity is Severity.PAGE
    return {"keep_firing_for": prometheus.keep_firing_for} if wanted and can_keep_firing(prometheus) else {}


def can_keep_firing(prometheus: Prometheus) -> bool:
    """Whether this Prometheus knows `keep_firing_for`."""
    return prometheus.version >= _KEEP_FIRING_SINCE


# -- SLOs ------------------------------------------------------------------------------------------------------------


def _slo_file(resolved: Resolved, slo: SLO) -> bytes:
    alerts = [alert for alert in resolved.alerts if alert.slo is slo]
    # Recordings and alerts stand in one group: they are evaluated in this order, at the same instant.
    burn = {
        "name": f"slo-{slo.name}",
        "interval": f"{EVALUATION_SECONDS}s",
        "rules": [recording_json(r) for r in burn_recordings(slo)] + _rules(resolved, alerts),
    }
    budget = {
        "name": f"slo-{slo.name}-budget",
        "interval": f"{BUDGET_SECONDS}s",
        "rules": [recording_json(recording) for recording in budget_recordings(slo)],
    }
    return yaml_bytes({"groups": [burn, budget]}, notes=policy(slo.objective, slo.window_days).notes)


def recording_json(recording: Recording) -> dict[str, Any]:
    """One recording rule."""
    return {"record": recording.metric.name, "expr": recording.expr.text, "labels": dict(recording.labels)}


# -- rules that the user wrote ---------------------------------------------------------------------------------------


def _extra(inputs: Inputs) -> list[dict[str, Any]]:
    return [_extra_json(inputs, rule) for rule in inputs.extra_rules]


def _extra_json(inputs: Inputs, rule: ExtraRule) -> dict[str, Any]:
    links = {"runbook_url": rule.runbook_url, "dashboard_url": rule.dashboard_url}
    labels = {"severity": rule.severity.value, "team": rule.team or inputs.default_team, "integration": "extra"}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        **({} if rule.hold in _AT_ONCE else {"for": rule.hold}),
        **_keep_firing(inputs.prometheus, rule.severity),
        "labels": labels | dict(rule.labels),
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            **{name: url for name, url in links.items() if url},
            "query": rule.expr,
        },
    }
