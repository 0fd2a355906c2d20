"""OpenCost's allocations: what a cluster's nodes cost, by day of UTC, namespace and, where asked for, a label of teams.

GET /allocation with a window of one day, `aggregate=cluster,namespace[,label:NAME]`, `includeIdle=true`,
`shareIdle=false` (opencost.io, "API"). The answer is `{"code": 200, "data": [{NAME: allocation}]}`. A name is the
values of `aggregate` joined by `/`: `__idle__` is what nobody asked for, `__unallocated__` what has no such value.
`totalCost` is null or "NaN" where OpenCost could not work it out. Amounts are in USD unless it is set up otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

import msgspec

from stackledger.errors import ProtocolError
from stackledger.ledger.pulls.values import Asked, Billed, Page, Report, day_of, decoded, pico

PROVIDER: Final = "opencost"
_OK: Final = 200
_IDLE: Final = "__idle__"
_NONE: Final = "__unallocated__"


class Part(StrEnum):
    """Which part of a cluster's cost a line is: it stands first in the line's words."""

    ALLOCATED = "allocated"
    SHARED = "shared"
    IDLE = "idle"


class _Window(msgspec.Struct):
    start: datetime


class _Properties(msgspec.Struct):
    cluster: str = ""
    namespace: str = ""


class _Allocation(msgspec.Struct, rename="camel"):
    window: _Window
    total_cost: msgspec.Raw
    properties: _Properties | None = None
    shared_cost: msgspec.Raw = msgspec.Raw(b"0")


class _Answer(msgspec.Struct):
    code: int
    data: list[dict[str, _Allocation]]


def allocations(team_label: str, shared_namespaces: Collection[str], currency: str) -> Report[Billed]:
    """The report of a cluster's cost. `team_label` may be empty; namespaces that serve all others are told apart."""
    groups = ["cluster", "namespace", *([f"label:{team_label}"] if team_label else [])]

    def asked(first: date, end: date, _accounts: Sequence[str]) -> Asked:
        return [
            ("window", f"{first}T00:00:00Z,{end}T00:00:00Z"),
            ("step", "1d"),
            ("aggregate", ",".join(groups)),
            ("includeIdle", "true"),
            ("shareIdle", "false"),
        ]

    def read(body: bytes) -> Page[Billed]:
        answer: _Answer = decoded(body, _Answer)
        if answer.code != _OK:
            raise ProtocolError(f"the answer has the code {answer.code}")
        told = [pair for one in answer.data for pair in one.items()]
        return Page(
            [line for name, one in told for line in _lines(name, one, len(groups), shared_namespaces, currency)]
        )

    return Report("opencost_allocation", "/allocation", 1, asked, read, _headers)


def _headers(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _lines(name: str, one: _Allocation, groups: int, shared_namespaces: Collection[str], currency: str) -> list[Billed]:
    day = day_of(one.window.start)
    amount = _amount(one.total_cost, name, day, "totalCost")
    within = _amount(one.shared_cost, name, day, "sharedCost")
    if within > amount:
        raise ProtocolError(f"{name} on {day}: sharedCost is above totalCost")
    values = name.split("/")
    told = one.properties or _Properties()
    if _IDLE in values:
        cluster = told.cluster or next((value for value in values if value != _IDLE), "")
        return [Billed(day, cluster, Part.IDLE, amount, currency)] if amount else []
    if len(values) < groups:
        raise ProtocolError(f"{name} on {day}: {groups} values were asked for")
    # a cluster's name may have a slash in it, the names of namespaces and labels cannot
    cluster = "/".join(values[: len(values) - groups + 1])
    namespace, *team = ("" if value == _NONE else value for value in values[len(values) - groups + 1 :])
    of_whom = "/".join([namespace or "-", *(value or "-" for value in team)])
    part = Part.SHARED if namespace in shared_namespaces else Part.ALLOCATED
    parts = {part: amount - within}
    parts[Part.SHARED] = parts.get(Part.SHARED, 0) + within
    return [Billed(day, cluster, f"{part} {of_whom}", billed, currency) for part, billed in parts.items() if billed]


def _amount(raw: msgspec.Raw, name: str, day: date, field: str) -> int:
    """Pico-units. Raises ProtocolError for what is no amount, or below 0."""
    text = bytes(raw).decode()
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ProtocolError(f"{name} on {day}: {field} is {text[:20]}, which is no amount") from None
    if value < 0:
        raise ProtocolError(f"{name} on {day}: {field} is below 0: look at the prices that OpenCost is given")
    return pico(value)
