"""The connection against peers that misbehave in ways a real broker cannot be made to."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import programs
from lab.tls import Certificates
from stackledger.clock import SystemClock
from stackledger.errors import ConnectError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.connect import options as options_of
from stackledger.integrations.kafka.wire.cluster import Cluster, ClusterLimits
from stackledger.integrations.kafka.wire.codec import Writer
from stackledger.integrations.kafka.wire.connection import MAX_ABANDONED, Address, Connection, Options, Traffic
from stackledger.integrations.kafka.wire.messages.cluster import MetadataRequest
from stackledger.integrations.kafka.wire.messages.groups import ListGroupsRequest
from stackledger.integrations.kafka.wire.messages.transactions import ListTransactionsRequest
from stackledger.integrations.kafka.wire.request import UnsupportedApiError

API_VERSIONS, METADATA, LIST_GROUPS = 18, 3, 16
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answer = Callable[[int, int, asyncio.StreamWriter], Awaitable[None]]


def frame(correlation_id: int, body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, correlation_id) + body


def versions_answer(apis: dict[int, tuple[int, int]]) -> bytes:
    rows = b"".join(struct.pack(">hhhB", key, *span, 0) for key, span in apis.items())
    return struct.pack(">hB", 0, len(apis) + 1) + rows + struct.pack(">iB", 0, 0)


def metadata_answer(brokers: dict[int, int]) -> bytes:
    writer = Writer(flexible=True)
    writer.tags()
    writer.int32(0)
    writer.count(len(brokers))
    for broker, port in brokers.items():
        writer.int32(broker)
        writer.string("127.0.0.1")
        writer.int32(port)
        writer.string(None)
        writer.tags()
    writer.string("cluster")
    writer.int32(1)
    writer.count(0)
    writer.tags()
    return writer.getvalue()


GROUPS = struct.pack(">BihBB", 0, 0, 0, 1, 0)
OFFERED = {API_VERSIONS: (0, 4), METADATA: (0, 12), LIST_GROUPS: (0, 5)}


class Peer:
    """A server whose answers the test decides; it answers ApiVersions by itself."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.port = 0
        self.connections = 0
        self.seen: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                key, _, correlation_id = struct.unpack_from(">hhi", await reader.readexactly(size))
                self.seen.append(key)
                if key == API_VERSIONS:
                    writer.write(frame(correlation_id, versions_answer(OFFERED)))
                else:
                    await self.answer(key, correlation_id, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(answer: Answer, *, tls: ssl.SSLContext | None = None) -> Any:
    made = Peer(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def address(of: Peer) -> Address:
    return Address("127.0.0.1", of.port)


def options(**more: Any) -> Options:
    return Options(clock=SystemClock(), **more)


async def ignore(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
    return


def sends(data: Callable[[int], bytes]) -> Answer:
    async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data(correlation_id))

    return answer


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (lambda i: b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError, "HTTP"),
        (lambda i: b"\x15\x03\x03\x00\x02\x02\x50", ProtocolError, "TLS"),
        (lambda i: struct.pack(">i", 2**31 - 1), ProtocolError, "2147483647 bytes"),
        (lambda i: struct.pack(">i", -1), ProtocolError, "-1 bytes"),
        (lambda i: struct.pack(">i", 3), ProtocolError, "3 bytes"),
        (lambda i: frame(i + 1, GROUPS), ProtocolError, "never sent"),
        (lambda i: frame(i, GROUPS[:-1]), ProtocolError, "ListGroups v5 answer"),
        (lambda i: frame(i, b""), ProtocolError, "ListGroups v5 answer"),
    ],
)
def test_a_wrong_answer_is_said_with_the_address(
    data: Callable[[int], bytes], error: type[TargetError], says: str
) -> None:
    async def run() -> None:
        async with peer(sends(data)) as server:
            connection = await Connection.open(address(server), options())
            with pytest.raises(error, match=says) as raised:
                await connection.request(ListGroupsRequest())
            assert str(address(server)) in str(raised.value)
            await connection.close()

    asyncio.run(run())


def test_a_malformed_answer_leaves_the_connection_in_step() -> None:
    answers = iter([b"\xff" * 9, GROUPS])

    async def run() -> None:
        async with peer(sends(lambda i: frame(i, next(answers)))) as server:
            connection = await Connection.open(address(server), options())
            with pytest.raises(ProtocolError):
                await connection.request(ListGroupsRequest())
            assert (await connection.request(ListGroupsRequest())).error_code == 0
            assert server.connections == 1
            await connection.close()

    asyncio.run(run())


