"""Redis families with labels of their own, and ours about the cluster as a whole.

Owns labels, kinds, units and budgets. The families that are one field of INFO are in `info_metrics`.

Deviations from redis_exporter, each for soundness: the `quantile` of `redis_latency_percentiles_usec` is 0 to 1 as the
exposition format demands (there: 50 to 99.9); `redis_commands_latencies_usec` has the same bounds on every node (there:
only the bounds in use, which makes a sum over nodes wrong) and its sum belongs to the one command (there: to all whose
name begins alike); what only counts up is typed as a counter.
"""

from __future__ import annotations

from stackledger.catalogue import HOLD, Kind, Metric, drop_after
from stackledger.integrations.redis.info_metrics import EXPORTER, MICROSECONDS, NODES
from stackledger.integrations.redis.labels import (
    REFUSALS,
    AvailabilityZone,
    Class,
    Cmd,
    Db,
    Err,
    EventName,
    Limit,
    MasterHost,
    MasterPort,
    MasterReplid,
    MaxmemoryPolicy,
    Node,
    Os,
    ProcessId,
    Range,
    ReadOnly,
    Reason,
    RedisBuildId,
    RedisMode,
    RedisVersion,
    Role,
    RunId,
    Shard,
    SlaveIp,
    SlavePort,
    SlaveState,
    Software,
    TcpPort,
    Version,
)
from stackledger.units import BYTES, COUNT, PER_SECOND, SECONDS, STATE, TIMESTAMP

_SERIES = 20_000  # 200 busy nodes with 100 commands


UP = Metric(
    "redis_up", Kind.GAUGE, STATE, "1 when the node could be read (the sweep).", budget=NODES, compat=EXPORTER,
    missing=HOLD,
)  # fmt: skip
INSTANCE_INFO = Metric(
    "redis_instance_info",
    Kind.INFO,
    STATE,
    "Facts about the server (INFO).",
    labels=(
        Role,
        RedisVersion,
        RedisBuildId,
        RedisMode,
        Os,
        MaxmemoryPolicy,
        TcpPort,
        RunId,
        ProcessId,
        MasterReplid,
    ),
    budget=NODES,
    compat=EXPORTER,
)
START_TIME = Metric(
    "redis_start_time_seconds",
    Kind.GAUGE,
    TIMESTAMP,
    "Time when the server started (INFO server_time_usec less uptime_in_seconds).",
    budget=NODES,
    compat=EXPORTER,
)

