"""The command line as a user meets it: exit codes, messages, what is imported, what is written."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stackledger.cli import COMMANDS, main
from stackledger.cli.costs import COMMANDS as COSTS

SECRET = "hunter2"  # noqa: S105 - made up, to see that it is not repeated
ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "deploy" / "stackledger.yaml"
NOTIFY = "notify: {slack: {api_url_file: /etc/alertmanager/slack-url}}\n"
# Drivers and frameworks that these commands must never load.
HEAVY = {"fastapi", "redis", "genai_prices", "duckdb", "psycopg", "apscheduler", "uvicorn", "confluent_kafka"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "stackledger", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


@pytest.mark.parametrize("command", COSTS)
def test_every_command_of_costs_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["costs", command, "--help"])
    assert ended.value.code == 0
    assert re.search(rf"\nexamples?:\n  .*stackledger costs {command}", capsys.readouterr().out.lower(), re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"stackledger {command}" in shown
    assert re.search(r"\nexamples?:\n", shown.lower())


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


def test_the_service_that_watches_kafka_loads_nothing_of_other_systems() -> None:
    """What is loaded stays resident as long as the service runs."""
    program = (
        "import json, sys\nimport stackledger.cli.serve, stackledger.config, stackledger.serve.run\n"
        "import stackledger.integrations.kafka.collector\nprint(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    unwanted = (HEAVY - {"uvicorn"}) | {
        "httpx",
        "opentelemetry",
        "grafanalib",
        "promql_parser",
        "dns",
        "prometheus_client",
    }
    assert set(json.loads(done.stdout)) & unwanted == set()


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


def answering(body: bytes, kind: str = "application/json") -> Iterator[str]:
    """The address of a server that answers everything with one body."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "body",
    [b"<html>a page</html>", b"", b"[]", b"{}", b'{"data": null}', b'{"data": {"result": [{}]}}', b'{"data": {}}'],
)
def test_verify_of_what_is_no_prometheus_says_so_and_ends_with_3(
    body: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\n" + NOTIFY + "integrations: {redis: {targets: [{name: a, seeds: ['a:1']}]}}\n")
    with (
        contextlib.contextmanager(answering)(b"", "text/plain") as page,
        contextlib.contextmanager(answering)(body) as url,
    ):
        status = main(["verify", "--config", str(config), "--url", f"{page}/metrics", "--prometheus", url])
    assert status == 3
    assert f"{url} does not answer as Prometheus does" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>a page</html>", b'{"a": 1}', b'a{b="c} 1', b'a{="', b"# TYPE\n{"])
def test_verify_of_what_is_no_metrics_page_says_so_and_ends_with_3(
    body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.contextmanager(answering)(body, "text/html") as url:
        status = main(["verify", "--config", str(REFERENCE), "--url", url])
    assert status == 3
    assert f"{url} is not a metrics page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"", "is empty"), (b"\xff", "is not UTF-8"), (b"hunter2 hunter2", "one token")],
)
def test_a_token_file_that_cannot_be_used_is_the_users_mistake(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    words = ["verify", "--config", str(REFERENCE), "--url", "http://127.0.0.1:1", "--token-file", str(file)]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert str(file) in told
    assert said in told
    assert SECRET not in told


@pytest.mark.parametrize("command", ["check", "doctor", "generate", "serve"])
def test_a_password_in_the_wrong_place_is_not_repeated(command: str, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nprometheus: {url: 'http://me:hunter2@a'}\nintegrations:\n  redis:\n    targets:\n"
        "      - {name: a, seeds: ['redis://:hunter2@10.0.0.1:6379'], password: hunter2}\n"
        "      - {name: b, seeds: ['hunter2@10.0.0.1'], password: !hunter2 hunter2}\n"
    )
    done = run(command, "--config", str(config))
    assert done.returncode == 2
    assert f"{config}:6: integrations.redis.targets[0].seeds[0]: host:port is expected, not a URL" in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_endless_nesting_is_a_mistake_with_its_line(text: str, tmp_path: Path) -> None:
    """In a process of its own: what is not refused ends the process."""
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\norganisation:\n  " + text)
    done = run("check", "--config", str(config))
    assert done.returncode == 2
    assert f"{config}:3: nested more than 50 levels deep" in done.stderr


@pytest.mark.parametrize("command", ["check", "generate"])
def test_an_override_that_is_over_stops_who_writes_and_not_who_looks(command: str, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\n" + NOTIFY + "integrations: {redis: {targets: [{name: a, seeds: ['a:1']}]}}\n"
        "alerts:\n  overrides:\n    - {alert: CannotSeeTarget, enabled: false, reason: known, expires: 2020-02-29}\n"
    )
    out = () if command == "check" else ("--out", str(tmp_path / "out"))
    done = run(command, "--config", str(config), *out)
    assert done.returncode == 2
    told = "CannotSeeTarget: expired on 2020-02-29: remove it or renew it"
    assert f"{config}:6: alerts.overrides[0]: {told}" in done.stderr
    assert not (tmp_path / "out").exists()
    looked = run("explain", "CannotSeeTarget", "--config", str(config))
    assert looked.returncode == 0, looked.stderr
    config.write_text(config.read_text().replace("2020", "2220").replace("02-29", "02-28"))
    assert run(command, "--config", str(config), *out).returncode == 0


def test_a_key_of_a_source_of_bills_that_is_missing_is_told(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\n" + NOTIFY + "data_dir: data\ncosts:\n  pulls:\n"
        "    - {name: main, vendor: openai, key: {file: openai-admin}}\n"
        "    - {name: cluster, vendor: opencost, url: 'http://127.0.0.1:1'}\n"
    )
    line = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if "name: main" in text)
    for command, code in (("check", 0), ("doctor", 1)):
        done = run(command, "--config", str(config))
        assert done.returncode == code, done.stderr
        assert f"{config}:{line}: costs.pulls[0] (main): the secret file" in done.stdout
        assert "until then no bill is pulled" in done.stdout
        assert "costs.pulls[1]" not in done.stdout
    (tmp_path / "openai-admin").write_text("key\n")
    assert "costs.pulls" not in run("check", "--config", str(config)).stdout


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{name: a, vendor: openai}", "openai needs `key`"),
        ("{name: a, vendor: opencost}", "opencost needs `url`"),
        ("{name: a, vendor: openai, key: {env: K}, url: 'http://10.0.0.1'}", "use https, but on this machine"),
        ("{name: a, vendor: focus}", "focus needs `files`"),
        ("{name: a, vendor: focus, files: x, team_label: t}", "`team_label` is for opencost: focus has none"),
        ("{name: a, vendor: focus, files: x}, {name: a, vendor: focus, files: y}", "pulls need names of their own"),
    ],
)
def test_a_source_of_bills_that_cannot_be_is_refused_with_the_remedy(source: str, words: str, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"version: 1\ndata_dir: data\ncosts: {{pulls: [{source}]}}\n")
    done = run("check", "--config", str(config))
    assert done.returncode == 2
    assert words in done.stderr


