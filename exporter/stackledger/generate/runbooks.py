"""Runbooks: what was written by hand, under a header that says what the alert watches. Missing ones are a fault.

An SLO's burn alert may do without a hand-written one: what to do is the same for every promise.
"""

from __future__ import annotations

from stackledger.errors import DeclarationError
from stackledger.generate.addresses import panel_url
from stackledger.generate.inputs import Links
from stackledger.generate.resolved import Alert, Resolved
from stackledger.generate.text import HEADER
from stackledger.slo import runbook


def render(resolved: Resolved) -> dict[str, bytes]:
    """`docs/runbooks/<Alert>.md`. Raises DeclarationError that names every alert without one."""
    by_name: dict[str, list[Alert]] = {}
    for alert in resolved.alerts:
        by_name.setdefault(alert.rule.name, []).append(alert)
    missing = [name for name, alerts in by_name.items() if _body(alerts[0]) is None]
    if missing:
        raise DeclarationError(f"no runbook for {', '.join(sorted(missing))}: write runbooks/<Alert>.md beside it")
    return {f"docs/runbooks/{name}.md": _runbook(resolved.inputs.links, alerts) for name, alerts in by_name.items()}


def _runbook(links: Links, alerts: list[Alert]) -> bytes:
    body = (_body(alerts[0]) or "").strip()
    title = f"# {alerts[0].rule.name}"
    body = body.removeprefix(title).lstrip("\n")
    comment = f"<!-- {HEADER.removeprefix('# ').rstrip()} -->"
    return f"{comment}\n\n{title}\n\n{_table(links, alerts)}\n\n{body}\n".encode()


def _table(links: Links, alerts: list[Alert]) -> str:
    lines = ["| severity | condition | for | team | panel |", "|---|---|---|---|---|"]
    lines += [_row(links, alert) for alert in alerts]
    return "\n".join(lines)


def _row(links: Links, alert: Alert) -> str:
    rule = alert.rule
    condition = f"{rule.condition.value.text} {rule.condition.op} {rule.condition.threshold:g}".replace("|", "\\|")
    unit = rule.condition.unit.symbol if rule.condition.unit.symbol != "%" else "(0 to 1)"
    panel = f"[{rule.panel.title}]({panel_url(links, alert)}) on {alert.dashboard.title}"
    return f"| {rule.severity} | `{condition}` {unit} | {rule.hold} | {alert.team} | {panel} |".replace("`  |", "` |")


def _body(alert: Alert) -> str | None:
    try:
        return alert.runbook.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None if alert.slo is None else runbook.body(alert.slo)
