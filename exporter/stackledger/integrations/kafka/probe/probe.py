"""The probe of one cluster: when its threads run, and what the fast lane shows of it.

Owns their lifetime. Nothing here waits for Kafka: a sweep only hands over what it saw and takes what was counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID

from stackledger.clock import Clock
from stackledger.errors import ProtocolError, TargetError
from stackledger.integrations.kafka import connect
from stackledger.integrations.kafka.answers import Answers
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.probe import clients
from stackledger.integrations.kafka.probe.config import ProbeSettings
from stackledger.integrations.kafka.probe.ledger import Ledger
from stackledger.integrations.kafka.probe.samples import Sight
from stackledger.integrations.kafka.probe.topic import TopicKeeper, places_of
from stackledger.integrations.kafka.state import KafkaState
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.connection import Traffic

if TYPE_CHECKING:  # importing it loads librdkafka
    from stackledger.integrations.kafka.probe.workers import Workers

_AGAIN_SECONDS: Final = 30.0
"""Between two starts after a refused login: secrets may have been rotated, and accounts get locked."""
_BEGINNING: Final = -2  # librdkafka's OFFSET_BEGINNING


class Probe:
    """One cluster's probe. `observe` after each good sweep keeps it running; `close` ends it until the next."""

    def __init__(self, target: KafkaTarget, settings: ProbeSettings, state: KafkaState, clock: Clock) -> None:
        self._target = target
        self._settings = settings
        self._state = state
        self._clock = clock
        self._keeper = TopicKeeper(settings, clock, self._connect)
        self._log = clients.ClientLog(target.name, clock)
        self._workers: Workers | None = None
        self._topic: tuple[UUID, frozenset[int]] | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._since: dict[int, float] = {}
        self._next_start = 0.0
        self._trouble: TargetError | None = None

    def observe(self, answers: Answers) -> Sight:
        """Hand over what a sweep saw; what to show of the probe. Returns at once."""
        metadata = answers.metadata
        self._keeper.keep(metadata)
        topic = metadata.topics.get(self._settings.topic)
        places = places_of(topic) if topic is not None else {}
        now = self._clock.monotonic()
        self._since = {broker: self._since.get(broker, now) for broker in places.values()}
        if topic is not None and places:
            self._keep_running((topic.id, frozenset(places)), places)
        if self._workers is not None and places:
            self._workers.work.places = places
        self._take_news()
        if topic is not None:
            self._state.probe.keep(places, answers.expected)
        return self._sight(places, now)

    async def close(self) -> None:
        """End the threads and whatever is under way; `observe` begins again."""
        await self._keeper.close()
        self._end()
        if self._stopping:
            await asyncio.wait(set(self._stopping))

    # -- the threads -------------------------------------------------------------------------------------------------

    def _keep_running(self, topic: tuple[UUID, frozenset[int]], places: Mapping[int, int]) -> None:
        workers = self._workers
        if workers is not None and workers.alive and topic == self._topic and "login" not in workers.work.troubles:
            return
        now, starts = self._clock.monotonic(), self._starts(places)
        if starts is None or (topic == self._topic and now < self._next_start):
            return
        self._end()
        self._next_start = now + _AGAIN_SECONDS
        try:
            self._workers, self._trouble = self._start(places, starts), None
        except TargetError as error:  # a secret that cannot be read
            self._trouble = error
        self._topic = topic

    def _starts(self, places: Mapping[int, int]) -> dict[int, int] | None:
        """Where the partitions end as far as the sweep knows. None while it has not seen all of them yet."""
        memory = self._state.topics.get(self._settings.topic)
        if memory is None:  # the target leaves the topic out: read it all, it is short
            return dict.fromkeys(places, _BEGINNING)
        return {p: memory.high[p] for p in places} if memory.high.keys() >= places.keys() else None

    def _start(self, places: Mapping[int, int], starts: Mapping[int, int]) -> Workers:
        from stackledger.integrations.kafka.probe.workers import Work, Workers  # noqa: PLC0415 - loads librdkafka

        run = f"{int(self._clock.random() * (1 << 52)):013x}"
        work = Work(
            topic=self._settings.topic,
            interval=self._settings.interval_seconds,
            clock=self._clock,
            ledger=Ledger(run, self._settings.timeout_seconds),
            producing=clients.producer_conf(self._target, self._clock),
            consuming=clients.consumer_conf(self._target, self._clock),
            log=self._log,
            starts=starts,
            places=places,
        )
        return Workers(work)

    def _end(self) -> None:
        self._take_news()
        workers, self._workers, self._topic = self._workers, None, None
        if workers is not None:
            stopping = asyncio.get_running_loop().create_task(workers.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)

    def _connect(self) -> Cluster:
        shared = connect.options(self._target, self._clock, Traffic())
        return connect.client(self._target, shared, attempt_seconds=self._settings.timeout_seconds / 2)

    # -- what it saw -------------------------------------------------------------------------------------------------

    def _take_news(self) -> None:
        if self._workers is not None:
            work = self._workers.work
            with work.lock:
                news = work.ledger.drain()
            self._state.probe.add(news)

    def _sight(self, places: Mapping[int, int], now: float) -> Sight:
        trouble = self._keeper.trouble or self._trouble
        if self._workers is None:
            return Sight({}, {}, {}, trouble)
        work = self._workers.work
        with work.lock:
            troubles, last = dict(work.troubles), dict(work.ledger.last)
            missing, in_flight = work.ledger.missing(now), work.ledger.in_flight()
        if not troubles and not self._workers.alive:
            troubles["read"] = ProtocolError("a thread of the probe ended; it is started again")
        silence = {broker: now - max(since, last.get(broker, since)) for broker, since in self._since.items()}
        first = next((troubles[what] for what in ("login", "write", "read") if what in troubles), None)
        return Sight(silence, missing, {p: in_flight.get(p, 0) for p in places}, first or trouble)
