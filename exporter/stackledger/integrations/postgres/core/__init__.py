"""What any single server tells: databases, tables, activity, locks, write-ahead log, checkpoints, parameters."""
