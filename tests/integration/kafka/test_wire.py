"""The protocol client on real brokers: exact answers, authentication, TLS, and brokers that freeze, die and return."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import ports, programs
from lab.kafka import KafkaBroker, KafkaCluster
from lab.tls import Certificates
from stackledger.clock import SystemClock
from stackledger.errors import AuthError, ConnectError, TargetError
from stackledger.integrations.kafka.wire.cluster import Cluster, ClusterLimits
from stackledger.integrations.kafka.wire.connection import Address, Connection, Options, Security
from stackledger.integrations.kafka.wire.messages.cluster import MetadataRequest
from stackledger.integrations.kafka.wire.messages.groups import (
    ConsumerGroupDescribeRequest,
    DescribeGroupsRequest,
    ListGroupsRequest,
    read_assignment,
)
from stackledger.integrations.kafka.wire.messages.offsets import EARLIEST, Isolation, ListOffsetsRequest
from stackledger.integrations.kafka.wire.messages.quorum import DescribeQuorumRequest
from stackledger.integrations.kafka.wire.messages.storage import DescribeLogDirsRequest
from stackledger.integrations.kafka.wire.sasl import Credentials, OAuthBearer, Plain, Scram

pytestmark = pytest.mark.real("kafka")

USER, PASSWORD = "lab", "lab-secret-1"
Use = Callable[[Cluster], Awaitable[None]]


def at(broker: KafkaBroker) -> Address:
    return Address("127.0.0.1", broker.port)


def sockets() -> int:
    def is_socket(entry: Path) -> bool:
        try:
            return str(entry.readlink()).startswith("socket:")
        except OSError:
            return False

    return sum(map(is_socket, Path("/proc/self/fd").iterdir()))


def run(addresses: list[Address], use: Use, *, security: Security | None = None, attempt_seconds: float = 3.0) -> None:
    """Run `use` on a client, close it, and see that neither a task nor a socket is left."""

    async def inside() -> None:
        before = sockets()
        options = Options(clock=SystemClock(), security=security or Security())
        cluster = Cluster(addresses, options, limits=ClusterLimits(attempt_seconds=attempt_seconds))
        try:
            await use(cluster)
        finally:
            await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(0)
        assert sockets() == before

    asyncio.run(inside())


def test_records_and_commits_are_exact(kafka_cluster: KafkaCluster) -> None:
    kafka_cluster.create_topic("wire-exact", partitions=3)
    kafka_cluster.produce("wire-exact", 100)
    kafka_cluster.commit("wire-group", {("wire-exact", 0): 5, ("wire-exact", 2): 30})
    expected = kafka_cluster.end_offsets("wire-exact")

    async def use(cluster: Cluster) -> None:
        metadata = await cluster.refresh(("wire-exact",))
        assert {part.leader for part in metadata.topics["wire-exact"].partitions} == {1}
        asked = {"wire-exact": range(3)}
        latest, earliest, stable = await asyncio.gather(
            cluster.request(1, ListOffsetsRequest(asked)),
            cluster.request(1, ListOffsetsRequest(asked, EARLIEST)),
            cluster.request(1, ListOffsetsRequest(asked, isolation=Isolation.READ_COMMITTED)),
        )
        assert latest.offsets == stable.offsets == {"wire-exact": expected}
        assert sum(expected.values()) == 100
        assert earliest.offsets == {"wire-exact": {0: 0, 1: 0, 2: 0}}
        commits = await cluster.fetch_offsets(1, ("wire-group", "wire-nobody"))
        assert commits["wire-group"].offsets == {"wire-exact": {0: 5, 2: 30}}
        assert commits["wire-nobody"].offsets == {}
        assert "wire-group" in {group.group_id for group in (await cluster.request(1, ListGroupsRequest())).groups}
        assert cluster.traffic.requests_sent == cluster.traffic.answers_received == 7

    run([at(kafka_cluster.brokers[0])], use)


def test_live_members_of_both_protocols(kafka_cluster: KafkaCluster) -> None:
    kafka_cluster.create_topic("wire-live", partitions=2)
    classic = kafka_cluster.consumer("wire-classic", ["wire-live"])
    modern = kafka_cluster.consumer("wire-modern", ["wire-live"], protocol="consumer")
    classic.wait_assigned()
    modern.wait_assigned()

    async def use(cluster: Cluster) -> None:
        await cluster.refresh()
        old = (await cluster.request(1, DescribeGroupsRequest(("wire-classic",))))["wire-classic"]
        assert old.state == "Stable"
        assert read_assignment(old.members[0].assignment) == {"wire-live": (0, 1)}
        new = (await cluster.request(1, ConsumerGroupDescribeRequest(("wire-modern",))))["wire-modern"]
        assert new.state == "Stable"
        assert {row.topic: sorted(row.partitions) for row in new.members[0].assignment} == {"wire-live": [0, 1]}

    try:
        run([at(kafka_cluster.brokers[0])], use)
    finally:
        classic.stop()
        modern.stop()


def test_an_unknown_topic_is_an_error_of_its_own_and_is_not_created(kafka_cluster: KafkaCluster) -> None:
    async def use(cluster: Cluster) -> None:
        metadata = await cluster.refresh(("wire-absent",))
        assert metadata.topics["wire-absent"].error_code == 3
        answer = await cluster.request(1, ListOffsetsRequest({"wire-absent": [0]}))
        assert answer.errors == {"wire-absent": {0: 3}}
        assert "wire-absent" not in (await cluster.refresh()).topics

    run([at(kafka_cluster.brokers[0])], use)


def test_quorum_and_disks(kafka_cluster: KafkaCluster) -> None:
    async def use(cluster: Cluster) -> None:
        await cluster.refresh()
        quorum = await cluster.request(1, DescribeQuorumRequest())
        assert (quorum.leader_id, [voter.id for voter in quorum.voters]) == (1, [1])
        (directory,) = (await cluster.request(1, DescribeLogDirsRequest())).dirs
        assert directory.total_bytes > directory.usable_bytes > 0

    run([at(kafka_cluster.brokers[0])], use)


def test_a_frozen_broker_costs_the_callers_timeout_and_stays_in_step(start: Callable[[Any], KafkaCluster]) -> None:
    kafka = start(KafkaCluster())
    kafka.create_topic("orders", partitions=2)
    (broker,) = kafka.brokers

    async def use(cluster: Cluster) -> None:
        await cluster.refresh()
        kafka.freeze(broker)
        try:
            began = time.monotonic()
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await asyncio.gather(
                            cluster.request(1, MetadataRequest()), cluster.request(1, DescribeQuorumRequest())
                        )
            assert time.monotonic() - began < 5
        finally:
            kafka.thaw(broker)
        async with asyncio.timeout(30):
            groups = await cluster.request(1, ListGroupsRequest())
            offsets = await cluster.request(1, ListOffsetsRequest({"orders": [0, 1]}))
        assert groups.error_code == 0
        assert offsets.offsets == {"orders": {0: 0, 1: 0}}
        traffic = cluster.traffic
        assert traffic.requests_sent == traffic.answers_received == 8  # one connection; the late answers came and went

    run([at(broker)], use)


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.1)


def test_a_broker_killed_in_the_middle_is_said_at_once_forgotten_and_found_again(
    start: Callable[[Any], KafkaCluster],
) -> None:
    kafka = start(KafkaCluster(3))
    victim = kafka.broker(3)

    async def use(cluster: Cluster) -> None:
        await cluster.refresh()
        for broker in cluster.brokers:
            assert (await cluster.request(broker, ListGroupsRequest())).error_code == 0
        kafka.freeze(victim)
        waiting = asyncio.create_task(cluster.request(3, MetadataRequest()))
        await asyncio.sleep(0.2)
        kafka.kill(victim)
        with pytest.raises(ConnectError, match=str(victim.port)):
            async with asyncio.timeout(5):
                await waiting
        async with asyncio.timeout(5):
            metadata = await cluster.refresh()
        assert {1, 2} <= set(metadata.brokers)

        async def gone() -> bool:
            return 3 not in (await cluster.refresh()).brokers

        await until(gone)
        assert cluster.open_connections == 2
        with pytest.raises(ConnectError, match="broker 3"):
            await cluster.request(3, ListGroupsRequest())
        await asyncio.to_thread(kafka.restart, victim)

        async def back() -> bool:
            return 3 in (await cluster.refresh()).brokers

        await until(back)
        assert (await cluster.request(3, ListGroupsRequest())).error_code == 0

    run([at(broker) for broker in kafka.brokers], use, attempt_seconds=1)


def test_a_frozen_bootstrap_broker_does_not_hide_the_cluster(kafka_cluster_of_three: KafkaCluster) -> None:
    kafka = kafka_cluster_of_three
    frozen = kafka.broker(1)
    kafka.freeze(frozen)

    async def use(cluster: Cluster) -> None:
        began = time.monotonic()
        await cluster.refresh()
        assert time.monotonic() - began < 5
        again = time.monotonic()
        await cluster.refresh()  # the broker that failed is not asked first again
        assert time.monotonic() - again < 0.5

    try:
        run([at(broker) for broker in kafka.brokers], use, attempt_seconds=0.5)
    finally:
        kafka.thaw(frozen)


class SecuredKafka(KafkaCluster):
    """One broker with four client listeners: SASL in clear, TLS, mutual TLS, and OAUTHBEARER in clear."""

    def __init__(self, certificates: Certificates) -> None:
        # A session of PLAIN lasts 2 s, so that a connection has to be renewed while it is in use.
        renewal = {"listener.name.client.plain.connections.max.reauth.ms": "2000"}
        super().__init__(sasl=(USER, PASSWORD), properties=renewal)
        self.certificates = certificates
        self.tls, self.mutual, self.oauth = self._open.enter_context(ports.reserve(3)).ports

    def _server_properties(self, broker: KafkaBroker) -> dict[str, str]:
        chain = self.certificates.authority.parent / "chain.pem"
        chain.write_text(self.certificates.key.read_text() + self.certificates.certificate.read_text())
        more = {"TLS": (self.tls, "SSL"), "MUTUAL": (self.mutual, "SSL"), "OAUTH": (self.oauth, "SASL_PLAINTEXT")}
        given = super()._server_properties(broker)
        jaas = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
        joined = {
            "listeners": [f"{name}://127.0.0.1:{port}" for name, (port, _) in more.items()],
            "advertised.listeners": [f"{name}://127.0.0.1:{port}" for name, (port, _) in more.items()],
            "listener.security.protocol.map": [f"{name}:{protocol}" for name, (_, protocol) in more.items()],
        }
        return {
            **given,
            **{key: ",".join([given[key], *values]) for key, values in joined.items()},
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(chain),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.authority),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config": f'{jaas} unsecuredLoginStringClaim_sub="{USER}";',
        }


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    try:
        with SecuredKafka(Certificates.create(tmp_path_factory.mktemp("wire"))) as kafka:
            yield kafka
    except programs.ProgramMissingError as missing:
        if programs.servers_required():
            pytest.fail(str(missing))
        pytest.skip(str(missing))


async def ask(cluster: Cluster) -> None:
    metadata = await cluster.refresh()
    (broker,) = metadata.brokers
    assert (await cluster.request(broker, ListGroupsRequest())).error_code == 0


async def token() -> str:
    """An unsigned token, which this broker's default validator takes."""
    now = time.time()
    parts = {"alg": "none"}, {"sub": USER, "iat": now, "exp": now + 600}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


