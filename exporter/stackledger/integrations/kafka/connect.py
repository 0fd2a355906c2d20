"""From a target's settings to the wire client. Reads secrets when a client is made; opens no socket itself."""

from __future__ import annotations

from stackledger.clients.settings import split_address
from stackledger.clock import Clock
from stackledger.integrations.kafka.config import KafkaTarget, Sasl
from stackledger.integrations.kafka.wire.cluster import Cluster, ClusterLimits
from stackledger.integrations.kafka.wire.connection import Address, Options, Security, Traffic
from stackledger.integrations.kafka.wire.sasl import Credentials, OAuthBearer, Plain, Scram


def options(settings: KafkaTarget, clock: Clock, traffic: Traffic) -> Options:
    """What all connections to the target share. Raises AuthError for a secret or certificate that cannot be read."""
    security = Security(
        tls=settings.tls.context() if settings.tls is not None else None,
        sasl=_credentials(settings.sasl, clock) if settings.sasl is not None else None,
        server_name=settings.tls.server_name if settings.tls is not None else None,
    )
    return Options(clock, security, traffic=traffic)


def client(settings: KafkaTarget, shared: Options, *, attempt_seconds: float) -> Cluster:
    """A client for the target, with connections of its own."""
    bootstrap = [Address(*split_address(address)) for address in settings.bootstrap]
    return Cluster(bootstrap, shared, limits=ClusterLimits(attempt_seconds=attempt_seconds))


def _credentials(sasl: Sasl, clock: Clock) -> Credentials:
    password = sasl.password.read() if sasl.password is not None else ""
    if sasl.mechanism == "OAUTHBEARER":
        from stackledger.integrations.kafka.oauth import token_source  # noqa: PLC0415 - an HTTP client takes 5 MiB

        return OAuthBearer(token_source(sasl, clock))
    if sasl.mechanism == "PLAIN":
        return Plain(sasl.user, password)
    return Scram(sasl.user, password, sasl.mechanism)
