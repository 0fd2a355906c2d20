"""When a person is told about Redis: pages for what hurts users or data now, tickets for what will.

The cases are written by hand from scrapes of a real cluster of six nodes, three masters and three replicas.
"""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.integrations.redis import dashboard as d
from stackledger.integrations.redis import info_metrics as i
from stackledger.integrations.redis import labels
from stackledger.integrations.redis import metrics as m
from stackledger.integrations.redis.memory import alerts as memory
from stackledger.integrations.redis.patterns.alerts import KEY_SCAN_OVERDUE
from stackledger.integrations.redis.replication import alerts as replication
from stackledger.integrations.redis.sentinel import alerts as sentinel
from stackledger.integrations.redis.slots import alerts as slots
from stackledger.integrations.redis.slots import panels as slot_panels
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, below, equals, select

_A = 'cluster="cache",instance="10.0.0.1:6379"'
_B = 'cluster="cache",instance="10.0.0.2:6379"'
_AT_A = {"cluster": "cache", "instance": "10.0.0.1:6379"}
_CACHE = {"cluster": "cache"}
_MASTER_FAILED = select(m.NODE_FAILED, labels.Role.eq("master"))


def alerts() -> tuple[AlertRule, ...]:
    """Every alert on Redis: pages first."""
    return (
        DOWN,
        SLOTS_UNCOVERED,
        CLUSTER_STATE_FAIL,
        MASTER_DOWN,
        SERVER_MASTER_DOWN,
        sentinel.MASTER_DOWN,
        COMMANDS_REFUSED,
        REJECTED_CONNECTIONS,
        NODE_DOWN,
        SHARD_WITHOUT_REPLICA,
        replication.REPLICATION_BROKEN,
        replication.REPLICA_LAGS,
        SPLIT_VIEW,
        memory.MEMORY_NEAR_LIMIT,
        memory.EVICTIONS,
        memory.FRAGMENTED,
        memory.SWAPPED,
        MAIN_THREAD_BUSY,
        SHARD_EMPTIED,
        CLIENTS_NEAR_LIMIT,
        replication.SNAPSHOT_FAILED,
        replication.AOF_WRITE_FAILED,
        sentinel.QUORUM_LOST,
        sentinel.SENTINELS_MISSING,
        sentinel.NO_REPLICA,
        slots.MEMORY_UNEVEN,
        slots.LOAD_UNEVEN,
        slots.HALF_MOVED,
        KEY_SCAN_OVERDUE,
    )


# -- pages -------------------------------------------------------------------------------------------------------------

