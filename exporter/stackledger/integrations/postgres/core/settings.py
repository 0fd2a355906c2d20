"""The server's parameters as metrics: one a parameter, from a table by unit. Owns no reading.

The names are postgres_exporter's: the parameter with dots and dashes as underscores, and its unit, `_seconds` or
`_bytes`, where it has one. The table holds PostgreSQL 15's; a server of another version shows those
that it shares.
"""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Common, Kind, Metric, drop_after
from stackledger.units import BYTES, COUNT, SECONDS, STATE, Unit

_SWITCHES: Final = """
allow_in_place_tablespaces allow_system_table_mods array_nulls autovacuum bonjour check_function_bodies
data_checksums data_sync_retry db_user_namespace debug_assertions debug_pretty_print debug_print_parse
debug_print_plan debug_print_rewritten default_transaction_deferrable default_transaction_read_only
enable_async_append enable_bitmapscan enable_gathermerge enable_hashagg enable_hashjoin enable_incremental_sort
enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
enable_partitionwise_join enable_seqscan enable_sort enable_tidscan escape_string_warning exit_on_error fsync
full_page_writes geqo hot_standby hot_standby_feedback ignore_checksum_failure ignore_invalid_pages
ignore_system_indexes in_hot_standby integer_datetimes jit jit_debugging_support jit_dump_bitcode jit_expressions
jit_profiling_support jit_tuple_deforming krb_caseins_users lo_compat_privileges log_checkpoints log_connections
log_disconnections log_duration log_executor_stats log_hostname log_lock_waits log_parser_stats log_planner_stats
log_recovery_conflict_waits log_replication_commands log_statement_stats log_truncate_on_rotation logging_collector
parallel_leader_participation pg_stat_statements.save pg_stat_statements.track_planning
pg_stat_statements.track_utility quote_all_identifiers recovery_target_inclusive remove_temp_files_after_crash
restart_after_crash row_security ssl ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers
standard_conforming_strings synchronize_seqscans syslog_sequence_numbers syslog_split_messages trace_notify
trace_sort track_activities track_commit_timestamp track_counts track_io_timing track_wal_io_timing
transaction_deferrable transaction_read_only transform_null_equals update_process_title wal_init_zero wal_log_hints
wal_receiver_create_temp_slot wal_recycle zero_damaged_pages
"""
_COUNTS: Final = """
autovacuum_analyze_scale_factor autovacuum_analyze_threshold autovacuum_freeze_max_age autovacuum_max_workers
autovacuum_multixact_freeze_max_age autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor
autovacuum_vacuum_insert_threshold autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold bgwriter_lru_maxpages
bgwriter_lru_multiplier block_size checkpoint_completion_target commit_delay commit_siblings cpu_index_tuple_cost
cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction data_directory_mode debug_discard_caches
default_statistics_target effective_io_concurrency extra_float_digits from_collapse_limit geqo_effort
geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold gin_fuzzy_search_limit
hash_mem_multiplier jit_above_cost jit_inline_above_cost jit_optimize_above_cost join_collapse_limit log_file_mode
log_statement_sample_rate log_transaction_sample_rate maintenance_io_concurrency max_connections
max_files_per_process max_function_args max_identifier_length max_index_keys max_locks_per_transaction
max_logical_replication_workers max_parallel_maintenance_workers max_parallel_workers
max_parallel_workers_per_gather max_pred_locks_per_page max_pred_locks_per_relation max_pred_locks_per_transaction
max_prepared_transactions max_replication_slots max_sync_workers_per_subscription max_wal_senders
max_worker_processes parallel_setup_cost parallel_tuple_cost pg_stat_statements.max port random_page_cost
recursive_worktable_factor seq_page_cost server_version_num shared_memory_size_in_huge_pages
superuser_reserved_connections tcp_keepalives_count unix_socket_permissions vacuum_cost_limit vacuum_cost_page_dirty
vacuum_cost_page_hit vacuum_cost_page_miss vacuum_defer_cleanup_age vacuum_failsafe_age vacuum_freeze_min_age
vacuum_freeze_table_age vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
vacuum_multixact_freeze_table_age wal_block_size
"""
_TIMES: Final = """
archive_timeout authentication_timeout autovacuum_naptime autovacuum_vacuum_cost_delay bgwriter_delay
checkpoint_timeout checkpoint_warning client_connection_check_interval deadlock_timeout
idle_in_transaction_session_timeout idle_session_timeout lock_timeout log_autovacuum_min_duration
log_min_duration_sample log_min_duration_statement log_rotation_age log_startup_progress_interval
max_standby_archive_delay max_standby_streaming_delay old_snapshot_threshold post_auth_delay pre_auth_delay
recovery_min_apply_delay statement_timeout tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout
vacuum_cost_delay wal_receiver_status_interval wal_receiver_timeout wal_retrieve_retry_interval wal_sender_timeout
wal_writer_delay
"""
_SIZES: Final = """
autovacuum_work_mem backend_flush_after bgwriter_flush_after checkpoint_flush_after effective_cache_size
gin_pending_list_limit huge_page_size log_parameter_max_length log_parameter_max_length_on_error log_rotation_size
log_temp_files logical_decoding_work_mem maintenance_work_mem max_slot_wal_keep_size max_stack_depth max_wal_size
min_dynamic_shared_memory min_parallel_index_scan_size min_parallel_table_scan_size min_wal_size segment_size
shared_buffers shared_memory_size temp_buffers temp_file_limit track_activity_query_size wal_buffers
wal_decode_buffer_size wal_keep_size wal_segment_size wal_skip_threshold wal_writer_flush_after work_mem
"""

