"""Erasing a user: the dictionary's entry is replaced, so every total stays, and the id leaves what waits.

A later event of the same user begins a new entry. Out of reach are backups, exports, topics in Kafka, statements that
were handed out, and ids that a sender put into other attributes (tags, event ids).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stackledger.ledger.apply import Applier
from stackledger.ledger.engines.base import Edit, Engine
from stackledger.ledger.inbox import Inbox
from stackledger.ledger.record import without_user

_AT_ONCE: Final = 20_000
"""Events that are looked through at a time."""


def erase(applier: Applier, engine: Engine, inbox: Inbox, *, user: str, names: Sequence[str], at_us: int) -> int:
    """Erase `user`, which the ledger knows by `names` (the id, its hash); how many batches in the inbox held it.

    What still waits then counts for nobody: its calls are received, but not yet the user's in any report.
    """
    with applier.lock:  # no commit may hold the id from before
        applied = engine.progress()
        changed = _clear(inbox, applied, inbox.last(), user)
        engine.edit([*_entries(names, at_us), *_refusals(names)], forget=names)
    return changed + _clear(inbox, 0, applied, user)


def erased_names(engine: Engine, at_us: int) -> list[str]:
    """The names that stand for users erased at an instant."""
    return [name for (name,) in engine.query("SELECT name FROM person WHERE erased = ? ORDER BY id", [at_us])]


def _entries(names: Sequence[str], at_us: int) -> list[Edit]:
    replaced = "UPDATE person SET name = 'erased-' || id, erased = ? WHERE name = ? AND erased IS NULL"
    return [Edit(replaced, [at_us, name]) for name in names]


def _refusals(names: Sequence[str]) -> list[Edit]:
    """A refused event tells its id alone: some senders use the user's."""
    return [Edit("UPDATE refusal SET id = '' WHERE id = ?", [name]) for name in names]


def _clear(inbox: Inbox, after: int, through: int, user: str) -> int:
    changed = 0
    while batches := [one for one in inbox.read(after, _AT_ONCE) if one.seq <= through]:
        after = batches[-1].seq
        without = [(one.seq, body) for one in batches if (body := without_user(one.body, user)) is not None]
        if without:
            inbox.replace(without)
            changed += len(without)
    return changed
