"""Families that are one field of INFO, CLUSTER INFO or CONFIG GET, under redis_exporter's names.

Each is declared once. The help ends with command and field, and `fields` builds the reading table from that: what the
help says is what is read. Owns no family with labels of its own (those are in `metrics`).
"""

# ruff: noqa: E501 - a table reads best with one row a line

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stackledger.catalogue import Common, Kind, Metric
from stackledger.units import BYTES, COUNT, RATIO, SECONDS, STATE, TIMESTAMP, Unit

EXPORTER = "redis_exporter"
NODES = 256
"""Most nodes of one target that get series; Redis itself advises below 1,000."""

MILLISECONDS = Unit("milliseconds", "_ms", "ms", "ms")
MICROSECONDS = Unit("microseconds", "_usec", "µs", "µs")
PERCENT = Unit("percent", "_percentage", "percent", "%")

_SOURCE = re.compile(r"\((INFO|CLUSTER INFO|CONFIG GET) ([\w-]+)\)\.\Z")


def _gauge(name: str, source: str, text: str, unit: Unit = COUNT) -> Metric[Common]:
    return Metric(name, Kind.GAUGE, unit, f"{text} ({source}).", budget=NODES, compat=EXPORTER)


def _counter(name: str, source: str, text: str, unit: Unit = COUNT) -> Metric[Common]:
    return Metric(name, Kind.COUNTER, unit, f"{text} ({source}).", budget=NODES, compat=EXPORTER)


# fmt: off
# -- server ------------------------------------------------------------------------------------------------------------
UPTIME = _gauge("redis_uptime_in_seconds", "INFO uptime_in_seconds", "Time since the server started", SECONDS)
PROCESS_ID = _gauge("redis_process_id", "INFO process_id", "Process id of the server", STATE)
HZ = _gauge("redis_hz", "INFO hz", "Frequency of the server's background tasks at present, per second")
CONFIGURED_HZ = _gauge("redis_configured_hz", "INFO configured_hz", "Frequency of the server's background tasks as configured, per second")
IO_THREADS_ACTIVE = _gauge("redis_io_threads_active", "INFO io_threads_active", "1 while I/O threads are at work", STATE)

# -- clients -----------------------------------------------------------------------------------------------------------
CONNECTED_CLIENTS = _gauge("redis_connected_clients", "INFO connected_clients", "Client connections, those of replicas excluded")
CLUSTER_CONNECTIONS = _gauge("redis_cluster_connections", "INFO cluster_connections", "Sockets of the cluster bus, approximately")
MAX_CLIENTS = _gauge("redis_max_clients", "INFO maxclients", "Most client connections that the server accepts")
RECENT_INPUT_BUFFER = _gauge("redis_client_recent_max_input_buffer_bytes", "INFO client_recent_max_input_buffer", "Biggest input buffer among present clients", BYTES)
RECENT_OUTPUT_BUFFER = _gauge("redis_client_recent_max_output_buffer_bytes", "INFO client_recent_max_output_buffer", "Biggest output buffer among present clients", BYTES)
BLOCKED_CLIENTS = _gauge("redis_blocked_clients", "INFO blocked_clients", "Clients that wait in a blocking command")
TRACKING_CLIENTS = _gauge("redis_tracking_clients", "INFO tracking_clients", "Clients with client-side caching")
CLIENTS_IN_TIMEOUT_TABLE = _gauge("redis_clients_in_timeout_table", "INFO clients_in_timeout_table", "Clients in the table of timeouts")