async def no_token() -> str:
    return "not.a.token"


@pytest.mark.parametrize(
    "credentials",
    [Plain(USER, PASSWORD), Scram(USER, PASSWORD, "SCRAM-SHA-256"), Scram(USER, PASSWORD, "SCRAM-SHA-512")],
    ids=lambda credentials: credentials.mechanism,
)
def test_every_password_mechanism_is_accepted(secured: SecuredKafka, credentials: Credentials) -> None:
    run([at(secured.brokers[0])], ask, security=Security(sasl=credentials))


def refused(security: Security, port: int) -> TargetError:
    """How `open` fails; a connection that was accepted after all, or is refused only on use, gets one request."""

    async def attempt() -> None:
        before = sockets()
        try:
            async with asyncio.timeout(10):
                connection = await Connection.open(Address("127.0.0.1", port), Options(SystemClock(), security))
                try:
                    await connection.request(MetadataRequest(()))
                finally:
                    await connection.close()
        finally:
            await asyncio.sleep(0.05)
            assert sockets() == before

    with pytest.raises(TargetError) as error:
        asyncio.run(attempt())
    assert str(port) in str(error.value)
    assert PASSWORD not in str(error.value)
    assert "wrong-secret" not in str(error.value)
    return error.value


@pytest.mark.parametrize(
    "credentials",
    [
        Plain(USER, "wrong-secret"),
        Plain("nobody", PASSWORD),
        Scram(USER, "wrong-secret", "SCRAM-SHA-256"),
        Scram(USER, "wrong-secret"),
        Scram("nobody", PASSWORD),
    ],
    ids=lambda credentials: f"{credentials.mechanism}-{credentials.username}",
)
def test_wrong_credentials_are_an_auth_error_without_the_secret(
    secured: SecuredKafka, credentials: Credentials
) -> None:
    error = refused(Security(sasl=credentials), secured.brokers[0].port)
    assert isinstance(error, AuthError)
    assert "SASL_AUTHENTICATION_FAILED" in str(error)


