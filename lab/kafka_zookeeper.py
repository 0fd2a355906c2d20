"""Kafka as it was before KRaft: brokers that keep their metadata in a ZooKeeper. For releases up to 3.9.

Owns what differs from lab.kafka: the ZooKeeper's process, and a broker's properties.
"""

from __future__ import annotations

import time

from lab import kafka_jars, ports
from lab.kafka import KafkaBroker, KafkaCluster
from lab.process import Process, ServerFailedError

_KRAFT_ONLY = ("process.roles", "node.id", "controller.", "broker.session.timeout.ms", "broker.heartbeat.interval.ms")
_SESSION_SECONDS = 3
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


class ZooKeeperKafka(KafkaCluster):
    """Brokers with one ZooKeeper."""

    def _prepare(self) -> None:
        super()._prepare()
        self._zookeeper_port = self._open.enter_context(ports.reserve(1)).ports[0]
        directory = self.brokers[0].directory
        (directory / "zookeeper.properties").write_text(
            f"dataDir={directory / 'zookeeper'}\nclientPort={self._zookeeper_port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\ntickTime=500\n"
        )
        argv = kafka_jars.java(self._jars, _MAIN, "zookeeper.properties", heap_mib=64)
        zookeeper = Process(argv, name="zookeeper", directory=directory)
        self._open.callback(zookeeper.kill)
        zookeeper.start()
        zookeeper.wait_ready(lambda: ports.is_listening(self._zookeeper_port), timeout=60)

    def restart(self, broker: KafkaBroker) -> None:
        """A broker that was killed is refused its place until ZooKeeper has noticed that its session is over."""
        deadline = time.monotonic() + _SESSION_SECONDS * 10
        while True:
            try:
                return super().restart(broker)
            except ServerFailedError:
                if time.monotonic() > deadline:
                    raise

    def _format(self, broker: KafkaBroker) -> None:
        """Nothing to format: a broker writes its folder when it first starts."""
        self._write_properties(broker)

    def _server_properties(self, broker: KafkaBroker) -> dict[str, str]:
        kept = {
            key: value for key, value in super()._server_properties(broker).items() if not key.startswith(_KRAFT_ONLY)
        }
        return kept | {
            "broker.id": str(broker.node_id),
            "zookeeper.connect": f"127.0.0.1:{self._zookeeper_port}",
            "listeners": f"CLIENT://{broker.address}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT",
            "zookeeper.session.timeout.ms": str(_SESSION_SECONDS * 1000),
        }