# -- memory ------------------------------------------------------------------------------------------------------------
MEMORY_USED = _gauge("redis_memory_used_bytes", "INFO used_memory", "Memory allocated by the server", BYTES)
MEMORY_RSS = _gauge("redis_memory_used_rss_bytes", "INFO used_memory_rss", "Memory of the server as the operating system counts it", BYTES)
MEMORY_PEAK = _gauge("redis_memory_used_peak_bytes", "INFO used_memory_peak", "Highest memory allocated since the start", BYTES)
MEMORY_OVERHEAD = _gauge("redis_memory_used_overhead_bytes", "INFO used_memory_overhead", "Memory for the server's own structures", BYTES)
MEMORY_STARTUP = _gauge("redis_memory_used_startup_bytes", "INFO used_memory_startup", "Memory allocated right after the start", BYTES)
MEMORY_DATASET = _gauge("redis_memory_used_dataset_bytes", "INFO used_memory_dataset", "Memory of the data alone", BYTES)
MEMORY_LUA = _gauge("redis_memory_used_lua_bytes", "INFO used_memory_lua", "Memory of the Lua engine for EVAL", BYTES)
MEMORY_VM_EVAL = _gauge("redis_memory_used_vm_eval_bytes", "INFO used_memory_vm_eval", "Memory of script engines for EVAL", BYTES)
MEMORY_VM_FUNCTIONS = _gauge("redis_memory_used_vm_functions_bytes", "INFO used_memory_vm_functions", "Memory of script engines for functions", BYTES)
MEMORY_VM_TOTAL = _gauge("redis_memory_used_vm_total", "INFO used_memory_vm_total", "Memory of all script engines", BYTES)
MEMORY_SCRIPTS_EVAL = _gauge("redis_memory_used_scripts_eval_bytes", "INFO used_memory_scripts_eval", "Overhead of cached EVAL scripts", BYTES)
MEMORY_FUNCTIONS = _gauge("redis_memory_used_functions_bytes", "INFO used_memory_functions", "Overhead of functions", BYTES)
MEMORY_SCRIPTS = _gauge("redis_memory_used_scripts_bytes", "INFO used_memory_scripts", "Overhead of scripts and functions", BYTES)
CACHED_SCRIPTS = _gauge("redis_number_of_cached_scripts", "INFO number_of_cached_scripts", "EVAL scripts in the cache")
FUNCTIONS = _gauge("redis_number_of_functions", "INFO number_of_functions", "Functions loaded")
LIBRARIES = _gauge("redis_number_of_libraries", "INFO number_of_libraries", "Libraries of functions loaded")
MEMORY_MAX = _gauge("redis_memory_max_bytes", "INFO maxmemory", "Limit on memory for data, 0 when there is none", BYTES)
ALLOCATOR_ALLOCATED = _gauge("redis_allocator_allocated_bytes", "INFO allocator_allocated", "Bytes allocated from the allocator", BYTES)
ALLOCATOR_ACTIVE = _gauge("redis_allocator_active_bytes", "INFO allocator_active", "Bytes in the allocator's active pages", BYTES)
ALLOCATOR_RESIDENT = _gauge("redis_allocator_resident_bytes", "INFO allocator_resident", "Bytes that the allocator holds in memory", BYTES)
ALLOCATOR_FRAG_RATIO = _gauge("redis_allocator_frag_ratio", "INFO allocator_frag_ratio", "Active over allocated bytes: fragmentation proper", RATIO)
ALLOCATOR_FRAG_BYTES = _gauge("redis_allocator_frag_bytes", "INFO allocator_frag_bytes", "Active less allocated bytes", BYTES)
ALLOCATOR_RSS_RATIO = _gauge("redis_allocator_rss_ratio", "INFO allocator_rss_ratio", "Resident over active bytes: pages not given back", RATIO)
ALLOCATOR_RSS_BYTES = _gauge("redis_allocator_rss_bytes", "INFO allocator_rss_bytes", "Resident less active bytes", BYTES)
FRAGMENTATION_RATIO = _gauge("redis_mem_fragmentation_ratio", "INFO mem_fragmentation_ratio", "Resident over used memory; misleading below about 100 MB", RATIO)
FRAGMENTATION_BYTES = _gauge("redis_mem_fragmentation_bytes", "INFO mem_fragmentation_bytes", "Resident less used memory", BYTES)
NOT_COUNTED_FOR_EVICTION = _gauge("redis_mem_not_counted_for_eviction_bytes", "INFO mem_not_counted_for_evict", "Buffers that the memory limit does not count", BYTES)
REPLICATION_BACKLOG_MEMORY = _gauge("redis_mem_replication_backlog_bytes", "INFO mem_replication_backlog", "Memory of the replication backlog", BYTES)
REPLICATION_BUFFERS = _gauge("redis_mem_total_replication_buffers_bytes", "INFO mem_total_replication_buffers", "Memory of all replication buffers", BYTES)
MEMORY_OF_REPLICAS = _gauge("redis_mem_clients_slaves", "INFO mem_clients_slaves", "Memory of replicas' client buffers", BYTES)
MEMORY_OF_CLIENTS = _gauge("redis_mem_clients_normal", "INFO mem_clients_normal", "Memory of clients' buffers", BYTES)
MEMORY_OF_LINKS = _gauge("redis_mem_cluster_links_bytes", "INFO mem_cluster_links", "Memory of the cluster bus' buffers", BYTES)
AOF_BUFFER = _gauge("redis_mem_aof_buffer_bytes", "INFO mem_aof_buffer", "Memory of the append-only file's buffers", BYTES)
DEFRAG_RUNNING = _gauge("redis_active_defrag_running", "INFO active_defrag_running", "Share of CPU that defragmentation may take now, 0 when it rests", PERCENT)
LAZYFREE_PENDING = _gauge("redis_lazyfree_pending_objects", "INFO lazyfree_pending_objects", "Objects that wait to be freed")
LAZYFREED = _counter("redis_lazyfreed_objects", "INFO lazyfreed_objects", "Objects freed in the background since the start")

