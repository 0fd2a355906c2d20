from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import TypeAdapter, ValidationError

from stackledger.clients.settings import Secret, split_address
from stackledger.collect.discovery import Found, look_up
from stackledger.collect.plan import plan
from stackledger.collect.settings import Discovery, DnsDiscovery, FileDiscovery, Section
from stackledger.errors import AuthError, DiscoveryError
from tests.unit.collect.fakes import FakeTarget, World


def found(*files: Path, **target: Any) -> tuple[Found, ...]:
    return asyncio.run(look_up(FileDiscovery(kind="file", files=files, target=target)))


def test_json_and_yaml_in_prometheus_format(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(
            [{"targets": ["h1:1", "h2:1"], "labels": {"cluster": "Main"}}, {"targets": ["h3:1"], "labels": None}]
        )
    )
    (tmp_path / "b.yml").write_text(
        "- targets: ['[::1]:6379']\n- targets: []\n- {targets: [h9:1], labels: {cluster: main}}\n"
    )
    assert [(one.name, one.addresses) for one in found(tmp_path / "*.json", tmp_path / "b.yml")] == [
        ("main", ("h1:1", "h2:1", "h9:1")),
        ("a-1", ("h3:1",)),
        ("b-0", ("[::1]:6379",)),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        "5",
        '"text"',
        "[5]",
        "[{}]",
        '[{"targets": 5}]',
        '[{"targets": "h:1"}]',
        '[{"targets": ["h"]}]',
        "\xff",
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_broken_file_is_told_by_name(tmp_path: Path, content: str, ending: str) -> None:
    file = tmp_path / f"broken.{ending}"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(DiscoveryError, match="broken"):
        found(file)


def test_a_file_nested_beyond_reason_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 99999)
    with pytest.raises(DiscoveryError, match="deep"):
        found(tmp_path / "deep.json")


def test_nothing_found_is_an_error_so_that_the_old_list_stays(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    for pattern in ("empty.json", "missing.json", "*.nothing"):
        with pytest.raises(DiscoveryError, match="kept"):
            found(tmp_path / pattern)


def test_discoveries_can_be_told_apart() -> None:
    read: Callable[[dict[str, Any]], Any] = TypeAdapter(Discovery).validate_python
    one = {"kind": "file", "files": ["/a"], "target": {"flavour": "x"}}
    other = {**one, "target": {"flavour": "y"}}
    assert read(one) == read(one)
    assert len({read(one), read(dict(one)), read(other)}) == 2
    assert hash(read({"kind": "dns", "name": "x", "port": 1}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "file", "files": []},
        {"kind": "file", "files": ["/a"], "target": {"name": "all-the-same"}},
        {"kind": "dns", "name": "x"},
        {"kind": "dns", "name": "x", "port": 0},
        {"kind": "dns", "name": "x", "port": 1, "refresh_seconds": 0},
        {"kind": "other"},
    ],
    ids=str,
)
def test_wrong_discoveries_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Discovery).validate_python(wrong)


# -- DNS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nameserver() -> Iterator[tuple[str, dict[tuple[str, str], Any]]]:
    """A DNS server on loopback; the test fills in what it answers. What it does not know does not exist."""
    zone: dict[tuple[str, str], Any] = {}
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            data, address = server.recvfrom(4096)
            if data == b"stop":
                return
            question = dns.message.from_wire(data)
            answer = dns.message.make_response(question)
            name, kind = question.question[0].name.to_text().lower(), dns.rdatatype.to_text(question.question[0].rdtype)
            records = zone.get((name, kind))
            if records is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif records == "garbage":
                server.sendto(data[:2] + b"\xff" * 10, address)
                continue
            elif records:
                answer.answer.append(dns.rrset.from_text(question.question[0].name, 1, "IN", kind, *records))
            server.sendto(answer.to_wire(), address)

    thread = threading.Thread(target=serve)
    thread.start()
    port = server.getsockname()[1]
    yield f"127.0.0.1:{port}", zone
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"stop", ("127.0.0.1", port))
    thread.join()
    server.close()


