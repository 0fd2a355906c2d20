"""A usage event: one call to a model, who made it and what it used. The wire format, and what is refused.

An event is refused with a reason and its place, never mended: a negative count or a cached count above the input means
that the sender is wrong, and a clamped number would be a wrong bill.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from stackledger.ledger.buckets import Usage

REMEMBERED_DAYS: Final = 400
"""How long a day is open for late arrivals; an older event is refused as too late."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
Tags = Annotated[dict[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], Name], msgspec.Meta(max_length=16)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ServiceTier = Literal["", "standard", "batch", "priority", "flex", "fast"]


class UsageEvent(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True, gc=False):
    """One call. There is no field for a prompt or an answer, on purpose."""

    id: Id
    """Unique within its source and day: the same id again is the same call (a retry, a replay). The provider's own
    response id serves best: a gateway and a library that both report a call then count it once if they share a source.
    """
    time: Instant
    """When the call ended, RFC 3339 with an offset."""
    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """The model that answered, as the provider names it."""
    usage: Usage
    source: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Who reports: a gateway, an application. Ids are unique within it."""
    user: Name = ""
    team: Name = ""
    feature: Name = ""
    environment: Name = ""
    api_key: Name = ""
    """Alias of the key that was used, never the key."""
    region: Name = ""
    """Where the provider served it, where its price depends on that (an AWS region, "eu", "global")."""
    service_tier: ServiceTier = ""
    """How it was served, where the price depends on that; empty means standard."""
    tags: Tags = {}


class Reason(StrEnum):
    """Why an event was not taken."""

    MALFORMED = "malformed"  # not JSON, a field missing or of the wrong type, an unknown field
    IMPOSSIBLE_COUNT = "impossible_count"  # negative, not a number, above any call, cached above input
    UNKNOWN_SHAPE = "unknown_shape"  # a provider's usage body that nobody here can read
    TOO_LATE = "too_late"  # its day is closed for arrivals
    AHEAD_OF_TIME = "ahead_of_time"  # its time is in the future
    CONFLICT = "conflict"  # the id is known with another body
    TOO_LARGE = "too_large"  # a cost above what one row can hold


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event that was not taken: kept, counted and shown, so that nothing is lost silently."""

    reason: Reason
    detail: str
    """What is wrong, at which field, and what to send instead; holds no prompt."""
    id: str = ""
    source: str = ""
