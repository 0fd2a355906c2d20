"""The field's own tools accept what is generated, and its alerts do what their cases say."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from stackledger.catalogue import Cluster, Instance
from stackledger.generate import render
from stackledger.generate.inputs import LabelMatch, Override
from stackledger.model import EventRatio, Severity
from stackledger.promql import select
from tests.unit.generate.sample import AVAILABLE, REQUESTS, Code

AMLINT = str(Path(sys.executable).with_name("amlint"))


def _paths(files, start):
    return sorted(path for path in files if path.startswith(start))


def test_promtool_accepts_every_rule_file(files, judge):
    judge(files, "promtool", "check", "rules", *_paths(files, "alerts/rules/"), *_paths(files, "slo/rules/"))


def test_every_alert_fires_and_stays_silent_as_its_cases_say(files, judge):
    judge(files, "promtool", "test", "rules", *_paths(files, "alerts/tests/"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("alerts/rules/web.yaml", "web_up == 0", "web_up == 2"),
        ("alerts/rules/web.yaml", "> 0.9", "> 0.99"),
        ("alerts/rules/web.yaml", "> 0.9", "> 0.8"),
        ("slo/rules/web-answers.yaml", "/ 0.0005", "/ 0.0006"),
        ("slo/rules/web-answers.yaml", "> 4.5", "> -1"),
        ("slo/rules/web-available.yaml", "> 14.4", "> 28"),
        ("slo/rules/web-available.yaml", "[6h]", "[1m]"),
    ],
)
def test_a_rule_that_was_changed_fails_its_cases(files, judge, file, old, new):
    if "14.4" in old:
        old, new = "> 13.44", "> 28"
    assert old.encode() in files[file]
    broken = {**files, file: files[file].replace(old.encode(), new.encode())}
    judge(broken, "promtool", "test", "rules", *_paths(files, "alerts/tests/"), expect=1)


@pytest.mark.parametrize(("objective", "days"), [("80", 30), ("99", 1), ("99.99", 7), ("99.9", 90)])
def test_burn_alerts_are_proved_for_other_objectives_and_windows(make, judge, objective, days):
    inputs = make()
    section = inputs.sections[0]
    slos = tuple(replace(slo, objective=type(slo.objective)(objective), window_days=days) for slo in section.slos)
    files = render(replace(inputs, sections=(replace(section, slos=slos),)))
    judge(files, "promtool", "test", "rules", *_paths(files, "alerts/tests/slo-"))


def test_a_promise_by_more_than_the_cluster_is_proved_too(make, judge):
    inputs = make()
    section = inputs.sections[0]
    of_nodes = EventRatio(
        select(REQUESTS, Code.matches("5.."), Instance.eq("a:1")), select(REQUESTS, Instance.matches("a:.+"))
    )
    slo = replace(section.slos[0], sli=of_nodes, by=(Cluster, Instance))
    files = render(replace(inputs, sections=(replace(section, slos=(slo,)),)))
    judge(files, "promtool", "test", "rules", *_paths(files, "alerts/tests/slo-"))


def test_overridden_rules_still_pass(make, judge):
    overrides = (
        Override("WebMemoryHigh", matchers=(LabelMatch("cluster", "big"),), threshold=0.97, severity=Severity.PAGE),
        Override("WebNodeDown", matchers=(LabelMatch("cluster", "de.*", "=~"),), team="other"),
        Override("CannotSeeWeb", enabled=False, reason="being rebuilt", expires=date(2026, 12, 1)),
    )
    files = render(make(overrides=overrides))
    judge(files, "promtool", "check", "rules", "alerts/rules/web.yaml")
    judge(files, "promtool", "test", "rules", *_paths(files, "alerts/tests/"))
    assert b"CannotSeeWeb" not in files["alerts/rules/web.yaml"]


def test_amtool_accepts_the_routing(files, judge):
    assert "3 inhibit rules" in judge(files, "amtool", "check-config", "alerts/alertmanager.yml")


def test_amlint_finds_nothing_to_warn_of(files, judge):
    rules = ("--rules", "alerts/rules/*.yaml", "--rules", "slo/rules/*.yaml")
    judge(files, AMLINT, "check", "--strict", "alerts/alertmanager.yml", *rules)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("severity=page team=web", "page-web"),
        ("severity=page team=unheard-of", "page-platform"),
        ("severity=ticket team=capacity", "ticket-capacity"),
        ("severity=info team=web", "null"),
        ("alertname=FromElsewhere", "unrouted"),
    ],
)
def test_each_alert_reaches_its_receiver(files, judge, labels, receiver):
    told = judge(files, "amtool", "config", "routes", "test", "--config.file=alerts/alertmanager.yml", *labels.split())
    assert told.strip() == receiver


STARTED = 1_795_402_800_000  # milliseconds
ALERT = {
    "status": "firing",
    "labels": {"alertname": "WebNodeDown", "severity": "page", "cluster": "demo", "instance": "a:1"},
    "annotations": {
        "summary": "demo: web node a:1 does not answer",
        "description": "It refuses.",
        "dashboard_url": "https://grafana.example/d/web?viewPanel=1&var-cluster=demo",
        "runbook_url": "https://runbooks.example/WebNodeDown.md",
    },
    "startsAt": "2026-11-23T03:00:00Z",
    "endsAt": "2026-11-23T03:10:00Z",
    "generatorURL": "https://prometheus.example/graph",
}


def _rendered(files, judge, tmp_path, name, **changes):
    alert = ALERT | changes
    data = {
        "receiver": "page-web",
        "status": alert["status"],
        "alerts": [alert],
        "groupLabels": {"alertname": "WebNodeDown", "cluster": "demo"},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://127.0.0.1:9093",
    }
    (tmp_path / "data.json").write_text(json.dumps(data))
    template = f'{{{{ template "{name}" . }}}}'
    arguments = ("--template.glob=alerts/templates/*.tmpl", f"--template.data={tmp_path}/data.json")
    return judge(files, "amtool", "template", "render", *arguments, f"--template.text={template}")


def test_the_link_opens_the_panel_at_the_time_of_the_fault(files, judge, tmp_path):
    link = _rendered(files, judge, tmp_path, "stackledger.link").strip()
    assert link == f"{ALERT['annotations']['dashboard_url']}&from={STARTED - 30 * 60_000}&to=now"


def test_the_link_of_a_resolved_alert_ends_after_the_fault(files, judge, tmp_path):
    link = _rendered(files, judge, tmp_path, "stackledger.link", status="resolved").strip()
    assert link.endswith(f"&to={STARTED + 40 * 60_000}")


def test_an_alert_without_a_panel_links_to_prometheus(files, judge, tmp_path):
    link = _rendered(files, judge, tmp_path, "stackledger.link", annotations={"summary": "x"}).strip()
    assert link == ALERT["generatorURL"]


def test_the_title_says_what_where_and_how_urgent_on_one_line(files, judge, tmp_path):
    title = _rendered(files, judge, tmp_path, "stackledger.title").strip()
    assert title == "PAGE demo: web node a:1 does not answer"


@pytest.mark.parametrize("name", ["stackledger.slack.text", "stackledger.plain", "stackledger.email.html"])
def test_messages_tell_what_where_since_when_and_what_to_open(files, judge, tmp_path, name):
    text = _rendered(files, judge, tmp_path, name)
    for part in ("WebNodeDown", "does not answer", "cluster=demo", "03:00:00", "&from=", "runbooks.example"):
        assert part in text.replace("&amp;", "&")


def test_promtool_accepts_the_scrape_configuration(make, judge, tmp_path):
    token = tmp_path / "token"
    token.write_text("t")
    inputs = make()
    job = replace(inputs.scrape_jobs[0], bearer_token_file=str(token))
    files = render(replace(inputs, scrape_jobs=(job,)))
    told = judge(files, "promtool", "check", "config", "deploy/prometheus.yml")
    assert "3 rule files found" in told
    scrape = yaml.safe_load(files["deploy/prometheus.yml"])["scrape_configs"][0]
    assert scrape["honor_labels"] is True
    assert scrape["sample_limit"] > 0


def test_one_page_per_incident_the_tickets_of_the_slo_keep_silent(files):
    rules = yaml.safe_load(files["alerts/alertmanager.yml"])["inhibit_rules"]
    slo = next(rule for rule in rules if any("slo=" in matcher for matcher in rule["source_matchers"]))
    assert AVAILABLE.name in "".join(slo["source_matchers"])
    assert slo["equal"] == ["slo", "cluster"]
