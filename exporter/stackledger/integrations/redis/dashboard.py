"""The board of a Redis Cluster: is it broken, what runs short, which commands, which shard. Owns no thresholds."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Instance, Le
from stackledger.integrations.redis import info_metrics as i
from stackledger.integrations.redis import labels
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.labels import Cmd
from stackledger.integrations.redis.memory import panels as memory
from stackledger.integrations.redis.patterns import panels as patterns
from stackledger.integrations.redis.replication import panels as replication
from stackledger.integrations.redis.sentinel import panels as sentinel
from stackledger.integrations.redis.slots import panels as slots
from stackledger.model import ColumnStyle, Dashboard, Folder, Panel, Query, Row, Style, ValueText, Variable
from stackledger.promql import bucket, quantile, select
from stackledger.units import COUNT, RATIO, SECONDS

_C = Cluster.variable()
_I = Instance.variable()
_YES_NO = (ValueText(0, "no", "red"), ValueText(1, "yes", "green"))
_FAILED = (ValueText(0, "well", "green"), ValueText(1, "failed", "red"))

# -- is it broken ------------------------------------------------------------------------------------------------------
NODES_UP = Panel(
    key="nodes-up",
    title="Nodes read",
    queries=(Query(select(m.UP, _C).avg(Cluster).as_unit(RATIO), "{{cluster}}"),),
    description="Share of the nodes that answer us. Below 100 % a node is down or cut off from here: see Nodes.",
    style=Style.STAT,
    width=4,
    height=5,
    minimum=0,
    maximum=1,
)
STATE = Panel(
    key="cluster-state",
    title="Cluster serves",
    queries=(Query(select(i.CLUSTER_STATE, _C).max(Cluster), "{{cluster}}"),),
    description="What the nodes say of the cluster. `no` means that every node refuses commands: see the slots, then"
    " the masters that failed.",
    style=Style.STAT,
    values=_YES_NO,
    width=4,
    height=5,
)
UNCOVERED = Panel(
    key="slots-uncovered",
    title="Slots that nobody serves",
    queries=(Query(select(m.UNCOVERED, _C), "{{cluster}}"),),
    description="Keys in these slots can be neither read nor written. Anything but 0 is an outage of that share of"
    " 16,384: bring back a node of the shard, or promote its replica.",
    style=Style.STAT,
    width=4,
    height=5,
)
MASTERS_FAILED = Panel(
    key="masters-failed",
    title="Failed masters",
    queries=(Query(select(m.NODE_FAILED, _C, labels.Role.eq("master")).sum(Cluster).as_unit(COUNT), "{{cluster}}"),),
    description="Masters that the cluster holds to have failed, their replica promoted or not. Above 0: start the node"
    " again so that the shard gets its replica back.",
    style=Style.STAT,
    width=4,
    height=5,
)
FEWEST_REPLICAS = Panel(
    key="fewest-replicas",
    title="Replicas of the weakest shard",
    queries=(Query(select(m.SHARD_REPLICAS, _C).min(Cluster), "{{cluster}}"),),
    description="Healthy replicas of the shard that has the fewest. At 0 the next failure of its master is an outage"
    " and may lose data: see Replicas by shard.",
    style=Style.STAT,
    width=4,
    height=5,
)
SERVED_SHARE = Panel(
    key="served-share",
    title="Commands served",
    queries=(
        Query(
            (
                select(m.COMMANDS_REFUSED, _C).rate().sum(Cluster)
                / select(m.COMMANDS_RECEIVED, _C).rate().sum(Cluster).clamp_min(0.001)
            ).minus_from(1),
            "{{cluster}}",
        ),
    ),
    description="Share of commands that the servers did not have to refuse for want of memory, slots or time. Anything"
    " below 100 % hurts users now: Refusals by reason tells why.",
    style=Style.STAT,
    unit=RATIO,
    width=4,
    height=5,
)

# -- topology ----------------------------------------------------------------------------------------------------------
NODE_UP = Panel(
    key="node-up",
    title="Nodes that answer us",
    queries=(Query(select(m.UP, _C, _I), "{{instance}}"),),
    description="`no` means refused, timed out or wrong password, seen from here. Compare with Nodes that failed: where"
    " the cluster is content, the path from here is at fault.",
    style=Style.STATE_TIMELINE,
    values=_YES_NO,
    width=12,
)
NODE_FAILED = Panel(
    key="node-failed",
    title="Nodes that failed, by the cluster's word",
    queries=(
        Query(select(m.NODE_FAILED, _C), "{{node}} ({{role}})"),
        Query(select(m.SERVER_FAILED, _C), "{{node}} ({{role}}, by ours)"),
    ),
    description="What the nodes agree on among themselves; outside a cluster, what we can read. A failed master keeps"
    " that role here until it comes back, or until another goes on with its data.",
    style=Style.STATE_TIMELINE,
    values=_FAILED,
    width=12,
)
REPLICAS = Panel(
    key="shard-replicas",
    title="Replicas by shard",
    queries=(Query(select(m.SHARD_REPLICAS, _C), "slots {{shard}}"),),
    description="Healthy replicas of each shard. A line at 0 is a shard whose next failure is an outage: start the"
    " missing node, or give the shard a new replica.",
    minimum=0,
)
SUSPECTS = Panel(
    key="node-suspected",
    title="Nodes suspected, by number of doubters",
    queries=(Query(select(m.NODE_SUSPECTED, _C), "{{node}}"),),
    description="How many nodes cannot reach this one. A few doubters that come and go are a flapping network; all of"
    " them are a dead node.",
    minimum=0,
)
VIEWS = Panel(
    key="slot-views",
    title="Different opinions on who owns which slot",
    queries=(
        Query(select(m.VIEWS, _C), "views {{cluster}}"),
        Query(select(m.EPOCH_CONFLICTS, _C), "equal epochs {{cluster}}"),
    ),
    description="One view is agreement. More than one for longer than a failover takes is a split: clients get"
    " redirected in circles. Masters with equal epochs are how a split begins.",
    minimum=0,
)
FAILOVERS = Panel(
    key="failovers",
    title="Failovers seen",
    queries=(Query(select(m.FAILOVERS, _C).increase("1h"), "{{cluster}}"),),
    description="Replicas that took over their master's slots, in the last hour. More than one that nobody ordered"
    " means that nodes die or that the network flaps. A master that died pages as RedisMasterDown.",
    minimum=0,
)

# -- saturation --------------------------------------------------------------------------------------------------------
CLIENT_SHARE = Panel(
    key="client-share",
    title="Client connections of the limit",
    queries=(Query(select(i.CONNECTED_CLIENTS, _C, _I) / select(i.MAX_CLIENTS, _C, _I), "{{instance}}"),),
    description="At 100 % new connections are refused. A steady climb is an application that does not close or pool its"
    " connections.",
    minimum=0,
)
REJECTED = Panel(
    key="rejected-connections",
    title="Connections refused",
    queries=(Query(select(i.REJECTED_CONNECTIONS, _C, _I).rate(), "{{instance}}"),),
    description="Connections refused at the limit of clients. Anything above 0 hurts users now.",
    minimum=0,
)
CPU = Panel(
    key="cpu",
    title="CPU of the main thread",
    queries=(
        Query(
            select(i.CPU_USER_MAIN, _C, _I).rate() + select(i.CPU_SYS_MAIN, _C, _I).rate(),
            "{{instance}}",
        ),
    ),
    description="One thread executes every command, so 100 % is the end (RedisMainThreadBusy). One node far above the"
    " others is a hot shard.",
    unit=RATIO,
    minimum=0,
)

# -- commands ----------------------------------------------------------------------------------------------------------
OPERATIONS = Panel(
    key="operations",
    title="Commands executed",
    queries=(Query(select(i.COMMANDS_PROCESSED, _C, _I).rate(), "{{instance}}"),),
    description="Load by node. A node that falls to 0 while the others go on has lost its clients, or its slots.",
    minimum=0,
)
REFUSALS = Panel(
    key="refusals",
    title="Refusals by reason",
    queries=(Query(select(m.COMMANDS_REFUSED, _C).rate().sum(Cluster, labels.Reason), "{{reason}}"),),
    description="OOM: memory limit reached. CLUSTERDOWN: slots not served. MISCONF: snapshots fail. LOADING: just"
    " started. BUSY: a script runs too long. Anything above 0 hurts users now.",
    minimum=0,
)
LATENCY = Panel(
    key="latency-p99",
    title="Execution time, 99th percentile by command",
    queries=(
        Query(
            (quantile(0.99, bucket(m.LATENCIES, _C).rate().sum(Le, labels.Cmd), i.MICROSECONDS) / 1e6)
            .as_unit(SECONDS)
            .top(10),
            "{{cmd}}",
        ),
    ),
    description="Time in the server alone, without network or waiting. The ten slowest. A command that rises with its"
    " data (HGETALL, SMEMBERS, KEYS) blocks all others while it runs; when it fills the thread, RedisMainThreadBusy.",
    minimum=0,
)

# -- details -----------------------------------------------------------------------------------------------------------
COMMAND_RATE = Panel(
    key="command-rate",
    title="Calls by command",
    queries=(Query(select(m.COMMANDS, _C).rate().sum(labels.Cmd).top(12), "{{cmd}}"),),
    description="The twelve most called. A command that nobody expects here (KEYS, FLUSHALL, SCAN in a loop) is worth a"
    " question.",
    minimum=0,
)
COMMAND_TIME = Panel(
    key="command-time",
    title="CPU time by command",
    queries=(Query(select(m.COMMANDS_DURATION, _C).rate().sum(labels.Cmd).top(12), "{{cmd}}"),),
    description="What the main thread spends its time on: the place to begin when CPU is short.",
    minimum=0,
)
COMMAND_FAILURES = Panel(
    key="command-failures",
    title="Calls that failed or were rejected",
    queries=(
        Query(select(m.COMMANDS_FAILED, _C).rate().sum(labels.Cmd).top(8), "{{cmd}} failed"),
        Query(select(m.COMMANDS_REJECTED, _C).rate().sum(labels.Cmd).top(8), "{{cmd}} rejected"),
    ),
    description="Failed: wrong type and other mistakes of clients. Rejected: redirections too, so a client that does"
    " not know the slots shows here as steady rejections.",
    minimum=0,
)
SLOW_LENGTH = Panel(
    key="slow-log",
    title="Slow log entries",
    queries=(Query(select(m.SLOWLOG_LENGTH, _C, _I), "{{instance}}"),),
    description="Entries kept, at most slowlog-max-len. Where it fills, SLOWLOG GET on that node shows the commands.",
    minimum=0,
)
SLOW_ENTRIES = Panel(
    key="slow-entries",
    title="Commands that entered the slow log",
    queries=(Query(select(m.SLOW_COMMANDS, _C, _I).rate().sum(Cluster, Cmd), "{{cmd}}"),),
    description="Counted while the log is read, so a log that is too short for its traffic loses none. A command that"
    " appears here under load was given too much to do: KEYS, SMEMBERS of a large set, a long script.",
    minimum=0,
)
SLOW_TIME = Panel(
    key="slow-commands",
    title="Time in slow commands",
    queries=(Query(select(m.SLOW_SECONDS, _C).rate().sum(labels.Cmd).top(10), "{{cmd}}"),),
    description="Share of time that commands above slowlog-log-slower-than took. Empty when nothing was slow, which is"
    " well. RedisMainThreadBusy tells when it fills the thread.",
    minimum=0,
)
NETWORK = Panel(
    key="network",
    title="Network",
    queries=(
        Query(select(i.NET_INPUT, _C, _I).rate(), "{{instance}} in"),
        Query(select(i.NET_OUTPUT, _C, _I).rate(), "{{instance}} out"),
    ),
    description="Output that nears the host's line rate delays every answer: look for big values and for KEYS or"
    " SMEMBERS. No alert of ours: only the host's own monitoring knows its line rate.",
    minimum=0,
)
VERSIONS = Panel(
    key="versions",
    title="Servers",
    queries=(Query(select(m.INSTANCE_INFO, _C, _I)),),
    description="Role, policy and version of each node; Valkey tells the Redis that it is compatible with. Different"
    " policies in one cluster are left over from a rollout that did not finish.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("instance", "Node"),
        ColumnStyle("role", "Role"),
        ColumnStyle("redis_version", "Version"),
        ColumnStyle("maxmemory_policy", "At the memory limit"),
        ColumnStyle("os", "System"),
    ),
    width=14,
)
SOFTWARE = Panel(
    key="software",
    title="Software",
    queries=(Query(select(m.SERVER_INFO, _C, _I)),),
    description="What each node runs, by its own word. Two versions in one cluster are an upgrade that did not finish.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("instance", "Node"),
        ColumnStyle("software", "Software"),
        ColumnStyle("version", "Version"),
        ColumnStyle("availability_zone", "Zone"),
    ),
    width=10,
)
UPTIME = Panel(
    key="uptime",
    title="Time since the servers started",
    queries=(Query(select(i.UPTIME, _C, _I), "{{instance}}"),),
    description="A line that falls to 0 is a restart. A master that restarts faster than cluster-node-timeout comes"
    " back without its data when it does not persist, of which RedisShardEmptied tells.",
    minimum=0,
)


def dashboards() -> tuple[Dashboard, ...]:
    """The board redis-cluster."""
    return (
        Dashboard(
            uid="redis-cluster",
            title="Redis Cluster",
            folder=Folder.TECHNICAL,
            description="For people on call for Redis: does the cluster serve every slot, would it survive the next"
            " failure, and what is running short.",
            rows=(
                Row(
                    "Is it broken",
                    (NODES_UP, STATE, UNCOVERED, MASTERS_FAILED, FEWEST_REPLICAS, SERVED_SHARE),
                ),
                Row("Nodes and shards", (NODE_UP, NODE_FAILED, REPLICAS, SUSPECTS, VIEWS, FAILOVERS)),
                Row("Load, errors, time", (OPERATIONS, REFUSALS, LATENCY)),
                Row(
                    "What runs short",
                    (memory.MEMORY_SHARE, memory.EVICTIONS, memory.HIT_RATIO, CPU, CLIENT_SHARE, REJECTED),
                ),
                memory.ROW,
                Row(
                    "Commands",
                    (COMMAND_RATE, COMMAND_TIME, COMMAND_FAILURES, SLOW_LENGTH, SLOW_ENTRIES, SLOW_TIME),
                    collapsed=True,
                ),
                slots.COVERAGE,
                slots.ROW,
                replication.ROW,
                patterns.ROW,
                sentinel.ROW,
                Row("Servers", (NETWORK, UPTIME, VERSIONS, SOFTWARE), collapsed=True),
            ),
            variables=(
                Variable(Cluster, select(m.UP), "Cluster"),
                Variable(Instance, select(m.UP, _C), "Node"),
            ),
            tags=("redis",),
        ),
    )