COMMANDS = Metric(
    "redis_commands_total",
    Kind.COUNTER,
    COUNT,
    "Calls of a command that were executed (INFO commandstats calls).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
COMMANDS_DURATION = Metric(
    "redis_commands_duration_seconds_total",
    Kind.COUNTER,
    SECONDS,
    "CPU time that executing a command took (INFO commandstats usec).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
COMMANDS_FAILED = Metric(
    "redis_commands_failed_calls_total",
    Kind.COUNTER,
    COUNT,
    "Calls that failed while being executed (INFO commandstats failed_calls).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
COMMANDS_REJECTED = Metric(
    "redis_commands_rejected_calls_total",
    Kind.COUNTER,
    COUNT,
    "Calls refused before execution, redirections included (INFO commandstats rejected_calls).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
LATENCIES = Metric(
    "redis_commands_latencies_usec",
    Kind.HISTOGRAM,
    MICROSECONDS,
    "Execution times of a command in the server, without the network (LATENCY HISTOGRAM).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
PERCENTILES = Metric(
    "redis_latency_percentiles_usec",
    Kind.SUMMARY,
    MICROSECONDS,
    "Percentiles of a command's execution times since the start (INFO latencystats).",
    labels=(Cmd,),
    budget=_SERIES,
    compat=EXPORTER,
)
ERRORS = Metric(
    "redis_errors_total",
    Kind.COUNTER,
    COUNT,
    "Error replies by code, redirections such as MOVED included (INFO errorstats).",
    labels=(Err,),
    budget=_SERIES,
    compat=EXPORTER,
    conditional="an error reply",
)
DB_KEYS = Metric(
    "redis_db_keys", Kind.GAUGE, COUNT, "Keys in a database (INFO keyspace keys).", labels=(Db,), budget=16 * NODES,
    compat=EXPORTER,
)  # fmt: skip
DB_EXPIRING = Metric(
    "redis_db_keys_expiring",
    Kind.GAUGE,
    COUNT,
    "Keys with an expiry in a database (INFO keyspace expires).",
    labels=(Db,),
    budget=16 * NODES,
    compat=EXPORTER,
)
DB_TTL = Metric(
    "redis_db_avg_ttl_seconds",
    Kind.GAUGE,
    SECONDS,
    "Estimated mean time to live of the keys with an expiry (INFO keyspace avg_ttl).",
    labels=(Db,),
    budget=16 * NODES,
    compat=EXPORTER,
    conditional="a key",
)

REPLICA_LAG = Metric(
    "redis_connected_slave_lag_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time since the replica last acknowledged, whole seconds (INFO replication lag).",
    labels=(SlaveIp, SlavePort, SlaveState),
    budget=4 * NODES,
    compat=EXPORTER,
)
REPLICA_OFFSET = Metric(
    "redis_connected_slave_offset_bytes",
    Kind.GAUGE,
    BYTES,
    "Replication offset that the replica acknowledged (INFO replication offset).",
    labels=(SlaveIp, SlavePort, SlaveState),
    budget=4 * NODES,
    compat=EXPORTER,
)
REPLICA_INFO = Metric(
    "redis_slave_info",
    Kind.INFO,
    STATE,
    "Facts about this replica (INFO replication).",
    labels=(MasterHost, MasterPort, ReadOnly),
    budget=NODES,
    compat=EXPORTER,
)
MASTER_LINK_UP = Metric(
    "redis_master_link_up",
    Kind.GAUGE,
    STATE,
    "1 when this replica is connected to its master (INFO master_link_status).",
    labels=(MasterHost, MasterPort),
    budget=NODES,
    compat=EXPORTER,
)
MASTER_LAST_IO = Metric(
    "redis_master_last_io_seconds_ago",
    Kind.GAUGE,
    SECONDS,
    "Time since this replica last heard of its master, -1 while the link is down (INFO master_last_io_seconds_ago).",
    labels=(MasterHost, MasterPort),
    budget=NODES,
    compat=EXPORTER,
)
MASTER_SYNC = Metric(
    "redis_master_sync_in_progress",
    Kind.GAUGE,
    STATE,
    "1 while this replica takes a full copy from its master (INFO master_sync_in_progress).",
    labels=(MasterHost, MasterPort),
    budget=NODES,
    compat=EXPORTER,
)
OWN_OFFSET = Metric(
    "redis_slave_repl_offset",
    Kind.GAUGE,
    BYTES,
    "Replication offset that this replica has processed (INFO slave_repl_offset).",
    labels=(MasterHost, MasterPort),
    budget=NODES,
    compat=EXPORTER,
)

SLOWLOG_LENGTH = Metric(
    "redis_slowlog_length", Kind.GAUGE, COUNT, "Entries in the slow log (SLOWLOG LEN).", budget=NODES, compat=EXPORTER
)
SLOWLOG_LAST_ID = Metric(
    "redis_slowlog_last_id",
    Kind.GAUGE,
    STATE,
    "Number of the newest entry of the slow log, 0 when it is empty (SLOWLOG GET).",
    budget=NODES,
    compat=EXPORTER,
)
SLOWLOG_LAST_DURATION = Metric(
    "redis_last_slow_execution_duration_seconds",
    Kind.GAUGE,
    SECONDS,
    "Duration of the newest entry of the slow log, 0 when it is empty (SLOWLOG GET).",
    budget=NODES,
    compat=EXPORTER,
)
SPIKE_LAST = Metric(
    "redis_latency_spike_last",
    Kind.GAUGE,
    TIMESTAMP,
    "Time of the last latency spike of an event (LATENCY LATEST).",
    labels=(EventName,),
    budget=32 * NODES,
    compat=EXPORTER,
    conditional="a latency spike while latency-monitor-threshold is set",
)
SPIKE_DURATION = Metric(
    "redis_latency_spike_duration_seconds",
    Kind.GAUGE,
    SECONDS,
    "Duration of the last latency spike of an event (LATENCY LATEST).",
    labels=(EventName,),
    budget=32 * NODES,
    compat=EXPORTER,
    conditional="a latency spike while latency-monitor-threshold is set",
)
BUFFER_LIMIT = Metric(
    "redis_config_client_output_buffer_limit_bytes",
    Kind.GAUGE,
    BYTES,
    "Output buffer at which a client is disconnected, 0 for never (CONFIG GET client-output-buffer-limit).",
    labels=(Class, Limit),
    budget=6 * NODES,
    compat=EXPORTER,
)
BUFFER_OVERCOME = Metric(
    "redis_config_client_output_buffer_limit_overcome_seconds",
    Kind.GAUGE,
    SECONDS,
    "Time above the soft limit before a client is disconnected (CONFIG GET client-output-buffer-limit).",
    labels=(Class, Limit),
    budget=3 * NODES,
    compat=EXPORTER,
)

# -- ours, per node ----------------------------------------------------------------------------------------------------
SERVER_INFO = Metric(
    "stackledger_redis_server_info",
    Kind.INFO,
    STATE,
    "Which software the node runs (INFO server_name, valkey_version or redis_version, availability_zone).",
    labels=(Software, Version, AvailabilityZone),
    budget=NODES,
)
COMMANDS_RECEIVED = Metric(
    "stackledger_redis_commands_received_total",
    Kind.COUNTER,
    COUNT,
    "Commands executed or refused because the server could not serve (INFO total_commands_processed and errorstats).",
    budget=NODES,
)
COMMANDS_REFUSED = Metric(
    "stackledger_redis_commands_refused_total",
    Kind.COUNTER,
    COUNT,
    "Commands refused because the server could not serve, not for a client's mistake (INFO errorstats).",
    labels=(Reason,),
    budget=len(REFUSALS) * NODES,
)
SLOW_COMMANDS = Metric(
    "stackledger_redis_slowlog_entries_total",
    Kind.COUNTER,
    COUNT,
    "Slow executions by command since the service watches, `other` where more came than were read (SLOWLOG GET).",
    labels=(Cmd,),
    budget=64 * NODES,
    missing=HOLD,
    conditional="a command slower than slowlog-log-slower-than",
)
SLOW_SECONDS = Metric(
    "stackledger_redis_slowlog_seconds_total",
    Kind.COUNTER,
    SECONDS,
    "Time that slow executions took, by command, since the service watches (SLOWLOG GET).",
    labels=(Cmd,),
    budget=64 * NODES,
    missing=HOLD,
    conditional="a command slower than slowlog-log-slower-than",
)
VIEW_UNCOVERED = Metric(
    "stackledger_redis_view_slots_uncovered",
    Kind.GAUGE,
    COUNT,
    "Slots that, as this node sees it, no healthy node serves (CLUSTER NODES).",
    budget=NODES,
)
MIGRATING = Metric(
    "stackledger_redis_slots_migrating",
    Kind.GAUGE,
    COUNT,
    "Slots that this node is giving away (CLUSTER NODES).",
    budget=NODES,
)
IMPORTING = Metric(
    "stackledger_redis_slots_importing",
    Kind.GAUGE,
    COUNT,
    "Slots that this node is taking over (CLUSTER NODES).",
    budget=NODES,
)

# -- ours, of the cluster ----------------------------------------------------------------------------------------------
UNCOVERED = Metric(
    "stackledger_redis_slots_uncovered",
    Kind.GAUGE,
    COUNT,
    "Slots of 16,384 that no healthy node serves, as the most nodes see it (CLUSTER NODES of every node).",
    node=False,
)
UNCOVERED_RANGE = Metric(
    "stackledger_redis_range_slots_uncovered",
    Kind.GAUGE,
    COUNT,
    "The same by range of slots (CLUSTER NODES of every node).",
    labels=(Range,),
    budget=33,
    node=False,
    missing=drop_after(0),
    conditional="slots that nobody serves",
)
VIEWS = Metric(
    "stackledger_redis_slot_views",
    Kind.GAUGE,
    COUNT,
    "Different opinions among the nodes on who owns which slot, 1 when they agree (CLUSTER NODES of every node).",
    node=False,
)
EPOCH_CONFLICTS = Metric(
    "stackledger_redis_epoch_conflicts",
    Kind.GAUGE,
    COUNT,
    "Masters with slots that share their configuration epoch with another (CLUSTER NODES of every node).",
    node=False,
)
NODE_FAILED = Metric(
    "stackledger_redis_node_failed",
    Kind.GAUGE,
    STATE,
    "1 when the cluster holds the node to have failed, with the role it had (CLUSTER NODES of every node).",
    labels=(Node, Role),
    budget=NODES,
    node=False,
)
SERVER_FAILED = Metric(
    "stackledger_redis_server_failed",
    Kind.GAUGE,
    STATE,
    "1 when a server outside a cluster and Sentinels' watch cannot be read, with the role it was last read in (INFO).",
    labels=(Node, Role),
    budget=NODES,
    node=False,
    conditional="several servers among the seeds, and neither cluster nor Sentinel",
)
NODE_SUSPECTED = Metric(
    "stackledger_redis_node_suspecting_views",
    Kind.GAUGE,
    COUNT,
    "Nodes that cannot reach the node or hold it to have failed (CLUSTER NODES of every node).",
    labels=(Node,),
    budget=NODES,
    node=False,
)
SHARD_REPLICAS = Metric(
    "stackledger_redis_shard_replicas",
    Kind.GAUGE,
    COUNT,
    "Healthy replicas of a shard; at 0 its next failure is an outage (CLUSTER NODES of every node).",
    labels=(Shard,),
    budget=NODES,
    node=False,
)
SHARD_KEYS = Metric(
    "stackledger_redis_shard_keys",
    Kind.GAUGE,
    COUNT,
    "Keys of a shard, counted on its master (INFO keyspace).",
    labels=(Shard,),
    budget=NODES,
    node=False,
)
SHARD_MEMORY = Metric(
    "stackledger_redis_shard_memory_used_bytes",
    Kind.GAUGE,
    BYTES,
    "Memory allocated by a shard's master (INFO used_memory).",
    labels=(Shard,),
    budget=NODES,
    node=False,
)
SHARD_OPERATIONS = Metric(
    "stackledger_redis_shard_operations_per_second",
    Kind.GAUGE,
    PER_SECOND,
    "Commands that a shard's master executes, mean of its last 1.6 s (INFO instantaneous_ops_per_sec).",
    labels=(Shard,),
    budget=NODES,
    node=False,
)
FAILOVERS = Metric(
    "stackledger_redis_failovers_total",
    Kind.COUNTER,
    COUNT,
    "Replicas seen to take over their master's slots since the service watches (CLUSTER NODES of every node).",
    node=False,
    missing=HOLD,
)
LAST_FAILOVER = Metric(
    "stackledger_redis_last_failover_timestamp_seconds",
    Kind.GAUGE,
    TIMESTAMP,
    "Time of the sweep that saw the last failover (CLUSTER NODES of every node).",
    node=False,
    missing=HOLD,
    conditional="a failover",
)
