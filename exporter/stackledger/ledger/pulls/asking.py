"""What can be asked of the ledger's process about its pulls, and what it replies."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

REASONS: Final = ("auth", "connect", "timeout", "protocol", "storage")
"""Why a pull failed."""


class PullRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pull a source now. Days (UTC) are inclusive; without them it is what the schedule would pull.

    With `dry` vendors are asked and nothing is stored or recorded.
    """

    source: str
    first: date | None = None
    last: date | None = None
    dry: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """What a piece of a pull brought; both days are included. `billed` is pico-units in decimal digits by currency."""

    first: date
    last: date
    billed: dict[str, str]
    added: int
    unchanged: int
    replaced: int
    number: int


class PullReply(msgspec.Struct, frozen=True):
    """What became of a pull. `reason` and `failure` are empty where it went well; what is told was stored all the same.

    `nothing_new` tells that the files are those of the last pull.
    """

    source: str
    vendor: str
    deliveries: list[Delivery] = []
    nothing_new: bool = False
    reason: str = ""
    failure: str = ""


class PullStatus(msgspec.Struct, frozen=True):
    """How a source is. Times are seconds since 1970: `since_s` when it was set up, `success_s` of the last success.

    `days` have been pulled in a row up to the last one, None for files, which have their own. Counts are since the
    ledger's process started; `doing` is what is asked for at the moment.
    """

    source: str
    vendor: str
    interval_seconds: float
    since_s: float
    success_s: float | None = None
    days: int | None = 0
    failures: dict[str, int] = {}
    failing: str = ""
    doing: str = ""
    added: int = 0
    replaced: int = 0