# -- persistence -------------------------------------------------------------------------------------------------------
LOADING = _gauge("redis_loading_dump_file", "INFO loading", "1 while the server loads its data and refuses commands", STATE)
ASYNC_LOADING = _gauge("redis_async_loading", "INFO async_loading", "1 while a replica loads data and serves the old", STATE)
RDB_CHANGES = _gauge("redis_rdb_changes_since_last_save", "INFO rdb_changes_since_last_save", "Changes that the last snapshot on disk lacks")
RDB_IN_PROGRESS = _gauge("redis_rdb_bgsave_in_progress", "INFO rdb_bgsave_in_progress", "1 while a snapshot is being saved", STATE)
RDB_LAST_SAVE = _gauge("redis_rdb_last_save_timestamp_seconds", "INFO rdb_last_save_time", "Time of the last good snapshot; the start time when there is none", TIMESTAMP)
RDB_LAST_STATUS = _gauge("redis_rdb_last_bgsave_status", "INFO rdb_last_bgsave_status", "1 when the last snapshot succeeded", STATE)
RDB_LAST_DURATION = _gauge("redis_rdb_last_bgsave_duration_sec", "INFO rdb_last_bgsave_time_sec", "Time that the last snapshot took, -1 before the first", SECONDS)
RDB_CURRENT_DURATION = _gauge("redis_rdb_current_bgsave_duration_sec", "INFO rdb_current_bgsave_time_sec", "Time that the running snapshot has taken, -1 when none runs", SECONDS)
RDB_SAVES = _counter("redis_rdb_saves_total", "INFO rdb_saves", "Snapshots since the start")
RDB_COW = _gauge("redis_rdb_last_cow_size_bytes", "INFO rdb_last_cow_size", "Memory copied during the last snapshot", BYTES)
RDB_LOAD_EXPIRED = _gauge("redis_rdb_last_load_expired_keys", "INFO rdb_last_load_keys_expired", "Volatile keys dropped at the last load")
RDB_LOAD_LOADED = _gauge("redis_rdb_last_load_loaded_keys", "INFO rdb_last_load_keys_loaded", "Keys loaded at the last load")
AOF_ENABLED = _gauge("redis_aof_enabled", "INFO aof_enabled", "1 when the append-only file is on", STATE)
AOF_REWRITING = _gauge("redis_aof_rewrite_in_progress", "INFO aof_rewrite_in_progress", "1 while the append-only file is rewritten", STATE)
AOF_SCHEDULED = _gauge("redis_aof_rewrite_scheduled", "INFO aof_rewrite_scheduled", "1 when a rewrite waits for the running snapshot", STATE)
AOF_LAST_DURATION = _gauge("redis_aof_last_rewrite_duration_sec", "INFO aof_last_rewrite_time_sec", "Time that the last rewrite took, -1 before the first", SECONDS)
AOF_CURRENT_DURATION = _gauge("redis_aof_current_rewrite_duration_sec", "INFO aof_current_rewrite_time_sec", "Time that the running rewrite has taken, -1 when none runs", SECONDS)
AOF_REWRITE_STATUS = _gauge("redis_aof_last_bgrewrite_status", "INFO aof_last_bgrewrite_status", "1 when the last rewrite succeeded", STATE)
AOF_WRITE_STATUS = _gauge("redis_aof_last_write_status", "INFO aof_last_write_status", "1 when the last write to the append-only file succeeded", STATE)
AOF_COW = _gauge("redis_aof_last_cow_size_bytes", "INFO aof_last_cow_size", "Memory copied during the last rewrite", BYTES)
MODULE_FORK = _gauge("redis_module_fork_in_progress", "INFO module_fork_in_progress", "1 while a module's fork runs", STATE)
MODULE_COW = _gauge("redis_module_fork_last_cow_size", "INFO module_fork_last_cow_size", "Memory copied during a module's last fork", BYTES)

