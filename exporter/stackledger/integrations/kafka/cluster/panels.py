"""Panels of brokers, partitions as a whole, and the quorum."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance
from stackledger.integrations.kafka.cluster import metrics as m
from stackledger.integrations.kafka.labels import Problem, ReplicaId, TopicName
from stackledger.model import ColumnStyle, Panel, Query, Style, ValueText
from stackledger.promql import select
from stackledger.units import COUNT, PER_SECOND, RATIO

_C = Cluster.variable()
_I = Instance.variable()

BROKERS_UP = Panel(
    key="brokers-up",
    title="Brokers read",
    queries=(Query(select(m.UP, _C).avg(Cluster).as_unit(RATIO), "{{cluster}}"),),
    description="Share of the brokers that answer us. Below 100 % a broker is down, frozen or cut off from here: see"
    " Brokers. At 0 nothing of the cluster can be seen.",
    style=Style.STAT,
    width=4,
    height=5,
    minimum=0,
    maximum=1,
)
OFFLINE = Panel(
    key="offline-partitions",
    title="Offline partitions",
    queries=(Query(select(m.OFFLINE, _C), "{{cluster}}"),),
    description="Partitions without a leader. Anything but 0 means that their records can be neither read nor written:"
    " bring back a broker that holds a replica in sync.",
    style=Style.STAT,
    width=4,
    height=5,
)
UNDER_MIN_ISR = Panel(
    key="under-min-isr",
    title="Partitions that refuse writers",
    queries=(Query(select(m.UNDER_MIN_ISR, _C), "{{cluster}}"),),
    description="Partitions with fewer replicas in sync than min.insync.replicas. Producers with acks=all get errors:"
    " bring back the brokers that fell out of the ISR.",
    style=Style.STAT,
    width=4,
    height=5,
)
CONTROLLER = Panel(
    key="controller",
    title="Active controller",
    queries=(Query(select(m.QUORUM_HAS_LEADER, _C), "{{cluster}}"),),
    description="Whether the cluster has a controller. Without one no leader can move and no topic can be made; a"
    " majority of the voters must be alive: see Quorum.",
    style=Style.STAT,
    width=4,
    height=5,
    values=(ValueText(0, "none", "red"), ValueText(1, "yes", "green")),
)
UNDER_REPLICATED_NOW = Panel(
    key="under-replicated-now",
    title="Under-replicated partitions",
    queries=(Query(select(m.UNDER_REPLICATED, _C), "{{cluster}}"),),
    description="Partitions that lack a replica in sync. They still work, with less safety; above 0 for long means a"
    " broker that is down, slow or full.",
    style=Style.STAT,
    width=4,
    height=5,
)
REPLICATION = Panel(
    key="replication",
    title="Partitions with less safety than wanted",
    queries=(
        Query(select(m.UNDER_REPLICATED, _C), "{{cluster}} under-replicated"),
        Query(select(m.AT_MIN_ISR, _C), "{{cluster}} at min ISR"),
        Query(select(m.NON_PREFERRED, _C), "{{cluster}} led by another than the preferred broker"),
    ),
    description="Under-replicated: a replica is missing. At min ISR: one more loss stops writers. Many partitions led"
    " by another broker than the preferred one load the brokers unevenly: run a preferred leader election.",
)
ISR_CHANGES = Panel(
    key="isr-changes",
    title="ISR shrinks and expands",
    queries=(
        Query(select(m.ISR_SHRINKS, _C).rate(), "{{cluster}} shrinks"),
        Query(select(m.ISR_EXPANDS, _C).rate(), "{{cluster}} expands"),
    ),
    description="Changes between two sweeps. Shrinks and expands in turn mean a follower at its limit: disk, network or"
    " garbage collection of that broker.",
)
UNHEALTHY = Panel(
    key="unhealthy-topics",
    title="Topics with a problem",
    queries=(Query(select(m.TOPIC_UNHEALTHY, _C).sum(Cluster, TopicName, Problem), "{{topic_name}} {{problem}}"),),
    description="Partitions by topic and problem; empty when all is well. offline and under_min_isr hurt users now,"
    " the others only take safety away.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("problem", "Problem"),
        ColumnStyle("A", "Partitions", COUNT),
    ),
)
UP_BY_BROKER = Panel(
    key="up-by-broker",
    title="Brokers",
    queries=(Query(select(m.UP, _C, _I), "{{instance}}"),),
    description="Whether each broker could be read, over time. A broker that is down for longer than a restart takes"
    " needs a look at its log; one that flaps is overloaded or badly connected.",
    style=Style.STATE_TIMELINE,
    values=(ValueText(0, "down", "red"), ValueText(1, "up", "green")),
)
LEADERS = Panel(
    key="leaders",
    title="Partitions led, by broker",
    queries=(Query(select(m.BROKER_LEADERS, _C, _I), "{{instance}}"),),
    description="Leaders carry the traffic. A broker far above the others does their work: after a restart run a"
    " preferred leader election.",
)
REPLICAS = Panel(
    key="replicas",
    title="Replicas held, by broker",
    queries=(Query(select(m.BROKER_REPLICAS, _C, _I), "{{instance}}"),),
    description="Replicas that each broker is to hold. Uneven numbers fill disks unevenly: reassign partitions.",
)
QUORUM_LAG = Panel(
    key="quorum-lag",
    title="Metadata records behind the controller",
    queries=(Query(select(m.QUORUM_REPLICA_LAG, _C).max(Cluster, ReplicaId), "{{cluster}} node {{replica_id}}"),),
    description="A member that stays behind cannot take over, and a broker among them acts on old metadata. Growing"
    " lag: look at that node's network and disk.",
)
QUORUM_AGE = Panel(
    key="quorum-caught-up",
    title="Time since a member had all metadata",
    queries=(Query(select(m.QUORUM_CAUGHT_UP_AGE, _C).max(Cluster, ReplicaId), "{{cluster}} node {{replica_id}}"),),
    description="Some hundred milliseconds are usual. Seconds that grow steadily mean that the member is dead or cut"
    " off; with a majority of such voters the cluster has no controller.",
)
QUORUM_EPOCH = Panel(
    key="quorum-epoch",
    title="Controller epoch",
    queries=(Query(select(m.QUORUM_EPOCH, _C), "{{cluster}}"),),
    description="Rises by one with every election. Many elections in an hour mean an unstable controller or network.",
)
OWN_REQUESTS = Panel(
    key="own-requests",
    title="Requests that this service sends",
    queries=(Query(select(m.REQUESTS, _C).rate().as_unit(PER_SECOND), "{{cluster}}"),),
    description="At most six per broker and sweep. More means reconnects or many brokers; see the service's own board.",
)
BROKER_TABLE = Panel(
    key="broker-table",
    title="Brokers of the cluster",
    queries=(Query(select(m.BROKER_INFO, _C), "{{broker_id}}"),),
    description="Address, rack and role. A broker that is missing here is not alive to the cluster: look at its process"
    " and log.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("broker_id", "Broker"),
        ColumnStyle("address", "Address"),
        ColumnStyle("port", "Port"),
        ColumnStyle("rack_id", "Rack"),
        ColumnStyle("is_controller", "Controller"),
    ),
    width=16,
)
QUORUM_MEMBERS = Panel(
    key="quorum-members",
    title="Active controller and voters",
    queries=(
        Query(select(m.QUORUM_LEADER, _C), "{{cluster}} active controller"),
        Query(select(m.QUORUM_VOTERS, _C), "{{cluster}} voters"),
    ),
    description="node.id of the active controller, and how many members have a vote. Fewer voters than you set up mean"
    " that one was removed: the quorum bears fewer losses.",
)