def test_a_mechanism_that_the_listener_lacks_names_those_it_has(secured: SecuredKafka) -> None:
    error = refused(Security(sasl=OAuthBearer(token)), secured.brokers[0].port)
    assert isinstance(error, AuthError)
    assert "SCRAM-SHA-512" in str(error)


def test_no_credentials_for_a_listener_that_wants_them(secured: SecuredKafka) -> None:
    error = refused(Security(), secured.brokers[0].port)
    assert isinstance(error, ConnectError)
    assert "SASL" in str(error)


def test_credentials_for_a_listener_without_sasl(kafka_cluster: KafkaCluster) -> None:
    error = refused(Security(sasl=Plain(USER, PASSWORD)), kafka_cluster.brokers[0].port)
    assert isinstance(error, AuthError | ConnectError)
    assert "SASL" in str(error)


def test_a_session_that_expires_is_renewed_before_the_broker_ends_it(secured: SecuredKafka) -> None:
    async def use(cluster: Cluster) -> None:
        (broker,) = (await cluster.refresh()).brokers
        ends = time.monotonic() + 5
        while time.monotonic() < ends:
            assert (await cluster.request(broker, ListGroupsRequest())).error_code == 0
            await asyncio.sleep(0.1)
        # A request on a session that the broker has ended would have been lost, and sent again on a new connection.
        assert cluster.traffic.requests_sent == cluster.traffic.answers_received

    run([at(secured.brokers[0])], use, security=Security(sasl=Plain(USER, PASSWORD)))


