"""The demo's bills beside its past: every cent between them has the reason for which it was put there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from lab.demo import judges
from lab.llm import bill, history


@pytest.mark.parametrize("days_ago", [0, 35])
def test_what_differs_is_what_was_planted(tmp_path: Path, days_ago: int) -> None:
    now = datetime.now(UTC) - timedelta(days=days_ago)
    config = tmp_path / "stackledger.yaml"
    config.write_text(yaml.safe_dump({"version": 1, "data_dir": str(tmp_path / "state"), "costs": {}}))
    history.write(tmp_path / "calls.ndjson", now)
    billed = bill.write(tmp_path / "bills.csv", now)
    costs = ("stackledger", "costs")
    judges.run(*costs, "import", "--config", config, tmp_path / "calls.ndjson")
    judges.run(*costs, "import", "--config", config, "--format", "focus", tmp_path / "bills.csv")
    month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"
    said = json.loads(judges.run(*costs, "reconcile", "--config", config, "--month", month, "--json", fine=(0, 1)))
    causes = {one["provider"]: set(one["causes_usd"]) for one in said["accounts"]}
    assert causes["anthropic"] - {"rounding"} == {"missing"}
    assert causes["openai"] - {"rounding"} == {"unpriced", "credits"}
    for line in (one for one in said["lines"] if "missing" in one["causes_usd"]):
        assert line["first"].endswith("-12")
        assert int(line["billed_units"]) == int(line["estimated_units"]) * 3 // 2
    assert sum(Decimal(one["billed_usd"]) for one in said["accounts"]) == billed
