"""What a call is attributed to: a context (all but the user) and a person. Rows hold their numbers.

A row stays small, a report joins two small tables, and erasing a user is one entry that is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import attrgetter
from typing import Final, NamedTuple

from stackledger.ledger.event import UsageEvent


class Context(NamedTuple):
    """Everything that a call is attributed to but its user. `tags` is a JSON object with sorted keys, or empty."""

    source: str
    provider: str
    model: str
    team: str
    feature: str
    environment: str
    api_key: str
    region: str
    service_tier: str
    tags: str


CONTEXT_FIELDS: Final[tuple[str, ...]] = Context._fields


_plain: Final[Callable[[UsageEvent], tuple[str, ...]]] = attrgetter(*CONTEXT_FIELDS[:-1])


def context_key(event: UsageEvent) -> tuple[str, ...]:
    """What tells the event's context from others, cheaply: a hundred thousand events have a few hundred contexts."""
    return (*_plain(event), _tags(event)) if event.tags else _plain(event)


def context_named(key: tuple[str, ...]) -> Context:
    """The context of a key."""
    return Context._make(key if len(key) == len(CONTEXT_FIELDS) else (*key, ""))


def context_of(event: UsageEvent) -> Context:
    """The event's context."""
    return context_named(context_key(event))


def _tags(event: UsageEvent) -> str:
    return json.dumps(event.tags, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
