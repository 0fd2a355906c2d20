"""From the topic into the ledger, each message once: the next offsets are stored in the transaction of its rows.

The reader assigns itself the partitions at the ledger's own positions. It joins no group; what it commits to one is
only for those who watch the lag. After a commit that failed, or may have gone through, the positions are asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Sent

from stackledger.clock import Clock
from stackledger.errors import StorageError
from stackledger.ledger.apply import Applier
from stackledger.ledger.engines.base import Applied, Engine
from stackledger.ledger.topic.messages import Message, headers_of, record_of

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 100_000
_BYTES_AT_ONCE: Final = 16 << 20
_MESSAGES: Final = 500
_WAIT_SECONDS: Final = 0.5
_MORE_SECONDS: Final = 0.02
_ASK_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 60.0
"""How often the topic is asked for new partitions."""


class TopicReader:
    """Reads one topic. Not for several threads at once."""

    def __init__(
        self, conf: Mapping[str, Any], topic: str, engine: Engine, applier: Applier, clock: Clock, *, body_bytes: int
    ) -> None:
        """`conf` is librdkafka's, with where and who; `body_bytes` the most that one message may hold, decompressed."""
        own = {
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # a gap is told, never jumped over in silence
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "queued.max.messages.kbytes": _BYTES_AT_ONCE >> 10,
        }
        try:
            self._consumer = Consumer({**conf, **own}, logger=logging.getLogger(f"{__name__}.client"))
        except KafkaException as error:
            raise StorageError(f"the topic {topic} cannot be read: {error.args[0].str()}") from None
        self._topic = topic
        self._engine = engine
        self._applier = applier
        self._clock = clock
        self._limit = body_bytes
        self._next: dict[int, int] = {}
        self._sure = False
        self._look_at = 0.0

    def read_once(self) -> Applied | None:
        """Take what is there, at most about 100,000 events; None when nothing is. Raises StorageError."""
        if not self._sure or self._clock.monotonic() >= self._look_at:
            self._assign()
        self._sure = False
        messages = self._gathered()
        if not messages:
            self._sure = True
            return None
        now = self._clock.now()
        after = {(self._topic, one.part): one.offset + 1 for one in messages}
        applied = self._applier.take([record_of(one, now, self._limit) for one in messages], round(now * 1e6), after)
        self._next.update({part: offset for (_, part), offset in after.items()})
        self._sure = True
        self._tell_group()
        return applied

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()

    def _assign(self) -> None:
        """Read on where the ledger is, in every partition that there is now."""
        try:
            found = self._consumer.list_topics(self._topic, timeout=_ASK_SECONDS).topics[self._topic]
        except KafkaException as error:
            raise self._trouble(error.args[0]) from None
        if found.error is not None:
            raise self._trouble(found.error)
        parts = sorted(found.partitions)
        if not self._sure or parts != sorted(self._next):
            stored = self._engine.positions(self._topic)
            self._next = {part: stored.get(part, OFFSET_BEGINNING) for part in parts}
            self._consumer.assign([TopicPartition(self._topic, part, offset) for part, offset in self._next.items()])
        self._look_at = self._clock.monotonic() + _LOOK_SECONDS

    def _gathered(self) -> list[Message]:
        messages: list[Message] = []
        size, wait = 0, _WAIT_SECONDS
        while len(messages) < _AT_ONCE and size < _BYTES_AT_ONCE:
            try:
                found: Sequence[Sent] = self._consumer.consume(_MESSAGES, wait)
            except KafkaException as error:
                raise self._trouble(error.args[0]) from None
            for one in found:
                part, offset, wrong = one.partition(), one.offset(), one.error()
                if part is None or offset is None or wrong is not None:
                    self._failed(part, wrong)
                    continue
                body = one.value() or b""
                size += len(body)
                messages.append(Message(self._topic, part, offset, body, headers_of(one.headers())))
            if not found:
                break
            wait = _MORE_SECONDS
        return messages

    def _failed(self, part: int | None, error: KafkaError | None) -> None:
        """Go on behind a gap, once it is told and stored; anything else ends this attempt."""
        if error is None or part is None or error.code() != KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - a public name
            raise self._trouble(error)
        place, wanted = TopicPartition(self._topic, part), self._next.get(part, OFFSET_BEGINNING)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_ASK_SECONDS)
        except KafkaException as failed:
            raise self._trouble(failed.args[0]) from None
        if wanted == OFFSET_BEGINNING or low <= wanted <= high:
            raise self._trouble(error)
        what = "messages were deleted before they were read" if wanted < low else "the topic was made anew"
        _LOG.error(what, extra={"topic": self._topic, "partition": part, "wanted": wanted, "first": low, "end": high})
        self._applier.take([], 0, {(self._topic, part): low})
        raise StorageError(f"{self._topic}/{part}: {what}, from offset {wanted}; reading on at {low}")

    def _tell_group(self) -> None:
        """Commit the positions to the group, where monitors of lag look. Nothing here depends on it."""
        offsets = [TopicPartition(self._topic, part, at) for part, at in self._next.items() if at >= 0]
        with suppress(KafkaException):
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def _trouble(self, error: KafkaError | None) -> StorageError:
        return StorageError(f"the topic {self._topic} cannot be read: {error.str() if error else 'no answer'}")
