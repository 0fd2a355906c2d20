"""A real Redis Cluster, or a single Redis, on loopback.

Owns forming the cluster, its faults and an independent read through redis-cli; what the service says about it is
asserted against that, never against the service's own client.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import ports, programs, workdir
from lab.process import Process, ServerFailedError, wait_until
from lab.tls import Certificates

SLOTS = 16_384
# What a monitoring user needs and no more; the service ships its own list, which tests may pass instead.
MONITOR_RULES = (
    "~* &* -@all +@connection +ping +info +dbsize +type +scan +memory|usage +slowlog|get +slowlog|len +latency|latest "
    "+latency|histogram +config|get +client|list +cluster|info +cluster|nodes +cluster|slots +cluster|shards "
    "+cluster|myid +cluster|links +cluster|countkeysinslot"
)


@dataclass
class RedisNode:
    """One redis-server: its place in the cluster, client port, folder and process."""

    index: int
    port: int
    directory: Path
    process: Process = field(repr=False)

    @property
    def address(self) -> str:
        """host:port as clients and CLUSTER NODES spell it."""
        return f"127.0.0.1:{self.port}"


class RedisServers:
    """What a cluster and a single server share: configuration, start, stop, faults, redis-cli."""

    def __init__(
        self,
        count: int,
        *,
        password: str | None = None,
        acl_user: tuple[str, str] | None = None,
        acl_rules: str = MONITOR_RULES,
        tls: bool = False,
        config: Mapping[str, str] | None = None,
        server: Path | None = None,
    ) -> None:
        """`server` is another redis-server than the installed one, of another version."""
        self.nodes: list[RedisNode] = []
        self._server = server
        self.password = password
        self.acl_user = acl_user
        self.certificates: Certificates | None = None
        self._count = count
        self._acl_rules = acl_rules
        self._tls = tls
        self._config = dict(config or {})
        self._open = ExitStack()

    def start(self) -> Self:
        """Start and wait until clients can use it; on any failure or interrupt everything is stopped again."""
        programs.find("redis-cli")
        try:
            self._start_nodes(self._server or programs.find("redis-server"))
            self._form()
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

    def cli(self, node: RedisNode, *words: str) -> str:
        """The answer of redis-cli to one command, as raw text; ServerFailedError when it reports an error."""
        env = {"PATH": "/usr/bin:/bin", **({} if self.password is None else {"REDISCLI_AUTH": self.password})}
        argv = self._cli_argv(node, words)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, env=env)
        answer = done.stdout.replace("\r\n", "\n").rstrip("\n")
        if done.returncode:
            raise ServerFailedError(f"redis-cli {words[0]} on {node.address}: {answer or done.stderr.strip()}")
        return answer

    def info(self, node: RedisNode, section: str = "all") -> dict[str, str]:
        """INFO as a flat mapping, values as the server wrote them."""
        lines = self.cli(node, "INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def role(self, node: RedisNode) -> str:
        """`master` or `slave`, by the node's own word."""
        return self.info(node, "replication")["role"]

    def live(self) -> list[RedisNode]:
        """Nodes whose process runs (a frozen one counts)."""
        return [node for node in self.nodes if node.process.alive()]

    def kill(self, node: RedisNode) -> None:
        """SIGKILL one node."""
        node.process.kill()

    def restart(self, node: RedisNode) -> None:
        """Start a killed or stopped node again on its port and data; returns when it answers."""
        node.process.stop()
        node.process.start()
        self._wait_pong(node)

    def freeze(self, node: RedisNode) -> None:
        """Stop the node's process where it is: connections open and stay, nothing is answered."""
        node.process.freeze()

    def thaw(self, node: RedisNode) -> None:
        """Let a frozen node go on."""
        node.process.thaw()

    def _form(self) -> None:
        for node in self.nodes:
            self._wait_pong(node)

    def _follows(self, replica: RedisNode) -> bool:
        return self.info(replica, "replication").get("master_link_status") == "up"

    def _wait_pong(self, node: RedisNode) -> None:
        node.process.wait_ready(lambda: self.cli(node, "PING") == "PONG")

    def _start_nodes(self, server: Path) -> None:
        held = self._open.enter_context(ports.reserve(self._count, companion=ports.REDIS_BUS_OFFSET))
        root = workdir.create("redis")
        self._open.callback(workdir.remove, root)
        if self._tls:
            self.certificates = Certificates.create(root)
        for index, port in enumerate(held.ports):
            directory = workdir.subfolder(root, f"node{index}")
            (directory / "redis.conf").write_text(self._conf(port, directory))
            process = Process(self._argv(server), name=f"redis-{index}", directory=directory)
            self.nodes.append(RedisNode(index, port, directory, process))
            self._open.callback(process.stop)
            process.start()

    def _argv(self, server: Path) -> list[str | Path]:
        return [server, "redis.conf"]

    def _conf(self, port: int, directory: Path) -> str:
        settings = {"bind": "127.0.0.1", "dir": str(directory), "save": '""', "appendonly": "no"}
        settings |= {"repl-diskless-sync-delay": "0", "latency-monitor-threshold": "10"}
        settings |= self._tls_settings(port) if self.certificates else {"port": str(port)}
        if self.password is not None:
            settings |= {"requirepass": self.password, "masterauth": self.password}
        if self.acl_user is not None:
            name, password = self.acl_user
            settings[f"user {name}"] = f"on >{password} {self._acl_rules}"
        settings |= self._own_settings() | self._config
        return "".join(f"{key} {value}\n" for key, value in settings.items())

    def _own_settings(self) -> dict[str, str]:
        return {}

    def _tls_settings(self, port: int) -> dict[str, str]:
        if self.certificates is None:
            return {}
        made = self.certificates
        return {
            "port": "0",
            "tls-port": str(port),
            "tls-replication": "yes",
            "tls-auth-clients": "optional",
            "tls-ca-cert-file": str(made.authority),
            "tls-cert-file": str(made.certificate),
            "tls-key-file": str(made.key),
        }

    def _cli_argv(self, node: RedisNode, words: Sequence[str]) -> list[str]:
        argv = [str(programs.find("redis-cli")), "-e", "-h", "127.0.0.1", "-p", str(node.port), "--no-auth-warning"]
        if self.certificates is not None:
            argv += ["--tls", "--cacert", str(self.certificates.authority)]
        return [*argv, *words]


