"""Real Redis Sentinels on loopback, and the master with replicas that they watch.

Owns starting both and waiting until they know one another; the faults are those of lab.redis.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.process import wait_until
from lab.redis import RedisNode, RedisServers, RedisStandalone


class RedisSentinels(RedisServers):
    """`sentinels` that watch the master `name` with a quorum of two; `servers` holds it and its replicas."""

    def __init__(
        self,
        sentinels: int = 3,
        replicas: int = 2,
        *,
        name: str = "orders",
        password: str | None = None,
        servers_password: str | None = None,
        down_after_ms: int = 1_500,
        config: Mapping[str, str] | None = None,
        server: Path | None = None,
    ) -> None:
        super().__init__(sentinels, password=password, server=server)
        self.name = name
        self.servers = RedisStandalone(replicas=replicas, password=servers_password, config=config, server=server)
        self._down_after_ms = down_after_ms

    @property
    def seeds(self) -> list[str]:
        """host:port of every Sentinel."""
        return [node.address for node in self.nodes]

    def start(self) -> Self:
        """Start the servers, then the Sentinels."""
        self.servers.start()
        try:
            return super().start()
        except BaseException:
            self.servers.stop()
            raise

    def stop(self) -> None:
        """Stop the Sentinels, then the servers."""
        super().stop()
        self.servers.stop()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def master(self) -> RedisNode:
        """The master by the word of the first live Sentinel."""
        _, port = self.cli(self.live()[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name).split()
        return next(node for node in self.servers.nodes if node.port == int(port))

    def wait_failover(self, *, since: RedisNode, timeout: float = 60.0) -> RedisNode:
        """Wait until all live Sentinels name the same other master, which says so itself; return it."""

        def moved() -> bool:
            words = {
                self.cli(node, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name).split()[1] for node in self.live()
            }
            return len(words) == 1 and words != {str(since.port)} and self.servers.role(self.master()) == "master"

        wait_until(moved, what="a failover by the Sentinels", timeout=timeout)
        return self.master()

    def _argv(self, server: Path) -> list[str | Path]:
        return [*super()._argv(server), "--sentinel"]

    def _conf(self, port: int, directory: Path) -> str:
        watched, name = self.servers.node.port, self.name
        lines = [f"port {port}", "bind 127.0.0.1", f"dir {directory}", f"sentinel monitor {name} 127.0.0.1 {watched} 2"]
        lines += [f"sentinel down-after-milliseconds {name} {self._down_after_ms}"]
        lines += [f"sentinel failover-timeout {name} 6000"]
        if self.servers.password is not None:
            lines.append(f"sentinel auth-pass {name} {self.servers.password}")
        if self.password is not None:
            lines.append(f"requirepass {self.password}")
        return "\n".join(lines) + "\n"

    def _form(self) -> None:
        super()._form()
        for node in self.nodes:
            node.process.wait_ready(partial(self._knows_all, node))

    def _knows_all(self, node: RedisNode) -> bool:
        words = self.cli(node, "SENTINEL", "MASTER", self.name).splitlines()
        facts = dict(zip(words[::2], words[1::2], strict=False))
        others = (facts["num-other-sentinels"], facts["num-slaves"])
        return others == (str(len(self.nodes) - 1), str(len(self.servers.nodes) - 1)) and facts["flags"] == "master"
