"""What a response tells, and a view of its JSON that knows where it is, so that a refusal can name the place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from stackledger.ledger.buckets import LARGEST_COUNT, Usage
from stackledger.ledger.event import Reason, ServiceTier
from stackledger.ledger.intake.arithmetic import ReadingError, whole

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")

_TIERS: Final[dict[str, ServiceTier]] = {
    # OpenAI, Azure and Groq `service_tier`; Anthropic `usage.service_tier` and `usage.speed`; Bedrock
    # `serviceTier.type`; Google `trafficType`. The usual tier is the empty string in every source, so that one call
    # told by two sources is the same event. Prepaid capacity (scale, reserved, provisioned) has no rate per token.
    "batch": "batch",
    "priority": "priority",
    "on_demand_priority": "priority",
    "flex": "flex",
    "on_demand_flex": "flex",
    "fast": "fast",
}


class Reading(msgspec.Struct, frozen=True):
    """What one response tells. Only `usage` is always there."""

    usage: Usage
    model: str = ""
    id: str = ""
    service_tier: ServiceTier = ""
    region: str = ""


class Body:
    """One JSON object of a response. Absent and null are the same; a wrong type is refused with its path."""

    def __init__(self, fields: Mapping[str, object], path: str) -> None:
        self.fields = fields
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def any_of(self, names: Iterable[str]) -> bool:
        """Whether one of the fields is there."""
        return any(self.fields.get(name) is not None for name in names)

    def told(self, *names: str) -> int | None:
        """The count under the first of the names that is there."""
        for name in names:
            value = self.fields.get(name)
            if type(value) is int and 0 <= value <= LARGEST_COUNT:
                return value
            if value is not None:
                return whole(value, f"{self.path}.{name}")
        return None

    def count(self, *names: str) -> int:
        """The same, where not told is none."""
        return self.told(*names) or 0

    def part(self, *names: str) -> Body:
        """The object under the first of the names that is there; an empty one otherwise."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, dict):
                return Body(value, f"{self.path}.{name}")
            if value is not None:
                raise ReadingError(Reason.MALFORMED, f"{self.path}.{name} is no object.")
        return Body({}, f"{self.path}.{names[0]}")

    def parts(self, *names: str) -> list[Body]:
        """The objects in the list under the first of the names that is there; what is no object is passed over."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, list):
                return [
                    Body(item, f"{self.path}.{name}[{at}]") for at, item in enumerate(value) if isinstance(item, dict)
                ]
        return []

    def text(self, *names: str) -> str:
        """The string under the first of the names that is there, or none."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str) and value:
                return value
        return ""


def tier(name: str) -> ServiceTier:
    """The tier under the provider's own name for it; empty for the usual one and for what has no rate of its own."""
    return _TIERS.get(name.lower(), "")


def shown(names: Iterable[object]) -> str:
    """Names of fields for a message. What does not look like a field name is left out: it may be somebody's text."""
    plain = [name for name in names if isinstance(name, str) and _PLAIN_NAME.fullmatch(name)]
    return ", ".join(sorted(plain)[:8]) or "nothing that looks like a field"