class RedisStandalone(RedisServers):
    """One Redis outside a cluster, with `replicas` that follow it; nodes[0] is the master at start."""

    def __init__(
        self,
        *,
        replicas: int = 0,
        password: str | None = None,
        acl_user: tuple[str, str] | None = None,
        tls: bool = False,
        config: Mapping[str, str] | None = None,
        server: Path | None = None,
    ) -> None:
        super().__init__(1 + replicas, password=password, acl_user=acl_user, tls=tls, config=config, server=server)

    @property
    def node(self) -> RedisNode:
        """The only node, or the master."""
        return self.nodes[0]

    def _form(self) -> None:
        super()._form()
        for replica in self.nodes[1:]:
            self.cli(replica, "REPLICAOF", "127.0.0.1", str(self.node.port))
        for replica in self.nodes[1:]:
            replica.process.wait_ready(partial(self._follows, replica))


class RedisCluster(RedisServers):
    """`masters` shards with `replicas` each. At start nodes[k] is the master of shard k; replicas come after."""

    def __init__(
        self,
        masters: int = 3,
        replicas: int = 1,
        *,
        password: str | None = None,
        acl_user: tuple[str, str] | None = None,
        acl_rules: str = MONITOR_RULES,
        tls: bool = False,
        config: Mapping[str, str] | None = None,
        node_timeout_ms: int = 3_000,
        server: Path | None = None,
    ) -> None:
        super().__init__(
            masters * (1 + replicas),
            password=password,
            acl_user=acl_user,
            acl_rules=acl_rules,
            tls=tls,
            config=config,
            server=server,
        )
        self.shards = masters
        self._node_timeout_ms = node_timeout_ms

    @property
    def seeds(self) -> list[str]:
        """host:port of every node."""
        return [node.address for node in self.nodes]

    def slots(self, shard: int) -> tuple[int, int]:
        """First and last slot that the shard was given at start."""
        return shard * SLOTS // self.shards, (shard + 1) * SLOTS // self.shards - 1

    def masters(self) -> list[RedisNode]:
        """Live nodes that say they are masters."""
        return [node for node in self.live() if self.role(node) == "master"]

    def replicas(self) -> list[RedisNode]:
        """Live nodes that say they are replicas."""
        return [node for node in self.live() if self.role(node) == "slave"]

    def master_of(self, shard: int) -> RedisNode:
        """The live node that owns the shard's first slot now, by its own word."""
        first = self.slots(shard)[0]
        for node in self.masters():
            if any(_holds(slots, first) for slots in self._view(node)[self._id(node)][8:]):
                return node
        raise ServerFailedError(f"no live master of shard {shard}")

    def replicas_of(self, shard: int) -> list[RedisNode]:
        """Live replicas that follow the shard's present master."""
        master = self._id(self.master_of(shard))
        return [node for node in self.replicas() if self._view(node)[self._id(node)][3] == master]

    def wait_ok(self, *, timeout: float = 60.0) -> None:
        """Wait until every live node sees all slots served and every live replica's link is up."""
        for node in self.live():
            wait_until(partial(self._settled, node), what=f"{node.address} to see the cluster ok", timeout=timeout)

    def wait_failover(self, shard: int, *, since: RedisNode, timeout: float = 60.0) -> RedisNode:
        """Wait until another node than `since` is the shard's master, and return it."""
        wait_until(
            lambda: self.master_of(shard).index != since.index, what=f"a failover of shard {shard}", timeout=timeout
        )
        return self.master_of(shard)

    def _own_settings(self) -> dict[str, str]:
        settings = {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf"}
        settings["cluster-node-timeout"] = str(self._node_timeout_ms)
        return settings | ({"tls-cluster": "yes"} if self._tls else {})

    def _form(self) -> None:
        """What `redis-cli --cluster create` does, without its fixed waits."""
        super()._form()
        masters, replicas = self.nodes[: self.shards], self.nodes[self.shards :]
        for shard, node in enumerate(masters):
            self.cli(node, "CLUSTER", "SET-CONFIG-EPOCH", str(shard + 1))
            first, last = self.slots(shard)
            self.cli(node, "CLUSTER", "ADDSLOTS", *map(str, range(first, last + 1)))  # 6.2 knows no ADDSLOTSRANGE
        for other in self.nodes[1:]:
            self.cli(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", str(other.port))
        for node in self.nodes:
            node.process.wait_ready(partial(self._knows_all, node))
        for index, node in enumerate(replicas):
            self.cli(node, "CLUSTER", "REPLICATE", self._id(masters[index % self.shards]))
        self.wait_ok()
        for node in self.nodes:
            node.process.wait_ready(partial(self._sees_replicas, node))

    def _id(self, node: RedisNode) -> str:
        return self.cli(node, "CLUSTER", "MYID")

    def _view(self, node: RedisNode) -> dict[str, list[str]]:
        """CLUSTER NODES of one node: its columns by node id."""
        return {row[0]: row for row in map(str.split, self.cli(node, "CLUSTER", "NODES").splitlines())}

    def _knows_all(self, node: RedisNode) -> bool:
        rows = self._view(node).values()
        return len(rows) == self._count and not any("handshake" in row[2] for row in rows)

    def _sees_replicas(self, node: RedisNode) -> bool:
        return sum("slave" in row[2] for row in self._view(node).values()) == self._count - self.shards

    def _settled(self, node: RedisNode) -> bool:
        facts = dict(line.split(":", 1) for line in self.cli(node, "CLUSTER", "INFO").splitlines())
        if facts["cluster_state"] != "ok" or facts["cluster_slots_ok"] != str(SLOTS):
            return False
        return self.info(node, "replication").get("master_link_status", "up") == "up"


def _holds(slots: str, slot: int) -> bool:
    if slots.startswith("["):  # a slot on its way in or out
        return False
    first, _, last = slots.partition("-")
    return int(first) <= slot <= int(last or first)
