"""What can be asked of the ledger's process about its upkeep, and what it replies."""

from __future__ import annotations

from typing import Annotated

import msgspec


class EraseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Erase a user, named as applications do, hashed or not."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class EraseReply(msgspec.Struct, frozen=True):
    """`names` now stand in the user's place; `batches` in the inbox and `reservations` no longer name the user."""

    names: list[str]
    batches: int
    reservations: int


class TendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Do today's upkeep now."""


class TendReply(msgspec.Struct, frozen=True):
    """What went. `calls_from` is the first day (UTC, ISO) whose calls are kept, empty while all are."""

    calls: int
    refusals: int
    sums_before: int
    sums_after: int
    calls_from: str


class BackupRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Copy into a folder on the ledger's machine that does not exist or is empty."""

    folder: str


class BackupReply(msgspec.Struct, frozen=True):
    """What was copied. `through` is the number in the inbox up to which the copied ledger goes.

    `ledger` is false where the ledger is in PostgreSQL, which has ways of its own.
    """

    files: list[str]
    size_bytes: int
    through: int
    ledger: bool