def test_answers_may_come_in_any_pieces_and_any_order() -> None:
    waiting: list[tuple[int, int]] = []

    async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
        waiting.append((key, correlation_id))
        if len(waiting) < 2:
            return
        bodies = {METADATA: metadata_answer({7: 1}), LIST_GROUPS: GROUPS}
        data = b"".join(frame(i, bodies[key]) for key, i in reversed(waiting))
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async def run() -> None:
        async with peer(answer) as server:
            connection = await Connection.open(address(server), options())
            metadata, groups = await asyncio.gather(
                connection.request(MetadataRequest()), connection.request(ListGroupsRequest())
            )
            assert list(metadata.brokers) == [7]
            assert groups.groups == ()
            await connection.close()

    asyncio.run(run())


def test_a_late_answer_to_a_cancelled_request_is_dropped_and_counted() -> None:
    held: list[bytes] = []

    async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
        if key == METADATA:
            held.append(frame(correlation_id, metadata_answer({7: 1})))
        else:
            writer.write(b"".join(held) + frame(correlation_id, GROUPS))
            held.clear()

    async def run() -> None:
        async with peer(answer) as server:
            opts = options()
            connection = await Connection.open(address(server), opts)
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await connection.request(MetadataRequest())
            assert connection.in_flight == 0
            assert (await connection.request(ListGroupsRequest())).groups == ()
            assert server.connections == 1
            assert opts.traffic.requests_sent == opts.traffic.answers_received == 5
            await connection.close()

    asyncio.run(run())


def test_a_broker_that_owes_too_many_answers_is_left() -> None:
    async def run() -> None:
        async with peer(ignore) as server:
            connection = await Connection.open(address(server), options())
            for _ in range(MAX_ABANDONED + 1):
                assert connection.usable
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await connection.request(MetadataRequest())
            assert not connection.usable
            with pytest.raises(ConnectError, match="owes"):
                await connection.request(MetadataRequest())
            await connection.close()

    asyncio.run(run())


def test_an_answer_above_the_limit_is_refused_before_it_is_read() -> None:
    async def run() -> None:
        async with peer(sends(lambda i: struct.pack(">ii", 1001, i))) as server:
            connection = await Connection.open(address(server), options(max_frame_bytes=1000))
            with pytest.raises(ProtocolError, match="1001 bytes"):
                await connection.request(ListGroupsRequest())
            assert not connection.usable

    asyncio.run(run())


def test_close_fails_those_who_wait() -> None:
    async def run() -> None:
        async with peer(ignore) as server:
            connection = await Connection.open(address(server), options())
            waiting = asyncio.create_task(connection.request(ListGroupsRequest()))
            await asyncio.sleep(0.01)
            await connection.close()
            with pytest.raises(ConnectError, match="closed by us"):
                await waiting
            assert not connection.usable

    asyncio.run(run())


def test_what_the_broker_does_not_offer_is_never_sent() -> None:
    async def run() -> None:
        async with peer(ignore) as server:
            connection = await Connection.open(address(server), options())
            assert connection.version_of(ListTransactionsRequest) is None
            with pytest.raises(UnsupportedApiError, match="ListTransactions"):
                await connection.request(ListTransactionsRequest())
            assert server.seen == [API_VERSIONS]
            await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("host", ["", "..", "a\0b", "x" * 300, "no-such-host.invalid"])
def test_an_address_that_cannot_exist_is_a_connect_error(host: str) -> None:
    with pytest.raises(ConnectError):
        asyncio.run(Connection.open(Address(host, 99_999), options()))


def test_an_ipv6_address_is_written_with_brackets() -> None:
    assert str(Address("::1", 9092)) == "[::1]:9092"


def test_a_kept_connection_that_the_broker_closed_is_replaced_once() -> None:
    async def run() -> None:
        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            if key == METADATA:
                writer.write(frame(correlation_id, metadata_answer({1: server.port})))
            elif server.connections == 1:
                writer.close()  # as an idle connection is: found out only when the next request is written
            else:
                writer.write(frame(correlation_id, GROUPS))

        async with peer(answer) as server:
            cluster = Cluster([address(server)], options())
            await cluster.refresh()
            assert (await cluster.request(1, ListGroupsRequest())).groups == ()
            assert server.connections == 2
            await cluster.close()

    asyncio.run(run())


def test_a_broker_that_closes_on_every_request_is_not_asked_for_ever() -> None:
    async def run() -> None:
        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with peer(answer) as server:
            cluster = Cluster([address(server)], options())
            with pytest.raises(ConnectError, match="closed the connection"):
                await cluster.refresh()
            assert server.connections <= 2
            await cluster.close()

    asyncio.run(run())


