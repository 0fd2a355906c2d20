"""The check that every dashboard query returns data finds the one that does not."""

from __future__ import annotations

import json
import time

import pytest

from lab import ports, programs
from lab.demo import boards
from lab.demo.panels import PanelViewer
from lab.process import wait_until

SELF = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


def _target(letter: str, expr: str, *, instant: bool = False) -> dict[str, object]:
    return {"refId": letter, "expr": expr, "legendFormat": "", "instant": instant}


def _panel(number: int, title: str, *targets: dict[str, object]) -> dict[str, object]:
    return {"id": number, "title": title, "type": "timeseries", "targets": list(targets)}


@pytest.fixture
def board(tmp_path):
    panels = [
        _panel(1, "Fine", _target("A", 'up{job=~"$job"}'), _target("B", "count(up)", instant=True)),
        {
            "type": "row",
            "title": "Closed",
            "panels": [
                _panel(2, "Silent", _target("A", "rate(no_such_total[$__rate_interval])")),
                _panel(3, "Idle", _target("A", "0 * up / 0")),
                _panel(4, "Wrong", _target("A", "sum(")),
                _panel(5, "Rare", _target("A", "sum(failover_seen)")),
            ],
        },
    ]
    variable = {"type": "query", "name": "job", "definition": "label_values(up, job)"}
    data = {"uid": "b", "title": "B", "panels": panels, "templating": {"list": [variable]}, "time": {"from": "now-1h"}}
    folder = tmp_path / "dashboards" / "technical"
    folder.mkdir(parents=True)
    (folder / "b.json").write_text(json.dumps(data))
    return boards.read(tmp_path)


@pytest.fixture
def prometheus(prometheus_factory):
    """A Prometheus that has scraped itself."""
    with ports.reserve(1) as held:
        started = prometheus_factory(SELF % held.ports[0], port=held.ports[0])
        wait_until(lambda: started.query("up"), what="a first scrape")
        yield started


@pytest.mark.real("prometheus")
def test_queries_without_numbers_are_silent_and_those_of_rare_events_are_excused(board, prometheus) -> None:
    rare = {"where": "dashboard b, panel 'Rare'", "selector": "failover_seen", "reason": "exists after a failover"}
    answers = boards.ask(boards.questions(board, [rare]), prometheus, now=time.time())
    assert [question.where for question in answers.answered] == [
        "dashboard b, variable job",
        "dashboard b, panel 'Fine'",
        "dashboard b, panel 'Fine'",
    ]
    assert [question.excuse for question in answers.excused] == ["exists after a failover"]
    silent = ["dashboard b, panel 'Silent'", "dashboard b, panel 'Idle'", "dashboard b, panel 'Wrong'"]
    assert [question.where for question in answers.silent] == silent


def test_variables_are_filled_in_as_grafana_does(board) -> None:
    assert boards.fill('x{a=~"$job",b="${env:regex}"}[$__rate_interval]', {"job": "api"}) == 'x{a=~"api",b=".*"}[20s]'
    assert boards.fill("x[$__range] / $__range_s", {}, span_seconds=600) == "x[600s] / 600"


@pytest.mark.real("prometheus, chromium")
def test_a_link_to_a_panel_opens_in_a_browser_and_shows_its_line(board, prometheus) -> None:
    from playwright.sync_api import sync_playwright

    try:
        chromium = programs.find("chromium")
    except programs.ProgramMissingError as missing:
        (pytest.fail if programs.servers_required() else pytest.skip)(str(missing))
    faults: list[str] = []
    with (
        ports.reserve(1) as held,
        PanelViewer(held.ports[0], boards=lambda: board, prometheus=prometheus, messages=list),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        answer = page.goto(f"http://127.0.0.1:{held.ports[0]}/d/b?viewPanel=1&var-job=prometheus&from=now-15m&to=now")
        assert answer is not None
        assert answer.status == 200
        assert page.locator("svg path").count() == 2
        assert page.locator("svg").is_visible()
        assert "stands for Grafana" in page.inner_text("body")
        page.get_by_text("All boards").click()
        assert page.locator("a[href='/d/b']").is_visible()
        missing_board = page.goto(f"http://127.0.0.1:{held.ports[0]}/d/none")
        assert missing_board is not None
        assert missing_board.status == 404
        browser.close()
    assert [fault for fault in faults if "404" not in fault] == []
