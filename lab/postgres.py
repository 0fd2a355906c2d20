"""A real PostgreSQL primary with streaming standbys on loopback.

Owns building the cluster, its roles, its faults and an independent read by SQL as the superuser over the Unix socket.
Durability is switched off by default (it is a test); pass durable=True where a crash must keep what was committed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from lab import ports, programs, workdir
from lab.process import Process, ServerFailedError, wait_until

SUPERUSER = "postgres"
REPLICATION_USER = "replicator"
REPLICATION_PASSWORD = "replicator-secret"  # noqa: S105 - a loopback server that lives for minutes
MONITOR_USER = "monitor"
MONITOR_PASSWORD = "monitor-secret"  # noqa: S105 - same
_HBA = """local all all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
_SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "100",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "wal_keep_size": "64MB",
    "hot_standby": "on",
    "track_io_timing": "on",
    "shared_preload_libraries": "pg_stat_statements",
    "logging_collector": "off",
    # A frozen stream must stand still while its connection lives: no side may give up on the other.
    "wal_receiver_timeout": "0",
    "wal_sender_timeout": "0",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class PostgresNode:
    """One server: its place, cluster_name (also its application_name and slot), port, folder and process."""

    index: int
    name: str
    port: int
    directory: Path
    process: Process = field(repr=False)

    @property
    def address(self) -> str:
        """host:port for clients over TCP (password needed)."""
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"


