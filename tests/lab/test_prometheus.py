"""A real Prometheus and Alertmanager: scrape, query, judge, page, and the stand-ins at the end."""

from __future__ import annotations

import time

import pytest

from lab import ports
from lab.alertmanager import Alertmanager, amtool
from lab.process import ServerFailedError, wait_until
from lab.prometheus import Prometheus, promtool

ROUTING = """
global:
  smtp_smarthost: {smtp}
  smtp_from: lab@example.org
  smtp_require_tls: false
  slack_api_url: {slack}
  pagerduty_url: {pagerduty}
route: {{receiver: all, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: all
  slack_configs: [{{channel: '#ops'}}]
  pagerduty_configs: [{{routing_key: abcdefabcdefabcdefabcdefabcdefab, severity: critical}}]
  email_configs: [{{to: oncall@example.org}}]
"""
SCRAPE = """
global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}
rule_files: ['{rules}']
"""
RULES = """
groups:
- name: lab
  rules: [{alert: LabIsUp, expr: 'up == 1', labels: {severity: critical}}]
"""


@pytest.mark.real("prometheus")
@pytest.mark.real("alertmanager")
def test_an_alert_goes_from_prometheus_to_every_stand_in(start, receiver, tmp_path, own_processes) -> None:
    before = own_processes()
    routing = ROUTING.format(smtp=receiver.smtp_address, slack=receiver.slack_url, pagerduty=receiver.pagerduty_url)
    (tmp_path / "routing.yml").write_text(routing)
    assert "SUCCESS" in amtool("check-config", tmp_path / "routing.yml")
    alertmanager = start(Alertmanager(tmp_path / "routing.yml"))
    (tmp_path / "rules.yml").write_text(RULES)
    promtool("check", "rules", tmp_path / "rules.yml")
    with ports.reserve(1) as held:
        port = held.ports[0]
        text = SCRAPE.format(port=port, alertmanager=alertmanager.address, rules=tmp_path / "rules.yml")
        prometheus = start(Prometheus(text, port=port))
        prometheus.wait_up()
        arrived = {receiver.wait_for(lambda m, s=s: m.service == s).service for s in ("slack", "pagerduty", "email")}
        assert len(arrived) == 3
        assert all(message.mentions("LabIsUp") for message in receiver.messages)
        assert prometheus.value("count(up)") == 1
        assert prometheus.value("absent_here") is None
        assert prometheus.query_range("up", start=time.time() - 5, end=time.time(), step_seconds=1)
        assert [alert["labels"]["alertname"] for alert in prometheus.alerts()] == ["LabIsUp"]
        assert prometheus.rules()[0]["rules"][0]["health"] == "ok"
        assert len(alertmanager.alerts('alertname="LabIsUp"')) == 1
        assert alertmanager.alerts('alertname="Other"') == []
        with pytest.raises(ServerFailedError, match="bad_data"):
            prometheus.query("sum(")
        with pytest.raises(ServerFailedError, match="refused its configuration"):
            prometheus.reload("scrape_configs: 7")
        prometheus.stop()
    alertmanager.stop()
    assert own_processes() == before
    assert ports.is_free(alertmanager.port)


@pytest.mark.real("prometheus")
def test_a_killed_prometheus_starts_again_with_what_it_knew(start) -> None:
    prometheus = start(Prometheus("scrape_configs: []"))
    prometheus.process.kill()
    assert not ports.is_listening(prometheus.port)
    prometheus.process.start()
    prometheus.wait_ready()
    wait_until(lambda: prometheus.value("vector(1)") == 1, what="an answer")


@pytest.mark.real("prometheus")
def test_the_judges_words_are_in_the_error(tmp_path) -> None:
    (tmp_path / "bad.yml").write_text("groups: [{name: x, rules: [{alert: A, expr: 'sum('}]}]")
    with pytest.raises(ServerFailedError, match=r"(?s)promtool.*could not parse expression"):
        promtool("check", "rules", tmp_path / "bad.yml")
