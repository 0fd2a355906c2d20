"""Settings: mistakes are all told at once, and what a version cannot do is not written."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from stackledger.errors import ConfigError, DeclarationError
from stackledger.generate import render
from stackledger.generate.inputs import Alertmanager, ExtraRule, Grafana, Prometheus
from stackledger.model import Severity
from tests.unit.generate.sample import REQUESTS

OWN = ExtraRule(
    "QueueLong", "queue_length > 10", "5m", Severity.TICKET, "web", summary="long queue", description="Drain it."
)


def _rules(files, path):
    return [rule for group in yaml.safe_load(files[path])["groups"] for rule in group["rules"]]


def test_all_mistakes_at_once(make):
    inputs = make(
        alertmanager=Alertmanager(version=(0, 24)),
        grafana=Grafana(version=(10, 4)),
        extra_rules=(
            replace(OWN, expr="sum(("),
            replace(OWN, name="WebNodeDown"),
            replace(OWN, expr="delta(web_requests_total[5m]) > 1"),
        ),
        known={"web_requests_total": REQUESTS},
    )
    with pytest.raises(ConfigError) as caught:
        render(inputs)
    told = "\n".join(map(str, caught.value.mistakes))
    assert len(caught.value.mistakes) == 8
    parts = ("0.24", "of a page", "of a ticket", "Grafana 11", "not PromQL", "taken", "use rate", "no metric of ours")
    assert [part for part in parts if part not in told] == []


def test_a_users_own_rule_is_routed_like_ours(make, judge):
    files = render(make(extra_rules=(OWN,)))
    (rule,) = _rules(files, "alerts/rules/extra.yaml")
    assert rule["labels"] == {"severity": "ticket", "team": "web", "integration": "extra"}
    judge(files, "promtool", "check", "rules", "alerts/rules/extra.yaml")


def test_pages_are_kept_on_only_where_prometheus_can(make, judge):
    def kept(version):
        files = render(make(prometheus=Prometheus(version=version, keep_firing_for="10m")))
        return files, [rule["alert"] for rule in _rules(files, "alerts/rules/web.yaml") if "keep_firing_for" in rule]

    assert kept((2, 41))[1] == []
    files, names = kept((2, 42))
    assert names == ["WebNodeDown", "CannotSeeWeb"]
    judge(files, "promtool", "test", "rules", "alerts/tests/web_test.yaml")


def test_a_missing_runbook_is_named(make):
    inputs = make()
    (inputs.sections[0].runbooks / "WebNodeDown.md").unlink()
    with pytest.raises(DeclarationError, match="no runbook for WebNodeDown"):
        render(inputs)


def test_a_runbook_begins_with_what_the_alert_watches(make):
    text = render(make())["docs/runbooks/WebMemoryHigh.md"].decode()
    assert text.count("# WebMemoryHigh\n") == 1
    assert "> 0.9` (0 to 1) | 5m | capacity |" in text
    assert "## Mitigation" in text


def test_an_alert_whose_panel_is_on_no_board_is_refused(make):
    inputs = make()
    section = replace(inputs.sections[0], dashboards=())
    with pytest.raises(DeclarationError, match="is on no board"):
        render(replace(inputs, sections=(section,)))


def test_two_alerts_of_one_name_are_refused(make):
    inputs = make()
    twice = replace(inputs.sections[0], name="again", dashboards=(), slos=())
    with pytest.raises(DeclarationError, match="two alerts share the name WebNodeDown"):
        render(replace(inputs, sections=(*inputs.sections, twice)))


def test_without_email_tickets_go_to_slack_alone(make):
    inputs = make()
    files = render(replace(inputs, alertmanager=replace(inputs.alertmanager, email=None)))
    text = files["alerts/alertmanager.yml"].decode()
    assert "email_configs" not in text
    assert "smtp" not in text
    assert "ticket-web" in text
