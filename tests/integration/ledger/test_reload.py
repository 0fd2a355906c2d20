"""A new configuration in a running service: which processes take it over, and what a wrong one leaves alone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.process import Process, wait_until
from tests.integration.ledger.cost_service import STACKLEDGER, CostService

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


def test_an_observer_that_died_after_an_edit_still_tells_the_others_at_the_next_reload(service: CostService) -> None:
    edit(service, costs=costs(service) | {"budgets": [BUDGET]})
    before = service.pid_of("observe")
    service.kill("observe")  # the next one begins with the new file, the others go on with the old one

    def back() -> bool:
        try:
            return service.pid_of("observe") != before and by_request(service).status_code == 200
        except (httpx.HTTPError, LookupError):
            return False

    wait_until(back, what="another observer", timeout=60)
    wait_until(lambda: budgets(service) == ["new"], what="the new budget", timeout=60)


def test_a_store_that_cannot_be_opened_at_the_start_keeps_usage_and_metrics_going(service: CostService) -> None:
    service.stop()
    ledger = service.directory / "data" / "ledger.duckdb"
    ledger.rename(ledger.with_suffix(".aside"))
    ledger.mkdir()  # what cannot be opened as a file, as a store that is not there yet
    words: list[str | Path] = [STACKLEDGER, "serve", "--config", service.config]
    process = service.process = Process(words, name="stackledger", directory=service.directory)
    process.start()
    event = {
        "id": "a", "time": datetime.now(UTC).isoformat(), "source": "test", "provider": "openai", "model": "gpt-4o",
        "usage": {"input_uncached": 1000},
    }  # fmt: skip

    def accepted() -> bool:
        try:
            return service.post([event]).status_code == 200 and httpx.get(f"{service.page}/metrics").status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(accepted, what="usage to be taken in", timeout=60, watch=[process])
    failed = f"{ledger} "
    wait_until(lambda: failed in process.tail(), what="the reason", timeout=60, watch=[process])
    assert budgets_answer(service) == 503
    ledger.rmdir()
    ledger.with_suffix(".aside").rename(ledger)
    service.wait_ready()
    service.until_events(1)


def test_it_runs_as_the_first_process_of_a_container(service: CostService) -> None:
    service.stop()
    namespace = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no process namespaces")
    words: list[str | Path] = [*namespace, STACKLEDGER, "serve", "--config", service.config]
    service.process = Process(words, name="stackledger", directory=service.directory)
    service.process.start()
    service.wait_ready()
