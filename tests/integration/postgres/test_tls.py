"""TLS to a real server: checked as configured, never less, and no secret in what is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import programs, workdir
from lab.postgres import MONITOR_PASSWORD, SUPERUSER, PostgresCluster
from lab.tls import Certificates
from stackledger.errors import AuthError, ConnectError
from tests.conftest import running
from tests.integration.postgres.reading import opened, run, target

pytestmark = pytest.mark.real("postgres")


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """Where the server, which may be another user than we, can read them."""
    folder = workdir.create("postgres-tls")
    try:
        made = Certificates.create(folder)
        made.key.chmod(0o600)
        workdir.give(made.key, workdir.unprivileged_user(SUPERUSER))
        yield made
    except programs.ProgramMissingError as missing:
        pytest.skip(str(missing))
    finally:
        workdir.remove(folder)


@pytest.fixture(scope="module")
def cluster(certificates: Certificates) -> Iterator[PostgresCluster]:
    """One server that offers TLS and takes plain text too, so that whoever downgrades would succeed."""
    files = {"ssl_cert_file": str(certificates.certificate), "ssl_key_file": str(certificates.key)}
    with running(PostgresCluster(standbys=0, settings={"ssl": "on", **files})) as started:
        yield started


def encrypted(cluster: PostgresCluster) -> list[bool]:
    query = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'stackledger'"
    return [ssl for (ssl,) in cluster.sql(cluster.nodes[0], query)]


@pytest.mark.parametrize("more", [{}, {"server_name": "localhost"}], ids=["address", "server_name"])
def test_the_right_authority_is_trusted(
    more: dict[str, Any], cluster: PostgresCluster, certificates: Certificates, tmp_path: Path
) -> None:
    async def scenario() -> None:
        settings = target(cluster, tmp_path, tls={"ca_file": certificates.authority, **more})
        async with opened(settings) as source:
            snapshot = await source.sweep("fast")
            assert snapshot.complete, snapshot.failed
            assert encrypted(cluster) == [True]

    run(scenario())


def test_verification_can_be_switched_off_and_tls_stays(cluster: PostgresCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, tls={"verify": False})) as source:
            assert (await source.sweep("fast")).complete
            assert encrypted(cluster) == [True]

    run(scenario())


@pytest.mark.parametrize("fault", ["another authority", "the system's authorities", "another name"])
def test_what_is_not_trusted_is_refused_without_a_secret(
    fault: str, cluster: PostgresCluster, certificates: Certificates, tmp_path: Path
) -> None:
    if fault == "another authority":
        tls: dict[str, Any] = {"ca_file": Certificates.create(tmp_path).authority}
    elif fault == "another name":
        tls = {"ca_file": certificates.authority, "server_name": "db.example"}
    else:
        tls = {}

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, tls=tls)) as source:
            error = (await source.sweep("fast")).failed[cluster.nodes[0].address]
            assert isinstance(error, ConnectError)
            assert "TLS" in str(error)
            assert MONITOR_PASSWORD not in repr(error)
            assert error.__cause__ is None
            assert encrypted(cluster) == []

    run(scenario())


def test_a_key_that_others_may_read_is_named_as_the_fault(
    cluster: PostgresCluster, certificates: Certificates, tmp_path: Path
) -> None:
    key = Path(shutil.copy(certificates.key, tmp_path / "key.pem"))
    key.chmod(0o644)
    tls = {"ca_file": certificates.authority, "cert_file": certificates.certificate, "key_file": key}

    async def scenario() -> None:
        async with opened(target(cluster, tmp_path, tls=tls)) as source:
            error = (await source.sweep("fast")).failed[cluster.nodes[0].address]
            assert isinstance(error, AuthError)
            assert "key_file" in str(error)

    run(scenario())


def test_a_server_without_tls_is_refused(postgres_cluster: PostgresCluster, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(target(postgres_cluster, tmp_path, tls={"verify": False})) as source:
            for error in (await source.sweep("fast")).failed.values():
                assert isinstance(error, ConnectError)
                assert "no TLS" in str(error)
            assert not encrypted(postgres_cluster)

    run(scenario())
