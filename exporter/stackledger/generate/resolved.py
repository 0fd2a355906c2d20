"""The input with everything derived filled in. Renderers read this; so may `verify` and `explain`.

Overrides are applied, burn alerts and the board of promises added; each alert has its team and the board that shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackledger.errors import ConfigError, DeclarationError
from stackledger.generate import checks
from stackledger.generate.inputs import Inputs, Section
from stackledger.generate.overrides import Piece, apply
from stackledger.model import SLO, AlertRule, Dashboard, Panel
from stackledger.slo import board
from stackledger.slo.alerts import alert_name, burn_alerts


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule as it is rendered, with all that its notification needs. `slo` is set for burn alerts."""

    piece: Piece
    section: Section
    team: str
    dashboard: Dashboard
    slo: SLO | None = None

    @property
    def rule(self) -> AlertRule:
        """The rule after overrides."""
        return self.piece.rule

    @property
    def runbook(self) -> Path:
        """The file that the runbook is written in."""
        return self.section.runbooks / f"{self.rule.name}.md"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the renderers read."""

    inputs: Inputs
    dashboards: tuple[tuple[Section | None, Dashboard], ...]
    alerts: tuple[Alert, ...]
    slos: tuple[tuple[Section, SLO], ...]

    def alerts_of(self, panel: Panel) -> tuple[Alert, ...]:
        """The alerts that point at the panel."""
        return tuple(alert for alert in self.alerts if alert.rule.panel == panel)

    def slos_of(self, panel: Panel) -> tuple[SLO, ...]:
        """The SLOs that point at the panel."""
        return tuple(slo for _, slo in self.slos if slo.panel == panel)

    def teams(self) -> tuple[str, ...]:
        """Every team that owns an alert, sorted."""
        named = {alert.team for alert in self.alerts} | {rule.team for rule in self.inputs.extra_rules if rule.team}
        return tuple(sorted(named | {self.inputs.default_team}))


def resolve(inputs: Inputs) -> Resolved:
    """The input, completed. Raises ConfigError for a user's mistakes (all of them), DeclarationError for ours."""
    boards: tuple[tuple[Section | None, Dashboard], ...] = tuple(
        (section, dashboard) for section in inputs.sections for dashboard in section.dashboards
    )
    slos = tuple((section, slo) for section in inputs.sections for slo in section.slos)
    if slos and all(dashboard.uid != board.UID for _, dashboard in boards):
        boards = (*boards, (None, board.dashboard()))
    declared = list(_declared(inputs))
    pieces, mistakes = apply((rule for _, rule, _ in declared), inputs.overrides, inputs.today)
    mistakes += checks.mistakes(inputs, {rule.name for _, rule, _ in declared})
    mistakes += checks.without_work(inputs, _owners(inputs, declared))
    if mistakes:
        raise ConfigError(mistakes)
    _check_unique(boards, declared, slos)
    owners = {id(rule): (section, slo) for section, rule, slo in declared}
    alerts = tuple(_alert(inputs, boards, piece, owners[id(piece.declared)]) for piece in pieces)
    return Resolved(inputs, boards, alerts, slos)


def _owners(inputs: Inputs, declared: list[tuple[Section, AlertRule, SLO | None]]) -> set[str]:
    """Every team that the input names as the owner of something."""
    named = {rule.team or section.team for section, rule, _ in declared} | {one.team for one in inputs.sections}
    named |= {override.team or "" for override in inputs.overrides} | {rule.team for rule in inputs.extra_rules}
    return {inputs.default_team, *named} - {""}


def _declared(inputs: Inputs) -> Iterator[tuple[Section, AlertRule, SLO | None]]:
    for section in inputs.sections:
        for rule in section.alerts:
            yield section, rule, None
        for slo in section.slos:
            for rule in burn_alerts(slo):
                yield section, rule, slo


def _alert(
    inputs: Inputs,
    boards: tuple[tuple[Section | None, Dashboard], ...],
    piece: Piece,
    owner: tuple[Section, SLO | None],
) -> Alert:
    section, slo = owner
    # A panel may stand on several boards: the section's own is the one that a person on call wants.
    shown = [(home is not section, dashboard) for home, dashboard in boards if piece.rule.panel in dashboard.panels]
    if not shown:
        raise DeclarationError(f"alert {piece.rule.name!r}: its panel {piece.rule.panel.key!r} is on no board")
    team = piece.rule.team or section.team or inputs.default_team
    return Alert(piece, section, team, min(shown, key=lambda pair: pair[0])[1], slo)


def _check_unique(
    boards: tuple[tuple[Section | None, Dashboard], ...],
    declared: list[tuple[Section, AlertRule, SLO | None]],
    slos: tuple[tuple[Section, SLO], ...],
) -> None:
    named = {
        "boards share the uid": [dashboard.uid for _, dashboard in boards],
        "boards of a folder share the title": [f"{b.folder}/{b.title}" for _, b in boards],
        "alerts share the name": [rule.name for _, rule, slo in declared if slo is None],
        "SLOs share the name": [slo.name for _, slo in slos],
        "SLOs share the alert": [alert_name(slo) for _, slo in slos],
    }
    twice = [
        f"two {what} {name}" for what, names in named.items() for name, count in Counter(names).items() if count > 1
    ]
    if twice:
        raise DeclarationError("; ".join(twice))
