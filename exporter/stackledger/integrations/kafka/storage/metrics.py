"""The metrics of log directories and of the bytes in them."""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Metric
from stackledger.integrations.kafka import labels as of

LOG_DIR_SIZE = Metric(
    "stackledger_kafka_log_dir_size_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes of the partitions in the log directory (DescribeLogDirs).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
LOG_DIR_CAPACITY = Metric(
    "stackledger_kafka_log_dir_volume_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Size of the volume that the log directory is on (DescribeLogDirs total_bytes).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
LOG_DIR_USABLE = Metric(
    "stackledger_kafka_log_dir_usable_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes that the broker may still write on the log directory's volume (DescribeLogDirs usable_bytes).",
    labels=(of.LogDir,),
    budget=64,
)
LOG_DIR_FAILED = Metric(
    "stackledger_kafka_log_dir_failed",
    Kind.GAUGE,
    units.STATE,
    "1 if the broker has given the log directory up after a disk error (DescribeLogDirs error_code).",
    labels=(of.LogDir,),
    budget=64,
    missing=HOLD,
)
TOPIC_SIZE = Metric(
    "stackledger_kafka_topic_size_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Bytes of the topic's partitions on all brokers, replicas counted, last good ones held (DescribeLogDirs).",
    labels=(of.TopicName,),
    budget=6_000,
    node=False,
    missing=HOLD,
)
