"""Load on the demo's systems: modest, steady, and of the kinds that a shop's services would make.

Owns what is done to them and how fast. Two cores carry all of it beside the servers.
"""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from redis.backoff import NoBackoff
from redis.cluster import RedisCluster as Client
from redis.exceptions import RedisError
from redis.retry import Retry

from lab.demo.systems import Systems
from lab.kafka import KafkaCluster
from lab.kafka_load import LiveConsumer
from lab.postgres import PostgresCluster
from lab.redis import RedisCluster

TOPICS = {"orders": 6, "payments": 3}
STOPPABLE_GROUP = "billing"
_TICK_SECONDS = 0.1
_WRITES_PER_SECOND = 30
_READS_PER_SECOND = 20
_RECORDS_PER_SECOND = 80


@dataclass
class Load:
    """The load that faults act on."""

    consumers: dict[str, LiveConsumer] = field(default_factory=dict)


def begin(systems: Systems, open_: ExitStack) -> Load:
    """Start load on everything that runs; it ends with `open_` or with the server."""
    load = Load()
    if systems.redis is not None:
        open_.enter_context(_RedisLoad(systems.redis))
    if systems.postgres is not None:
        _load_postgres(systems.postgres)
    if systems.kafka is not None:
        load.consumers = _load_kafka(systems.kafka)
    return load


def _load_postgres(cluster: PostgresCluster) -> None:
    cluster.pgbench_init()
    cluster.pgbench(rate=_WRITES_PER_SECOND, clients=2, seconds=86_400)
    cluster.wait_caught_up(cluster.nodes[1])
    cluster.pgbench(rate=_READS_PER_SECOND, clients=1, seconds=86_400, read_only=True, node=cluster.nodes[1])


def _load_kafka(cluster: KafkaCluster) -> dict[str, LiveConsumer]:
    for topic, partitions in TOPICS.items():
        cluster.create_topic(topic, partitions=partitions)
        cluster.producer(topic, rate=_RECORDS_PER_SECOND, size=200)
    consumers = {
        STOPPABLE_GROUP: cluster.consumer(STOPPABLE_GROUP, ["orders"]),
        "search-index": cluster.consumer("search-index", list(TOPICS), protocol="consumer"),
    }
    for consumer in consumers.values():
        consumer.wait_assigned()
    return consumers


class _RedisLoad:
    """A thread that reads and writes keys over all slots: about 150 commands a second, a tenth of the reads in vain."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis-load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def _run(self) -> None:
        client: Any = None
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                client = client or self._connect()
                _one_tick(client)
            except RedisError:  # a node is away, which the demo does on purpose: ask again who owns the slots
                _close(client)
                client = None
        _close(client)

    def _connect(self) -> Any:
        node = self._cluster.live()[0]
        return Client(
            host="127.0.0.1",
            port=node.port,
            password=self._cluster.password,
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
        )


def _close(client: Any) -> None:
    if client is not None:
        client.close()


def _one_tick(client: Any) -> None:
    for _ in range(3):
        number = random.randrange(20_000)
        client.set(f"session:{number}", "x" * 120, ex=600)
        client.get(f"session:{number}")
        client.get(f"session:{random.randrange(40_000)}")
        client.hset(f"basket:{number % 2_000}", "items", number)
        client.incr(f"visits:{number % 50}")
