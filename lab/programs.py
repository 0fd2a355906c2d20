"""Where the servers' programs are, and what to install when one is missing.

Owns the lookup and its wording; installing is lab.install's.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

REQUIRE_SWITCH = "STACKLEDGER_REQUIRE_SERVERS"


class ProgramMissingError(RuntimeError):
    """A program (or the jars it runs) is not here: `reason` says which, `remedy` what to do."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Program:
    """One program: the Debian package that brings it and the names and folders where it may be."""

    package: str
    names: tuple[str, ...]
    folders: tuple[str, ...] = ()


def _plain(package: str, *names: str) -> Program:
    return Program(package, names)


def _postgres(name: str) -> Program:
    return Program("postgresql-15", (name,), ("/usr/lib/postgresql/*/bin",))


PROGRAMS: dict[str, Program] = {
    "redis-server": _plain("redis-server", "redis-server"),
    "redis-cli": _plain("redis-tools", "redis-cli"),
    "postgres": _postgres("postgres"),
    "initdb": _postgres("initdb"),
    "pg_basebackup": _postgres("pg_basebackup"),
    "pg_dump": _postgres("pg_dump"),
    "pg_restore": _postgres("pg_restore"),
    "pgbench": _postgres("pgbench"),
    "psql": _postgres("psql"),
    "java": _plain("openjdk-17-jre-headless", "java"),
    "mvn": _plain("maven", "mvn"),
    "prometheus": _plain("prometheus", "prometheus"),
    "promtool": _plain("prometheus", "promtool"),
    "alertmanager": _plain("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
    "amtool": _plain("prometheus-alertmanager", "amtool"),
    "patroni": _plain("patroni", "patroni"),
    "etcd": _plain("etcd-server", "etcd"),
    "etcdctl": _plain("etcd-client", "etcdctl"),
    "haproxy": Program("haproxy", ("haproxy",), ("/usr/sbin",)),
    "pgbouncer": Program("pgbouncer", ("pgbouncer",), ("/usr/sbin",)),
    "chromium": _plain("chromium", "chromium", "chromium-browser"),
    "unzip": _plain("unzip", "unzip"),
    "curl": _plain("curl", "curl"),
    "openssl": _plain("openssl", "openssl"),
    "make": _plain("make", "make"),
}


def find(name: str) -> Path:
    """Absolute path of a program named in PROGRAMS; raises ProgramMissingError with the package that brings it."""
    program = PROGRAMS[name]
    for candidate in program.names:
        found = _newest(candidate, program.folders) or shutil.which(candidate)
        if found:
            return Path(found)
    raise ProgramMissingError(f"{name} is not installed", remedy=f"apt-get install {program.package}")


def missing(*names: str) -> list[ProgramMissingError]:
    """One entry for each named program that is not here; empty when all are."""
    absent = []
    for name in names:
        try:
            find(name)
        except ProgramMissingError as error:
            absent.append(error)
    return absent


def servers_required() -> bool:
    """True when STACKLEDGER_REQUIRE_SERVERS=1: a test whose server is missing then fails instead of being skipped."""
    return os.environ.get(REQUIRE_SWITCH, "") not in ("", "0")


def _newest(name: str, folders: tuple[str, ...]) -> str | None:
    found = [path / name for pattern in folders for path in Path("/").glob(pattern.lstrip("/"))]
    usable = [path for path in found if os.access(path, os.X_OK)]
    return str(max(usable, key=_version)) if usable else None


def _version(program: Path) -> float:
    try:
        return float(program.parent.parent.name)
    except ValueError:
        return 0.0
