"""What is recorded of pulls in the ledger itself: the days that are there, when the last one succeeded, which files.

Rows of the table `job`. A pull is recorded after all of its deliveries: one that was cut off is done again, and finds
what it had stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stackledger.ledger.engines.base import Edit, Engine

_SET_UP, _FIRST, _LAST, _FILES = "set up", "first", "last", "files"
_UNPULLED: Final = -1


@dataclass(frozen=True, slots=True)
class Record:
    """Days since 1970 UTC, times in microseconds. `last_day` is before `first_day` until a pull succeeded."""

    set_up_us: int
    first_day: int = 0
    last_day: int = _UNPULLED
    success_us: int | None = None
    files: str = ""
    """Fingerprint of the files that were read last."""

    @property
    def days(self) -> int:
        """How many days in a row are there."""
        return self.last_day - self.first_day + 1


def read(engine: Engine, source: str) -> Record | None:
    """What is recorded of a source; None for a new one."""
    head = _name(source, "")
    rows = engine.query("SELECT name, day, done FROM job WHERE strpos(name, ?) = 1 ORDER BY name", [head])
    told = {str(name).removeprefix(head): (int(day), int(done)) for name, day, done in rows}
    if _SET_UP not in told:
        return None
    files = next((name.removeprefix(f"{_FILES} ") for name in told if name.startswith(_FILES)), "")
    last = told.get(_LAST)
    first_day = told.get(_FIRST, (0, 0))[0]
    return Record(told[_SET_UP][1], first_day, last[0] if last else _UNPULLED, last[1] if last else None, files)


def store(engine: Engine, source: str, record: Record) -> None:
    """Record in place of what was recorded."""
    head = _name(source, "")
    rows = [(_SET_UP, 0, record.set_up_us)]
    if record.success_us is not None:
        rows += [(_FIRST, record.first_day, record.success_us), (_LAST, record.last_day, record.success_us)]
    if record.files:
        rows.append((f"{_FILES} {record.files}", 0, record.success_us or 0))
    engine.edit(
        [
            Edit("DELETE FROM job WHERE strpos(name, ?) = 1", [head]),
            *(Edit("INSERT INTO job VALUES (?, ?, ?)", [head + name, day, done]) for name, day, done in rows),
        ]
    )


def _name(source: str, what: str) -> str:
    return f"pull {source} {what}"
