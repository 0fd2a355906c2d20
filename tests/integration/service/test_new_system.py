"""A newcomer adds a system by one folder and one line in the registry: done here, and every command tried on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from lab import ports, programs
from lab.process import Process

ROOT = Path(__file__).parents[3]
TOY = Path(__file__).parent / "thermometer"
CONFIG = """version: 1
http: {{listen: "127.0.0.1:{port}"}}
notify: {{slack: {{api_url_file: /etc/alertmanager/slack-url}}}}
integrations:
  thermometer:
    interval_seconds: 1
    targets: [{{name: hall, file: degrees}}]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package with the new folder and the new line, and nothing else changed."""
    source = tmp_path / "exporter"
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "exporter" / "stackledger", source / "stackledger", ignore=no_caches)
    shutil.copytree(TOY, source / "stackledger" / "integrations" / "thermometer")
    registry = source / "stackledger" / "registry.py"
    line = "from stackledger.integrations.thermometer import THERMOMETER"
    text = registry.read_text()
    first = text.index("INTEGRATIONS: ")
    opening = text.index("(\n", first) + 2
    registry.write_text(f"{text[:first]}{line}\n\n{text[first:opening]}    THERMOMETER,\n{text[opening:]}")
    return source


def run(tree: Path, *words: str, status: int = 0) -> str:
    env = {**os.environ, "PYTHONPATH": str(tree)}
    argv = [sys.executable, "-m", "stackledger", *words]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False, cwd=tree.parent)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_one_folder_and_one_line_are_enough(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "degrees").write_text("21.5\n")
    with closing(ports.reserve(1)) as held:
        port = held.ports[0]
        config = tmp_path / "stackledger.yaml"
        config.write_text(CONFIG.format(port=port))
        assert "thermometer: 1 target (hall)" in run(tree, "check", "--config", str(config))
        assert "● thermometer/hall fast: 1 of 1 parts" in run(tree, "doctor", "--config", str(config))
        assert "TooHot (ticket" in run(tree, "explain", "thermometer_degrees")
        run(tree, "generate", "--config", str(config), "--out", str(tmp_path / "out"))
        board = json.loads((tmp_path / "out" / "dashboards" / "technical" / "thermometer.json").read_text())
        assert [panel["title"] for panel in board["panels"] if panel["type"] != "row"] == ["Degrees"]
        assert "TooHot" in (tmp_path / "out" / "alerts" / "rules" / "thermometer.yaml").read_text()
        assert "| `file` |" in run_reference(tree, tmp_path)
        argv = [sys.executable, "-m", "stackledger", "serve", "--config", str(config)]
        process = Process(argv, name="stackledger", directory=tmp_path, env={"PYTHONPATH": str(tree)})
        with process:
            url = f"http://127.0.0.1:{port}/metrics"
            process.wait_ready(lambda: "thermometer_degrees{" in httpx.get(url, timeout=2).text)
            assert 'instance="file"} 21.5' in httpx.get(url, timeout=5).text
            said = run(tree, "verify", "--config", str(config), "--url", url)
            assert said.strip().startswith("conditional") or "100 % of uses exist" in said
            assert "missing" not in said.replace("0 missing", "")


def run_reference(tree: Path, tmp_path: Path) -> str:
    run(tree, "generate", "--reference", str(tmp_path / "reference"))
    return (tmp_path / "reference" / "configuration.md").read_text()


def test_its_rules_pass_promtool(tree: Path, tmp_path: Path) -> None:
    config = tmp_path / "stackledger.yaml"
    config.write_text(CONFIG.format(port=9877))
    run(tree, "generate", "--config", str(config), "--out", str(tmp_path / "out"))
    promtool = programs.find("promtool")
    tests = tmp_path / "out" / "alerts" / "tests" / "thermometer_test.yaml"
    done = subprocess.run([promtool, "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
