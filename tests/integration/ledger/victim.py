"""A process to kill: takes batches in and applies them, at once, as fast as it can.

    python victim.py DATA_DIR FIRST LAST

It appends the batches FIRST to LAST (made from their number alone, so that whoever watches knows them too), writes the
number of each to standard output once it is on the disk, and applies what waits meanwhile. Imports the inbox and the
ledger, nothing else: it must start fast.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stackledger.ledger.apply import Applier
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Window
from stackledger.ledger.record import Record, encode

EVENTS = 40
_BEGIN = datetime(2026, 10, 30, tzinfo=UTC)


class OnePrice:
    """Seven picodollars for a token in, eleven for one out; nothing else has a price."""

    version = "test"
    _rate = Rate(tuple({"input_uncached": 7, "output": 11, "requests": 0}.get(name) for name in BUCKETS))
    _line = Line("openai", "any", (Window(((0, _rate),)),))

    def with_book(self, _book: PriceBook) -> OnePrice:
        return self

    def line(self, *_names: str) -> Line:
        return self._line


def batch(number: int) -> Record:
    """Batch `number`: some of its events are those of earlier batches again, some have no price, one is refused."""
    chance = random.Random(number)
    events = [_event(number, place) for place in range(EVENTS)]
    for _ in range(8):
        earlier = chance.randrange(max(0, number - 30), number + 1)
        events.append(_event(earlier, chance.randrange(EVENTS)))
    chance.shuffle(events)
    return Record(events, [Refusal(Reason.MALFORMED, "made for the test", f"bad-{number}", "test")])


def _event(number: int, place: int) -> UsageEvent:
    chance = random.Random(number * 1000 + place)
    usage = Usage(
        input_uncached=chance.randrange(5000),
        output=chance.randrange(900),
        audio_input=100 if chance.random() < 0.05 else 0,
    )
    return UsageEvent(
        id=f"{number}-{place}",
        time=_BEGIN + timedelta(minutes=chance.randrange(4 * 24 * 60)),
        provider="openai",
        model=chance.choice(("a", "b", "c")),
        source=chance.choice(("gateway", "app")),
        user=f"user-{chance.randrange(50)}",
        team=chance.choice(("search", "chat", "")),
        usage=usage,
    )


def main(folder: Path, first: int, last: int) -> None:
    """Append and apply until killed, or until all is done."""
    done = threading.Event()
    applier = Applier(Inbox(folder / "inbox.sqlite"), DuckEngine(folder / "ledger.duckdb"), OnePrice)
    appending = threading.Thread(target=_append, args=(folder, first, last, done))
    appending.start()
    os.write(1, b"ready\n")
    while True:
        through = done.is_set()  # asked before looking: what came meanwhile is still there to be applied
        if applier.run_once(at_once=300) is None and through:
            break
    os.write(1, b"done\n")


def _append(folder: Path, first: int, last: int, done: threading.Event) -> None:
    inbox = Inbox(folder / "inbox.sqlite")
    for number in range(first, last + 1):
        record = batch(number)
        inbox.append([Waiting(number, len(record.events), encode(record))])
        os.write(1, b"%d\n" % number)
    done.set()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