# -- stats -------------------------------------------------------------------------------------------------------------
CONNECTIONS_RECEIVED = _counter("redis_connections_received_total", "INFO total_connections_received", "Connections accepted")
COMMANDS_PROCESSED = _counter("redis_commands_processed_total", "INFO total_commands_processed", "Commands executed")
REJECTED_CONNECTIONS = _counter("redis_rejected_connections_total", "INFO rejected_connections", "Connections refused because maxclients was reached")
NET_INPUT = _counter("redis_net_input_bytes_total", "INFO total_net_input_bytes", "Bytes received", BYTES)
NET_OUTPUT = _counter("redis_net_output_bytes_total", "INFO total_net_output_bytes", "Bytes sent", BYTES)
NET_REPL_INPUT = _counter("redis_net_repl_input_bytes_total", "INFO total_net_repl_input_bytes", "Bytes received for replication", BYTES)
NET_REPL_OUTPUT = _counter("redis_net_repl_output_bytes_total", "INFO total_net_repl_output_bytes", "Bytes sent for replication", BYTES)
SYNC_FULL = _counter("redis_replica_resyncs_full", "INFO sync_full", "Full resynchronisations with replicas")
SYNC_PARTIAL = _counter("redis_replica_partial_resync_accepted", "INFO sync_partial_ok", "Partial resynchronisations accepted")
SYNC_DENIED = _counter("redis_replica_partial_resync_denied", "INFO sync_partial_err", "Partial resynchronisations denied, each followed by a full one")
EXPIRED_KEYS = _counter("redis_expired_keys_total", "INFO expired_keys", "Keys that expired")
EXPIRED_STALE = _gauge("redis_expired_stale_percentage", "INFO expired_stale_perc", "Estimated share of keys that expired but still take memory", PERCENT)
EXPIRE_CAPPED = _counter("redis_expired_time_cap_reached_total", "INFO expired_time_cap_reached_count", "Expiry cycles stopped early by their time limit")
EXPIRE_TIME = _counter("redis_expire_cycle_cpu_time_ms_total", "INFO expire_cycle_cpu_milliseconds", "Time spent in expiry cycles", MILLISECONDS)
EVICTED_KEYS = _counter("redis_evicted_keys_total", "INFO evicted_keys", "Keys evicted because of the memory limit")
EVICTED_CLIENTS = _counter("redis_evicted_clients_total", "INFO evicted_clients", "Clients evicted because of maxmemory-clients")
OVER_LIMIT_TIME = _counter("redis_eviction_exceeded_time_ms_total", "INFO total_eviction_exceeded_time", "Time with more memory used than allowed", MILLISECONDS)
OVER_LIMIT_NOW = _gauge("redis_current_eviction_exceeded_time_ms", "INFO current_eviction_exceeded_time", "Time since memory last rose above the limit, 0 below it", MILLISECONDS)
HITS = _counter("redis_keyspace_hits_total", "INFO keyspace_hits", "Lookups that found their key")
MISSES = _counter("redis_keyspace_misses_total", "INFO keyspace_misses", "Lookups that did not find their key")
CHANNELS = _gauge("redis_pubsub_channels", "INFO pubsub_channels", "Channels with subscribers")
PATTERNS = _gauge("redis_pubsub_patterns", "INFO pubsub_patterns", "Patterns with subscribers")
SHARD_CHANNELS = _gauge("redis_pubsubshard_channels", "INFO pubsubshard_channels", "Sharded channels with subscribers")
LATEST_FORK = _gauge("redis_latest_fork_seconds", "INFO latest_fork_usec", "Time that the last fork took", SECONDS)
MIGRATE_SOCKETS = _gauge("redis_migrate_cached_sockets_total", "INFO migrate_cached_sockets", "Sockets open for MIGRATE")
TRACKED_EXPIRES = _gauge("redis_slave_expires_tracked_keys", "INFO slave_expires_tracked_keys", "Keys with expiry that a writable replica tracks")
DEFRAG_HITS = _counter("redis_defrag_hits", "INFO active_defrag_hits", "Values moved by defragmentation")
DEFRAG_MISSES = _counter("redis_defrag_misses", "INFO active_defrag_misses", "Moves that defragmentation gave up")
DEFRAG_KEY_HITS = _counter("redis_defrag_key_hits", "INFO active_defrag_key_hits", "Keys defragmented")
DEFRAG_KEY_MISSES = _counter("redis_defrag_key_misses", "INFO active_defrag_key_misses", "Keys that defragmentation skipped")
TRACKED_KEYS = _gauge("redis_tracking_total_keys", "INFO tracking_total_keys", "Keys tracked for client-side caching")
TRACKED_ITEMS = _gauge("redis_tracking_total_items", "INFO tracking_total_items", "Clients times keys tracked for client-side caching")
TRACKED_PREFIXES = _gauge("redis_tracking_total_prefixes", "INFO tracking_total_prefixes", "Prefixes tracked for client-side caching")
UNEXPECTED_ERRORS = _counter("redis_unexpected_error_replies", "INFO unexpected_error_replies", "Unexpected errors in replication or the append-only file")
ERROR_REPLIES = _counter("redis_total_error_replies", "INFO total_error_replies", "Error replies, redirections of the cluster included")
SANITIZATIONS = _counter("redis_dump_payload_sanitizations", "INFO dump_payload_sanitizations", "Deep checks of restored values")
READS = _counter("redis_total_reads_processed", "INFO total_reads_processed", "Read events from clients")
WRITES = _counter("redis_total_writes_processed", "INFO total_writes_processed", "Write events to clients")
THREADED_READS = _counter("redis_io_threaded_reads_processed", "INFO io_threaded_reads_processed", "Read events in I/O threads")
THREADED_WRITES = _counter("redis_io_threaded_writes_processed", "INFO io_threaded_writes_processed", "Write events in I/O threads")
REPLY_SHRINKS = _counter("redis_reply_buffer_shrinks_total", "INFO reply_buffer_shrinks", "Times a reply buffer was made smaller")
REPLY_EXPANDS = _counter("redis_reply_buffer_expands_total", "INFO reply_buffer_expands", "Times a reply buffer was made bigger")