class PostgresCluster:
    """nodes[0] is the primary `pg0` at start, the standbys `pg1`, ... follow it through physical slots of their name.

    Superuser postgres (trusted on the Unix socket, `password` over TCP), role monitor with pg_monitor, role replicator.
    """

    def __init__(
        self,
        standbys: int = 2,
        *,
        password: str = "superuser-secret",  # noqa: S107 - a loopback server that lives for minutes
        settings: Mapping[str, str] | None = None,
        durable: bool = False,
    ) -> None:
        self.nodes: list[PostgresNode] = []
        self.password = password
        self._standbys = standbys
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        self._user = workdir.unprivileged_user(SUPERUSER)  # PostgreSQL refuses to run as root
        self._open = ExitStack()

    def start(self) -> Self:
        """Start and wait until every standby streams; on any failure or interrupt everything is stopped again."""
        try:
            self._prepare()
            self._start_primary(self.nodes[0])
            self._start_standbys(self.nodes[1:])
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every node, free the ports, remove the folder; a second call does nothing."""
        self._open.close()
        self.nodes = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def primary(self) -> PostgresNode:
        """The live node that is not in recovery; ServerFailedError when there is none."""
        for node in self.live():
            if not self.value(node, "SELECT pg_is_in_recovery()"):
                return node
        raise ServerFailedError("no live primary")

    def live(self) -> list[PostgresNode]:
        """Nodes whose process runs (a frozen one counts)."""
        return [node for node in self.nodes if node.process.alive()]

    def dsn(self, node: PostgresNode, *, user: str = MONITOR_USER, database: str = "postgres") -> str:
        """The libpq connection string over TCP with the password of `user` in it."""
        password = {MONITOR_USER: MONITOR_PASSWORD, REPLICATION_USER: REPLICATION_PASSWORD}.get(user, self.password)
        return f"host=127.0.0.1 port={node.port} user={user} password={password} dbname={database}"

    def connect(self, node: PostgresNode, *, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """An open superuser connection (autocommit, Unix socket); the caller closes it."""
        return psycopg.connect(
            host=str(node.directory),
            port=node.port,
            user=SUPERUSER,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    def sql(
        self, node: PostgresNode, query: str, parameters: Sequence[object] = (), *, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement as the superuser; empty for a statement that returns none."""
        with self.connect(node, database=database) as connection:
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, node: PostgresNode, query: str, *, database: str = "postgres") -> Any:
        """The first column of the first row."""
        return self.sql(node, query, database=database)[0][0]

    def kill(self, node: PostgresNode) -> None:
        """SIGKILL the node's postmaster and all its processes."""
        node.process.kill()

    def shut_down(self, node: PostgresNode) -> None:
        """Stop one node in the "fast" mode; restart() brings it back."""
        node.process.stop(how=signal.SIGINT)

    def restart(self, node: PostgresNode) -> None:
        """Start a killed or stopped node again, after stopping a running one; returns when it answers."""
        self.shut_down(node)
        self._launch(node)

    def freeze(self, node: PostgresNode) -> None:
        """Freeze the whole node: connections open in the kernel, nothing is answered."""
        node.process.freeze()

    def thaw(self, node: PostgresNode) -> None:
        """Let a frozen node, or the walsenders frozen on it, go on."""
        node.process.thaw()

    def stall_stream(self, standby: PostgresNode) -> None:
        """Freeze the walsender that feeds `standby`: the stream stands still while both ends think it lives."""
        source = self.primary
        query = "SELECT pid FROM pg_stat_replication WHERE application_name = %s"
        for (pid,) in self.sql(source, query, [standby.name]):
            source.process.freeze_child(pid)
            return
        raise ServerFailedError(f"{source.name} has no stream to {standby.name}")

    def resume_stream(self, standby: PostgresNode) -> None:
        """Thaw the walsenders that stall_stream froze, and wait until `standby` has all of the primary's WAL."""
        for node in self.live():
            node.process.thaw()
        self.wait_caught_up(standby)

    def promote(self, standby: PostgresNode) -> None:
        """Make a standby a primary of its own; the others go on following the old one."""
        self.sql(standby, "SELECT pg_promote(true, 60)")

    def wait_caught_up(self, standby: PostgresNode, *, timeout: float = 60.0) -> None:
        """Wait until `standby` has replayed what the primary had written when this was called."""
        written = self.value(self.primary, "SELECT pg_current_wal_lsn()::text")
        query = f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
        wait_until(lambda: self.value(standby, query), what=f"{standby.name} to catch up", timeout=timeout)

    def pgbench_init(self, *, scale: int = 1, database: str = "postgres") -> None:
        """Create pgbench's tables on the primary: 100,000 accounts per scale."""
        self._run("pgbench", *self._pgbench_target(self.primary, database), "-i", "-q", "-s", str(scale))

    def pgbench(
        self,
        *,
        seconds: int = 3_600,
        clients: int = 2,
        rate: float | None = None,
        read_only: bool = False,
        node: PostgresNode | None = None,
        database: str = "postgres",
    ) -> Process:
        """A running pgbench load (transactions/s bounded by `rate`); stop() ends it, and so does the cluster's stop."""
        target = node or self.primary
        words = [*self._pgbench_target(target, database), "-n", "-c", str(clients), "-T", str(seconds)]
        words += ["-S"] * read_only + ([] if rate is None else ["-R", str(rate)])
        name = f"pgbench-{len(list(target.directory.glob('pgbench-*.log')))}"
        load = Process([programs.find("pgbench"), *words], name=name, directory=target.directory, user=self._user)
        self._open.callback(load.stop)
        return load.start()

    def _prepare(self) -> None:
        server = programs.find("postgres")
        held = self._open.enter_context(ports.reserve(1 + self._standbys))
        root = workdir.create("postgres")
        self._open.callback(workdir.remove, root)
        for index, port in enumerate(held.ports):
            name = f"pg{index}"
            directory = workdir.subfolder(root, name, user=self._user)
            process = Process([server, "-D", "data"], name=name, directory=directory, user=self._user)
            self.nodes.append(PostgresNode(index, name, port, directory, process))
            # SIGINT is the "fast" shutdown: SIGTERM would wait for every client to leave.
            self._open.callback(process.stop, how=signal.SIGINT)

    def _start_primary(self, node: PostgresNode) -> None:
        self._run(
            "initdb", "-D", node.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync", "--no-instructions", "--data-checksums",
        )  # fmt: skip
        (node.data / "pg_hba.conf").write_text(_HBA)
        self._configure(node)
        self._launch(node)
        with self.connect(node) as connection:
            for statement in self._first_statements():
                connection.execute(statement)

    def _first_statements(self) -> list[str]:
        slots = [f"SELECT pg_create_physical_replication_slot('{node.name}', true)" for node in self.nodes[1:]]
        return [
            f"ALTER ROLE {SUPERUSER} PASSWORD '{self.password}'",
            f"CREATE ROLE {REPLICATION_USER} LOGIN REPLICATION PASSWORD '{REPLICATION_PASSWORD}'",
            f"CREATE ROLE {MONITOR_USER} LOGIN PASSWORD '{MONITOR_PASSWORD}' IN ROLE pg_monitor",
            "CREATE EXTENSION pg_stat_statements",
            *slots,
        ]

    def _start_standbys(self, standbys: Sequence[PostgresNode]) -> None:
        for node in standbys:
            self._base_backup(node)
            self._configure(node)
            self._launch(node, wait=False)
        for node in standbys:
            node.process.wait_ready(partial(self._streams, node))

    def _base_backup(self, node: PostgresNode) -> None:
        source = f"{self.dsn(self.nodes[0], user=REPLICATION_USER, database='replication')}"
        source = source.replace("dbname=replication", f"application_name={node.name}")
        self._run(
            "pg_basebackup", "-D", node.data, "-d", source, "-S", node.name, "-R", "-X", "stream",
            "-c", "fast", "--no-sync", "--no-manifest",
        )  # fmt: skip

    def _configure(self, node: PostgresNode) -> None:
        own = {"port": str(node.port), "listen_addresses": "127.0.0.1", "cluster_name": node.name}
        own["unix_socket_directories"] = str(node.directory)
        lines = (f"{key} = '{value}'\n" for key, value in {**own, **self._settings}.items())
        (node.data / "postgresql.conf").write_text("".join(lines))

    def _launch(self, node: PostgresNode, *, wait: bool = True) -> None:
        node.process.start()
        if wait:
            node.process.wait_ready(lambda: self.sql(node, "SELECT 1"))

    def _streams(self, standby: PostgresNode) -> bool:
        query = "SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
        return bool(self.sql(self.nodes[0], query, [standby.name])) and bool(self.sql(standby, "SELECT 1"))

    def _pgbench_target(self, node: PostgresNode, database: str) -> list[str]:
        return ["-h", str(node.directory), "-p", str(node.port), "-U", SUPERUSER, database]

    def _run(self, program: str, *words: str | Path) -> None:
        """Run one of PostgreSQL's programs to its end as the server's user."""
        done = subprocess.run(
            [programs.find(program), *map(str, words)],
            cwd=self.nodes[0].directory,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
            **workdir.run_as(self._user),
        )
        if done.returncode:
            raise ServerFailedError(f"{program} failed: {done.stderr.strip()[-1000:]}")