DOWN = AlertRule(
    name="RedisDown",
    condition=equals(select(m.UP).max(Cluster), 0),
    hold="30s",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: no node can be read",
    description="Every node refuses, hangs or rejects our credentials. Ask an application first: if it works, only the"
    " path from the service or its password is at fault, and `stackledger doctor` says which. If not, Redis is down as"
    " a whole: try PING with redis-cli on a node's host, and start what is not running.",
    panel=d.NODE_UP,
    inhibits=(
        "RedisNodeDown",
        "RedisMasterDown",
        "RedisServerMasterDown",
        "RedisClusterSlotsUncovered",
        "RedisShardWithoutReplica",
    ),
    tests=(
        RuleTest(
            "all nodes vanish",
            {f"redis_up{{{_A}}}": "1 1 0x8", f"redis_up{{{_B}}}": "1 0x9"},
            (Silent("45s"), Fires("1m15s", (_CACHE,))),
        ),
        RuleTest("one node is left", {f"redis_up{{{_A}}}": "0x10", f"redis_up{{{_B}}}": "1x10"}, (Silent("2m"),)),
    ),
)
SLOTS_UNCOVERED = AlertRule(
    name="RedisClusterSlotsUncovered",
    condition=above(select(m.UNCOVERED), 0),
    hold="30s",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: {{ $value }} of 16384 slots are served by nobody",
    description="Keys in these slots can be neither read nor written, and by default the whole cluster refuses"
    " commands. The master of a shard failed and no replica took over. Start a node of that shard; or, on its replica,"
    " CLUSTER FAILOVER FORCE, and TAKEOVER where most masters are gone. What the master had not passed on is lost"
    " then.",
    panel=d.UNCOVERED,
    inhibits=("RedisClusterStateFail", "RedisMasterDown", "RedisNodeDown", "RedisShardWithoutReplica"),
    tests=(
        RuleTest(
            "a shard without replica loses its master",
            {'stackledger_redis_slots_uncovered{cluster="cache"}': "0 0 5461x8"},
            (Silent("45s"), Fires("1m15s", (_CACHE,))),
        ),
        RuleTest(
            "a replica takes over in time",
            {'stackledger_redis_slots_uncovered{cluster="cache"}': "0 0 5461 0x8"},
            (Silent("30s"), Silent("2m")),
        ),
    ),
)
CLUSTER_STATE_FAIL = AlertRule(
    name="RedisClusterStateFail",
    condition=equals(select(i.CLUSTER_STATE).max(Cluster), 0),
    hold="30s",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: every node says that the cluster is down",
    description="All nodes that answer refuse commands with CLUSTERDOWN: slots are not served, or most masters cannot"
    " be reached. CLUSTER NODES on any node shows which nodes have failed: start those, masters first; it ends by"
    " itself when a majority of masters is back and every slot has an owner.",
    panel=d.STATE,
    inhibits=("RedisMasterDown", "RedisNodeDown", "RedisShardWithoutReplica"),
    tests=(
        RuleTest(
            "the quorum is lost",
            {f"redis_cluster_state{{{_A}}}": "1 1 0x8", f"redis_cluster_state{{{_B}}}": "1 1 1 0x7"},
            (Silent("1m"), Fires("1m30s", (_CACHE,))),
        ),
        RuleTest(
            "one node is cut off from the others",
            {f"redis_cluster_state{{{_A}}}": "0x10", f"redis_cluster_state{{{_B}}}": "1x10"},
            (Silent("2m"),),
        ),
    ),
)
MASTER_DOWN = AlertRule(
    name="RedisMasterDown",
    # The nodes' own agreement, which takes a majority of masters and cluster-node-timeout: no lost scrape can feign it.
    # A master that stays away keeps its role and its flag for good, long after its replica serves: so only one that was
    # well within the last minutes. Slots that are still not served have a page of their own. A master without slots has
    # the role `idle`: nobody misses it.
    condition=equals(_MASTER_FAILED.max(Cluster, labels.Node), 1).where(
        equals(_MASTER_FAILED.min_over("10m").min(Cluster, labels.Node), 0)
    ),
    hold="10s",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: master {{ $labels.node }} has failed",
    description="The masters agree that this one is gone. Its slots were not served until its replica took over, if it"
    " did; what it had not replicated is lost. If no slots are uncovered now, users are served again and what is left"
    " is to bring the node back: until then its shard has a replica less. Ends ten minutes after the failure; tickets"
    " speak of what is left to do.",
    panel=d.NODE_FAILED,
    inhibits=("RedisNodeDown", "RedisReplicationBroken", "RedisSplitView"),
    tests=(
        RuleTest(
            "a master is killed and its replica promoted",
            {
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0 0 1x8",
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="slave"}': "0x3 _x7",
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="master"}': "_x3 0x7",
            },
            (Silent("30s"), Fires("45s", ({"cluster": "cache", "node": "10.0.0.1:6379"},))),
        ),
        RuleTest(
            "it stays away after a good failover: ten minutes later the page has ended",
            {
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0 0 1x60",
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="master"}': "_x3 0x59",
            },
            (
                Fires("45s", ({"cluster": "cache", "node": "10.0.0.1:6379"},)),
                Fires("9m", ({"cluster": "cache", "node": "10.0.0.1:6379"},)),
                Silent("11m"),
                Silent("15m"),
            ),
        ),
        RuleTest(
            "it failed before anybody looked",
            {'stackledger_redis_node_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "1x40"},
            (Silent("1m"), Silent("9m")),
        ),
        RuleTest(
            "a replica is killed, a master without slots too; and we cannot read a master that the others can",
            {
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.7:6379",role="idle"}': "0 1x9",
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.4:6379",role="slave"}': "0 1x9",
                'stackledger_redis_node_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0x10",
                f"redis_up{{{_A}}}": "1 0x9",
            },
            (Silent("2m"),),
        ),
    ),
)
SERVER_MASTER_DOWN = AlertRule(
    name="RedisServerMasterDown",
    # It is our word alone, so a minute must pass, in which Sentinels that we do not know of may replace it. Several
    # masters may share a target, so nothing is silenced.
    condition=equals(select(m.SERVER_FAILED, labels.Role.eq("master")).max(Cluster, labels.Node), 1),
    hold="1m",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: master {{ $labels.node }} cannot be read, and nobody has taken over",
    description="The server was a master when it was last read, in no cluster and watched by no Sentinel that we know:"
    " nothing replaces it by itself, so its clients cannot write. Ask an application first: if it works, only our path"
    " is at fault. Start it again; or REPLICAOF NO ONE on the replica that is furthest, and point the applications"
    " there. Ends when it is read, or when a replica has gone on with its data.",
    panel=d.NODE_FAILED,
    tests=(
        RuleTest(
            "the master of two servers dies",
            {
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0 0 1x10",
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.2:6379",role="slave"}': "0x12",
            },
            (Silent("1m15s"), Fires("1m45s", ({"cluster": "cache", "node": "10.0.0.1:6379"},))),
        ),
        RuleTest(
            "its replica is promoted within the minute; and a replica dies elsewhere",
            {
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.1:6379",role="master"}': "0 0 1 1 stale",
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.1:6379",role="replaced"}': "_x3 1x16",
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.2:6379",role="slave"}': "0 0 0 0 stale",
                'stackledger_redis_server_failed{cluster="cache",node="10.0.0.2:6379",role="master"}': "_x3 0x16",
                'stackledger_redis_server_failed{cluster="other",node="10.0.0.8:6379",role="slave"}': "0 0 1x18",
            },
            (Silent("1m30s"), Silent("4m")),
        ),
    ),
)
COMMANDS_REFUSED = AlertRule(
    name="RedisCommandsRefused",
    condition=above(select(m.COMMANDS_REFUSED).rate("2m").sum(Cluster, labels.Reason), 0.5),
    hold="1m",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }} refuses {{ $value | humanize }} commands/s: {{ $labels.reason }}",
    description="Servers answer that they cannot serve. OOM: the memory limit is reached and nothing may be evicted;"
    " raise maxmemory for the moment, or delete. MISCONF: snapshots fail, mostly for a full disk; make room."
    " CLUSTERDOWN, MASTERDOWN: slots or masters are gone, see their own pages. LOADING: just started, wait. BUSY: a"
    " script runs too long; SCRIPT KILL. NOREPLICAS: fewer replicas than min-replicas-to-write; start them.",
    panel=d.REFUSALS,
    tests=(
        RuleTest(
            "writes hit the memory limit",
            {
                f'stackledger_redis_commands_refused_total{{{_A},reason="OOM"}}': "0 0 0 0+150x20",
                f'stackledger_redis_commands_refused_total{{{_A},reason="BUSY"}}': "7x24",
            },
            (Silent("45s"), Fires("4m", ({"cluster": "cache", "reason": "OOM"},))),
        ),
        RuleTest(
            "a handful while a replica is promoted",
            {f'stackledger_redis_commands_refused_total{{{_A},reason="CLUSTERDOWN"}}': "0 0 0 40 40x20"},
            (Silent("1m"), Silent("5m")),
        ),
    ),
)
REJECTED_CONNECTIONS = AlertRule(
    name="RedisRejectedConnections",
    condition=above(select(i.REJECTED_CONNECTIONS).increase("2m"), 0),
    hold="1m",
    severity=Severity.PAGE,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} refuses connections at its limit of clients",
    description="The node has as many clients as maxclients allows and turns others away. Find the application that"
    " opens most connections (CLIENT LIST) and stop the leak; CONFIG SET maxclients gives room for the moment.",
    panel=d.REJECTED,
    tests=(
        RuleTest(
            "an application leaks connections",
            {f"redis_rejected_connections_total{{{_A}}}": "0 0 0 0+12x20"},
            (Silent("45s"), Fires("4m", (_AT_A,))),
        ),
        RuleTest("refused long ago", {f"redis_rejected_connections_total{{{_A}}}": "120x20"}, (Silent("4m"),)),
    ),
)

