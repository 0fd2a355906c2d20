"""The generated files of a small made-up system, byte for byte.

After a change that is meant: `STACKLEDGER_GOLDEN=write pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stackledger.generate import render
from tests.unit.generate.sample import sample

GOLDEN = Path(__file__).parent / "web"
KEPT = (
    "alerts/alertmanager.yml",
    "alerts/rules/web.yaml",
    "alerts/tests/web_test.yaml",
    "dashboards/provisioning/dashboards/stackledger.yaml",
    "dashboards/provisioning/datasources/stackledger.yaml",
    "dashboards/technical/web.json",
    "deploy/prometheus.yml",
    "docs/runbooks/WebMemoryHigh.md",
    "slo/rules/web-available.yaml",
    "slo/web-available.yaml",
)


@pytest.mark.parametrize("path", KEPT)
def test_golden(tmp_path, path):
    rendered = render(sample(tmp_path))[path]
    kept = GOLDEN / path
    if os.environ.get("STACKLEDGER_GOLDEN") == "write":
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(rendered)
    assert rendered.decode() == kept.read_text()


_HASH = """
import hashlib, sys, tempfile
from pathlib import Path
from stackledger.generate import render
from tests.unit.generate.sample import sample
with tempfile.TemporaryDirectory() as folder:
    files = render(sample(Path(folder)))
print(hashlib.sha256(repr(files).encode()).hexdigest())
"""


def test_the_same_input_gives_the_same_bytes_in_every_process():
    """Sets and dictionaries must not leak their order, which changes with the hash seed."""
    root = Path(__file__).parents[2]
    seen = set()
    for seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}/exporter:{root}"}
        done = subprocess.run(
            [sys.executable, "-c", _HASH], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_nothing_secret_and_no_driver_is_needed(tmp_path):
    """Secrets appear as names of files; what only other commands need is not imported."""
    code = _HASH + (
        "\nheavy = {'fastapi', 'redis', 'psycopg', 'httpx', 'confluent_kafka', 'duckdb', 'apscheduler'}"
        "\nassert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}/exporter:{root}"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    (tmp_path / "runbooks").mkdir()
    routing = render(sample(tmp_path / "runbooks"))["alerts/alertmanager.yml"].decode()
    for key in ("slack_api_url:", "routing_key:", "auth_password:", "api_url:"):
        assert key not in routing
