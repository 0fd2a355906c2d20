"""The HTTP application without a socket: scopes, formats, reload, probe, runbooks."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from stackledger.clock import SystemClock
from stackledger.config import Scope, load
from stackledger.serve.access import ScopedRoute
from stackledger.serve.app import build
from stackledger.serve.observer import Observer

TOKEN = "t0p-s3cret-token"  # noqa: S105 - made up
PLAIN = "version: 1\n"
GUARDED = """version: 1
http:
  listen: 192.0.2.1:9877
  tokens:
    - {name: reader, scopes: [read], token: {file: reader}}
    - {name: admin, scopes: [read, admin], token: {file: admin}}
"""

Calls = Callable[[httpx.AsyncClient, Observer], Awaitable[Any]]


@pytest.fixture
def call(tmp_path: Path) -> Callable[[str, Calls], Any]:
    """Runs calls against the application of a configuration."""
    (tmp_path / "reader").write_text(TOKEN + "\n")
    (tmp_path / "admin").write_text(TOKEN + "-admin\n")

    def run(text: str, calls: Calls) -> Any:
        path = tmp_path / "stackledger.yaml"
        path.write_text(text)

        async def session() -> Any:
            observer = Observer(load(path), SystemClock())
            await observer.start()
            transport = httpx.ASGITransport(app=build(observer))
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
                    return await calls(client, observer)
            finally:
                await observer.close()

        return asyncio.run(session())

    return run


def test_every_route_has_a_scope(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(PLAIN)
    routes = build(Observer(load(path), SystemClock())).routes
    assert routes
    assert [route for route in routes if not isinstance(route, ScopedRoute) or route.scope not in Scope] == []


def test_every_route_for_machines_is_described_with_its_scope(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, observer: Observer) -> tuple[dict[str, Any], set[str]]:
        return (await client.get("/openapi.json")).json(), {route.path for route in build(observer).routes}

    document, paths = call(PLAIN, calls)
    described = document["paths"]
    assert paths - described.keys() == {"/", "/runbooks", "/runbooks/{name}", "/openapi.json"}
    assert described["/-/reload"]["post"]["x-scope"] == "admin"
    assert described["/probe"]["get"]["parameters"][0]["name"] == "target"
    assert all(operation["description"] for one in described.values() for operation in one.values())


def test_what_there_is_not_is_refused_as_json(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> list[tuple[int, str]]:
        wishes = (("GET", "/nowhere"), ("HEAD", "/metrics"), ("GET", "/-/reload"), ("GET", "/probe"))
        answers = [await client.request(method, path) for method, path in wishes]
        return [(answer.status_code, answer.headers["content-type"]) for answer in answers]

    assert call(PLAIN, calls) == [(status, "application/json") for status in (404, 405, 405, 422)]


def test_without_a_token_nothing_opens_where_tokens_are_needed(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, observer: Observer) -> dict[str, int]:
        routes = [(route.path.replace("{name}", "CannotSeeTarget"), *route.methods) for route in build(observer).routes]
        return {path: (await client.request(method, path)).status_code for path, method in routes}

    assert set(call(GUARDED, calls).values()) == {401}


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/metrics", TOKEN, 200),
        ("GET", "/metrics", TOKEN + "x", 401),
        ("GET", "/metrics", TOKEN[:-1], 401),
        ("GET", "/metrics", "", 401),
        ("POST", "/-/reload", TOKEN, 403),
        ("POST", "/-/reload", TOKEN + "-admin", 200),
    ],
)
def test_tokens_open_what_their_scopes_say(call: Any, method: str, path: str, token: str, status: int) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> httpx.Response:
        return await client.request(method, path, headers={"authorization": f"Bearer {token}"})

    response = call(GUARDED, calls)
    assert response.status_code == status
    assert TOKEN not in response.text


def test_a_token_file_that_vanished_opens_nothing(call: Any, tmp_path: Path) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> int:
        (tmp_path / "reader").unlink()
        (tmp_path / "admin").write_text("")
        answers = [
            (await client.get("/metrics", headers={"authorization": f"Bearer {shown}"})).status_code
            for shown in (TOKEN, "", " ")
        ]
        return max(answers), min(answers)

    assert call(GUARDED, calls) == (401, 401)


def test_reload_needs_a_token_even_on_loopback(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> int:
        return (await client.post("/-/reload")).status_code

    assert call(PLAIN, calls) == 401


def test_the_page_comes_in_the_format_and_encoding_asked_for(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> list[httpx.Response]:
        accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
        return [
            await client.get("/metrics", headers={"accept": accept, "accept-encoding": "gzip"}),
            await client.get("/metrics", headers={"accept": "text/plain", "accept-encoding": "identity"}),
        ]

    open_metrics, plain = call(PLAIN, calls)
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.headers["content-encoding"] == "gzip"
    names = {family.name for family in openmetrics(open_metrics.text)}
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "content-encoding" not in plain.headers
    families = {family.name for family in prometheus(plain.text)}
    assert {"stackledger_build_info", "process_resident_memory_bytes"} <= families & names


def test_a_refused_reload_leaves_everything_as_it_is_and_says_why(call: Any, tmp_path: Path) -> None:
    text = GUARDED + "integrations: {redis: {interval_seconds: 3600, targets: [{name: a, seeds: ['127.0.0.1:1']}]}}\n"

    async def calls(client: httpx.AsyncClient, observer: Observer) -> tuple[Any, ...]:
        client.headers["authorization"] = f"Bearer {TOKEN}-admin"
        before = dict(observer.targets)
        (tmp_path / "stackledger.yaml").write_text(text.replace("seeds", "sedes"))
        refused = await client.post("/-/reload")
        page = (await client.get("/metrics")).text
        kept = dict(observer.targets) == before
        (tmp_path / "stackledger.yaml").write_text(text.replace("name: a,", "name: b,"))
        accepted = await client.post("/-/reload")
        return refused, page, kept, accepted, (await client.get("/metrics")).text

    refused, page, kept, accepted, after = call(text, calls)
    assert refused.status_code == 400
    said = json.dumps(refused.json()["mistakes"])
    assert "did you mean 'seeds'" in said
    assert "is required" in said
    assert 'stackledger_config_last_reload_successful{environment="production"} 0.0' in page
    assert 'stackledger_config_last_reload_mistakes{environment="production"} 2' in page
    assert kept
    assert accepted.json() == {"accepted": True, "targets": ["redis/b"]}
    assert 'stackledger_config_last_reload_successful{environment="production"} 1.0' in after


def test_what_a_running_service_cannot_change_is_refused(call: Any, tmp_path: Path) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> httpx.Response:
        (tmp_path / "stackledger.yaml").write_text(GUARDED.replace("9877", "9878"))
        return await client.post("/-/reload", headers={"authorization": f"Bearer {TOKEN}-admin"})

    answer = call(GUARDED, calls)
    assert answer.status_code == 400
    assert "http.listen: cannot change while the service runs: restart it" in answer.text


def test_a_data_directory_of_the_command_line_stays_through_reloads(tmp_path: Path) -> None:
    path = tmp_path / "stackledger.yaml"
    path.write_text("version: 1\ndata_dir: /nowhere\n")

    async def session() -> None:
        observer = Observer(load(path).with_data_dir(tmp_path / "mine"), SystemClock())
        await observer.start()
        try:
            assert await observer.reload() == []
            assert observer.configuration.root.data_dir == tmp_path / "mine"
        finally:
            await observer.close()

    asyncio.run(session())


def test_a_defect_is_told_without_its_insides(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_observer: Observer) -> str:
        raise RuntimeError(TOKEN)

    monkeypatch.setattr("stackledger.serve.console.index", broken)

    async def calls(client: httpx.AsyncClient, observer: Observer) -> httpx.Response:
        transport = httpx.ASGITransport(app=build(observer), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://own") as careless:
            return await careless.get("/")

    answer = call(PLAIN, calls)
    assert answer.status_code == 500
    assert TOKEN not in answer.text


def test_who_refuses_gzip_gets_none(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> list[str | None]:
        wishes = ("gzip;q=0", "identity", "gzip;q=0.5", "deflate, gzip")
        answers = [await client.get("/metrics", headers={"accept-encoding": wish}) for wish in wishes]
        return [answer.headers.get("content-encoding") for answer in answers]

    assert call(PLAIN, calls) == [None, None, "gzip", "gzip"]


def test_admin_calls_are_logged_with_the_tokens_name(call: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> None:
        await client.post("/-/reload", headers={"authorization": f"Bearer {TOKEN}-admin"})

    with caplog.at_level("INFO"):
        call(GUARDED, calls)
    assert [record.token_name for record in caplog.records if record.message == "called with a token"] == ["admin"]
    assert TOKEN not in caplog.text


def test_a_probe_only_target_is_read_when_asked_for_and_is_not_on_the_page(call: Any) -> None:
    text = "version: 1\nintegrations: {redis: {targets: [{name: a, seeds: ['127.0.0.1:1'], probe_only: true}]}}\n"

    async def calls(client: httpx.AsyncClient, _: Observer) -> tuple[httpx.Response, ...]:
        probed = await client.get("/probe", params={"target": "redis/a"})
        return probed, await client.get("/metrics"), await client.get("/probe", params={"target": "redis/b"})

    probed, page, unknown = call(text, calls)
    assert 'stackledger_scrape_success{cluster="a",environment="production",integration="redis"' in probed.text
    assert "stackledger_scrape_success" not in page.text
    assert unknown.status_code == 404
    assert "redis/a" in unknown.text


def test_runbooks_are_pages_and_paths_do_not_escape(call: Any) -> None:
    async def calls(client: httpx.AsyncClient, _: Observer) -> list[httpx.Response]:
        names = ("CannotSeeTarget", "CannotSeeTarget.md", "..%2F..%2Fsecrets", "None")
        return [await client.get("/runbooks")] + [await client.get(f"/runbooks/{name}") for name in names]

    listed, page, with_suffix, escaped, none = call(PLAIN, calls)
    assert "CannotSeeTarget" in listed.text
    assert "<h2>CannotSeeTarget</h2>" in page.text
    assert with_suffix.text == page.text
    assert (escaped.status_code, none.status_code) == (404, 404)


def test_the_first_page_tells_what_is_wrong_with_a_target(call: Any) -> None:
    text = "version: 1\nintegrations: {redis: {targets: [{name: cart, seeds: ['127.0.0.1:1']}]}}\n"

    async def calls(client: httpx.AsyncClient, observer: Observer) -> str:
        async with asyncio.timeout(20):
            while not any(status.runs for status in observer.statuses):
                await asyncio.sleep(0.05)
        return (await client.get("/")).text

    page = call(text, calls)
    assert "redis / cart" in page
    assert "not seen" in page
    assert "connect" in page
