"""A process that applies numbered batches until it is killed: `python apply_in_a_loop.py duck|postgres <place> ...`.

Batch n holds the calls from 7n on, so that each overlaps the one before; every third is tried again at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stackledger.ledger.engines.base import Engine
from tests.integration.ledger.building import Ledger, varied

SIZE = 20
STEP = 15


def calls_of(batch: int) -> range:
    """The numbers of a batch's calls."""
    return range(batch * STEP, batch * STEP + SIZE)


def open_store(kind: str, place: str, schema: str) -> Engine:
    """The store that the parent checks after the kill."""
    if kind == "duck":
        from stackledger.ledger.engines.duck import engine as duck

        duck._SAVE_EVERY = 7  # so that kills fall into the saving of known ids too
        return duck.DuckEngine(Path(place), memory="128MB", threads=1)
    from stackledger.ledger.engines.postgres.engine import PostgresEngine

    return PostgresEngine(place, schema)


if __name__ == "__main__":
    engine = open_store(*sys.argv[1:4])
    ledger = Ledger(engine)
    batch = engine.progress()
    print("ready", flush=True)
    while True:
        batch += 1
        for _ in range(2 if batch % 3 == 0 else 1):
            ledger.put(varied(calls_of(batch)), batch)
