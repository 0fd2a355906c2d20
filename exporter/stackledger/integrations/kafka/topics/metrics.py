"""The metrics of topics: what was written, how complete the reading is, their settings."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Metric
from stackledger.integrations.kafka import labels as of

OFFSETS_COMPLETENESS = Metric(
    "stackledger_kafka_offsets_completeness_ratio",
    Kind.GAUGE,
    units.RATIO,
    "Share of the partitions whose offsets are of this sweep; the others show their last good ones (own sweep).",
    node=False,
)
OFFSETS_AGE = Metric(
    "stackledger_kafka_offsets_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Age of the oldest offset that is shown (own sweep).",
    node=False,
)
OTHER_TOPICS = Metric(
    "stackledger_kafka_other_topics",
    Kind.GAUGE,
    units.COUNT,
    "Topics beyond max_topics, summed under the name other (own sweep).",
    node=False,
)
RECORDS_PRODUCED = Metric(
    "stackledger_kafka_topic_records_produced_total",
    Kind.COUNTER,
    units.COUNT,
    "Offsets appended to the topic since it was first seen; never falls while the topic's id stays (ListOffsets).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
)
OPEN_TRANSACTION_RECORDS = Metric(
    "stackledger_kafka_topic_open_transaction_records",
    Kind.GAUGE,
    units.COUNT,
    "Offsets of the topic that an open transaction holds back (ListOffsets read_committed).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
    conditional="stable_offsets: true",
)
