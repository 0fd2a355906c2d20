"""Counting slow executions by command from a log that only keeps the newest entries. Pure.

The number of an entry rises by one with each, so what fell out between two sweeps is still counted, as `other`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stackledger.integrations.redis.answers import Slow
from stackledger.integrations.redis.labels import OTHER
from stackledger.integrations.redis.state import SlowCommand, SlowLog

READ = 32
"""Entries read in a sweep; a node that has more than this in an interval has an obvious problem."""
_COMMANDS = 63


def advance(log: SlowLog | None, run_id: str, entries: Sequence[Slow]) -> SlowLog:
    """The log with `entries` (newest first) counted. The first list counts nothing; a new process begins at 0."""
    newest = entries[0].id if entries else -1
    if log is None:
        return SlowLog(run_id, newest)
    known = log.last_id if log.run_id == run_id else -1
    fresh = [entry for entry in entries if entry.id > known]
    for entry in fresh:
        counted = _counted(log, entry.command)
        counted.entries += 1
        counted.seconds += entry.seconds
    unseen = max(newest - known - len(fresh), 0)
    if unseen:
        _counted(log, OTHER).entries += unseen
    log.run_id, log.last_id = run_id, max(newest, known)
    return log


def _counted(log: SlowLog, command: str) -> SlowCommand:
    if command not in log.commands and len(log.commands) >= _COMMANDS:
        command = OTHER
    return log.commands.setdefault(command, SlowCommand())
