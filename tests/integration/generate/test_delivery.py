"""The generated routing in a real Alertmanager: who is told, what the message says, and what keeps silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab.alertmanager import Alertmanager
from lab.receiver import Receiver, Service
from stackledger.generate import render, resolve, write
from stackledger.generate.inputs import Alertmanager as Settings
from stackledger.generate.inputs import Email, PagerDuty, Slack
from stackledger.generate.rules import alert_json
from tests.conftest import running
from tests.unit.generate.sample import sample

KEY = "R" * 32


@pytest.fixture
def told() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def inputs(tmp_path: Path, told: Receiver) -> Any:
    runbooks = tmp_path / "written"
    runbooks.mkdir()
    (tmp_path / "slack").write_text(told.slack_url)
    (tmp_path / "key").write_text(KEY)
    settings = Settings(
        slack=Slack(str(tmp_path / "slack"), "#alerts"),
        pagerduty=PagerDuty(str(tmp_path / "key"), url=told.pagerduty_url),
        email=Email(told.smtp_address, "alerts@acme.example", "oncall@acme.example", require_tls=False),
        group_wait="1s",
        group_interval="2s",
    )
    return replace(sample(runbooks), alertmanager=settings)


@pytest.fixture
def alertmanager(tmp_path: Path, inputs: Any) -> Iterator[Alertmanager]:
    out = tmp_path / "out"
    write(render(inputs), out)
    with running(Alertmanager(out / "alerts" / "alertmanager.yml")) as started:
        yield started


def _alert(inputs: Any, name: str, **labels: str) -> dict[str, object]:
    """What Prometheus would send for a rule, with its templates expanded by hand."""
    found = next(alert for alert in resolve(inputs).alerts if alert.rule.name == name)
    rule = alert_json(inputs, found)
    annotations = dict(rule["annotations"])
    for label, value in labels.items():
        for spelt in (f"{{{{ $labels.{label} }}}}", f"{{{{ $labels.{label} | urlquery }}}}"):
            annotations = {key: text.replace(spelt, value) for key, text in annotations.items()}
    started = datetime.now(UTC) - timedelta(minutes=1)
    return {
        "labels": {"alertname": name, **rule["labels"], **labels},
        "annotations": annotations,
        "startsAt": started.isoformat(),
        "generatorURL": "http://127.0.0.1/graph",
    }


@pytest.mark.real("alertmanager")
def test_a_page_reaches_pagerduty_and_slack_with_a_link_to_its_panel(inputs, alertmanager, told):
    alertmanager.post(_alert(inputs, "WebNodeDown", cluster="demo", instance="a:1"))
    page = told.wait_for(lambda message: message.service is Service.PAGERDUTY, timeout=30)
    assert page.content["routing_key"] == KEY
    assert page.content["payload"]["severity"] == "critical"
    assert page.content["payload"]["summary"] == "PAGE demo: web node a:1 does not answer"
    panel = page.content["links"][0]["href"]
    assert panel.startswith("https://grafana.example/d/web?viewPanel=")
    assert "&var-cluster=demo&var-instance=a:1&from=" in panel
    chat = told.wait_for(lambda message: message.service is Service.SLACK, timeout=30)
    assert chat.mentions("web node a:1 does not answer")
    assert chat.mentions("https://runbooks.example/WebNodeDown.md")


@pytest.mark.real("alertmanager")
def test_a_ticket_reaches_slack_and_email_but_not_while_its_cause_is_paged(inputs, alertmanager, told):
    alertmanager.post(_alert(inputs, "WebNodeDown", cluster="demo", instance="a:1"))
    told.wait_for(lambda message: message.service is Service.PAGERDUTY, timeout=30)
    # The same cluster has a page; another has none.
    alertmanager.post(
        _alert(inputs, "WebMemoryHigh", cluster="demo", instance="b:1"),
        _alert(inputs, "WebMemoryHigh", cluster="other", instance="c:1"),
    )
    mail = told.wait_for(lambda message: message.service is Service.EMAIL, timeout=30)
    assert mail.mentions("c:1")
    time.sleep(5)  # two group intervals: what should come would have come
    tickets = [message for message in told.messages if message.mentions("WebMemoryHigh")]
    assert tickets
    assert not any(message.mentions("b:1") for message in tickets)
    assert not any(message.service is Service.PAGERDUTY for message in tickets)
