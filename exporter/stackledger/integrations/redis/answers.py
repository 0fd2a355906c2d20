"""Reading the answers of one Redis node: text in, plain values out. No I/O, no clock, no metric.

What cannot be understood is left out where it is one field, and raises ProtocolError where nothing can be trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stackledger.errors import ProtocolError, TargetError
from stackledger.integrations.redis.sentinel.answers import SentinelView

SLOTS = 16_384

Histogram = tuple[int, tuple[tuple[int, int], ...]]
"""Calls, and rising (upper bound in µs, cumulative count)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One line of CLUSTER NODES: a node as another node (or itself) sees it. `slots` are inclusive ranges."""

    id: str
    host: str
    port: int
    hostname: str
    flags: frozenset[str]
    primary: str
    epoch: int
    slots: tuple[tuple[int, int], ...]
    migrating: int = 0
    importing: int = 0

    @property
    def address(self) -> str:
        """host:port, brackets around IPv6."""
        host = self.host or self.hostname
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def master(self) -> bool:
        """Whether it is, or was when it failed, a master."""
        return "master" in self.flags

    @property
    def slot_count(self) -> int:
        """How many slots it owns."""
        return sum(last - first + 1 for first, last in self.slots)


@dataclass(frozen=True, slots=True)
class Slow:
    """One entry of the slow log; of its arguments only the command is kept."""

    id: int
    seconds: float
    command: str


@dataclass(frozen=True, slots=True)
class Answers:
    """All that one node said in one sweep. A facet that failed has its error, and its values are empty or None."""

    dialled: str
    read_at: float
    info: Mapping[str, str]
    cluster_info: Mapping[str, str] = field(default_factory=dict)
    members: tuple[Member, ...] | None = None
    slow_length: int | None = None
    slow: tuple[Slow, ...] | None = None
    spikes: tuple[tuple[str, int, float], ...] = ()
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    sentinel: SentinelView | None = None
    facets: Mapping[str, TargetError | None] = field(default_factory=dict)

    @property
    def me(self) -> Member | None:
        """The node's own line of CLUSTER NODES."""
        return next((member for member in self.members or () if "myself" in member.flags), None)


def parse_info(text: object, address: str) -> dict[str, str]:
    """INFO as field to value. Raises ProtocolError when it is no INFO."""
    if isinstance(text, str):
        found = _pairs(text)
        if "redis_version" in found or "uptime_in_seconds" in found:
            return found
    raise ProtocolError(f"{address} answers INFO with something else; check that the address is a Redis server's")


def mode_of(info: Mapping[str, str]) -> str:
    """standalone, cluster or sentinel; Valkey has another name for the field."""
    return info.get("redis_mode") or info.get("server_mode", "")


def parse_cluster_info(text: object) -> dict[str, str]:
    """CLUSTER INFO as field to value; empty for anything else."""
    return _pairs(text) if isinstance(text, str) else {}


def _pairs(text: str) -> dict[str, str]:
    couples = [line.partition(":") for line in text.splitlines()]
    return {name: value for name, colon, value in couples if colon and name[:1] != "#"}


def number(text: str | None) -> float | None:
    """A field's value: numbers as they are, ok and up as 1, err, fail and down as 0; None for anything else."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return _WORDS.get(text)
    return value if value - value == 0 else None  # neither infinite nor NaN


_WORDS = {"ok": 1.0, "up": 1.0, "true": 1.0, "err": 0.0, "fail": 0.0, "down": 0.0, "false": 0.0}


def pairs_of(text: str) -> dict[str, float]:
    """`calls=21,usec=175` as numbers; parts that are no number are left out."""
    found = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        parsed = number(value)
        if parsed is not None:
            found[name] = parsed
    return found


def words_of(text: str) -> dict[str, str]:
    """`ip=127.0.0.1,port=6379` as words."""
    return {name: value for name, _, value in (part.partition("=") for part in text.split(","))}


def parse_members(text: object, address: str) -> tuple[Member, ...]:
    """CLUSTER NODES. Raises ProtocolError that quotes the line at fault."""
    if not isinstance(text, str):
        raise ProtocolError(f"{address} answers CLUSTER NODES with {type(text).__name__}; check the server's version")
    return tuple(_member(line, address) for line in text.splitlines() if line.strip())


_COLUMNS = 8


def _member(line: str, address: str) -> Member:
    words = line.split(" ")
    words += [""] * (_COLUMNS - len(words))
    try:
        place, _, rest = words[1].partition("@")
        host, _, port = place.rpartition(":")
        hostname = next((part for part in rest.split(",")[1:2]), "")
        slots = tuple(_range(word) for word in words[8:] if not word.startswith("["))
        return Member(
            id=words[0],
            host=host,
            port=int(port),
            hostname=hostname,
            flags=frozenset(words[2].split(",")),
            primary="" if words[3] == "-" else words[3],
            epoch=int(words[6]),
            slots=slots,
            migrating=sum("->-" in word for word in words[8:]),
            importing=sum("-<-" in word for word in words[8:]),
        )
    except ValueError as error:
        raise ProtocolError(f"{address} answers CLUSTER NODES with {line[:120]!r}: {error}") from error


def _range(word: str) -> tuple[int, int]:
    first, _, last = word.partition("-")
    found = int(first), int(last or first)
    if not 0 <= found[0] <= found[1] < SLOTS:
        raise ValueError(f"slots {word} are not within 0-{SLOTS - 1}")
    return found


def parse_slow(entries: object) -> tuple[Slow, ...]:
    """SLOWLOG GET, newest first; entries that are not understood are left out."""
    if not isinstance(entries, list):
        return ()
    return tuple(slow for slow in map(_slow, entries) if slow is not None)


def _slow(entry: Any) -> Slow | None:
    match entry:
        case [int(number_), int(), int(usec), [str(command), *_], *_]:
            return Slow(number_, usec / 1e6, command.lower()[:64])
        case _:
            return None


def parse_spikes(rows: object) -> tuple[tuple[str, int, float], ...]:
    """LATENCY LATEST as (event, time of the last spike, its duration in seconds)."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        match row:
            case [str(event), int(at), int(milliseconds), *_]:
                found.append((event, at, milliseconds / 1e3))
    return tuple(found)


def parse_histograms(reply: object) -> dict[str, Histogram]:
    """LATENCY HISTOGRAM as command to (calls, rising (upper bound in µs, cumulative count))."""
    found = {}
    for command, details in _couples(reply):
        fields = {name: value for name, value in _couples(details) if isinstance(name, str)}
        calls, buckets = fields.get("calls"), fields.get("histogram_usec")
        if isinstance(command, str) and isinstance(calls, int):
            found[command] = (calls, _buckets(buckets))
    return found


def _buckets(flat: object) -> tuple[tuple[int, int], ...]:
    if isinstance(flat, list) and set(map(type, flat)) <= {int}:
        return tuple(zip(flat[::2], flat[1::2], strict=False))
    return tuple(couple for couple in _couples(flat) if all(isinstance(value, int) for value in couple))


def parse_config(*replies: object) -> dict[str, str]:
    """Answers of CONFIG GET as parameter to value."""
    return {str(name): str(value) for reply in replies for name, value in _couples(reply)}


def _couples(flat: object) -> Iterator[tuple[Any, Any]]:
    if isinstance(flat, Sequence) and not isinstance(flat, str):
        yield from zip(flat[::2], flat[1::2], strict=False)