# Parameters that not every server of a supported version has, and what it takes.
_CONDITIONS: Final = {
    "db_user_namespace": "a server older than 17",
    "old_snapshot_threshold": "a server older than 17",
    "vacuum_defer_cleanup_age": "a server older than 16",
    "trace_sort": "a server built with TRACE_SORT",
    "pg_stat_statements.max": "pg_stat_statements preloaded",
    "pg_stat_statements.save": "pg_stat_statements preloaded",
    "pg_stat_statements.track_planning": "pg_stat_statements preloaded",
    "pg_stat_statements.track_utility": "pg_stat_statements preloaded",
}

_SECONDS_A_UNIT: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_BYTES_A_UNIT: Final = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def _declared(name: str, unit: Unit) -> Metric[Common]:
    suffix = unit.suffix if unit in (SECONDS, BYTES) else ""
    said = {SECONDS: ", in seconds; -1 and 0 are special", BYTES: ", in bytes; -1 is special", STATE: ", 1 when on"}
    return Metric(
        f"pg_settings_{name.replace('.', '_').replace('-', '_')}{suffix}",
        Kind.GAUGE,
        unit,
        f"Server parameter {name}{said.get(unit, '')} (pg_settings {name}).",
        compat="postgres_exporter",
        conditional=_CONDITIONS.get(name, ""),
        missing=drop_after(1),
    )


SETTINGS: Final[dict[str, Metric[Common]]] = {
    name: _declared(name, unit)
    for table, unit in ((_SWITCHES, STATE), (_COUNTS, COUNT), (_TIMES, SECONDS), (_SIZES, BYTES))
    for name in table.split()
}
"""Every parameter's metric by the parameter's name."""


def value_of(setting: str, unit: str | None, kind: str) -> float:
    """A parameter in base units. -1 keeps its special meaning whatever the unit. Raises ValueError for no number."""
    if kind == "bool":
        return float(setting == "on")
    value = float(setting)
    return value if value == -1 or not unit else value * factor_of(unit)


def factor_of(unit: str) -> float:
    """Seconds or bytes in one unit of pg_settings, such as ms, kB, 8kB or 16MB. Raises ValueError for others."""
    if unit in _SECONDS_A_UNIT:
        return _SECONDS_A_UNIT[unit]
    digits = unit.rstrip("BkMGT")
    if unit[len(digits) :] not in _BYTES_A_UNIT or (digits and not digits.isdecimal()):
        raise ValueError(f"unknown unit {unit!r}")
    return float(int(digits or 1) * _BYTES_A_UNIT[unit[len(digits) :]])
