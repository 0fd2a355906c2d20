"""From what was heard of transactions to samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stackledger.collect.snapshot import Part
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.transactions import metrics as m
from stackledger.integrations.kafka.transactions.judge import Judged
from stackledger.integrations.kafka.transactions.read import Transactions

_TOPICS: Final = 100
_NAMED: Final = 50


def add_transactions(part: Part, found: Transactions, judged: Sequence[Judged]) -> None:
    """Counts, ages by topic, and what is needed to end those that hang."""
    if found.states is not None:
        for state in m.TransactionState.values:
            part.add(m.TRANSACTIONAL_IDS, found.states[state], state)
    elif not judged:
        return  # too old, or told nothing: not the same as none
    part.add(m.OPEN, len(judged))
    hanging = [row for row in judged if row.hanging]
    part.add(m.HANGING, len(hanging))
    ages: dict[str, float] = {}
    for row in judged:
        ages[row.transaction.topic] = max(row.age, ages.get(row.transaction.topic, 0.0))
    oldest = sorted(ages, key=lambda topic: (-ages[topic], topic))
    for topic in oldest[:_TOPICS]:
        part.add(m.TOPIC_OPEN_AGE, ages[topic], topic)
    if oldest[_TOPICS:]:
        part.add(m.TOPIC_OPEN_AGE, ages[oldest[_TOPICS]], OTHER)
    for row in sorted(hanging, key=lambda row: -row.age)[:_NAMED]:
        one = row.transaction
        labels = (one.topic, str(one.partition), str(one.producer_id), str(one.start_offset))
        part.add(m.HANGING_INFO, 1, *labels)