# -- replication -------------------------------------------------------------------------------------------------------
CONNECTED_REPLICAS = _gauge("redis_connected_slaves", "INFO connected_slaves", "Replicas connected to this node")
MASTER_OFFSET = _gauge("redis_master_repl_offset", "INFO master_repl_offset", "Replication offset of this node", BYTES)
SECOND_OFFSET = _gauge("redis_second_repl_offset", "INFO second_repl_offset", "Offset up to which the former replication id is accepted, -1 without one", BYTES)
BACKLOG_ACTIVE = _gauge("redis_repl_backlog_is_active", "INFO repl_backlog_active", "1 when the replication backlog is kept", STATE)
BACKLOG_SIZE = _gauge("redis_replication_backlog_bytes", "INFO repl_backlog_size", "Capacity of the replication backlog", BYTES)
BACKLOG_FIRST = _gauge("redis_repl_backlog_first_byte_offset", "INFO repl_backlog_first_byte_offset", "Offset where the replication backlog begins", BYTES)
BACKLOG_HISTORY = _gauge("redis_repl_backlog_history_bytes", "INFO repl_backlog_histlen", "Data in the replication backlog", BYTES)
REPLICA_PRIORITY = _gauge("redis_slave_priority", "INFO slave_priority", "Priority of this replica in a failover")

# -- cpu ---------------------------------------------------------------------------------------------------------------
CPU_SYS = _counter("redis_cpu_sys_seconds_total", "INFO used_cpu_sys", "System CPU of the server", SECONDS)
CPU_USER = _counter("redis_cpu_user_seconds_total", "INFO used_cpu_user", "User CPU of the server", SECONDS)
CPU_SYS_CHILDREN = _counter("redis_cpu_sys_children_seconds_total", "INFO used_cpu_sys_children", "System CPU of child processes", SECONDS)
CPU_USER_CHILDREN = _counter("redis_cpu_user_children_seconds_total", "INFO used_cpu_user_children", "User CPU of child processes", SECONDS)
CPU_SYS_MAIN = _counter("redis_cpu_sys_main_thread_seconds_total", "INFO used_cpu_sys_main_thread", "System CPU of the thread that executes commands", SECONDS)
CPU_USER_MAIN = _counter("redis_cpu_user_main_thread_seconds_total", "INFO used_cpu_user_main_thread", "User CPU of the thread that executes commands", SECONDS)

