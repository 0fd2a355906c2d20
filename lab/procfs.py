"""What /proc says about processes: identity that survives reuse of a process id, and who descends from whom.

Owns reading only; signals are lab.process's.
"""

from __future__ import annotations

import os
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """Clock ticks after boot at which the process started (/proc/PID/stat); None when it is gone or a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def state(pid: int) -> str | None:
    """The process's state letter (R, S, T for stopped, Z for ended but not reaped, ...); None when it is gone."""
    fields = _stat(pid)
    return None if fields is None else fields[0]


def children(pid: int) -> list[int]:
    """Ids of the processes whose parent is `pid`, zombies included."""
    return _by_parent().get(pid, [])


def descendants(pid: int) -> list[tuple[int, int]]:
    """(id, start ticks) of every live process below `pid`, parents before children."""
    table, found, todo = _by_parent(), [], [pid]
    while todo:
        below = table.get(todo.pop(0), [])
        todo += below
        found += [(child, ticks) for child in below if (ticks := start_ticks(child)) is not None]
    return found


def resident_bytes(pid: int) -> int | None:
    """Resident memory (/proc/PID/statm); None when the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int, *, ended_children: bool = False) -> float:
    """User and system time of the process and all its threads so far; 0.0 when it is gone.

    `ended_children`: with that of children that it has waited for.
    """
    fields = _stat(pid)
    return (
        sum(map(int, fields[11 : 15 if ended_children else 13])) / os.sysconf("SC_CLK_TCK")
        if fields is not None
        else 0.0
    )


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on: the program's name before them may itself hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _by_parent() -> dict[int, list[int]]:
    table: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            table.setdefault(int(fields[1]), []).append(int(entry.name))
    return table
