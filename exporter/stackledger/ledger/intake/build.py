"""One usage event out of parts that were read elsewhere, or the reason why it is none."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from stackledger.ledger.buckets import BUCKETS, LARGEST_COUNT
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.intake.providers.reading import shown

_TYPES: Final[dict[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(UsageEvent)}
_REQUIRED: Final = tuple(field.name for field in msgspec.structs.fields(UsageEvent) if field.required)
_PROBLEMS_TOLD: Final = 4
_INVALID: Final = (msgspec.ValidationError, UnicodeEncodeError)  # the second: half of a surrogate pair as a time

EXPECTED: Final = {
    "id": "a string of 1 to 200 characters",
    "time": 'a time of RFC 3339 with an offset, such as "2026-11-26T23:59:59.5Z"',
    "provider": "a string of 1 to 64 characters",
    "model": "a string of 1 to 200 characters",
    "usage": "an object of buckets",
    "source": "a string of at most 64 characters",
    "user": "a string of at most 200 characters",
    "team": "a string of at most 200 characters",
    "feature": "a string of at most 200 characters",
    "environment": "a string of at most 200 characters",
    "api_key": "a string of at most 200 characters",
    "region": "a string of at most 200 characters",
    "service_tier": "one of standard, batch, priority, flex, fast, or nothing",
    "tags": "an object of at most 16 strings, names up to 64 and values up to 200 characters",
}
"""What each field must be, for messages: these never repeat what was sent."""

Problem = tuple[Reason, str]


def build(fields: dict[str, Any], extra: Iterable[str] = ()) -> UsageEvent | Refusal:
    """The event, or a refusal that names every field that is wrong. `extra` names fields that were taken out before."""
    try:
        event = msgspec.convert(fields, UsageEvent)
    except _INVALID:
        return refusal(fields, problems(fields, extra))
    return event if _storable(event) else refusal(fields, [_UNSTORABLE])


def refusal(fields: Mapping[str, object], found: list[Problem]) -> Refusal:
    """A refusal with the first problem's reason and the texts of the first few."""
    detail = " ".join(text for _, text in found[:_PROBLEMS_TOLD])
    return Refusal(
        reason=found[0][0], detail=detail, id=_valid(fields, "id") or "", source=_valid(fields, "source") or ""
    )


def problems(fields: Mapping[str, object], extra: Iterable[str] = ()) -> list[Problem]:
    """Everything that is wrong with the fields of one event, each with its JSON path and what to send instead."""
    found: list[Problem] = [
        (Reason.MALFORMED, f"$.{name} is missing: send {EXPECTED[name]}.") for name in _REQUIRED if name not in fields
    ]
    for name, value in fields.items():
        if name not in _TYPES:
            found.append((Reason.MALFORMED, _unknown(name, [*_TYPES, *extra], "$")))
        elif name == "usage" and isinstance(value, dict):
            found += _usage_problems(value)
        elif _valid(fields, name) is None:
            found.append((Reason.MALFORMED, f"$.{name} is not as expected: send {EXPECTED[name]}."))
    return found or [(Reason.MALFORMED, "The event is not as documented.")]


def _usage_problems(usage: Mapping[object, object]) -> list[Problem]:
    found: list[Problem] = []
    for name, value in usage.items():
        if name not in BUCKETS:
            found.append((Reason.MALFORMED, _unknown(name, BUCKETS, "$.usage")))
        elif isinstance(value, bool) or not isinstance(value, int | float):
            found.append((Reason.MALFORMED, f"$.usage.{name} is no number: send a whole number without quotes."))
        elif isinstance(value, float) or not 0 <= value <= LARGEST_COUNT:
            text = f"$.usage.{name} is {_number(value)}: send a whole number from 0 to {LARGEST_COUNT}."
            found.append((Reason.IMPOSSIBLE_COUNT, text))
    return found


def _number(value: int | float) -> str:  # noqa: PYI041 - an int too large for a float must stay one
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    if abs(value) > LARGEST_COUNT:
        return "above any call" if value > 0 else "far below zero"
    return str(value)


def _unknown(name: object, known: Iterable[str], path: str) -> str:
    """One unknown field. Its name is repeated only where it looks like one: it may be somebody's text."""
    if not isinstance(name, str) or shown([name]) != name:
        return f"{path} has a field that is unknown here: leave it out."
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"{path}.{name} is unknown here: " + (f"did you mean {close[0]!r}?" if close else "leave it out.")


_UNSTORABLE: Final[Problem] = (
    Reason.MALFORMED,
    "A text holds a NUL character or half of a surrogate pair, which no store keeps: leave it out.",
)


def _storable(event: UsageEvent) -> bool:
    texts = (
        event.id, event.provider, event.model, event.source, event.user, event.team, event.feature,
        event.environment, event.api_key, event.region, *event.tags, *event.tags.values(),
    )  # fmt: skip
    return sound("".join(texts))


def sound(text: str) -> bool:
    """Whether PostgreSQL and UTF-8 can hold the text."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _valid(fields: Mapping[str, object], name: str) -> Any:
    """The field's value where it is valid and storable; None otherwise, and where it is absent."""
    if name not in fields:
        return None
    try:
        value = msgspec.convert(fields[name], _TYPES[name])
    except _INVALID:
        return None
    return None if isinstance(value, str) and not sound(value) else value
