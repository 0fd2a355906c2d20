"""Tell all about a metric or an alert: what it means, where it comes from, where it is used.

Example:
  stackledger explain redis_connected_clients
  stackledger explain CannotSeeTarget --config deploy/stackledger.yaml

With --config, alerts are shown as your overrides leave them.

"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackledger.catalogue import Metric
    from stackledger.model import AlertRule, Dashboard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("name", metavar="METRIC|ALERT", help="name of a metric or an alert")
    parser.add_argument("--config", metavar="FILE", help="show alerts as this configuration leaves them")


def run(arguments: argparse.Namespace) -> int:
    """Explain, or name what comes closest."""
    known = _Known(Path(arguments.config) if arguments.config else None)
    if arguments.name in known.metrics:
        print("\n".join(_about_metric(known.metrics[arguments.name], known)))
        return 0
    if arguments.name in known.alerts:
        print("\n".join(_about_alert(known.alerts[arguments.name], known)))
        return 0
    close = difflib.get_close_matches(arguments.name, [*known.metrics, *known.alerts], n=3)
    print(f"no metric or alert is called {arguments.name!r}", file=sys.stderr)
    if close:
        print(f"did you mean {', '.join(close)}?", file=sys.stderr)
    return 2


class _Known:
    """Everything that can be explained."""

    def __init__(self, config: Path | None) -> None:
        from stackledger import registry

        enabled = tuple(registry.by_name())
        self.metrics: dict[str, Metric[Any]] = {}
        self.alerts: dict[str, AlertRule] = {}
        self.runbooks: dict[str, Path] = {}
        self.dashboards: list[Dashboard] = []
        for integration in registry.SOURCES:
            self._add(integration, integration.dashboards(), integration.alerts())
        for domain in registry.DOMAINS:
            self._add(domain, domain.dashboards(enabled), domain.alerts(enabled))
        if config is not None:
            self._override(config)

    def _add(self, owner: Any, dashboards: tuple[Dashboard, ...], alerts: tuple[AlertRule, ...]) -> None:
        self.metrics |= {sample: metric for metric in owner.metrics for sample in (metric.name, *metric.sample_names)}
        self.alerts |= {alert.name: alert for alert in alerts}
        self.runbooks |= {alert.name: owner.runbooks / f"{alert.name}.md" for alert in alerts}
        self.dashboards += dashboards

    def _override(self, config: Path) -> None:
        from stackledger.config import load
        from stackledger.generate import resolve
        from stackledger.generate.mapping import inputs_of

        resolved = resolve(inputs_of(load(config)).without_expired())
        self.alerts |= {alert.rule.name: alert.rule for alert in resolved.alerts}
        self.dashboards = [board for _, board in resolved.dashboards]


def _about_metric(metric: Metric[Any], known: _Known) -> Iterator[str]:
    yield f"{metric.name} ({metric.kind}, {metric.unit})"
    yield f"  {metric.doc}"
    yield f"  labels: {', '.join(metric.label_names) or 'only the common ones'}"
    for label in metric.labels:
        yield f"    {label.name}: {(label.__doc__ or '').strip()}"
    yield f"  at most {metric.budget} series for each {'node' if metric.node else 'target'}"
    held = metric.missing.intervals
    yield "  when its part is silent: " + ("held" if held is None else f"dropped after {held} missed reads")
    if metric.compat:
        yield f"  the name is {metric.compat}'s, so that boards made for it go on working"
    if metric.conditional:
        yield f"  exists only after {metric.conditional}"
    for board in known.dashboards:
        for panel in board.panels:
            if any(use.metric is metric for use in panel.uses):
                yield f"  panel: {board.title}, {panel.title}"
    for alert in known.alerts.values():
        if any(use.metric is metric for use in alert.condition.uses):
            yield f"  alert: {alert.name} ({alert.severity})"


def _about_alert(alert: AlertRule, known: _Known) -> Iterator[str]:
    yield f"{alert.name} ({alert.severity}, after {alert.hold})"
    yield f"  {alert.description}"
    yield f"  fires while: {alert.condition}"
    unit = alert.condition.unit
    yield f"  threshold: {alert.condition.op} {alert.condition.threshold:g} {unit.symbol}".rstrip()
    board = next((board.title for board in known.dashboards if alert.panel in board.panels), "?")
    yield f"  panel: {board}, {alert.panel.title}"
    path = known.runbooks.get(alert.name)
    if path is not None and path.exists():
        yield f"  runbook: {alert.name}.md"
        yield ""
        yield path.read_text(encoding="utf-8").rstrip()