def test_a_silent_bootstrap_server_does_not_keep_from_the_next() -> None:
    async def run() -> None:
        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            writer.write(frame(correlation_id, metadata_answer({1: good.port})))

        async with peer(ignore) as silent, peer(answer) as good:
            cluster = Cluster([address(silent), address(good)], options(), limits=ClusterLimits(attempt_seconds=0.05))
            assert list((await cluster.refresh()).brokers) == [1]
            assert cluster.brokers == {1: address(good)}
            assert cluster.open_connections == 1  # the silent one is no member, so it is forgotten
            await cluster.close()
            with pytest.raises(ConnectError, match="client is closed"):
                await cluster.request(1, ListGroupsRequest())

    asyncio.run(run())


def test_a_single_silent_server_is_a_timeout() -> None:
    async def run() -> None:
        async with peer(ignore) as silent:
            cluster = Cluster([address(silent)], options(), limits=ClusterLimits(attempt_seconds=0.05))
            with pytest.raises(ReadTimeoutError, match=str(silent.port)):
                await cluster.refresh()
            await cluster.close()

    asyncio.run(run())


def test_open_sockets_are_bounded_and_idle_ones_make_room() -> None:
    async def run() -> None:
        ports: dict[int, int] = {}

        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.01)
            writer.write(frame(correlation_id, metadata_answer(ports) if key == METADATA else GROUPS))

        async with peer(answer) as a, peer(answer) as b, peer(answer) as c:
            ports |= {1: a.port, 2: b.port, 3: c.port}
            cluster = Cluster([address(a)], options(), limits=ClusterLimits(max_connections=2))
            await cluster.refresh()
            highest = 0

            async def ask(broker: int) -> None:
                nonlocal highest
                await cluster.request(broker, ListGroupsRequest())
                highest = max(highest, cluster.open_connections)

            await asyncio.gather(*(ask(broker) for broker in (1, 2, 3) * 4))
            assert highest == 2
            await cluster.close()
            assert cluster.open_connections == 0

    asyncio.run(run())


def test_a_broker_that_left_is_forgotten_with_its_connection() -> None:
    async def run() -> None:
        ports: dict[int, int] = {}

        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            writer.write(frame(correlation_id, metadata_answer(ports) if key == METADATA else GROUPS))

        async with peer(answer) as a, peer(answer) as b:
            ports |= {1: a.port, 2: b.port}
            cluster = Cluster([address(a)], options())
            await cluster.refresh()
            await cluster.request(2, ListGroupsRequest())
            assert cluster.open_connections == 2
            del ports[2]
            await cluster.refresh()
            assert cluster.open_connections == 1
            with pytest.raises(ConnectError, match="broker 2"):
                await cluster.request(2, ListGroupsRequest())
            ports.clear()
            await cluster.refresh()  # a broker that knows nobody yet makes nobody forgotten
            assert list(cluster.brokers) == [1]
            await cluster.close()

    asyncio.run(run())


def test_whoever_opens_may_be_cancelled_and_the_next_goes_on() -> None:
    async def run() -> None:
        async def answer(key: int, correlation_id: int, writer: asyncio.StreamWriter) -> None:
            writer.write(frame(correlation_id, metadata_answer({1: server.port}) if key == METADATA else GROUPS))

        async with peer(answer) as server:
            cluster = Cluster([address(server)], options())
            first = asyncio.create_task(cluster.refresh())
            second = asyncio.create_task(cluster.refresh())
            await asyncio.sleep(0)
            first.cancel()
            assert list((await second).brokers) == [1]
            assert cluster.open_connections == 1
            await cluster.close()

    asyncio.run(run())


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Of 127.0.0.1 and localhost."""
    try:
        return Certificates.create(tmp_path)
    except programs.ProgramMissingError as missing:
        pytest.skip(str(missing))


def server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


@pytest.mark.parametrize("server_name", [None, "localhost"])
def test_tls_expects_the_name_that_is_configured(server_name: str | None, certificates: Certificates) -> None:
    asked: list[str | None] = []

    async def scenario() -> None:
        context = server_context(certificates)
        context.sni_callback = lambda _link, name, _context: asked.append(name)
        async with peer(ignore, tls=context) as broker:
            connection = await Connection.open(address(broker), secured(certificates, server_name))
            await connection.close()

    asyncio.run(scenario())
    assert asked == [server_name]  # a bare address is never told to the server, but compared all the same


def test_tls_refuses_a_certificate_of_another_name_than_is_configured(certificates: Certificates) -> None:
    async def scenario() -> None:
        async with peer(ignore, tls=server_context(certificates)) as broker:
            with pytest.raises(ConnectError, match="not trusted"):
                await Connection.open(address(broker), secured(certificates, "kafka.example"))

    asyncio.run(scenario())


def secured(certificates: Certificates, server_name: str | None) -> Options:
    """What a target with these settings connects with."""
    tls = {"ca_file": str(certificates.authority), "server_name": server_name}
    settings = KafkaTarget.model_validate({"name": "orders", "bootstrap": ["127.0.0.1:9092"], "tls": tls})
    return options_of(settings, SystemClock(), Traffic())
