"""Reading CLUSTER SLOT-STATS, and which servers have it. No I/O, no metric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackledger.errors import ProtocolError
from stackledger.integrations.redis.answers import SLOTS

COMMAND = ("CLUSTER", "SLOT-STATS", "SLOTSRANGE", "0", str(SLOTS - 1))
_NUMBERS = re.compile(r"\d+")
_SINCE_REDIS, _SINCE_VALKEY = (8, 2), (8, 0)


@dataclass(frozen=True, slots=True)
class SlotStats:
    """One slot. The counters are None where the server does not keep them."""

    keys: int
    cpu_usec: int | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None


def has_slot_stats(info: Mapping[str, str]) -> bool:
    """Whether the server, by its INFO, knows CLUSTER SLOT-STATS; asking others would count as their errors."""
    if info.get("server_name") == "valkey":
        return _version(info.get("valkey_version", "")) >= _SINCE_VALKEY
    return _version(info.get("redis_version", "")) >= _SINCE_REDIS


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, _NUMBERS.findall(text)[:2]))


def parse(reply: object, address: str) -> dict[int, SlotStats]:
    """Slot to what the server says of it. Raises ProtocolError where that is something else."""
    if not isinstance(reply, list):
        raise ProtocolError(f"{address} answers CLUSTER SLOT-STATS with {type(reply).__name__}; check its version")
    found = {}
    for row in reply:
        match row:
            case [int(slot), list(fields)] if 0 <= slot < SLOTS:
                found[slot] = _stats(fields)
            case _:
                raise ProtocolError(f"{address} answers CLUSTER SLOT-STATS with {str(row)[:80]!r}")
    return found


def _stats(fields: list[Any]) -> SlotStats:
    numbers = {name: value for name, value in zip(fields[::2], fields[1::2], strict=False) if isinstance(value, int)}
    return SlotStats(
        keys=numbers.get("key-count", 0),
        cpu_usec=numbers.get("cpu-usec"),
        bytes_in=numbers.get("network-bytes-in"),
        bytes_out=numbers.get("network-bytes-out"),
    )
