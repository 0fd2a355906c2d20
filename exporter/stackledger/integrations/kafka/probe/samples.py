"""From what was counted to samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stackledger.collect.snapshot import Part
from stackledger.errors import TargetError
from stackledger.integrations.kafka.probe import metrics as m
from stackledger.integrations.kafka.probe.memory import ProbeMemory


@dataclass(frozen=True, slots=True)
class Sight:
    """What the probe knows beside its counters."""

    silence: Mapping[int, float]
    """By broker that leads a partition: seconds since a message last came back."""
    missing: Mapping[int, int]
    """By broker: messages lost of late."""
    in_flight: Mapping[int, int]
    """By partition: messages without an answer yet."""
    trouble: TargetError | None
    """Why the probe does not work."""


def add_probe(part: Part, memory: ProbeMemory, sight: Sight) -> None:
    """Counters by broker, and when each was last well."""
    for broker_id, tally in memory.brokers.items():
        broker = str(broker_id)
        part.add(m.SENT, tally.sent, broker)
        for reason in m.FailureReason.values:
            part.add(m.FAILED, tally.failed.get(reason, 0), broker, reason)
        part.add(m.RECEIVED, tally.received, broker)
        part.add(m.LOST, tally.lost, broker)
        for kind in m.StrayKind.values:
            part.add(m.STRAY, tally.stray.get(kind, 0), broker, kind)
        for metric, times in ((m.PRODUCE, tally.produce), (m.ROUND_TRIP, tally.round_trip)):
            part.histogram(metric, broker, buckets=times.buckets, count=times.count, total=times.total)
        part.add(m.MISSING, sight.missing.get(broker_id, 0), broker)
    for broker_id, seconds in sight.silence.items():
        part.add(m.SILENCE, seconds, str(broker_id))
