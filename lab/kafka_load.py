"""Load on a Kafka cluster: a consumer and a producer that run in the background until they are stopped.

Owns the threads; counts are what the client was told by the brokers, not what it attempted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, Message, Producer

from lab.process import wait_until

Settings = Mapping[str, str | int | float | bool]


class _Background:
    """A thread that runs until stop()."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Start the thread; nothing happens when it runs already."""
        if not self._thread.is_alive():
            self._thread.start()
        return self

    def stop(self) -> None:
        """End it cleanly; a second call does nothing."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        raise NotImplementedError


class LiveConsumer(_Background):
    """A member of a consumer group that reads and commits; stop() leaves the group, as a good client does.

    `consumed` counts records; `pause_seconds` waits after each, for a consumer that falls behind.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        group: str,
        topics: Sequence[str],
        protocol: str = "classic",
        pause_seconds: float = 0.0,
    ) -> None:
        super().__init__(f"consumer-{group}")
        self.consumed = 0
        self._topics = list(topics)
        self._pause = pause_seconds
        self._assigned = threading.Event()
        self._settings = {
            **settings,
            "group.id": group,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 200,
        }

    def wait_assigned(self, *, timeout: float = 60.0) -> None:
        """Wait until the group gave this member partitions."""
        wait_until(self._assigned.is_set, what="partitions to be assigned", timeout=timeout)

    def wait_consumed(self, count: int, *, timeout: float = 60.0) -> None:
        """Wait until at least `count` records were read."""
        wait_until(lambda: self.consumed >= count, what=f"{count} records to be consumed", timeout=timeout)

    def _run(self) -> None:
        consumer = Consumer(self._settings)
        try:
            consumer.subscribe(self._topics, on_assign=lambda *_: self._assigned.set())
            while not self._stopping.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    self.consumed += 1
                    self._stopping.wait(self._pause)
        finally:
            consumer.close()


class LiveProducer(_Background):
    """Produces to one topic at about `rate` records a second; `delivered` counts what the brokers acknowledged."""

    def __init__(self, settings: Settings, *, topic: str, rate: float = 100.0, size: int = 100) -> None:
        super().__init__(f"producer-{topic}")
        self.delivered = 0
        self._topic = topic
        self._rate = rate
        self._payload = b"x" * size
        self._settings = {**settings, "linger.ms": 20, "enable.idempotence": True}

    def _run(self) -> None:
        producer = Producer(self._settings)
        began, sent = time.monotonic(), 0
        while not self._stopping.wait(0.05):
            due = int((time.monotonic() - began) * self._rate)
            for _ in range(due - sent):
                self._send(producer)
            sent = due
            producer.poll(0)
        producer.flush(10)

    def _send(self, producer: Producer) -> None:
        try:
            producer.produce(self._topic, self._payload, on_delivery=self._count)
        except BufferError:  # the brokers are away and the queue is full: a live producer drops and goes on
            producer.poll(0.05)

    def _count(self, error: KafkaError | None, _message: Message) -> None:
        self.delivered += error is None
