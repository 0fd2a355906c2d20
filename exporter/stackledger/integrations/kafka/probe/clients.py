"""From a target's settings to those of librdkafka, and its log and errors to ours. Imports no client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from stackledger.clients.settings import Tls
from stackledger.clock import Clock
from stackledger.errors import AuthError
from stackledger.integrations.kafka.config import KafkaTarget, Sasl

_LOG = logging.getLogger(__name__)
_LOG_EVERY_SECONDS: Final = 60.0
_MOST_FACILITIES: Final = 100
_TOKEN_SECONDS: Final = 300.0
"""A token's own lifetime is not ours to read; librdkafka asks again after four fifths of this."""
_LAST_RESORT: Final = "other"

REASONS: Final = ("timed_out", "not_enough_replicas", "unauthorized", "no_topic", "queue_full", _LAST_RESORT)
_REASON_BY_CODE: Final = {
    "_MSG_TIMED_OUT": "timed_out",
    "_TIMED_OUT": "timed_out",
    "REQUEST_TIMED_OUT": "timed_out",
    "NOT_ENOUGH_REPLICAS": "not_enough_replicas",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "not_enough_replicas",
    "TOPIC_AUTHORIZATION_FAILED": "unauthorized",
    "CLUSTER_AUTHORIZATION_FAILED": "unauthorized",
    "_AUTHENTICATION": "unauthorized",
    "SASL_AUTHENTICATION_FAILED": "unauthorized",
    "UNKNOWN_TOPIC_OR_PART": "no_topic",
    "_UNKNOWN_TOPIC": "no_topic",
    "_UNKNOWN_PARTITION": "no_topic",
    "_QUEUE_FULL": "queue_full",
}

Conf = dict[str, Any]


def reason_of(code: str) -> str:
    """The class of a librdkafka error by its name: one of REASONS."""
    return _REASON_BY_CODE.get(code, _LAST_RESORT)


def _shared(settings: KafkaTarget, clock: Clock) -> Conf:
    timeout_ms = int((settings.probe.timeout_seconds if settings.probe else 10.0) * 1000)
    conf: Conf = {
        "bootstrap.servers": ",".join(settings.bootstrap),
        "client.id": "stackledger-probe",
        "allow.auto.create.topics": False,
        # Leaders move: learn of it before the timeout of a message, not after the usual five minutes.
        "topic.metadata.refresh.interval.ms": 5000,
        "reconnect.backoff.max.ms": 1000,
        "socket.timeout.ms": timeout_ms,
        "socket.keepalive.enable": True,
    }
    return conf | security_conf(settings.tls, settings.sasl, clock)


def producer_conf(settings: KafkaTarget, clock: Clock) -> Conf:
    """Settings of the producer: every message on its own and at once, with all replicas in sync, retried as usual."""
    conf = _shared(settings, clock)
    return conf | {"acks": "all", "linger.ms": 0, "message.timeout.ms": conf["socket.timeout.ms"]}


def consumer_conf(settings: KafkaTarget, clock: Clock) -> Conf:
    """Settings of the consumer. librdkafka wants a group's name, but nothing joins it or commits: it never exists."""
    return _shared(settings, clock) | {
        "group.id": "stackledger-probe",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",  # only a topic that was made anew is shorter than we know it
        "isolation.level": "read_uncommitted",
        "fetch.error.backoff.ms": 200,
    }


def security_conf(tls: Tls | None, sasl: Sasl | None, clock: Clock) -> Conf:
    """Settings of librdkafka for TLS and login. Raises AuthError for a secret that cannot be read."""
    conf: Conf = {
        "security.protocol": f"SASL_{'SSL' if tls else 'PLAINTEXT'}" if sasl else "SSL" if tls else "PLAINTEXT"
    }
    if tls is not None:
        files = {
            "ssl.ca.location": tls.ca_file,
            "ssl.certificate.location": tls.cert_file,
            "ssl.key.location": tls.key_file,
        }
        conf |= {key: str(path) for key, path in files.items() if path is not None}
        conf["enable.ssl.certificate.verification"] = tls.verify
        conf["ssl.endpoint.identification.algorithm"] = "https" if tls.verify else "none"
    return conf | (_login(sasl, clock) if sasl is not None else {})


def _login(sasl: Sasl, clock: Clock) -> Conf:
    if sasl.mechanism == "OAUTHBEARER":
        return {"sasl.mechanism": sasl.mechanism, "oauth_cb": _token_reader(sasl, clock)}
    password = sasl.password.read() if sasl.password is not None else ""
    return {"sasl.mechanism": sasl.mechanism, "sasl.username": sasl.user, "sasl.password": password}


def _token_reader(sasl: Sasl, clock: Clock) -> Callable[[str], tuple[str, float]]:
    def read(_config: str) -> tuple[str, float]:
        if sasl.client is not None:
            from stackledger.integrations.kafka.oauth import fetch_token  # noqa: PLC0415 - loads an HTTP client

            token, life = fetch_token(sasl.client)
            return token, clock.now() + (life or _TOKEN_SECONDS)
        return sasl.token.read() if sasl.token is not None else "", clock.now() + _TOKEN_SECONDS

    if sasl.token is not None:
        sasl.token.read()  # a missing file is told now, not by a client that never connects
    return read


def without_secrets(text: str, conf: Conf) -> str:
    """The text of a library's error, which might repeat a setting."""
    password = conf.get("sasl.password")
    return text.replace(password, "...") if password else text


def refused_login(text: str) -> AuthError:
    """The error for a refused login of librdkafka."""
    return AuthError(f"the probe's client is refused: {text}")


class ClientLog:
    """librdkafka's log as ours: a line by facility a minute, however many brokers it cannot reach."""

    def __init__(self, target: str, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._next: dict[str, float] = {}
        self._left_out = 0

    def log(self, level: int, form: str, *words: object) -> None:
        """What librdkafka calls: form and words, the first of which is the facility."""
        facility, now = str(words[0]) if words else form, self._clock.monotonic()
        if now < self._next.get(facility, 0.0):
            self._left_out += 1
            return
        if len(self._next) >= _MOST_FACILITIES:
            self._next.clear()
        self._next[facility] = now + _LOG_EVERY_SECONDS
        fields = {"integration": "kafka", "target": self._target, "left_out": self._left_out}
        self._left_out = 0
        # The facets and metrics say what is wrong; these lines are for whoever looks for the cause.
        _LOG.log(min(level, logging.INFO), f"probe: {form}", *words, extra=fields)
