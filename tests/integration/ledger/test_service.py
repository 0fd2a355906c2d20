"""The whole service under faults: what was accepted is there, once, whichever process dies or stands still."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from lab.process import wait_until

KILLS = int(os.environ.get("STACKLEDGER_SERVICE_KILLS", "20"))


def _event(name: str, **more: Any) -> dict[str, Any]:
    event = {
        "id": name,
        "time": datetime.now(UTC).isoformat(),
        "source": "test",
        "provider": "openai",
        "model": "gpt-4o",
        "user": "ada",
        "team": "search",
        "usage": {"input_uncached": 1000, "output": 100},
    }
    return event | more


# 2.50 and 10.00 USD a million: list prices of gpt-4o
COST = "0.0035"


def test_usage_becomes_exact_money_in_the_report_and_on_the_page(cost_service):
    service = cost_service(zone="Europe/Berlin")
    first = _event("a")
    answer = service.post([first, _event("b", user="ben"), first, _event("c", model="no-such-model")])
    assert answer.json() == {"accepted": 4, "refused": []}
    (whole,) = service.until_events(3)
    assert whole["cost_usd"] == "0.007"
    assert whole["unpriced_events"] == 1
    rows = {row["user"]: row for row in service.report("--by", "user", "--where", "model=gpt-4o")}
    assert rows["ada"]["cost_usd"] == rows["ben"]["cost_usd"] == COST
    assert rows["ada"]["tokens"] == {"input_uncached": 1000, "output": 100, "requests": 1}
    assert service.report("--where", "model=no-such-model")[0]["cost_usd"] is None

    def shown() -> bool:
        text = httpx.get(f"{service.page}/metrics").text
        return (
            'stackledger_llm_cost_usd{cluster="ledger",environment="production",instance="",period="today"} 0.007'
            in text
        )

    wait_until(shown, what="the cost on the page", timeout=60)
    page = httpx.get(f"{service.page}/metrics").text
    assert 'outcome="duplicate"} 1' in page
    assert 'period="today",provider="openai",model="no-such-model"} 1' in page


def test_a_refused_event_costs_only_itself_and_can_be_looked_up(cost_service):
    service = cost_service()
    bad = _event("bad", usage={"input_uncached": -1})
    answer = service.post([_event("a"), bad, {"id": "worse"}]).json()
    assert answer["accepted"] == 1
    assert [(one["index"], one["reason"]) for one in answer["refused"]] == [(1, "impossible_count"), (2, "malformed")]
    conflict = _event("a", usage={"input_uncached": 7})
    assert service.post([conflict]).json()["accepted"] == 1  # only the ledger knows that the id is taken
    service.until_events(1)
    wait_until(lambda: "conflict" in service.ask("refused"), what="the conflict to be listed", timeout=30)
    listed = service.ask("refused")
    assert "impossible_count" in listed
    assert "malformed" in listed
    assert service.report()[0]["events"] == 1


def test_bodies_come_as_ndjson_gzip_or_otlp_and_wrong_ones_are_told(cost_service):
    service = cost_service(inbox={"body_mib": 1})
    lines = b"\n".join(json.dumps(_event(f"n{number}")).encode() for number in range(10))
    url = f"{service.intake}/api/v1/usage"
    packed = httpx.post(url, content=gzip.compress(lines), headers={"content-encoding": "gzip"})
    assert packed.json()["accepted"] == 10
    bomb = gzip.compress(b" " * (3 << 20))
    assert httpx.post(url, content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
    assert httpx.post(url, content=b"x" * (2 << 20)).status_code == 413
    assert httpx.post(url, content=b"{not json").status_code in (200, 400)
    assert httpx.post(url, content=b"x", headers={"content-encoding": "br"}).status_code == 415
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [_span()]}]}]}
    traced = httpx.post(f"{service.intake}/v1/traces", json=spans)
    assert (traced.status_code, traced.json()) == (200, {})
    assert service.until_events(11)[0]["events"] == 11


def _span() -> dict[str, Any]:
    now = str(time.time_ns())
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.response.id": "resp-1",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "chat gpt-4o",
        "startTimeUnixNano": now,
        "endTimeUnixNano": now,
        "attributes": [
            {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in attributes.items()
        ],
    }


@pytest.mark.timeout(600)
def test_killed_process_by_process_under_load_nothing_acknowledged_is_lost_or_doubled(cost_service):
    service = cost_service()
    acknowledged: set[str] = set()
    end = threading.Event()

    def send(lane: int) -> None:
        chance = random.Random(lane)
        number = 0
        pending: list[dict[str, Any]] = []
        with httpx.Client(base_url=service.intake, timeout=20) as client:
            while not end.is_set() or pending:
                if not pending:
                    pending = [_event(f"{lane}-{number}-{n}", user=f"user-{n % 7}") for n in range(20)]
                    number += 1
                try:
                    answer = client.post("/api/v1/usage", json=pending)
                except httpx.HTTPError:
                    time.sleep(0.2)
                    continue  # whether it was kept nobody knows: the same again
                if answer.status_code == 200:
                    acknowledged.update(event["id"] for event in pending)
                    if chance.random() < 0.2:
                        client.post("/api/v1/usage", json=pending)  # a retry that was not needed
                    pending = []
                time.sleep(0.05)

    senders = [threading.Thread(target=send, args=(lane,)) for lane in range(2)]
    for one in senders:
        one.start()
    chance = random.Random(1)
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.9))
            try:
                service.kill(chance.choice(("ingest", "ledger")))
            except LookupError:
                continue  # it has not been started again yet
    finally:
        service.wait_ready()
        end.set()
        for one in senders:
            one.join()
    (whole,) = service.until_events(len(acknowledged), timeout=90)
    assert whole["events"] == len(acknowledged)
    assert len(acknowledged) > 20 * KILLS // 2
    assert sum(row["events"] for row in service.report("--by", "user")) == len(acknowledged)
    assert whole["tokens"]["input_uncached"] == 1000 * len(acknowledged)


def test_while_the_ledger_stands_still_usage_is_taken_until_too_much_waits(cost_service):
    service = cost_service(inbox={"most_waiting": 50})
    process = service.process
    process.freeze_child(service.pid_of("ledger"))
    taken = 0

    def refused() -> bool:
        nonlocal taken
        answer = service.post([_event(f"w{taken + n}") for n in range(30)])
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) > 0
            return True
        assert answer.status_code == 200
        taken += 30
        time.sleep(0.5)
        return False

    wait_until(refused, what="429", timeout=60)
    assert taken >= 60
    process.thaw()
    service.until_events(taken)
    wait_until(lambda: service.post([_event("later")]).status_code == 200, what="usage to be taken again", timeout=30)
    assert service.until_events(taken + 1)[0]["events"] == taken + 1


def test_while_the_ledger_is_gone_nothing_is_granted_and_the_page_says_that_it_is_not_seen(cost_service):
    service = cost_service(budgets=[{"name": "all", "usd": 5, "hard": True}])
    body = {"id": "r1", "attributes": {}, "usd": "1"}
    assert httpx.post(f"{service.intake}/api/v1/budgets/reserve", json=body).json()["granted"] is True
    service.process.freeze_child(service.pid_of("ledger"))
    late = httpx.post(f"{service.intake}/api/v1/budgets/reserve", json=body | {"id": "r2"}, timeout=20)
    assert (late.status_code, late.headers["retry-after"]) == (503, "5")
    began = time.monotonic()
    assert httpx.get(f"{service.page}/metrics", timeout=10).is_success
    assert time.monotonic() - began < 5
    service.process.thaw()
    refused = httpx.post(f"{service.intake}/api/v1/budgets/reserve", json=body | {"id": "r3", "usd": "4.5"}, timeout=20)
    assert refused.status_code == 402
    assert refused.json()["budget"] == "all"


def test_a_budget_is_asked_before_a_call_and_told_what_the_vendor_answered(cost_service):
    service = cost_service(budgets=[{"name": "all", "usd": "0.01", "hard": True}])
    url = f"{service.intake}/api/v1/budgets"
    asked = {"provider": "openai", "model": "gpt-4o", "usage": {"input_uncached": 1500, "output": 300}}
    for name in ("r1", "r1"):  # asked again after a lost answer, as clients do
        assert httpx.post(f"{url}/reserve", json=asked | {"id": name}).json()["granted"] is True
    refused = httpx.post(f"{url}/reserve", json=asked | {"id": "r2"})
    assert (refused.status_code, refused.json()["left_usd"]) == (402, "0.00325")
    answered = {"model": "gpt-4o", "id": "chatcmpl-1", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    event = {key: value for key, value in _event("").items() if key not in ("id", "usage", "model")}
    for _ in range(2):
        settled = httpx.post(f"{url}/settle", json={"id": "r1", "event": event | {"raw": answered}})
        assert settled.json() == {"cost_usd": COST}
    (row,) = service.until_events(1)
    assert (row["events"], row["cost_usd"]) == (1, COST)
    assert httpx.post(f"{url}/reserve", json={"id": "r3", "usd": "0.0065"}).status_code == 200
    assert httpx.post(f"{url}/reserve", json={"id": "r4", "usd": "0.000001"}).status_code == 402
    assert httpx.post(f"{url}/release", json={"id": "r3"}).status_code == 200
    assert httpx.post(f"{url}/reserve", json={"id": "r5", "usd": "0.0065"}).status_code == 200
    wrong = httpx.post(f"{url}/settle", json={"id": "r5", "event": event | {"raw": {"usage": {"prompt_tokens": -1}}}})
    assert wrong.status_code == 422
    assert "-1" in wrong.json()["detail"]


def test_without_room_nothing_is_acknowledged_and_it_goes_on_by_itself(cost_service):
    """The system refuses to let the inbox's files grow, as a full disk does."""
    service = cost_service()
    service.post([_event("first")])
    pid = service.pid_of("ingest")
    inbox = service.directory / "data" / "inbox.sqlite-wal"
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (inbox.stat().st_size + 100_000, resource.RLIM_INFINITY))
    acknowledged, answer = 1, None
    for number in range(200):
        events = [_event(f"{number}-{n}", tags={"salt": os.urandom(30).hex()}) for n in range(200)]
        answer = service.post(events)
        if answer.status_code != 200:
            break
        acknowledged += len(events)
    assert answer is not None
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert service.post([_event("last")]).status_code == 200
    assert service.until_events(acknowledged + 1)[0]["events"] == acknowledged + 1


def test_a_token_is_asked_for_where_the_address_is_not_loopback():
    from stackledger.config import Scope
    from stackledger.config.root import Http
    from stackledger.domains.cost.config import CostSettings
    from stackledger.serve.ingest import as_seen_at

    http = Http(listen="127.0.0.1:9877")
    assert Scope.INGEST in as_seen_at(http, CostSettings()).open_scopes
    assert as_seen_at(http, CostSettings(listen="10.0.0.1:9878")).open_scopes == frozenset()
