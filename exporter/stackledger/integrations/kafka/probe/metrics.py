"""The metrics of the end-to-end probe, by the broker that led the partition when the message was sent."""

from __future__ import annotations

from typing import Final

from stackledger import units
from stackledger.catalogue import Kind, Label, Metric
from stackledger.integrations.kafka.labels import BrokerId
from stackledger.integrations.kafka.probe.clients import REASONS

_ON: Final = "the end-to-end probe (`probe: {}` in the target's settings)"
_BUDGET: Final = 200


class FailureReason(Label):
    """Class of the producer's last error: what a message without acknowledgement ended in."""

    name = "reason"
    values = REASONS


class StrayKind(Label):
    """`late`: counted as lost before; `failed`: as failed; `duplicate`: it had come; `foreign`: of another run."""

    name = "kind"
    values = ("late", "failed", "duplicate", "foreign")


SENT = Metric(
    "stackledger_kafka_probe_messages_sent_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages that the probe tried to send to the broker (own producer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
FAILED = Metric(
    "stackledger_kafka_probe_messages_failed_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages that were not acknowledged by all replicas in sync within the timeout (own producer).",
    labels=(BrokerId, FailureReason),
    budget=_BUDGET * len(REASONS),
    node=False,
    conditional=_ON,
)
RECEIVED = Metric(
    "stackledger_kafka_probe_messages_received_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages that were read again, late ones included, each once (own consumer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
LOST = Metric(
    "stackledger_kafka_probe_messages_lost_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages that were acknowledged but not read within the timeout; one that comes later is late too (own consumer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
STRAY = Metric(
    "stackledger_kafka_probe_messages_stray_total",
    Kind.COUNTER,
    units.COUNT,
    "Messages read that no round trip was waiting for, by kind (own consumer).",
    labels=(BrokerId, StrayKind),
    budget=_BUDGET * len(StrayKind.values),
    node=False,
    conditional=_ON,
)
MISSING = Metric(
    "stackledger_kafka_probe_missing_messages",
    Kind.GAUGE,
    units.COUNT,
    "Messages counted as lost within the last ten minutes that have not been read since (own consumer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
PRODUCE = Metric(
    "stackledger_kafka_probe_produce_seconds",
    Kind.HISTOGRAM,
    units.SECONDS,
    "From sending a message to its acknowledgement by all replicas in sync (own producer, acks=all).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
ROUND_TRIP = Metric(
    "stackledger_kafka_probe_round_trip_seconds",
    Kind.HISTOGRAM,
    units.SECONDS,
    "From sending a message to reading it (own producer and consumer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
SILENCE = Metric(
    "stackledger_kafka_probe_silence_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long no message to the broker had come back when the cluster was last swept, at most since it became leader;"
    " only brokers that lead a partition of the probe's topic (own consumer).",
    labels=(BrokerId,),
    budget=_BUDGET,
    node=False,
    conditional=_ON,
)