# -- cluster, as this node sees it -------------------------------------------------------------------------------------
CLUSTER_ENABLED = _gauge("redis_cluster_enabled", "INFO cluster_enabled", "1 when the node runs in cluster mode", STATE)
CLUSTER_STATE = _gauge("redis_cluster_state", "CLUSTER INFO cluster_state", "1 when this node serves commands, 0 when it holds the cluster to be down", STATE)
SLOTS_ASSIGNED = _gauge("redis_cluster_slots_assigned", "CLUSTER INFO cluster_slots_assigned", "Slots that belong to some node")
SLOTS_OK = _gauge("redis_cluster_slots_ok", "CLUSTER INFO cluster_slots_ok", "Slots whose node is well")
SLOTS_PFAIL = _gauge("redis_cluster_slots_pfail", "CLUSTER INFO cluster_slots_pfail", "Slots whose node this node cannot reach")
SLOTS_FAIL = _gauge("redis_cluster_slots_fail", "CLUSTER INFO cluster_slots_fail", "Slots whose node has failed by agreement")
KNOWN_NODES = _gauge("redis_cluster_known_nodes", "CLUSTER INFO cluster_known_nodes", "Nodes known, failed ones included")
CLUSTER_SIZE = _gauge("redis_cluster_size", "CLUSTER INFO cluster_size", "Masters with at least one slot")
CURRENT_EPOCH = _gauge("redis_cluster_current_epoch", "CLUSTER INFO cluster_current_epoch", "The cluster's epoch: each failover raises it", STATE)
MY_EPOCH = _gauge("redis_cluster_my_epoch", "CLUSTER INFO cluster_my_epoch", "Configuration epoch of this node, or of its master", STATE)
MESSAGES_SENT = _counter("redis_cluster_messages_sent_total", "CLUSTER INFO cluster_stats_messages_sent", "Messages sent on the cluster bus")
MESSAGES_RECEIVED = _counter("redis_cluster_messages_received_total", "CLUSTER INFO cluster_stats_messages_received", "Messages received on the cluster bus")
PING_SENT = _counter("redis_cluster_stats_messages_ping_sent", "CLUSTER INFO cluster_stats_messages_ping_sent", "PING messages sent")
PING_RECEIVED = _counter("redis_cluster_stats_messages_ping_received", "CLUSTER INFO cluster_stats_messages_ping_received", "PING messages received")
PONG_SENT = _counter("redis_cluster_stats_messages_pong_sent", "CLUSTER INFO cluster_stats_messages_pong_sent", "PONG messages sent")
PONG_RECEIVED = _counter("redis_cluster_stats_messages_pong_received", "CLUSTER INFO cluster_stats_messages_pong_received", "PONG messages received")
MEET_SENT = _counter("redis_cluster_stats_messages_meet_sent", "CLUSTER INFO cluster_stats_messages_meet_sent", "MEET messages sent")
MEET_RECEIVED = _counter("redis_cluster_stats_messages_meet_received", "CLUSTER INFO cluster_stats_messages_meet_received", "MEET messages received")

# -- configuration -----------------------------------------------------------------------------------------------------
CONFIG_MAXMEMORY = _gauge("redis_config_maxmemory", "CONFIG GET maxmemory", "Limit on memory for data, 0 when there is none", BYTES)
CONFIG_MAXCLIENTS = _gauge("redis_config_maxclients", "CONFIG GET maxclients", "Most client connections that are accepted")
CONFIG_IO_THREADS = _gauge("redis_config_io_threads", "CONFIG GET io-threads", "Threads for network I/O")
CONFIG_BACKLOG = _gauge("redis_config_repl_backlog_size", "CONFIG GET repl-backlog-size", "Capacity of the replication backlog", BYTES)
# fmt: on


def fields(metrics: tuple[Metric[Any], ...], command: str) -> Mapping[str, Metric[Any]]:
    """Field to metric for one command, read from the sources that the helps name."""
    found = {}
    for metric in metrics:
        source = _SOURCE.search(metric.doc)
        if source is not None and source[1] == command:
            found[source[2]] = metric
    return MappingProxyType(found)