def test_names_become_addresses(nameserver: tuple[str, dict[tuple[str, str], Any]]) -> None:
    address, zone = nameserver
    zone["redis.example.", "A"] = ["10.0.0.2", "10.0.0.1"]
    zone["redis.example.", "AAAA"] = ["2001:db8::1"]
    zone["_redis._tcp.example.", "SRV"] = ["1 1 7001 n2.example.", "1 1 7000 n1.example."]

    def look(name: str, kind: Any, port: int | None = None) -> tuple[Found, ...]:
        return asyncio.run(look_up(DnsDiscovery(kind="dns", name=name, type=kind, port=port, nameserver=address)))

    assert look("Redis.example", "A", 6379) == (Found("redis.example", ("10.0.0.1:6379", "10.0.0.2:6379"), {}),)
    assert look("redis.example.", "AAAA", 6379)[0].addresses == ("[2001:db8::1]:6379",)
    (srv,) = look("_redis._tcp.example", "SRV")
    assert srv == Found("redis.tcp.example", ("n1.example:7000", "n2.example:7001"), {})
    assert plan(World().integration, Section[FakeTarget](), [srv]), "the name must be one that a target can have"


@pytest.mark.parametrize("answer", [None, [], "garbage"], ids=["no such name", "no records", "garbage"])
def test_a_name_without_addresses_is_an_error(nameserver: tuple[str, dict[tuple[str, str], Any]], answer: Any) -> None:
    address, zone = nameserver
    if answer is not None:
        zone["gone.example.", "A"] = answer
    discovery = DnsDiscovery(kind="dns", name="gone.example", port=1, nameserver=address)
    with pytest.raises(DiscoveryError, match=r"gone\.example"):
        asyncio.run(asyncio.wait_for(look_up(discovery), 20))


@pytest.mark.parametrize("server", ["not an address", "example.org:53", "127.0.0.1:99999"])
def test_a_nameserver_that_is_none_is_told(server: str) -> None:
    with pytest.raises(DiscoveryError):
        asyncio.run(look_up(DnsDiscovery(kind="dns", name="x.example", port=1, nameserver=server)))


# -- plan ------------------------------------------------------------------------------------------------------------


def test_a_configured_target_wins_over_a_discovered_one() -> None:
    world = World(slow=True)
    section = Section[FakeTarget](targets=(FakeTarget(name="a", flavour="mine"),), interval_seconds=6, job="old")
    planned = plan(world.integration, section, [Found("a", ("h:1",), {}), Found("b", ("h:2",), {"flavour": "theirs"})])
    assert {name: one.settings.flavour for name, one in planned.items()} == {"fake/a": "mine", "fake/b": "theirs"}  # type: ignore[attr-defined]
    assert planned["fake/b"].settings.seeds == ("h:2",)  # type: ignore[attr-defined]
    timings = dict(planned["fake/a"].timings)
    assert (timings["fast"].interval_seconds, timings["fast"].timeout_seconds) == (6, 4)
    assert (timings["slow"].interval_seconds, timings["slow"].timeout_seconds) == (300, 10)
    assert planned["fake/a"].job == "old"


@pytest.mark.parametrize(
    "bad", [Found("Not A Name", ("h:1",), {}), Found("x", ("h:1",), {"typo": 1}), Found("", (), {})], ids=str
)
def test_a_found_target_that_is_not_usable_is_told(bad: Found) -> None:
    with pytest.raises(DiscoveryError, match="not usable"):
        plan(World().integration, Section[FakeTarget](), [bad])


# -- what settings are made of ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h:1", ("h", 1)),
        ("h.example:65535", ("h.example", 65535)),
        ("[::1]:80", ("::1", 80)),
        ("[fe80::1:2]", ("fe80::1:2", 7)),
        ("2001:db8::1:2", ("2001:db8::1:2", 7)),
        ("::1", ("::1", 7)),
        ("h", ("h", 7)),
    ],
)
def test_addresses(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text, 7) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "h:",
        "h:0",
        "h:65536",
        "h:x",
        "h:1:2",
        "http://h:1",
        "u@h:1",
        "h h:1",
        "[]:1",
        "[::1",
        "::1]:1",
        "h:\u0661",
    ],
)
def test_what_is_no_address(text: str) -> None:
    for default in (None, 7):
        with pytest.raises(ValueError, match="host:port"):
            split_address(text, default)


def test_a_secret_is_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    assert Secret(file=file).read() == "hunter2"
    file.write_bytes(b"hunter2\xff")
    with pytest.raises(AuthError) as refused:
        Secret(file=file).read()
    assert "hunter2" not in repr(refused.value)
    assert refused.value.__cause__ is None
    file.write_text("\n")
    with pytest.raises(AuthError, match="empty"):
        Secret(file=file).read()
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(AuthError, match="NO_SUCH"):
        Secret(env="NO_SUCH").read()
