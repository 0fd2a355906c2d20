"""The probe's clients log in with the target's own settings, whatever the listener asks for."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from stackledger.integrations.kafka.probe import metrics as m
from tests.integration.kafka.reading import Reader, Seen
from tests.integration.kafka.test_wire import PASSWORD, USER, SecuredKafka, secured, token

__all__ = ["secured"]  # the fixture: one broker with a listener for each way

pytestmark = pytest.mark.real("kafka")

WAYS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "TLS", "mutual TLS", "OAUTHBEARER")


def settings_for(way: str, kafka: SecuredKafka, folder: Path) -> tuple[int, dict[str, Any]]:
    """The listener's port and what a user writes for it."""
    files = kafka.certificates
    if way == "TLS":
        return kafka.tls, {"tls": {"ca_file": files.authority}}
    if way == "mutual TLS":
        mutual = {"ca_file": files.authority, "cert_file": files.certificate, "key_file": files.key}
        return kafka.mutual, {"tls": mutual}
    secret = folder / "secret"
    if way == "OAUTHBEARER":
        secret.write_text(asyncio.run(token()))  # type: ignore[arg-type]
        return kafka.oauth, {"sasl": {"mechanism": way, "token": {"file": secret}}}
    secret.write_text(PASSWORD)
    return kafka.brokers[0].port, {"sasl": {"mechanism": way, "user": USER, "password": {"file": secret}}}


@pytest.mark.parametrize("way", WAYS)
def test_the_probe_logs_in(way: str, secured: SecuredKafka, tmp_path: Path) -> None:
    port, settings = settings_for(way, secured, tmp_path)
    topic = f"probe-{way.lower().replace(' ', '-')}"
    probe = {"interval_seconds": 0.2, "timeout_seconds": 5.0, "topic": topic}
    with Reader(f"127.0.0.1:{port}", probe=probe, **settings) as reader:
        seen = reader.until(_flows)
        assert seen.snapshot.facets["probe"] is None
        if way == "PLAIN":  # its session lasts 2 s: the clients renew it in use
            time.sleep(3)
            later = reader.until(lambda later: _received(later) > _received(seen) + 15)
            assert not any(later.rows(m.LOST).values())


def _received(seen: Seen) -> float:
    return sum(seen.rows(m.RECEIVED).values())


def _flows(seen: Seen) -> bool:
    return _received(seen) >= 3
