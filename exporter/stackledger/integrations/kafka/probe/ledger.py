"""What is known of each message: under way, acknowledged, failed, received, lost, late, duplicate, foreign. Pure.

Time is passed in, monotonic seconds of this process. Whoever shares a ledger between threads takes turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from stackledger.integrations.kafka.probe.memory import Place, Tally

MISSING_SECONDS: Final = 600.0
"""So long is a message that never came shown as missing: as long as the topic keeps it."""
_REMEMBERED: Final = 20_000
"""Messages of which the end is remembered, to tell a late one from a duplicate: almost two hours with three brokers."""
_MARK: Final = "stackledger-probe"


class Outcome(Enum):
    """How a message ended."""

    RECEIVED = "received"
    FAILED = "failed"
    LOST = "lost"


class Letter(NamedTuple):
    """What a message says: who sent it and when. No data of users."""

    run: str
    sequence: int
    sent: float

    def encode(self) -> bytes:
        """Words that a person with a console consumer can read too."""
        return f"{_MARK} {self.run} {self.sequence} {self.sent!r}".encode()


def decode(value: bytes | None) -> Letter | None:
    """The letter in a message's value, None where somebody else wrote it."""
    words = (value or b"").decode(errors="replace").split(" ")
    try:
        mark, run, sequence, sent = words
        return Letter(run, int(sequence), float(sent)) if mark == _MARK else None
    except ValueError:
        return None


@dataclass(slots=True)
class _Open:
    place: Place
    sent: float
    acknowledged: float | None = None
    received: bool = False


@dataclass(slots=True)
class _Ended:
    place: Place
    outcome: Outcome
    at: float


class Ledger:
    """The messages of one run, which is one pair of clients."""

    def __init__(self, run: str, timeout: float) -> None:
        self._run = run
        self._timeout = timeout
        self._sequence = 0
        self._open: dict[int, _Open] = {}
        self._ended: dict[int, _Ended] = {}
        self._news: dict[Place, Tally] = {}
        self.last: dict[int, float] = {}
        """When a message sent to the broker last came back."""

    def send(self, place: Place, now: float) -> Letter:
        """Note a message that is about to be sent."""
        self._sequence += 1
        self._open[self._sequence] = _Open(place, now)
        self._tally(place).sent += 1
        return Letter(self._run, self._sequence, now)

    def acknowledged(self, sequence: int, now: float) -> None:
        """All replicas in sync have the message."""
        message = self._open.get(sequence)
        if message is None:
            return
        message.acknowledged = now
        self._tally(message.place).produce.observe(now - message.sent)
        if message.received:  # the consumer's thread may be first
            self._end(sequence, Outcome.RECEIVED, now)

    def failed(self, sequence: int, reason: str, now: float) -> None:
        """The message was not acknowledged; it may have been written all the same."""
        message = self._open.get(sequence)
        if message is None:
            return
        failed = self._tally(message.place).failed
        failed[reason] = failed.get(reason, 0) + 1
        self._end(sequence, Outcome.RECEIVED if message.received else Outcome.FAILED, now)

    def received(self, value: bytes | None, place: Place, now: float) -> None:
        """A message was read from the partition, which the broker of `place` leads."""
        letter = decode(value)
        if letter is None or letter.run != self._run:
            self._stray(place, "foreign")
        elif (message := self._open.get(letter.sequence)) is not None:
            if message.received:
                self._stray(message.place, "duplicate")
                return
            message.received = True
            self._round_trip(message.place, letter, now)
            if message.acknowledged is not None:
                self._end(letter.sequence, Outcome.RECEIVED, now)
        elif (ended := self._ended.get(letter.sequence)) is not None:
            self._after_the_end(ended, letter, now)
        else:
            self._stray(place, "foreign")  # ours, but so old that it is forgotten

    def _after_the_end(self, ended: _Ended, letter: Letter, now: float) -> None:
        if ended.outcome is Outcome.RECEIVED:
            self._stray(ended.place, "duplicate")
            return
        if ended.outcome is Outcome.LOST:
            self._stray(ended.place, "late")
            self._round_trip(ended.place, letter, now)  # left out, the slowest would be missing in every quantile
        else:
            self._stray(ended.place, "failed")
        ended.outcome = Outcome.RECEIVED

    def expire(self, now: float) -> None:
        """Count as lost what was acknowledged a whole timeout ago and has not been read since."""
        for sequence, message in list(self._open.items()):
            at = message.acknowledged
            if at is not None and now - at >= self._timeout:
                self._tally(message.place).lost += 1
                self._end(sequence, Outcome.LOST, now)

    def in_flight(self) -> Mapping[int, int]:
        """By partition: messages that were neither acknowledged nor refused yet."""
        return Counter(message.place[0] for message in self._open.values() if message.acknowledged is None)

    def missing(self, now: float) -> Mapping[int, int]:
        """By broker: messages counted as lost of late that have not come since."""
        lost = (row for row in self._ended.values() if row.outcome is Outcome.LOST)
        return Counter(row.place[1] for row in lost if now - row.at < MISSING_SECONDS)

    def drain(self) -> dict[Place, Tally]:
        """What was counted since the last time."""
        news, self._news = self._news, {}
        return news

    def _round_trip(self, place: Place, letter: Letter, now: float) -> None:
        tally = self._tally(place)
        tally.received += 1
        tally.round_trip.observe(now - letter.sent)
        self.last[place[1]] = now

    def _stray(self, place: Place, kind: str) -> None:
        stray = self._tally(place).stray
        stray[kind] = stray.get(kind, 0) + 1

    def _end(self, sequence: int, outcome: Outcome, now: float) -> None:
        self._ended[sequence] = _Ended(self._open.pop(sequence).place, outcome, now)
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def _tally(self, place: Place) -> Tally:
        return self._news.setdefault(place, Tally())