def test_the_broker_does_end_an_expired_session(secured: SecuredKafka) -> None:
    """Without this the renewal above would prove nothing."""

    async def inside() -> None:
        security = Security(sasl=Plain(USER, PASSWORD))
        connection = await Connection.open(at(secured.brokers[0]), Options(SystemClock(), security))
        assert connection.usable
        await asyncio.sleep(2.5)
        assert not connection.usable
        with pytest.raises(ConnectError):
            await connection.request(ListGroupsRequest())
        await connection.close()

    asyncio.run(inside())


def test_oauthbearer(secured: SecuredKafka) -> None:
    run([Address("127.0.0.1", secured.oauth)], ask, security=Security(sasl=OAuthBearer(token)))
    assert isinstance(refused(Security(sasl=OAuthBearer(no_token)), secured.oauth), AuthError)


def trusting(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.authority))


def test_tls_and_mutual_tls(secured: SecuredKafka) -> None:
    run([Address("127.0.0.1", secured.tls)], ask, security=Security(tls=trusting(secured.certificates)))
    with_certificate = trusting(secured.certificates)
    with_certificate.load_cert_chain(secured.certificates.certificate, secured.certificates.key)
    run([Address("127.0.0.1", secured.mutual)], ask, security=Security(tls=with_certificate))


def test_a_certificate_that_is_not_trusted(secured: SecuredKafka) -> None:
    error = refused(Security(tls=ssl.create_default_context()), secured.tls)
    assert isinstance(error, ConnectError)
    assert "not trusted" in str(error)


def test_no_certificate_for_a_listener_that_wants_one(secured: SecuredKafka) -> None:
    error = refused(Security(tls=trusting(secured.certificates)), secured.mutual)
    assert isinstance(error, ConnectError)
    assert "certificate" in str(error)


def test_plain_to_a_tls_listener_and_tls_to_a_plain_one(secured: SecuredKafka) -> None:
    assert "TLS" in str(refused(Security(), secured.tls))
    assert "TLS" in str(refused(Security(tls=trusting(secured.certificates)), secured.oauth))


def test_nobody_listens() -> None:
    with ports.reserve(1) as held:
        error = refused(Security(), held.ports[0])
    assert isinstance(error, ConnectError)
    assert "running" in str(error)
