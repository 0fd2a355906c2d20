"""Reading a Sentinel: the commands that are asked, and their replies as plain values. No I/O, no metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from stackledger.errors import ProtocolError
from stackledger.integrations.redis.sentinel.metrics import MOST_MASTERS

MASTERS = ("SENTINEL", "MASTERS")
_MY_ID = ("SENTINEL", "MYID")
_BEFORE, _EACH = 2, 3


@dataclass(frozen=True, slots=True)
class Peer:
    """A replica or another Sentinel, as a Sentinel lists it."""

    address: str
    id: str
    flags: frozenset[str]

    @property
    def well(self) -> bool:
        """Whether the Sentinel that lists it can reach it."""
        return not self.flags & {"s_down", "o_down"}


@dataclass(frozen=True, slots=True)
class Watched:
    """One master as one Sentinel sees it. `quorum` is None where it was not told; `facts` are the fields as given."""

    name: str
    address: str
    epoch: int
    flags: frozenset[str]
    facts: Mapping[str, str]
    quorum: tuple[bool, str] | None = None
    sentinels: tuple[Peer, ...] | None = None
    replicas: tuple[Peer, ...] | None = None


@dataclass(frozen=True, slots=True)
class SentinelView:
    """All that one Sentinel said. `id` is its own; it is empty before Redis 6.2."""

    id: str
    masters: tuple[Watched, ...]


def commands(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What is asked of a Sentinel that watches `names`."""
    details = (("SENTINEL", word, name) for name in names for word in ("CKQUORUM", "SENTINELS", "REPLICAS"))
    return (MASTERS, _MY_ID, *details)


def refused(replies: Sequence[Any]) -> bool:
    """Whether the Sentinel does not let us ask at all; an error about one master is an answer."""
    return isinstance(replies[0], RedisError) or any(isinstance(reply, NoPermissionError) for reply in replies)


def names_of(reply: object) -> tuple[str, ...]:
    """Names of the masters in an answer of SENTINEL MASTERS."""
    rows = reply if isinstance(reply, list) else []
    return tuple(name for row in rows if (name := _fields(row).get("name")))[:MOST_MASTERS]


def parse(replies: Sequence[Any], names: Sequence[str], address: str) -> SentinelView:
    """The replies to `commands(names)`. Raises ProtocolError for something else."""
    rows = replies[0]
    if not isinstance(rows, list):
        raise ProtocolError(f"{address} answers SENTINEL MASTERS with {type(rows).__name__}; check its version")
    details = {name: replies[_BEFORE + place * _EACH :][:_EACH] for place, name in enumerate(names)}
    usable = [fields for fields in map(_fields, rows[:MOST_MASTERS]) if fields.get("name") and fields.get("ip")]
    masters = tuple(_watched(fields, *details.get(fields["name"], (None, None, None))) for fields in usable)
    identity = replies[1] if len(replies) > 1 and isinstance(replies[1], str) else ""
    return SentinelView(identity, masters)


def _watched(fields: Mapping[str, str], quorum: Any, sentinels: Any, replicas: Any) -> Watched:
    epoch = fields.get("config-epoch", "")
    return Watched(
        name=fields["name"],
        address=_address(fields),
        epoch=int(epoch) if epoch.isdigit() else 0,
        flags=frozenset(fields.get("flags", "").split(",")),
        facts=fields,
        quorum=_quorum(quorum),
        sentinels=_peers(sentinels),
        replicas=_peers(replicas),
    )


def _quorum(reply: Any) -> tuple[bool, str] | None:
    """CKQUORUM answers OK and a text, or the error NOQUORUM."""
    if isinstance(reply, str):
        return True, reply[:200]
    if isinstance(reply, ResponseError) and "NOQUORUM" in str(reply):
        return False, str(reply)[:200]
    return None


def _peers(reply: Any) -> tuple[Peer, ...] | None:
    if not isinstance(reply, list):
        return None
    rows = [fields for fields in map(_fields, reply) if fields.get("ip")]
    return tuple(
        Peer(_address(fields), fields.get("runid", ""), frozenset(fields.get("flags", "").split(",")))
        for fields in rows
    )


def _address(fields: Mapping[str, str]) -> str:
    host, port = fields.get("ip", ""), fields.get("port", "")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _fields(row: object) -> dict[str, str]:
    """A flat list of names and values as a mapping; a mapping stays (RESP3)."""
    if isinstance(row, Mapping):
        return {str(name): str(value) for name, value in row.items()}
    if not isinstance(row, list):
        return {}
    return {str(name): str(value) for name, value in zip(row[::2], row[1::2], strict=False)}
