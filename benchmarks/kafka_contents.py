"""What the measured Kafka cluster holds: topics, records, and groups with commits that can be moved on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lab.kafka import KafkaCluster

PARTITIONS = 25
TOPICS_A_GROUP = 10
RECORDS = 20
LAG = 7
_BATCH = 20


class Contents:
    """`topics` topics of 25 partitions; each of `groups` groups has commits in 10 of them, 7 records behind."""

    def __init__(self, cluster: KafkaCluster, *, topics: int, groups: int) -> None:
        self._settings = cluster.client_settings()
        self._admin = AdminClient(self._settings)
        self._producer = Producer(self._settings | {"linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
        self._topics = [f"load-{number:04}" for number in range(topics)]
        self._groups = [f"group-{number:04}" for number in range(groups)]
        self._written = 0
        self._refused: list[tuple[str, int]] = []

    def fill(self) -> None:
        """Create everything."""
        for start in range(0, len(self._topics), _BATCH):
            names = self._topics[start : start + _BATCH]
            made = self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names], operation_timeout=60)
            for result in made.values():
                result.result(120)
        self._write(RECORDS)
        self._commit()

    def move(self) -> None:
        """One more record in each partition, and each group one record further: every offset changes, no lag does."""
        self._write_to(self._topics, 1)
        self._written += 1
        self._commit()

    def _write(self, count: int) -> None:
        for start in range(0, len(self._topics), _BATCH):  # the client is slow to learn many fresh topics at once
            self._write_to(self._topics[start : start + _BATCH], count)
        self._written += count

    def _write_to(self, topics: Sequence[str], count: int) -> None:
        """A fresh topic's partitions may be unknown to the client for a while, so what was refused is sent again."""
        todo = [(name, index) for name in topics for index in range(PARTITIONS) for _ in range(count)]
        while todo:
            for name, index in todo:
                try:
                    self._producer.produce(name, b"x" * 100, partition=index, on_delivery=self._delivered)
                except KafkaException:
                    self._refused.append((name, index))
                self._producer.poll(0)
            self._producer.flush(120)
            todo, self._refused = self._refused, []
            if todo:
                time.sleep(0.2)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append((str(message.topic()), int(message.partition() or 0)))

    def _commit(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._commit_group, range(len(self._groups))))

    def _commit_group(self, number: int) -> None:
        """The call succeeds even where single partitions were refused, so each one's error is read."""
        names = [self._topics[(number * TOPICS_A_GROUP + k) % len(self._topics)] for k in range(TOPICS_A_GROUP)]
        rows = [TopicPartition(name, index, self._written - LAG) for name in names for index in range(PARTITIONS)]
        wanted = [ConsumerGroupTopicPartitions(self._groups[number], rows)]
        for _ in range(60):
            try:
                (answer,) = self._admin.alter_consumer_group_offsets(wanted, request_timeout=60).values()
                if not any(row.error for row in answer.result(90).topic_partitions):
                    return
            except KafkaException:  # its coordinator is still loading
                pass
            time.sleep(0.5)
        raise RuntimeError(f"the commits of {self._groups[number]} were not accepted")
