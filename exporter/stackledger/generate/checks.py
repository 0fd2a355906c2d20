"""What is wrong with the settings of an input, all at once: versions, ways to reach people, the user's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackledger.errors import DeclarationError, Mistake
from stackledger.generate.inputs import Alertmanager, ExtraRule, Inputs, Version
from stackledger.model import Severity

if TYPE_CHECKING:
    from stackledger.promql.parse import ForeignUse

_OLDEST_ALERTMANAGER = (0, 25)  # the first with routing_key_file and auth_password_file
_OLDEST_GRAFANA = (11,)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")


def mistakes(inputs: Inputs, names: set[str]) -> list[Mistake]:
    """Every mistake in the settings. `names` are the alerts that are declared already."""
    found = [Mistake("notify", message) for message in _alertmanager(inputs.alertmanager)]
    if inputs.grafana.version < _OLDEST_GRAFANA:
        version = _spelt(inputs.grafana.version)
        found.append(Mistake("links.grafana_version", f"boards of schema 42 need Grafana 11 or newer, not {version}"))
    for rule in inputs.extra_rules:
        found += [
            Mistake(rule.path, f"{rule.name}: {message}", rule.file, rule.line)
            for message in _extra(inputs, rule, names)
        ]
    return found


def without_work(inputs: Inputs, owners: set[str]) -> list[Mistake]:
    """Teams that own nothing, so that their ways are never used: most often a name that is spelt differently."""
    known = ", ".join(sorted(owners))
    return [
        Mistake(team.path, f"no alert has the team {team.name}; owners are {known}", team.file, team.line)
        for team in inputs.teams
        if team.name not in owners
    ]


def ways(settings: Alertmanager, severity: Severity) -> tuple[str, ...]:
    """How people are told of a severity: of the ways that are wanted those that are configured."""
    there = {"slack": settings.slack, "pagerduty": settings.pagerduty, "email": settings.email}
    return tuple(way for way in settings.ways.get(severity, ()) if there.get(way) is not None)


def own_rules(inputs: Inputs) -> Iterator[tuple[str, tuple[ForeignUse, ...]]]:
    """The rules that the user wrote, each with its selectors. Raises DeclarationError for one that does not parse."""
    from stackledger.promql.parse import parse  # noqa: PLC0415 - a native parser that few configurations need

    for rule in inputs.extra_rules:
        yield rule.name, parse(rule.expr, inputs.known)


def _alertmanager(settings: Alertmanager) -> Iterator[str]:
    if settings.version < _OLDEST_ALERTMANAGER:
        yield (
            f"version {_spelt(settings.version)} cannot read secrets from files; Alertmanager 0.25 or newer is needed"
        )
    for severity in (Severity.PAGE, Severity.TICKET):
        if not ways(settings, severity):
            wanted = ", ".join(settings.ways.get(severity, ())) or "none"
            yield f"nobody would be told of a {severity}: of its ways ({wanted}) none is configured"


def _extra(inputs: Inputs, rule: ExtraRule, names: set[str]) -> Iterator[str]:
    from stackledger.promql.parse import parse  # noqa: PLC0415 - a native parser that few configurations need

    if rule.name in names:
        yield "the name is taken by an alert of ours; choose another"
    if not _NAME.match(rule.name):
        yield "a name has letters, digits and underscores, and no digit first"
    try:
        uses = parse(rule.expr, inputs.known)
    except DeclarationError as error:
        yield str(error)
        return
    for sample in sorted({use.sample for use in uses if use.metric is None and inputs.known}):
        yield f"{sample} is no metric of ours; if another exporter has it, declare it under extra.metrics"


def _spelt(version: Version) -> str:
    return ".".join(map(str, version))
