"""Upkeep by the commands, with the service running and without."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.integration.ledger.cost_service import STACKLEDGER, CostService


def _event(name: str, **more: Any) -> dict[str, Any]:
    event = {
        "id": name,
        "time": datetime.now(UTC).isoformat(),
        "source": "test",
        "provider": "openai",
        "model": "gpt-4o",
        "user": "ada",
        "usage": {"input_uncached": 1000, "output": 100},
    }
    return event | more


def _users(service: CostService) -> dict[str, int]:
    return {row["user"]: row["events"] for row in service.report("--by", "user")}


def test_a_user_is_erased_a_backup_made_and_restored_and_the_ledger_catches_up(cost_service, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("some key\n")
    service = cost_service(users={"hash_key": {"file": str(key)}, "hashed": True})
    service.post([_event("a"), _event("b", user="ben")])
    service.until_events(2)
    assert "Erased. In the ledger: erased-" in service.ask("erase-user", "ada")
    assert "Nothing of this user" in service.ask("erase-user", "nobody")
    users = _users(service)
    assert sorted(users.values()) == [1, 1]
    assert [name for name in users if name.startswith("erased-")]
    assert "0 calls and 0 refusals deleted" in service.ask("compact")

    copy = tmp_path / "copy"
    assert "batches up to 1" in service.ask("backup", str(copy))
    service.post([_event("c"), _event("d")])
    whole = service.until_events(4)
    running = _command(service, "restore", str(copy))
    assert (running.returncode, "stop it first" in running.stderr) == (2, True)
    service.stop()
    (service.directory / "data" / "ledger.duckdb").unlink()
    assert (
        "Restored: ledger.duckdb.\nThe backup went up to batch 1; with what the inbox holds it is at 2."
        in service.ask("restore", str(copy))
    )
    service.start()
    assert service.until_events(4) == whole
    assert len(_users(service)) == 3


def _command(service: CostService, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STACKLEDGER, "costs", words[0], "--config", str(service.config), *words[1:]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
