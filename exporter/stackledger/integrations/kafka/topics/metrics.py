"""The metrics of topics: what was written, how complete the reading is, their settings."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Label, Metric, drop_after
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

# -- how much the cluster was shown to carry ---------------------------------------------------------------------------


class Direction(Label):
    """`produced`: appended to the logs; `consumed`: committed by groups."""

    values = ("produced", "consumed")


LOWEST_MINUTE = Metric(
    "stackledger_kafka_lowest_minute_records_per_second",
    Kind.GAUGE,
    units.PER_SECOND,
    "Lowest rate of any minute in the window, timed by the brokers' answers; absent before a minute (ListOffsets).",
    labels=(Direction,),
    budget=2,
    node=False,
    missing=drop_after(0),
    conditional="a minute of complete readings",
)
PEAK_MINUTE = Metric(
    "stackledger_kafka_peak_minute_records_per_second",
    Kind.GAUGE,
    units.PER_SECOND,
    "Highest rate of any minute in the window, timed by the brokers' answers; absent before a minute (ListOffsets).",
    labels=(Direction,),
    budget=2,
    node=False,
    missing=drop_after(0),
    conditional="a minute of complete readings",
)
LAG_GROWTH = Metric(
    "stackledger_kafka_lag_growth_records_per_second",
    Kind.GAUGE,
    units.PER_SECOND,
    "Records a second by which the lag of all groups grew over the window, below 0 where it fell (OffsetFetch).",
    node=False,
    missing=drop_after(0),
    conditional="a minute of complete readings",
)
THROUGHPUT_WINDOW = Metric(
    "stackledger_kafka_throughput_window_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long every reading has been complete and without a gap; a partial one begins anew (own sweep).",
    node=False,
    missing=drop_after(0),
)
THROUGHPUT_TARGET = Metric(
    "stackledger_kafka_throughput_target_records_per_second",
    Kind.GAUGE,
    units.PER_SECOND,
    "What the lowest minute is held against (setting throughput.records_per_second).",
    node=False,
)
THROUGHPUT_REACHED = Metric(
    "stackledger_kafka_throughput_reached",
    Kind.GAUGE,
    units.STATE,
    "1 if every minute of a whole window reached the target both ways and lag did not grow, 0 if not (own sweep).",
    node=False,
    missing=drop_after(0),
    conditional="a whole window of complete readings",
)

# -- settings that matter, read in the slow lane -----------------------------------------------------------------------

PARTITIONS = Metric(
    "stackledger_kafka_topic_partitions",
    Kind.GAUGE,
    units.COUNT,
    "Partitions of the topic (Metadata).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
)
REPLICATION_FACTOR = Metric(
    "stackledger_kafka_topic_replication_factor",
    Kind.GAUGE,
    units.COUNT,
    "Replicas of the topic's first partition (Metadata).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
)
MIN_IN_SYNC = Metric(
    "stackledger_kafka_topic_min_in_sync_replicas",
    Kind.GAUGE,
    units.COUNT,
    "Replicas that must be in sync for acks=all (DescribeConfigs min.insync.replicas).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
)
RETENTION = Metric(
    "stackledger_kafka_topic_retention_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Age at which records are deleted; absent where age deletes nothing (DescribeConfigs retention.ms).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    conditional="a topic with retention.ms",
)
RETENTION_SIZE = Metric(
    "stackledger_kafka_topic_partition_retention_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Size of a partition at which records are deleted; absent without a limit (DescribeConfigs retention.bytes).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    conditional="a topic with retention.bytes",
)
MAX_MESSAGE = Metric(
    "stackledger_kafka_topic_max_message_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Largest batch that a producer may send (DescribeConfigs max.message.bytes).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
)
UNCLEAN = Metric(
    "stackledger_kafka_topic_unclean_election_allowed",
    Kind.GAUGE,
    units.STATE,
    "1 if a replica that is not in sync may lead when no other is left; only such topics (DescribeConfigs).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    conditional="a topic with unclean.leader.election.enable",
)
SINGLE_REPLICA = Metric(
    "stackledger_kafka_single_replica_topics",
    Kind.GAUGE,
    units.COUNT,
    "Topics, internal ones not counted, whose records are on one broker only (Metadata).",
    node=False,
)
