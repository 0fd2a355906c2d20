"""The command line as a user meets it: exit codes, messages, what is imported, what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stackledger.cli import COMMANDS, main

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "deploy" / "stackledger.yaml"
NOTIFY = "notify: {slack: {api_url_file: /etc/alertmanager/slack-url}}\n"
# Drivers and frameworks that these commands must never load.
HEAVY = {"fastapi", "redis", "genai_prices", "duckdb", "psycopg", "apscheduler", "uvicorn", "confluent_kafka"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stackledger", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"stackledger {command}" in shown
    assert "\nexample:\n" in shown.lower()


def test_help_lists_every_command() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in COMMANDS)


def test_an_unknown_command_is_the_users_mistake() -> None:
    done = run("sreve")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("check",), ("generate", "--out", "{out}"), ("explain", "redis_up")])
def test_light_commands_load_no_driver(words: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [word.format(out=tmp_path) for word in words]
    if words[0] != "explain":
        arguments += ["--config", str(REFERENCE)]
    program = (
        "import json, sys\nfrom stackledger.cli import main\n"
        f"status = main({arguments!r})\nprint(json.dumps(sorted(sys.modules)))\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded & HEAVY == set()


def test_check_lists_every_mistake_and_ends_with_2(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nregoin: x\nintegrations: {redis: {targets: [{name: A, seeds: []}]}}\n")
    done = run("check", "--config", str(config))
    assert done.returncode == 2
    assert f"{config}:2: regoin: unknown key; did you mean 'region'?" in done.stderr
    assert "integrations.redis.targets[0].name" in done.stderr
    assert "integrations.redis.targets[0].seeds" in done.stderr
    assert done.stderr.strip().endswith("3 mistakes")
    assert "Traceback" not in done.stderr


def test_check_finds_what_only_generating_would(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\n"
        + NOTIFY
        + "alerts:\n  overrides:\n    - {alert: CannotSeTarget, hold: 5m}\n"
        + "extra:\n  rules:\n    - {alert: Mine, expr: 'rate(redis_memory_used_bytes[5m]) > 1', summary: x}\n"
        + "    - {alert: Other, expr: 'up_down > 1', summary: x}\n"
        + "integrations: {redis: {targets: [{name: a, seeds: ['a:1']}]}}\n"
    )
    done = run("check", "--config", str(config))
    assert done.returncode == 2
    assert f"{config}:5:" in done.stderr
    assert "CannotSeTarget" in done.stderr
    assert "use delta or deriv" in done.stderr
    assert "up_down is no metric of ours" in done.stderr


def test_generate_gives_the_same_bytes_and_never_loses_an_edit(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for out in (first, second):
        assert run("generate", "--config", str(REFERENCE), "--out", str(out)).returncode == 0
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) > 50
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)
    edited = first / "alerts" / "rules" / "redis.yaml"
    edited.write_text(edited.read_text() + "# mine\n")
    checked = run("generate", "--config", str(REFERENCE), "--out", str(first), "--check")
    assert checked.returncode == 1
    assert "edited by hand: alerts/rules/redis.yaml" in checked.stdout
    refused = run("generate", "--config", str(REFERENCE), "--out", str(first))
    assert refused.returncode == 1
    assert "alerts/rules/redis.yaml" in refused.stderr
    assert edited.read_text().endswith("# mine\n")


def test_the_committed_example_is_what_is_generated() -> None:
    done = run("generate", "--config", str(REFERENCE), "--out", str(ROOT), "--check")
    assert done.returncode == 0, done.stdout
    done = run("generate", "--reference", str(ROOT / "docs"), "--check")
    assert done.returncode == 0, done.stdout


def test_explain_tells_a_metric_with_its_uses_and_an_alert_with_its_runbook() -> None:
    metric = run("explain", "redis_connected_clients")
    assert metric.returncode == 0
    assert "INFO" in metric.stdout
    assert "panel: " in metric.stdout
    alert = run("explain", "CannotSeeTarget", "--config", str(REFERENCE))
    assert "fires while: " in alert.stdout
    assert "## Diagnosis" in alert.stdout
    unknown = run("explain", "redis_conected_clients")
    assert unknown.returncode == 2
    assert "redis_connected_clients" in unknown.stderr


def test_verify_of_an_address_where_nothing_is_ends_with_3() -> None:
    done = run("verify", "--config", str(REFERENCE), "--url", "http://127.0.0.1:1/metrics")
    assert done.returncode == 3
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
