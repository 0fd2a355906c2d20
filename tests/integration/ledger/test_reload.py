"""A new configuration in a running service: which processes take it over, and what a wrong one leaves alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.process import wait_until
from tests.integration.ledger.cost_service import CostService

TOKEN = "reload-secret-of-the-administrator"  # noqa: S105 - of a service that lives for seconds
BUDGET = {"name": "new", "usd": 5, "per": "day"}


def edit(service: CostService, **root: Any) -> None:
    """Write the configuration with other sections; None leaves one out."""
    found = yaml.safe_load(service.config.read_text()) | root
    service.config.write_text(yaml.safe_dump({name: value for name, value in found.items() if value is not None}))


def costs(service: CostService) -> dict[str, Any]:
    section: dict[str, Any] = yaml.safe_load(service.config.read_text())["costs"]
    return section


def pids(service: CostService) -> dict[str, int]:
    return {role: service.pid_of(role) for role in ("observe", "ingest", "ledger")}


@pytest.fixture
def service(cost_service: Callable[..., CostService], tmp_path: Path) -> CostService:
    """A running one, whose administrator has a token."""
    (tmp_path / "token").write_text(TOKEN)
    token = {"name": "admin", "scopes": ["admin"], "token": {"file": str(tmp_path / "token")}}
    return cost_service(http={"tokens": [token]})


def by_request(service: CostService) -> httpx.Response:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.post(f"{service.page}/-/reload", headers=headers, timeout=30)


def by_signal(service: CostService) -> None:
    assert service.process is not None
    os.kill(service.process.pid, signal.SIGHUP)


def budgets(service: CostService) -> list[str]:
    try:
        answer = httpx.get(f"{service.intake}/api/v1/budgets", timeout=5)
    except httpx.HTTPError:
        return []
    return [one["name"] for one in answer.json()] if answer.status_code == 200 else []


@pytest.mark.parametrize("reload", [by_request, by_signal])
def test_settings_of_costs_reach_the_processes_that_use_them(
    service: CostService, reload: Callable[[CostService], object]
) -> None:
    before = pids(service)
    edit(service, costs=costs(service) | {"budgets": [BUDGET]})
    reload(service)
    wait_until(lambda: budgets(service) == ["new"], what="the new budget", timeout=60)
    after = pids(service)
    assert after["observe"] == before["observe"]
    assert after["ingest"] != before["ingest"]
    assert after["ledger"] != before["ledger"]


def test_where_prometheus_answers_reaches_the_ledger_which_asks_it_for_active_users(service: CostService) -> None:
    before = pids(service)
    edit(service, prometheus={"url": "http://127.0.0.1:9"})
    assert by_request(service).status_code == 200
    wait_until(lambda: service.pid_of("ledger") != before["ledger"], what="another process", timeout=60)
    service.wait_ready()
    assert service.pid_of("observe") == before["observe"]


def test_what_does_not_concern_them_leaves_them_running(service: CostService) -> None:
    before = pids(service)
    edit(service, links={"runbook_url": "https://runbooks.example.com"})
    assert by_request(service).status_code == 200
    edit(service, links=None)
    assert by_request(service).status_code == 200  # nothing of the first one is still to come then
    assert pids(service) == before


def test_a_wrong_configuration_stops_nothing_and_a_process_that_dies_meanwhile_comes_back(service: CostService) -> None:
    before = pids(service)
    sound = service.config.read_text()
    edit(service, costs=costs(service) | {"zone": "Europe/Nowhere"})
    for _ in range(2):
        assert "zone" in by_request(service).text
        by_signal(service)
    assert pids(service) == before
    service.kill("ledger")
    wait_until(lambda: budgets_answer(service) == 503, what="the budgets to be refused", timeout=60)
    assert httpx.get(f"{service.page}/metrics", timeout=5).status_code == 200
    service.config.write_text(sound)
    wait_until(lambda: budgets_answer(service) == 200, what="the ledger to be back", timeout=60)
    assert pids(service)["ingest"] == before["ingest"]


def budgets_answer(service: CostService) -> int:
    return httpx.get(f"{service.intake}/api/v1/budgets", timeout=5).status_code


def test_the_section_cannot_come_or_go_while_the_service_runs(service: CostService) -> None:
    before = pids(service)
    edit(service, costs=None)
    assert "costs: cannot change while the service runs: restart it" in by_request(service).text
    assert pids(service) == before