def test_doctor_tells_of_what_cannot_be_used_and_goes_on(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    (tmp_path / "good-token").write_text("t0k3n\n")
    (tmp_path / "found.json").write_text(
        '[{"targets": ["127.0.0.1:1"], "labels": {"cluster": "no name!"}},'
        ' {"targets": ["127.0.0.1:1"], "labels": {"cluster": "found"}}]'
    )
    config.write_text(
        "version: 1\nhttp:\n  tokens:\n    - {name: good, scopes: [admin], token: {file: good-token}}\n"
        "    - {name: deploy, scopes: [admin], token: {file: no-token}}\n"
        "integrations:\n  redis:\n    targets: [{name: written, seeds: ['127.0.0.1:1']}]\n"
        "    discover: [{kind: file, files: [found.json]}]\n"
    )
    done = run("doctor", "--config", str(config))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert "◐ http.tokens: 1 of 2 can be read" in lines
    (token,) = [line for line in lines if "http.tokens[1] (deploy)" in line]
    assert token.startswith(f"✕ {config}:5: ")
    assert "no-token cannot be read: No such file or directory" in token
    assert "write it" in token
    (unusable,) = [line for line in lines if "not usable" in line]
    assert "no name!" in unusable
    assert any("redis/written fast" in line for line in lines)
    assert any("redis/found fast" in line for line in lines)
    shown = json.loads(run("doctor", "--config", str(config), "--json").stdout)
    assert shown["tokens"] == {"readable": 1, "configured": 2}
    assert {one["target"] for one in shown["targets"]} == {"written", "found"}
    assert len(shown["problems"]) == 2


def test_doctor_tells_of_a_table_of_rates_that_cannot_be_used(tmp_path: Path) -> None:
    config, table = tmp_path / "c.yaml", tmp_path / "rates.csv"
    config.write_text("version: 1\ndata_dir: data\ncosts:\n  rates:\n    file: rates.csv\n")
    table.write_text("day,from,to,rate\n2026-10-01,EUR,USD,1,08\n")
    done = run("doctor", "--config", str(config))
    assert done.returncode == 1
    assert "c.yaml:5: costs.rates.file: " in done.stdout
    assert "rates.csv: line 2: 5 cells where 4 are expected" in done.stdout
    table.write_text("day,from,to,rate\n2026-10-01,EUR,USD,1.08\n")
    assert "rates" not in run("doctor", "--config", str(config)).stdout
