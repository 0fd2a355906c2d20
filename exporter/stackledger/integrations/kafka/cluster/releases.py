"""Which Kafka release a finalized metadata.version stands for. Pure data and a lookup."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

_FIRST_LEVELS: Final = (
    (1, "3.0"),
    (2, "3.1"),
    (3, "3.2"),
    (4, "3.3"),
    (8, "3.4"),
    (9, "3.5"),
    (12, "3.6"),
    (15, "3.7"),
    (20, "3.8"),
    (21, "3.9"),
    (22, "4.0"),
    (26, "4.1"),
)
"""First feature level of each release: the table of MetadataVersion in Kafka's server-common, 4.1.1."""
_LAST_LEVEL: Final = 27


def release_of(level: int | None) -> str:
    """For instance `v4.1`; `at least v4.1` for a level newer than the table, `unknown` without one."""
    if level is None or level < 1:
        return "unknown"
    release = _FIRST_LEVELS[bisect_right(_FIRST_LEVELS, level, key=lambda row: row[0]) - 1][1]
    return f"v{release}" if level <= _LAST_LEVEL else f"at least v{release}"
