"""Panels of log directories and of the bytes in them."""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.kafka.labels import LogDir, TopicName
from stackledger.integrations.kafka.storage import metrics as m
from stackledger.model import Panel, Query, Style, ValueText
from stackledger.promql import select
from stackledger.units import SECONDS

_C = Cluster.variable()
_I = Instance.variable()
FAR: Final = 90 * 86_400
"""Seconds after which it does not matter any more when a disk will be full."""

DISK_USABLE = Panel(
    key="disk-usable",
    title="Free space of log directories",
    queries=(
        Query(
            (select(m.LOG_DIR_USABLE, _C, _I) / select(m.LOG_DIR_CAPACITY, _C, _I)).min(Cluster, Instance, LogDir),
            "{{instance}} {{log_dir}}",
        ),
    ),
    description="Share of the volume that the broker may still write. A full volume takes the broker down with all its"
    " replicas: shorten a retention or add space before 10 %.",
    minimum=0,
    maximum=1,
)
DISK_BY_BROKER = Panel(
    key="disk-by-broker",
    title="Bytes stored, by broker",
    queries=(Query(select(m.LOG_DIR_SIZE, _C, _I).sum(Cluster, Instance), "{{instance}}"),),
    description="All partitions with their replicas. Steady growth means that retention does not keep up with what is"
    " produced.",
)
DISK_BY_TOPIC = Panel(
    key="disk-by-topic",
    title="Bytes stored, ten largest topics",
    queries=(Query(select(m.TOPIC_SIZE, _C).max(Cluster, TopicName).top(10), "{{topic_name}}"),),
    description="Bytes of a topic on all brokers. The topic to shorten or to clean first when disks fill up.",
)
LOG_DIR_FAILED = Panel(
    key="log-dir-failed",
    title="Log directories that failed",
    queries=(Query(select(m.LOG_DIR_FAILED, _C, _I), "{{instance}} {{log_dir}}"),),
    description="A directory that the broker gave up after a disk error; its replicas are offline there. Replace the"
    " disk and restart the broker.",
    style=Style.STATE_TIMELINE,
    values=(ValueText(0, "well", "green"), ValueText(1, "failed", "red")),
)
_GROWTH = select(m.LOG_DIR_USABLE, _C, _I).deriv("6h").minus_from(0).clamp_min(1)
DISK_FULL_IN = Panel(
    key="disk-full-in",
    title="Time until a log directory is full",
    queries=(
        Query(
            select(m.LOG_DIR_USABLE, _C, _I).over(_GROWTH, on=(Cluster, Instance, LogDir)).clamp_max(FAR),
            "{{instance}} {{log_dir}}",
        ),
    ),
    description="At the pace of the last six hours; 90 days stands for more. Days mean that retention does not hold the"
    " growth: shorten it for the largest topic, add space, or move partitions.",
    unit=SECONDS,
)