# -- tickets -----------------------------------------------------------------------------------------------------------

NODE_DOWN = AlertRule(
    name="RedisNodeDown",
    condition=equals(select(m.UP), 0),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} cannot be read",
    description="The node refuses, hangs or rejects our credentials. The service's log says which. If the cluster does"
    " not hold it to have failed, the path from the service to it is at fault.",
    panel=d.NODE_UP,
    tests=(
        RuleTest(
            "a node stays away, after one lost read that does not count",
            {f"redis_up{{{_A}}}": "1 0 1 0x20", f"redis_up{{{_B}}}": "1x24"},
            (Silent("1m"), Silent("2m30s"), Fires("3m30s", (_AT_A,))),
        ),
    ),
)
SHARD_WITHOUT_REPLICA = AlertRule(
    name="RedisShardWithoutReplica",
    condition=below(select(m.SHARD_REPLICAS), 1).where(
        above(select(m.SHARD_REPLICAS).max_over("1d").max(Cluster), 0), on=(Cluster,)
    ),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: shard {{ $labels.shard }} has no healthy replica",
    description="The cluster serves everything, and CLUSTER INFO is all green, but the next failure of this shard's"
    " master is an outage and loses its data. Start the missing node again, or add a replica with redis-cli --cluster"
    " add-node --cluster-slave. Silent in a cluster where no shard had a replica for a day.",
    panel=d.REPLICAS,
    tests=(
        RuleTest(
            "the replica was promoted and the old master is gone",
            {
                'stackledger_redis_shard_replicas{cluster="cache",shard="0-5460"}': "1 1 0x20",
                'stackledger_redis_shard_replicas{cluster="cache",shard="5461-10922"}': "1x22",
            },
            (Silent("2m"), Fires("3m", ({"cluster": "cache", "shard": "0-5460"},))),
        ),
        RuleTest(
            "a cluster without replicas by design",
            {
                'stackledger_redis_shard_replicas{cluster="cache",shard="0-8191"}': "0x22",
                'stackledger_redis_shard_replicas{cluster="cache",shard="8192-16383"}': "0x22",
            },
            (Silent("5m"),),
        ),
    ),
)
SPLIT_VIEW = AlertRule(
    name="RedisSplitView",
    condition=above(select(m.VIEWS), 1),
    hold="2m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: its nodes disagree on who owns which slot ({{ $value }} views)",
    description="Longer than a failover or a resharding takes, the nodes hold different maps of the slots, so clients"
    " are sent in circles. Compare CLUSTER NODES of all nodes; redis-cli --cluster check names the slots, --cluster fix"
    " repairs them.",
    panel=d.VIEWS,
    tests=(
        RuleTest(
            "a node is cut off and keeps the old map",
            {'stackledger_redis_slot_views{cluster="cache"}': "1 1 2x20"},
            (Silent("2m"), Fires("3m", (_CACHE,))),
        ),
        RuleTest(
            "a failover spreads", {'stackledger_redis_slot_views{cluster="cache"}': "1 1 3 2 1x20"}, (Silent("4m"),)
        ),
    ),
)
CLIENTS_NEAR_LIMIT = AlertRule(
    name="RedisClientsNearLimit",
    condition=above(select(i.CONNECTED_CLIENTS) / select(i.MAX_CLIENTS), 0.85),
    hold="5m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} has {{ $value | humanizePercentage }} of the clients"
    " that it accepts",
    description="At 100 % new connections are refused. CLIENT LIST shows who holds them; a pool that is too large, or"
    " connections that are never closed, are the usual reasons.",
    panel=d.CLIENT_SHARE,
    tests=(
        RuleTest(
            "clients pile up",
            {
                f"redis_connected_clients{{{_A}}}": "8000 8000 8900x40",
                f"redis_max_clients{{{_A}}}": "10000x42",
            },
            (Silent("5m"), Fires("6m", (_AT_A,))),
        ),
        RuleTest(
            "a burst",
            {
                f"redis_connected_clients{{{_A}}}": "900 9900 9900 900x40",
                f"redis_max_clients{{{_A}}}": "10000x43",
            },
            (Silent("6m"),),
        ),
    ),
)
MAIN_THREAD_BUSY = AlertRule(
    name="RedisMainThreadBusy",
    condition=above(select(i.CPU_USER_MAIN).rate("5m") + select(i.CPU_SYS_MAIN).rate("5m"), 0.9),
    hold="10m",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: {{ $labels.instance }} is busy {{ $value | humanizePercentage }} of the time",
    description="One thread executes every command: from here on each waits for all before it, and clients time out."
    " CPU time by command shows what it does; a hot shard is split or its reads go to replicas, a costly command is"
    " changed in the application.",
    panel=d.CPU,
    tests=(
        RuleTest(
            "a costly command takes the thread",
            {
                f"redis_cpu_user_main_thread_seconds_total{{{_A}}}": "100+14.2x80",
                f"redis_cpu_sys_main_thread_seconds_total{{{_A}}}": "30+0.5x80",
            },
            (Silent("8m"), Fires("18m", (_AT_A,))),
        ),
        RuleTest(
            "a busy hour",
            {
                f"redis_cpu_user_main_thread_seconds_total{{{_A}}}": "100+9x80",
                f"redis_cpu_sys_main_thread_seconds_total{{{_A}}}": "30+3x80",
            },
            (Silent("18m"),),
        ),
    ),
)
SHARD_EMPTIED = AlertRule(
    name="RedisShardEmptied",
    condition=below(select(m.SHARD_KEYS) / select(m.SHARD_KEYS).max_over("15m").clamp_min(1), 0.1).where(
        above(select(m.SHARD_KEYS).max_over("15m"), 1000)
    ),
    hold="30s",
    severity=Severity.TICKET,
    summary="Redis {{ $labels.cluster }}: slots {{ $labels.shard }} keep {{ $value | humanizePercentage }} of the keys"
    " of 15 minutes ago",
    description="Most keys of a shard are gone: somebody flushed it, or its master restarted without a snapshot faster"
    " than its replica could take over, and the replica copied the void. A cache fills again, with load on what is"
    " behind it; anything else needs its backup. Ends 15 minutes after.",
    panel=slot_panels.SHARD_KEYS,
    tests=(
        RuleTest(
            "a master restarts without its data",
            {
                'stackledger_redis_shard_keys{cluster="cache",shard="0-5460"}': "33215 33215 0x90",
                'stackledger_redis_shard_keys{cluster="cache",shard="5461-10922"}': "33371x92",
            },
            (Silent("45s"), Fires("1m30s", ({"cluster": "cache", "shard": "0-5460"},)), Silent("20m")),
        ),
        RuleTest(
            "a few keys come and go",
            {'stackledger_redis_shard_keys{cluster="cache",shard="0-5460"}': "400 0 400 0x20"},
            (Silent("4m"),),
        ),
    ),
)
