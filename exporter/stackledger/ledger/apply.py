"""From the inbox into the ledger: decode, number, price, store. One commit at a time, each whole or not at all."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

import msgspec
import numpy as np

from stackledger.ledger.dimensions import Context, context_key, context_named
from stackledger.ledger.engines.base import (
    TOPIC_BATCH,
    TOPIC_COMMITS,
    Applied,
    Engine,
    Positions,
    Refused,
    topic_commits,
)
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.inbox import Inbox, Kept
from stackledger.ledger.intake.names import canonical
from stackledger.ledger.pricing import Prices, price
from stackledger.ledger.record import Record, decode
from stackledger.ledger.rows import Rows

_AT_ONCE: Final = 100_000
"""Events of one commit: enough to make its fixed cost small, few enough to be through in about a second."""
_NUL: Final = "\0"
_NUL_SIGN: Final = "\N{SYMBOL FOR NULL}"


class Came(NamedTuple):
    """A record with the number of its batch and when it came."""

    batch: int
    received_us: int
    record: Record


@dataclass(slots=True)
class Gathered:
    """The content of some batches."""

    events: list[UsageEvent]
    batch: list[int]
    refused: list[Refused]
    through: int


class Applier:
    """Brings what is in the inbox into the ledger. `prices` is asked for each commit, so that a new book takes over.

    `pseudonym` turns a user into what the ledger keeps in its place.
    """

    def __init__(
        self, inbox: Inbox, engine: Engine, prices: Callable[[], Prices], pseudonym: Callable[[str], str] | None = None
    ) -> None:
        self._inbox = inbox
        self._engine = engine
        self._prices = prices
        self._pseudonym = pseudonym
        self.through = engine.progress()
        self._sure = True
        self.lock = threading.Lock()
        """Held during a commit: whoever changes what is stored or waits takes it first."""

    def run_once(self, at_once: int = _AT_ONCE) -> Applied | None:
        """Apply what waits, at most about `at_once` events; None when nothing does. Raises StorageError."""
        with self.lock:
            return self._run_once(at_once)

    def _run_once(self, at_once: int) -> Applied | None:
        if not self._sure:  # a commit may have gone through though it failed here, or be lost though it had not
            self.through = self._engine.progress()
        self._sure = False
        batches = self._inbox.read(self.through, at_once)
        if not batches:
            self._sure = True
            return None
        gathered = gather(batches)
        received = {one.seq: one.received_us for one in batches}
        rows = self.rows(gathered, received) if gathered.events else _NO_ROWS
        applied = self._engine.apply(rows, gathered.refused, gathered.through)
        self.through, self._sure = gathered.through, True
        return applied

    def take(self, records: Sequence[Record], received_us: int, positions: Positions) -> Applied:
        """Apply records that came another way than the inbox, with where to read on. Raises StorageError."""
        with self.lock:
            commit = topic_commits(self._engine) + 1  # asked each time: a commit that failed may have gone through
            batch = TOPIC_BATCH + commit
            gathered = gathered_from([Came(batch, received_us, one) for one in records])
            rows = self.rows(gathered, {batch: received_us}) if gathered.events else _NO_ROWS
            return self._engine.apply(rows, gathered.refused, 0, {**positions, TOPIC_COMMITS: commit})

    def rows(self, gathered: Gathered, received: dict[int, int]) -> Rows:
        """Columns of the events, priced; those that no row can hold are moved to the refusals."""
        events = gathered.events
        people = [event.user for event in events]
        if self._pseudonym is not None:
            people = [self._pseudonym(user) if user else "" for user in people]
        keys, place = _distinct(events)
        usage = np.array([msgspec.structs.astuple(event.usage) for event in events], np.int64)
        ts = np.rint(np.array([event.time.timestamp() for event in events]) * 1e6).astype(np.int64)
        priced = price(self._prices(), usage, ts, keys, place)
        sources = self._engine.sources([key.source for key in keys])
        contexts = self._engine.contexts(keys)
        rates = np.array(self._engine.rates(priced.rates), np.int64)
        rows = Rows(
            ids=[event.id for event in events],
            ts=ts,
            context=np.array(contexts, np.int64)[place],
            person=np.array(self._engine.people(people), np.int64),
            source=np.array(sources, np.int64)[place],
            rate=rates[priced.rate],
            cost=priced.cost,
            priced=priced.known,
            batch=np.array(gathered.batch, np.int64),
            usage=usage,
            models={number: (key.provider, key.model) for number, key in zip(contexts, keys, strict=True)},
            source_names=dict(zip(sources, (key.source for key in keys), strict=True)),
            received_us=received,
        )
        if priced.too_large.any():
            gathered.refused += [_too_large(rows, at) for at in np.flatnonzero(priced.too_large).tolist()]
            rows = rows.take(~priced.too_large)
        return rows


def gather(batches: Sequence[Kept]) -> Gathered:
    """What some batches hold, one after another. Events with a NUL in a name are moved to the refusals."""
    gathered = gathered_from([Came(one.seq, one.received_us, decode(one.body)) for one in batches])
    gathered.through = batches[-1].seq
    return gathered


def gathered_from(came: Sequence[Came]) -> Gathered:
    """What some records hold, one after another, without a number up to which all is there."""
    events: list[UsageEvent] = []
    numbers: list[int] = []
    refused: list[Refused] = []
    for one in came:
        kept = one.record.events
        if _NUL in "".join(chain.from_iterable(map(_names, kept))):
            refused += [_unstorable(one, event) for event in kept if _NUL in "".join(_names(event))]
            kept = [event for event in kept if _NUL not in "".join(_names(event))]
        events += kept
        numbers += [one.batch] * len(kept)
        refused += [Refused(one.batch, one.received_us, _shown(refusal)) for refusal in one.record.refusals]
    return Gathered(events, numbers, refused, 0)


_names: Final[Callable[[UsageEvent], tuple[str, ...]]] = operator.attrgetter(
    "id", "user", "source", "provider", "model", "team", "feature", "environment", "api_key", "region"
)
"""Texts of an event that a ledger stores as they are; tags are stored as JSON, which spells a NUL out."""


def _unstorable(came: Came, event: UsageEvent) -> Refused:
    detail = "a name or the id holds a NUL character, which no database stores alike: send it without"
    refusal = Refusal(Reason.MALFORMED, detail, event.id, event.source)
    return Refused(came.batch, came.received_us, _shown(refusal))


def _shown(refusal: Refusal) -> Refusal:
    """The refusal with a sign in place of each NUL, which would keep it from being stored for ever."""
    if _NUL not in refusal.detail + refusal.id + refusal.source:
        return refusal
    texts = (text.replace(_NUL, _NUL_SIGN) for text in (refusal.detail, refusal.id, refusal.source))
    return Refusal(refusal.reason, *texts)


def _distinct(events: Sequence[UsageEvent]) -> tuple[list[Context], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The contexts of the events, each once, and each event's place among them."""
    places: dict[tuple[str, ...], int] = {}
    found = [places.setdefault(context_key(event), len(places)) for event in events]
    # One name for each provider, however it was told; of contexts, which are few, not of events.
    keys = [context_named(key) for key in places]
    return [key._replace(provider=canonical(key.provider)) for key in keys], np.array(found, np.int64)


def _too_large(rows: Rows, place: int) -> Refused:
    detail = "costs more than 4.6 million USD in one call: no count of one call is that high"
    refusal = Refusal(Reason.TOO_LARGE, detail, rows.ids[place], rows.source_names.get(int(rows.source[place]), ""))
    batch = int(rows.batch[place])
    return Refused(batch, rows.received_us.get(batch, 0), refusal)


_NONE = np.empty(0, np.int64)
_NO_ROWS: Final = Rows(
    [], _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, np.empty(0, np.bool_), _NONE, np.empty((0, 0), np.int64)
)
