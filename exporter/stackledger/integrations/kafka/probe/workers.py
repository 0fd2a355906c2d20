"""Two threads, one with a producer and one with a consumer: librdkafka's calls block, and a loop must never wait.

Owns the clients and their end. What the threads learn goes into the ledger and the troubles, both behind one lock.
Timestamps are taken in the threads, so a busy loop costs a measurement at most a turn of the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError, ProtocolError, TargetError
from stackledger.integrations.kafka.probe.clients import ClientLog, Conf, reason_of, refused_login, without_secrets
from stackledger.integrations.kafka.probe.ledger import Ledger

_LOG = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.2
"""The longest that a thread does not look whether it shall end."""
_STOP_SECONDS: Final = 5.0
_REFUSALS: Final = frozenset({"TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"})
_LOGIN: Final = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL"})


@dataclass(slots=True)
class Work:
    """What the threads share with the loop. `places` is replaced as a whole, never changed."""

    topic: str
    interval: float
    clock: Clock
    ledger: Ledger
    producing: Conf
    consuming: Conf
    log: ClientLog
    starts: Mapping[int, int]
    """By partition: the offset to read from; everything sent later comes after it."""
    places: Mapping[int, int]
    lock: threading.Lock = field(default_factory=threading.Lock)
    troubles: dict[str, TargetError] = field(default_factory=dict)
    """Why it does not work, by what: `write`, `read`, `login`."""

    def note(self, what: str, trouble: TargetError | None) -> None:
        """Take note of trouble, or that there is none any more."""
        with self.lock:
            if trouble is not None:
                self.troubles[what] = trouble
            else:
                self.troubles.pop(what, None)

    def on_error(self, conf: Conf, error: KafkaError) -> None:
        """What librdkafka tells of a client as a whole; of brokers that are away the sweep tells."""
        if error.name() in _LOGIN:
            self.note("login", refused_login(without_secrets(error.str(), conf)))


class _Worker(threading.Thread):
    def __init__(self, work: Work, name: str, stopping: threading.Event, ended: partial[Any]) -> None:
        super().__init__(name=f"kafka-probe-{name}", daemon=True)
        self._work = work
        self._stopping = stopping
        self._ended = ended

    def run(self) -> None:
        """Work until told to stop; say so at the end, whatever ends it."""
        try:
            self._serve()
        except KafkaException as error:
            conf = self._work.producing
            text = without_secrets(str(error.args[0] if error.args else error), conf)
            self._work.note("login", ConnectError(f"the probe's client cannot be made: {text}"))
        finally:
            with suppress(RuntimeError):  # the loop gave up waiting and is gone
                self._ended()

    def _serve(self) -> None:
        raise NotImplementedError

    def _conf(self, conf: Conf) -> Conf:
        return conf | {"error_cb": partial(self._work.on_error, conf), "logger": self._work.log}


class Sender(_Worker):
    """Sends a message to each partition in turn."""

    def _serve(self) -> None:
        work, clock = self._work, self._work.clock
        producer = Producer(self._conf(work.producing))
        began = clock.monotonic()
        # Spread over the interval, so that brokers are asked in turn.
        due = {p: began + work.interval * index / len(work.starts) for index, p in enumerate(sorted(work.starts))}
        while not self._stopping.is_set():
            now = clock.monotonic()
            for partition in [p for p, at in due.items() if at <= now]:
                self._send(producer, partition)
                due[partition] = max(due[partition] + work.interval, now)
            with work.lock:
                work.ledger.expire(now)
            producer.poll(min(max(min(due.values()) - clock.monotonic(), 0.0), _POLL_SECONDS))
        producer.purge()  # what is under way is nobody's concern any more

    def _send(self, producer: Producer, partition: int) -> None:
        work = self._work
        with work.lock:
            letter = work.ledger.send((partition, work.places.get(partition, -1)), work.clock.monotonic())
        delivered = partial(self._delivered, letter.sequence)
        try:
            producer.produce(work.topic, letter.encode(), partition=partition, on_delivery=delivered)
        except BufferError:
            self._failed(letter.sequence, "_QUEUE_FULL")
        except KafkaException as error:
            self._failed(letter.sequence, error.args[0].name())

    def _delivered(self, sequence: int, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed(sequence, error.name())
            return
        work = self._work
        with work.lock:
            work.ledger.acknowledged(sequence, work.clock.monotonic())
            work.troubles.pop("write", None)
            work.troubles.pop("login", None)

    def _failed(self, sequence: int, code: str) -> None:
        work = self._work
        with work.lock:
            work.ledger.failed(sequence, reason_of(code), work.clock.monotonic())
        if code in _REFUSALS:
            work.note("write", AuthError(f"no right to write to {work.topic}: grant Write on it (grants/acls.md)"))


class Receiver(_Worker):
    """Reads all partitions from where the sweep saw them end."""

    def _serve(self) -> None:
        work = self._work
        consumer = Consumer(self._conf(work.consuming))
        try:
            consumer.assign([TopicPartition(work.topic, p, offset) for p, offset in work.starts.items()])
            while not self._stopping.is_set():
                message = consumer.poll(_POLL_SECONDS)
                if message is not None:
                    self._take(message, work.clock.monotonic())
        finally:
            consumer.close()

    def _take(self, message: Message, now: float) -> None:
        work, error = self._work, message.error()
        if error is None:
            partition = message.partition() or 0
            with work.lock:
                work.ledger.received(message.value(), (partition, work.places.get(partition, -1)), now)
                work.troubles.pop("read", None)
        elif error.name() in _REFUSALS:
            work.note("read", AuthError(f"no right to read {work.topic}: grant Read on it (grants/acls.md)"))
        elif error.name() in _LOGIN:
            work.on_error(work.consuming, error)
        elif error.fatal():
            work.note("read", ProtocolError(f"the probe's consumer gave up: {error.str()}"))


class Workers:
    """The two threads, started; they belong to the loop that made them."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._gone = asyncio.Event()
        self._left = 2
        ended = partial(self._loop.call_soon_threadsafe, self._one_ended)
        self._threads = (Sender(work, "send", self._stopping, ended), Receiver(work, "receive", self._stopping, ended))
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether both threads work."""
        return all(thread.is_alive() for thread in self._threads)

    async def stop(self) -> None:
        """Tell the threads to end and wait until they have; they look several times a second."""
        self._stopping.set()
        try:
            async with self.work.clock.timeout(_STOP_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            _LOG.warning("a thread of the probe does not end", extra={"topic": self.work.topic})
            return
        for thread in self._threads:
            thread.join()

    def _one_ended(self) -> None:
        self._left -= 1
        if not self._left:
            self._gone.set()
