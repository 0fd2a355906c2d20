"""Which open transactions will never end. Pure: from what leaders and coordinators say, and what was seen before.

A transaction hangs when a partition's leader has it open and no coordinator knows it as ongoing: then nobody will write
its end, the last stable offset stays where it is, and readers with read_committed get nothing more. Since leaders and
coordinators are asked one after the other, a transaction that ends in between looks like that once; only one that looks
so in two reads in a row hangs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, MutableMapping
from typing import Final, NamedTuple

from stackledger.integrations.kafka.state import OpenMemory

_READS_TO_HANG: Final = 2


class OpenTransaction(NamedTuple):
    """A transaction that a partition's leader has open."""

    topic: str
    partition: int
    producer_id: int
    start_offset: int
    last_written: float
    """When its last batch was written, in seconds since 1970 by the producer's clock; 0 where unknown."""

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return f"{self.topic}/{self.partition}/{self.producer_id}/{self.start_offset}"


class Judged(NamedTuple):
    """An open transaction, how long it has been open at least, and whether it hangs."""

    transaction: OpenTransaction
    age: float
    hanging: bool


def judge(
    transactions: Iterable[OpenTransaction],
    ongoing: Collection[int] | None,
    memory: MutableMapping[str, OpenMemory],
    *,
    now: float,
) -> tuple[Judged, ...]:
    """Judge all that are open at `now` and bring `memory` up to date.

    `ongoing` holds the ids of producers with an ongoing transaction; None while a coordinator is silent: then nothing
    that was not hanging before is called so.
    """
    found = list(transactions)
    for gone in memory.keys() - {transaction.key for transaction in found}:
        del memory[gone]
    judged = []
    for transaction in found:
        known = memory.setdefault(transaction.key, OpenMemory(now))
        if ongoing is not None:
            known.orphaned = 0 if transaction.producer_id in ongoing else known.orphaned + 1
        since = min(known.first_seen, transaction.last_written or now)
        judged.append(Judged(transaction, max(now - since, 0.0), known.orphaned >= _READS_TO_HANG))
    return tuple(judged)
