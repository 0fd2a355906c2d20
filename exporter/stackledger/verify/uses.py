"""Every selector that something generated depends on, with the place that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stackledger.catalogue import Label, Matcher, Origin
from stackledger.model import SLO, AlertRule, Dashboard, EventRatio
from stackledger.promql import Use
from stackledger.promql.parse import ForeignUse


@dataclass(frozen=True, slots=True)
class Needed:
    """A selector and where it is used."""

    use: Use
    where: str

    @property
    def exact(self) -> dict[str, str]:
        """Labels that the selector demands with a literal value."""
        return {
            matcher.label.name: matcher.literal
            for matcher in self.use.matchers
            if matcher.literal is not None and "$" not in matcher.literal
        }

    @property
    def labels(self) -> frozenset[str]:
        """Names of labels that the selector speaks of."""
        return frozenset(matcher.label.name for matcher in self.use.matchers)

    @property
    def recorded(self) -> bool:
        """Whether a rule makes it, so that it is looked for in Prometheus."""
        return self.use.metric.origin is not Origin.EXPOSED


def needed(dashboards: Iterable[Dashboard], alerts: Iterable[AlertRule], slos: Iterable[SLO]) -> tuple[Needed, ...]:
    """Every use, in the order of boards, alerts, SLOs."""
    return (*_of_dashboards(dashboards), *_of_alerts(alerts), *_of_slos(slos))


def needed_by_own_rules(rules: Iterable[tuple[str, Iterable[ForeignUse]]]) -> tuple[Needed, ...]:
    """The uses of the rules that a user wrote: (name, selectors) pairs. Unknown metrics were refused before."""
    return tuple(
        Needed(Use(use.metric, use.sample, _matchers(use)), f"own rule {name}")
        for name, uses in rules
        for use in uses
        if use.metric is not None
    )


def _matchers(use: ForeignUse) -> tuple[Matcher[Any], ...]:
    return tuple(Matcher(_label(name), op, value) for name, op, value in use.matchers)


def _label(name: str) -> type[Label]:
    return type(f"Written{name}", (Label,), {"__doc__": "As the user wrote it.", "name": name})


def _of_dashboards(dashboards: Iterable[Dashboard]) -> Iterator[Needed]:
    for board in dashboards:
        for variable in board.variables:
            for use in variable.source.uses:
                yield Needed(use, f"dashboard {board.uid}, variable {variable.label.name}")
        for panel in board.panels:
            for use in panel.uses:
                yield Needed(use, f"dashboard {board.uid}, panel {panel.title!r}")


def _of_alerts(alerts: Iterable[AlertRule]) -> Iterator[Needed]:
    for alert in alerts:
        for use in alert.condition.uses:
            yield Needed(use, f"alert {alert.name}")


def _of_slos(slos: Iterable[SLO]) -> Iterator[Needed]:
    for slo in slos:
        sli = slo.sli
        vectors = (sli.bad, sli.total) if isinstance(sli, EventRatio) else (sli.bad.vector, sli.known)
        for vector in vectors:
            for use in vector.uses:
                yield Needed(use, f"SLO {slo.name}")
