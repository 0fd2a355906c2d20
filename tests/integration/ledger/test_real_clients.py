"""What real client libraries report of calls is in the ledger as it was answered: to the token, to the cent, once.

The vendors' SDKs call a stand-in of their APIs; OpenTelemetry's and OpenLLMetry's instrumentations, and an application
that posts the vendors' answers as they come, report to the service. The stand-in keeps a count of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab import ports
from lab.llm.agreement import differences
from lab.llm.company import ASSISTANT, HELPDESK, PEOPLE, PROMPT, UNKNOWN_MODEL
from lab.llm.draws import Used
from lab.llm.standin import ANSWER, Standin
from lab.process import Process, wait_until
from stackledger.ledger.inbox import Inbox
from stackledger.ledger.record import decode

ROOT = Path(__file__).parents[3]
RATES = {  # USD for a million, from the vendors' pages (2026): written here by hand, not read from the price book
    "gpt-5.2-2025-12-11": {"fresh": "1.75", "cached": "0.175", "answered": "14", "reasoned": "14"},
    "gpt-4o-mini-2024-07-18": {"fresh": "0.15", "cached": "0.075", "answered": "0.60"},
    "gpt-4.1-mini-2025-04-14": {"fresh": "0.40", "cached": "0.10", "answered": "1.60"},
    "text-embedding-3-small": {"fresh": "0.02"},
    "claude-sonnet-4-6": {"fresh": "3", "cached": "0.30", "kept_minutes": "3.75", "answered": "15"},
    "claude-haiku-4-5-20251001": {
        "fresh": "1",
        "cached": "0.10",
        "kept_hour": "2",
        "answered": "5",
        "searches": "10000",  # 10 USD for a thousand
    },
}
CONTENT = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY", "TRACELOOP_TRACE_CONTENT": "true"}


class Wire(ThreadingHTTPServer):
    """Stands between applications and the intake, and keeps what it passes on."""

    daemon_threads = True

    def __init__(self, intake: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.client = httpx.Client(base_url=intake, timeout=30, trust_env=False)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.bodies: list[tuple[str, bytes]] = []

    def sent(self, path: str) -> bytes:
        return b"".join(body for where, body in self.bodies if where == path)


class _Passing(BaseHTTPRequestHandler):
    server: Wire
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert "Content-Encoding" not in self.headers, "then the text in it could not be looked for"
        self.server.bodies.append((self.path, body))
        kind = {"Content-Type": self.headers["Content-Type"]}
        answer = self.server.client.post(self.path, content=body, headers=kind)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Books:
    """A running service with a ledger, the stand-in, and the wire between."""

    folder: Path
    standin: Standin
    wire: Wire
    console: str
    service: Process

    def spend(self, *applications: str, calls: int, words: tuple[str, ...] = (), env: Mapping[str, str] | None = None):
        """Run applications side by side to their end."""
        running = []
        for name in applications:
            argv = [sys.executable, "-m", "lab.llm.application", name, "--rate", "0", "--calls", str(calls), *words]
            argv += ["--models", self.standin.url, "--intake", self.wire.url]
            environment = os.environ | (env or {})
            running.append(
                subprocess.Popen(
                    argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                )
            )
        for process in running:
            said, _ = process.communicate(timeout=240)
            assert process.returncode == 0, said
            assert f"{calls} calls made" in said

    def report(self, *words: str) -> list[dict[str, Any]]:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)  # the test may go on over midnight
        return self._asked("report", "--json", "--from", str(yesterday), *words)

    def wait_for(self, calls: int) -> list[dict[str, Any]]:
        """The report by user and model, once so many calls are in it."""
        rows: list[dict[str, Any]] = []

        def all_there() -> bool:
            nonlocal rows
            rows = self.report("--by", "user,model")
            return sum(row["events"] for row in rows) >= calls

        wait_until(all_there, what=f"{calls} calls in the ledger", timeout=60, watch=[self.service])
        return rows

    def events(self) -> dict[str, float]:
        """Events by what became of them."""
        page = httpx.get(f"{self.console}/metrics", timeout=10, trust_env=False).text
        return {
            sample.labels["outcome"]: sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == "stackledger_ledger_events_total"
        }

    def kept(self) -> str:
        """All that is in the files of the ledger, as text; ends the service."""
        self.service.stop()
        state = self.folder / "state"
        parts = [path.read_bytes().decode(errors="replace") for path in state.rglob("*") if path.is_file()]
        with closing(Inbox(state / "inbox.sqlite")) as inbox:
            parts += [repr(decode(one.body)) for one in inbox.read(0, 10**9)]
        with closing(duckdb.connect(str(state / "ledger.duckdb"), read_only=True)) as ledger:
            tables = [row[0] for row in ledger.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            parts += [repr(ledger.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables]
        return "\n".join(parts)

    def _asked(self, *words: str) -> Any:
        config = ("--config", str(self.folder / "stackledger.yaml"))
        argv = [sys.executable, "-m", "stackledger", "costs", words[0], *config, *words[1:]]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)


@contextmanager
def opened(folder: Path) -> Iterator[Books]:
    with ExitStack() as stack:
        console, intake = (f"127.0.0.1:{port}" for port in stack.enter_context(ports.reserve(2)).ports)
        standin = stack.enter_context(Standin(busy_every=25))
        wire = Wire(f"http://{intake}")
        thread = threading.Thread(target=wire.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        stack.callback(wire.client.close)
        stack.callback(wire.server_close)
        stack.callback(thread.join, 10)
        stack.callback(wire.shutdown)
        configuration = {
            "version": 1,
            "owner": "platform",
            "data_dir": str(folder / "state"),
            "http": {"listen": console},
            "costs": {"listen": intake},
        }
        (folder / "stackledger.yaml").write_text(yaml.safe_dump(configuration))
        argv = [sys.executable, "-m", "stackledger", "serve", "--config", str(folder / "stackledger.yaml")]
        service = stack.enter_context(Process(argv, name="stackledger", directory=folder))
        pages = [f"http://{console}/-/ready", f"http://{intake}/-/healthy"]
        service.wait_ready(lambda: all(httpx.get(page, timeout=1, trust_env=False).is_success for page in pages))
        yield Books(folder, standin, wire, f"http://{console}", service)


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Books, list[dict[str, Any]]]]:
    """Both applications have made 90 calls each, and the ledger has them."""
    with opened(tmp_path_factory.mktemp("books")) as books:
        books.spend(ASSISTANT, HELPDESK, calls=90)
        yield books, books.wait_for(180)


def _cost(model: str, used: Used) -> Decimal:
    rates = RATES[model]
    total = Decimal(0)
    for name, count in vars(used).items():
        if count:
            total += Decimal(rates[name]) * count
    return total / 1_000_000


@pytest.mark.timeout(400)
def test_tokens_and_cost_are_those_that_were_answered_by_user_and_model(spent) -> None:
    books, rows = spent
    counted = books.standin.counted()
    assert differences(counted, rows) == []
    whole = sum((count.used for count in counted.values()), Used())
    assert all(vars(whole).values()), f"each kind of usage should have occurred: {whole}"
    priced = [row for row in rows if row["model"] != UNKNOWN_MODEL]
    assert {row["model"] for row in priced} == RATES.keys()
    for row in priced:
        assert Decimal(row["cost_usd"]) == _cost(row["model"], counted[row["user"], row["model"]].used), row
        assert row["unpriced_events"] == 0


def test_a_model_whose_price_nobody_knows_is_counted_and_costs_nothing_known(spent) -> None:
    _, rows = spent
    unknown = [row for row in rows if row["model"] == UNKNOWN_MODEL]
    assert sum(row["events"] for row in unknown) == 10
    assert all(row["cost_usd"] is None and row["unpriced_events"] == row["events"] for row in unknown)


def test_what_was_sent_again_counts_once(spent) -> None:
    books, _ = spent
    wait_until(lambda: books.events()["stored"] == 180, what="the page to show what was stored", timeout=40)
    outcomes = books.events()
    assert outcomes["duplicate"] >= 10
    assert outcomes["refused"] == 0


def test_each_call_is_attributed_to_who_made_it(spent) -> None:
    books, _ = spent
    rows = books.report("--by", "user,team,source,environment")
    assert {(row["user"], row["team"]) for row in rows} == {(person.user, person.team) for person in PEOPLE}
    assert {(row["source"], row["environment"]) for row in rows} == {
        (ASSISTANT, "production"),
        (HELPDESK, "production"),
    }
    features = {row["feature"] for row in books.report("--by", "feature")}
    assert features == {"chat", "drafting", "research", "semantic-search", "tickets"}


@pytest.mark.timeout(400)
def test_a_call_with_spans_of_two_libraries_counts_once(tmp_path) -> None:
    with opened(tmp_path) as books:
        words = ("--spans-by", "opentelemetry", "--spans-by", "openllmetry")
        books.spend(ASSISTANT, calls=27, words=words)
        rows = books.wait_for(27)
        counted = books.standin.counted()
        wait_until(lambda: books.events()["stored"] >= 27, what="the page to show what was stored", timeout=40)
        assert books.events()["refused"] == 0, "a second report of one call is no mistake of its sender"
    # An embedding has no id at the vendor: only spans that come in one body are known to be the same call.
    kept = {key: count for key, count in counted.items() if not key[1].startswith("text-embedding")}
    assert sum(count.calls for count in kept.values()) == 21
    assert differences(kept, [row for row in rows if not row["model"].startswith("text-embedding")]) == []


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("env", "on_the_wire"), [({}, False), (CONTENT, True)], ids=["as-shipped", "with-content-captured"]
)
def test_no_prompt_and_no_answer_is_kept(tmp_path, env, on_the_wire) -> None:
    with opened(tmp_path) as books:
        books.spend(ASSISTANT, HELPDESK, calls=12, env=env)
        books.wait_for(24)
        spans = books.wire.sent("/v1/traces")
        assert (PROMPT.encode() in spans, ANSWER.encode() in spans) == (on_the_wire, on_the_wire)
        assert ANSWER.encode() in books.wire.sent("/api/v1/usage"), "answers are reported as they came"
        kept = books.kept()
    assert "gpt-4.1-mini-2025-04-14" in kept
    for text in (PROMPT, ANSWER):
        assert text not in kept
        assert text[:16] not in kept
