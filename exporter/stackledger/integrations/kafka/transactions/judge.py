"""Which open transactions will never end. Pure: from what leaders and coordinators say, and what was seen before.

A transaction hangs when a partition's leader has it open and no coordinator knows it as ongoing: then nobody will write
its end, the last stable offset stays where it is, and readers with read_committed get nothing more. Since leaders and
coordinators are asked one after the other, a transaction that ends in between looks like that once; only one that looks
so in two reads in a row, and that is older than any coordinator lets one become, hangs.
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
    hangs_after: float,
    unread: Collection[tuple[str, int]] = (),
) -> tuple[Judged, ...]:
    """Judge all that are open at `now` and bring `memory` up to date.

    `ongoing` holds the ids of producers with an ongoing transaction; None while a coordinator is silent: then nothing
    that was not hanging before is called so. Nothing hangs before it is `hangs_after` seconds old: until then a
    coordinator that we cannot see, for want of a right or of its partition's leader, may still end it. What was open in
    an `unread` partition is taken to be so still. The age is that since it was first seen: records may carry any time.
    """
    found = {transaction.key: transaction for transaction in transactions}
    for key, known in memory.items():
        if (known.topic, known.partition) in unread:
            found.setdefault(key, OpenTransaction(known.topic, known.partition, known.producer_id, known.start_offset))
    for gone in memory.keys() - found.keys():
        del memory[gone]
    judged = []
    for key, transaction in found.items():
        known = memory.setdefault(key, OpenMemory(now, *transaction))
        if ongoing is not None and (known.topic, known.partition) not in unread:
            known.orphaned = 0 if transaction.producer_id in ongoing else known.orphaned + 1
        age = max(now - known.first_seen, 0.0)
        hangs = known.orphaned >= _READS_TO_HANG and age >= hangs_after
        judged.append(Judged(transaction, age, hangs))
    return tuple(judged)
