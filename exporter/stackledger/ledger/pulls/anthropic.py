"""Anthropic's Admin reports: usage of messages, and costs. Both by days of UTC; the key is an admin's.

An amount is text with a decimal number of cents: "123.45" is 1.2345 USD. Priority Tier stands in usage and never in
costs, code execution only in costs. A workspace that is null is the default one. Calls are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from stackledger.errors import ProtocolError
from stackledger.ledger.buckets import Usage
from stackledger.ledger.pulls.values import (
    BilledCost,
    BilledUsage,
    Page,
    Report,
    day_of,
    decoded,
    following,
    group_of,
    pico,
)

_VENDOR: Final = "anthropic"
_VERSION: Final = "2023-06-01"
_CENTS: Final = 100
_USAGE_GROUPS: Final = ("model", "workspace_id", "api_key_id", "service_tier")
_COST_GROUPS: Final = ("workspace_id", "description")
_MOST_DAYS: Final = 31


class _CostLine(msgspec.Struct):
    amount: str
    currency: str
    workspace_id: str | None = None
    description: str | None = None


class _CostBucket(msgspec.Struct):
    starting_at: datetime
    ending_at: datetime
    results: list[_CostLine]


class _CostPage(msgspec.Struct):
    data: list[_CostBucket]
    has_more: bool
    next_page: str | None = None


class _Created(msgspec.Struct):
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class _Tools(msgspec.Struct):
    web_search_requests: int = 0


class _UsageLine(msgspec.Struct):
    uncached_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    cache_creation: _Created | None = None
    server_tool_use: _Tools | None = None
    model: str | None = None
    workspace_id: str | None = None
    api_key_id: str | None = None
    service_tier: str | None = None


class _UsageBucket(msgspec.Struct):
    starting_at: datetime
    ending_at: datetime
    results: list[_UsageLine]


class _UsagePage(msgspec.Struct):
    data: list[_UsageBucket]
    has_more: bool
    next_page: str | None = None


def read_costs(body: bytes) -> Page[BilledCost]:
    """A page of costs."""
    page: _CostPage = decoded(body, _CostPage)
    found = [
        BilledCost(
            _VENDOR,
            day_of(_seconds(bucket.starting_at)),
            group_of(line, _COST_GROUPS),
            pico(line.amount, _CENTS),
            line.currency.upper(),
        )
        for bucket in page.data
        for line in bucket.results
    ]
    return Page(found, following(page.has_more, page.next_page))


def read_usage(body: bytes) -> Page[BilledUsage]:
    """A page of usage."""
    page: _UsagePage = decoded(body, _UsagePage)
    found = [
        BilledUsage(
            _VENDOR,
            _seconds(bucket.starting_at) * 1_000_000,
            _seconds(bucket.ending_at) * 1_000_000,
            group_of(line, _USAGE_GROUPS),
            _usage(line),
        )
        for bucket in page.data
        for line in bucket.results
    ]
    return Page(found, following(page.has_more, page.next_page))


def _usage(line: _UsageLine) -> Usage:
    created, tools = line.cache_creation or _Created(), line.server_tool_use or _Tools()
    counts = {
        "input_uncached": line.uncached_input_tokens,
        "cache_read": line.cache_read_input_tokens,
        "cache_write_5m": created.ephemeral_5m_input_tokens,
        "cache_write_1h": created.ephemeral_1h_input_tokens,
        "output": line.output_tokens,
        "web_search": tools.web_search_requests,
        "requests": 0,
    }
    if min(counts.values()) < 0:
        raise ProtocolError("the report holds a count below 0")
    return Usage(**counts)


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ProtocolError("a bucket's time is told without a zone")
    return int(moment.timestamp())


def _asked(groups: tuple[str, ...], first: date, end: date) -> list[tuple[str, str]]:
    fixed = [
        ("starting_at", f"{first.isoformat()}T00:00:00Z"),
        ("ending_at", f"{end.isoformat()}T00:00:00Z"),
        ("bucket_width", "1d"),
        ("limit", str((end - first).days)),
    ]
    return fixed + [("group_by[]", name) for name in groups]


def _headers(key: str) -> Mapping[str, str]:
    return {"x-api-key": key, "anthropic-version": _VERSION}


COSTS: Final = Report(
    name="anthropic_costs",
    path="/v1/organizations/cost_report",
    most_days=_MOST_DAYS,
    asked=lambda first, end: _asked(_COST_GROUPS, first, end),
    read=read_costs,
    headers=_headers,
    total=Report(
        name="anthropic_costs_total",
        path="/v1/organizations/cost_report",
        most_days=_MOST_DAYS,
        asked=lambda first, end: _asked((), first, end),
        read=read_costs,
        headers=_headers,
    ),
)
USAGE: Final = Report(
    name="anthropic_usage",
    path="/v1/organizations/usage_report/messages",
    most_days=_MOST_DAYS,
    asked=lambda first, end: _asked(_USAGE_GROUPS, first, end),
    read=read_usage,
    headers=_headers,
)
