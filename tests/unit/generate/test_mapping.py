"""From a configuration file to files that the field's own tools accept, and the mistakes that only show on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.tls import Certificates
from stackledger.config import load
from stackledger.errors import ConfigError
from stackledger.generate import render
from stackledger.generate.mapping import inputs_of

NOTIFY = "slack: {api_url_file: /etc/alertmanager/slack-url}"
TARGET = "integrations: {redis: {owner: data, targets: [{name: a, seeds: ['a:1']}]}}\n"


@pytest.fixture
def generated(tmp_path: Path):
    def run(text: str) -> dict[str, bytes]:
        (tmp_path / "c.yaml").write_text("version: 1\n" + text)
        return render(inputs_of(load(tmp_path / "c.yaml")))

    return run


def test_prometheus_is_told_whom_to_trust_and_what_to_show(generated, judge, tmp_path):
    made = Certificates.create(tmp_path)
    files = generated(
        f"notify: {{{NOTIFY}}}\nhttp: {{tls: {{cert_file: a, key_file: b, client_ca_file: c}}}}\n"
        f"prometheus: {{ca_file: {made.authority}, cert_file: {made.certificate}, key_file: {made.key}}}\n" + TARGET
    )
    (job,) = yaml.safe_load(files["deploy/prometheus.yml"])["scrape_configs"]
    assert job["scheme"] == "https"
    assert job["tls_config"] == {
        "ca_file": str(made.authority),
        "cert_file": str(made.certificate),
        "key_file": str(made.key),
    }
    judge(files, "promtool", "check", "config", "deploy/prometheus.yml")


def test_without_tls_nothing_is_said_of_it(generated, judge):
    files = generated(f"notify: {{{NOTIFY}}}\n" + TARGET)
    (job,) = yaml.safe_load(files["deploy/prometheus.yml"])["scrape_configs"]
    assert job["scheme"] == "http"
    assert "tls_config" not in job
    judge(files, "promtool", "check", "config", "deploy/prometheus.yml")


def test_long_times_and_names_at_the_edge_are_accepted_where_they_are_read(generated, judge):
    files = generated(
        f"owner: SRE.team_1\nnotify: {{{NOTIFY}, repeat_interval_seconds: 2592000, group_wait_seconds: 0.5,\n"
        "  email: {smarthost: 'mail:25', sender: a@example.com, to: [b@example.com], username: a, password_file: /p},\n"
        "  teams: {data: {slack_channel: '#data'}}}\n"
        "alerts: {overrides: [{alert: CannotSeeTarget, hold: 1h1m1s}]}\n" + TARGET
    )
    route = yaml.safe_load(files["alerts/alertmanager.yml"])["route"]
    assert (route["repeat_interval"], route["group_wait"]) == ("2592000s", "500ms")
    judge(files, "amtool", "check-config", "alerts/alertmanager.yml")
    judge(files, "promtool", "check", "config", "deploy/prometheus.yml")


def test_a_team_that_owns_nothing_is_a_mistake_that_names_the_owners(generated, tmp_path):
    teams = "notify:\n  " + NOTIFY + "\n  teams:\n    data: {}\n    dta: {slack_channel: '#data'}\n    mine: {}\n"
    rules = "extra: {rules: [{alert: Mine, expr: redis_up == 0, summary: x, team: mine}]}\n"
    with pytest.raises(ConfigError) as caught:
        generated(teams + rules + TARGET)
    told = "no alert has the team dta; owners are data, mine, platform"
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{tmp_path}/c.yaml:6: notify.teams.dta: {told}"]
