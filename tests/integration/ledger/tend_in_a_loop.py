"""A process that applies batches, day after day, and does the upkeep of each day, until it is killed.

python tend_in_a_loop.py duck|postgres PLACE SCHEMA
"""

from __future__ import annotations

import sys

from stackledger.ledger.event import UsageEvent
from stackledger.ledger.upkeep.retention import tend
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.building import NOON, Ledger, event

DAY = NOON.date().toordinal() - 719_163
PER_DAY = 6
KEEP_DAYS = 3


def calls_of(batch: int) -> list[UsageEvent]:
    """The calls of a batch: of its day, and some late ones of the day before."""
    day = batch // PER_DAY
    return [
        event(
            f"{batch}-{n}", minutes=(day - (n % 5 == 0)) * 1440 + n, tokens=batch + n, model=f"m{n % 11}", user=f"u{n}"
        )
        for n in range(12)
    ]


if __name__ == "__main__":
    engine = open_store(*sys.argv[1:4])
    ledger = Ledger(engine)
    batch = engine.progress()
    print("ready", flush=True)
    while True:
        tend(engine, DAY + batch // PER_DAY, KEEP_DAYS)
        batch += 1
        ledger.put(calls_of(batch), batch)
