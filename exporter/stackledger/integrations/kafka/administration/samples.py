"""From what was heard of administration to samples. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

from stackledger.collect.snapshot import Part
from stackledger.integrations.kafka.administration import metrics as m
from stackledger.integrations.kafka.administration.read import Administration
from stackledger.integrations.kafka.selection import OTHER

_TOPICS: Final = 100


def add_administration(part: Part, found: Administration) -> None:
    """What was told."""
    if found.reassigning is not None:
        part.add(m.REASSIGNING, sum(found.reassigning.values()))
        largest = sorted(found.reassigning.items(), key=lambda row: (-row[1], row[0]))
        for topic, count in largest[:_TOPICS]:
            part.add(m.TOPIC_REASSIGNING, count, topic)
        if largest[_TOPICS:]:
            part.add(m.TOPIC_REASSIGNING, sum(count for _, count in largest[_TOPICS:]), OTHER)
    for feature, level in sorted(found.finalized.items()):
        part.add(m.FEATURE_LEVEL, level, feature)
    for feature, level in sorted(found.supported.items()):
        part.add(m.FEATURE_SUPPORTED, level, feature)
    if found.quotas is not None:
        types = Counter("+".join(sorted(kind for kind, _ in quota.entity)) for quota in found.quotas)
        for entity_type in ("user", *sorted(types.keys() - {"user"})):
            part.add(m.QUOTAS, types[entity_type], entity_type)
    part.add(m.ACLS, found.acls)
