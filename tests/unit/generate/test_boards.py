"""Boards: the checklist holds, and the lint that says so notices when it doesn't."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stackledger import registry
from stackledger.generate import render, resolve, thresholds
from stackledger.generate.grafana import dashboard_json
from stackledger.generate.lint import lint, panels_of
from stackledger.generate.rules import alert_json
from stackledger.model import Severity
from stackledger.promql import above, below, equals
from tests.unit.generate.sample import BOARD, ERRORS, GAUGE, MEMORY, MEMORY_HIGH, NODES_UP, STATES

PATH = "dashboards/technical/web.json"


def _board(files):
    return json.loads(files[PATH])


def _panel(files, key_panel):
    return next(panel for panel in panels_of(_board(files)) if panel["id"] == key_panel.id)


def test_the_checklist_holds(files):
    assert [str(finding) for finding in lint(files)] == []


def _set(path, value):
    def change(board):
        target = board
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


OPEN = ("panels", 5)  # "Memory used"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set(("schemaVersion",), 39), "schemaVersion"),
        (_set(("uid",), "no spaces"), "uid"),
        (_set(("gnetId",), None), "dead keys"),
        (_set(("tags",), []), "tag"),
        (_set(("links",), []), "link by tag"),
        (_set(("editable",), value=True), "edited"),
        (_set(("refresh",), "5s"), "refresh"),
        (_set(("annotations", "list"), []), "not marked"),
        (_set(("templating", "list"), []), "data source"),
        (_set(("templating", "list", 1, "refresh"), 1), "reload"),
        (_set((*OPEN, "gridPos"), {"x": 0, "y": 0, "w": 24, "h": 8}), "overlaps"),
        (_set((*OPEN, "gridPos"), {"x": 20, "y": 6, "w": 8, "h": 8}), "grid"),
        (_set((*OPEN, "gridPos"), {"x": 0, "y": 300, "w": 8, "h": 8}), "empty line"),
        (_set((*OPEN, "id"), NODES_UP.id), "share an id"),
        (_set((*OPEN, "type"), "graph"), "core"),
        (_set((*OPEN, "description"), ""), "description"),
        (_set((*OPEN, "maxDataPoints"), 100), "dead keys"),
        (_set((*OPEN, "fieldConfig", "defaults", "unit"), "lightyears"), "unit"),
        (_set((*OPEN, "links"), []), "no link"),
        (_set((*OPEN, "fieldConfig", "defaults", "custom", "thresholdsStyle", "mode"), "off"), "not drawn"),
        (_set((*OPEN, "links", 0, "url"), "/d/nowhere"), "no board of ours"),
        (_set((*OPEN, "targets", 0, "expr"), "rate(x_total[5m])"), "$__rate_interval"),
        (_set((*OPEN, "targets", 0, "expr"), "sum(((x)"), "parse"),
        (_set((*OPEN, "targets", 0, "expr"), 'x{a="$nobody"}'), "no such variable"),
        (_set((*OPEN, "targets", 0, "instant"), value=True), "instant"),
        (_set((*OPEN, "targets", 0, "legendFormat"), ""), "legend"),
        (_set((*OPEN, "targets", 0, "datasource"), "Prometheus"), "data source"),
        (_set(("panels",), []), "does not exist"),
    ],
)
def test_the_lint_notices(files, change, says):
    board = _board(files)
    change(board)
    found = [str(finding) for finding in lint({**files, PATH: json.dumps(board).encode()})]
    assert any(says in finding for finding in found), found


def _steps(make, *conditions, panel=MEMORY):
    rules = tuple(
        replace(MEMORY_HIGH, name=f"Rule{index}", condition=condition, severity=severity, panel=panel)
        for index, (condition, severity) in enumerate(conditions)
    )
    inputs = make()
    section = inputs.sections[0]
    resolved = resolve(replace(inputs, sections=(replace(section, alerts=rules, slos=()),)))
    return [(step["value"], step["color"]) for step in thresholds.steps(resolved, panel)]


VALUE = MEMORY_HIGH.condition.value


@pytest.mark.parametrize(
    ("conditions", "steps"),
    [
        ([], [(None, "green")]),
        ([(above(VALUE, 0.9), Severity.TICKET)], [(None, "green"), (0.9, "orange")]),
        (
            [(above(VALUE, 0.95), Severity.PAGE), (above(VALUE, 0.8), Severity.TICKET)],
            [(None, "green"), (0.8, "orange"), (0.95, "red")],
        ),
        # A healthy 0 is not red: Grafana's steps hold from their value on.
        ([(above(VALUE, 0), Severity.PAGE)], [(None, "green"), (1e-6, "red")]),
        # A ticket above the page would never be seen.
        (
            [(above(VALUE, 0.8), Severity.PAGE), (above(VALUE, 0.9), Severity.TICKET)],
            [(None, "green"), (0.8, "red")],
        ),
        (
            [(below(VALUE, 0.1), Severity.PAGE), (below(VALUE, 0.2), Severity.TICKET)],
            [(None, "red"), (0.1, "orange"), (0.2, "green")],
        ),
        (
            [(below(VALUE, 0.1), Severity.TICKET), (above(VALUE, 0.9), Severity.PAGE)],
            [(None, "orange"), (0.1, "green"), (0.9, "red")],
        ),
        ([(equals(VALUE, 0), Severity.PAGE)], [(None, "green"), (0, "red"), (1, "green")]),
    ],
)
def test_lines_come_from_the_alerts_that_point_at_the_panel(make, conditions, steps):
    assert _steps(make, *conditions) == steps


def test_a_line_in_another_unit_is_not_drawn(make):
    assert _steps(make, (above(VALUE, 0.9), Severity.PAGE), panel=STATES) == [(None, "green")]


def test_the_objective_is_drawn_where_the_promise_is_shown(files):
    steps = _panel(files, ERRORS)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert 0.9995 in [step["value"] for step in steps]


def test_each_alerted_panel_leads_to_its_alert_and_runbook(files):
    urls = [link["url"] for link in _panel(files, MEMORY)["links"]]
    assert urls[0] == "https://runbooks.example/WebMemoryHigh.md"
    assert "WebMemoryHigh" in urls[1]


def test_grafanalibs_habits_are_gone(files):
    text = files[PATH].decode()
    for habit in ("maxDataPoints", "intervalFactor", "gnetId", "cacheTimeout", '"sharedCrosshair"', '"rows"'):
        assert habit not in text
    assert _panel(files, GAUGE)["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]


def test_an_alert_opens_its_panel_with_its_own_labels(make):
    resolved = resolve(make())
    annotations = alert_json(resolved.inputs, resolved.alerts[0])["annotations"]
    assert annotations["dashboard_url"] == (
        f"https://grafana.example/d/web?viewPanel={NODES_UP.id}"
        "&var-cluster={{ $labels.cluster | urlquery }}&var-instance={{ $labels.instance | urlquery }}"
    )


def test_a_board_does_not_depend_on_others(make):
    """Adding a board changes no byte of the rest."""
    inputs = make()
    section = inputs.sections[0]
    other = replace(BOARD, uid="other", title="Other")
    more = replace(inputs, sections=(replace(section, dashboards=(*section.dashboards, other)),))
    assert dashboard_json(resolve(more), BOARD) == dashboard_json(resolve(inputs), BOARD)


@pytest.mark.parametrize("declared", registry.INTEGRATIONS, ids=lambda one: one.name)
def test_the_checklist_holds_for_every_integration(make, declared):
    section = replace(
        make().sections[0],
        name=declared.name,
        runbooks=declared.runbooks,
        dashboards=declared.dashboards(),
        alerts=declared.alerts(),
        slos=declared.slos(),
    )
    assert [str(finding) for finding in lint(render(replace(make(), sections=(section,))))] == []


@pytest.mark.parametrize("declared", registry.DOMAINS, ids=lambda one: one.name)
def test_the_checklist_holds_for_every_domain(make, declared):
    enabled = tuple(integration.name for integration in registry.INTEGRATIONS)
    section = replace(
        make().sections[0],
        name=declared.name,
        runbooks=declared.runbooks,
        dashboards=declared.dashboards(enabled),
        alerts=declared.alerts(enabled),
        slos=declared.slos(enabled),
    )
    assert [str(finding) for finding in lint(render(replace(make(), sections=(section,))))] == []
