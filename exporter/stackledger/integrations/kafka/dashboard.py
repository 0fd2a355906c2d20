"""The board of a Kafka cluster: can it be written, what lost its safety, who does the work. Owns the rows.

The panels are the facets'; the consumers' board is `groups.dashboard`.
"""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.kafka.administration import panels as administration
from stackledger.integrations.kafka.cluster import metrics as of_cluster
from stackledger.integrations.kafka.cluster import panels as cluster
from stackledger.integrations.kafka.groups.dashboard import CONSUMERS
from stackledger.integrations.kafka.probe.panels import END_TO_END
from stackledger.integrations.kafka.storage import panels as storage
from stackledger.integrations.kafka.topics import panels as topics
from stackledger.integrations.kafka.transactions import panels as transactions
from stackledger.model import Dashboard, Folder, Row, Variable
from stackledger.promql import select

_C = Cluster.variable()

KAFKA = Dashboard(
    uid="kafka",
    title="Kafka",
    folder=Folder.TECHNICAL,
    description="For the person on call and the team that runs Kafka: can every partition be read and written, how much"
    " safety is left, and which broker is the cause?",
    variables=(
        Variable(label=Cluster, source=select(of_cluster.BROKERS), heading="Cluster"),
        Variable(label=Instance, source=select(of_cluster.UP, _C), heading="Broker"),
    ),
    rows=(
        Row(
            "Is it broken?",
            (
                cluster.BROKERS_UP,
                cluster.OFFLINE,
                cluster.UNDER_MIN_ISR,
                cluster.CONTROLLER,
                cluster.UNDER_REPLICATED_NOW,
                topics.COMPLETENESS,
            ),
        ),
        Row("Work", (topics.PRODUCED, topics.PRODUCED_BY_TOPIC)),
        Row("Safety", (cluster.REPLICATION, cluster.ISR_CHANGES, cluster.UNHEALTHY)),
        Row("Brokers", (cluster.UP_BY_BROKER, cluster.LEADERS, cluster.REPLICAS)),
        Row("Disks", (storage.DISK_USABLE, storage.DISK_BY_BROKER, storage.DISK_BY_TOPIC)),
        END_TO_END,
        Row(
            "Quorum",
            (cluster.QUORUM_LAG, cluster.QUORUM_AGE, cluster.QUORUM_EPOCH, cluster.QUORUM_MEMBERS),
            collapsed=True,
        ),
        Row(
            "Shown throughput",
            (topics.LOWEST_MINUTE, topics.LAG_GROWTH, topics.THROUGHPUT_REACHED, topics.THROUGHPUT_WINDOW),
            collapsed=True,
        ),
        Row("More on disks", (storage.DISK_FULL_IN, topics.SINGLE_REPLICA, storage.LOG_DIR_FAILED), collapsed=True),
        Row(
            "Transactions",
            (
                transactions.HANGING,
                transactions.OPEN,
                transactions.OPEN_AGE,
                transactions.STATES,
                transactions.TO_ABORT,
                topics.HELD_BACK,
            ),
            collapsed=True,
        ),
        Row(
            "Administration",
            (
                administration.REASSIGNING,
                administration.REASSIGNING_TOPICS,
                administration.RULES,
                administration.FEATURES,
                topics.SETTINGS,
            ),
            collapsed=True,
        ),
        Row(
            "Details",
            (topics.OFFSETS_AGE, cluster.OWN_REQUESTS, cluster.BROKER_TABLE),
            collapsed=True,
        ),
    ),
    tags=("kafka", "detail"),
)


def dashboards() -> tuple[Dashboard, ...]:
    """The cluster's board and the consumers'."""
    return (KAFKA, CONSUMERS)
