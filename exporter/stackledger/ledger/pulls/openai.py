"""OpenAI's organization reports: usage of completions, and costs. Both by days of UTC; the key is an admin's.

Costs know neither model nor user: `line_item` names the model in words. Amounts are JSON numbers of a currency's unit.
`input_tokens` holds cached tokens and those written to a cache; where the parts by modality sum to it they are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
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

_VENDOR: Final = "openai"
_USAGE_GROUPS: Final = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
_COST_GROUPS: Final = ("project_id", "line_item")
_MICRO: Final = 1_000_000


class _Amount(msgspec.Struct):
    value: Decimal | None = None
    currency: str | None = None


class _CostLine(msgspec.Struct):
    amount: _Amount | None = None
    project_id: str | None = None
    line_item: str | None = None


class _CostBucket(msgspec.Struct):
    start_time: int
    results: list[_CostLine]


class _CostPage(msgspec.Struct):
    data: list[_CostBucket]
    has_more: bool
    next_page: str | None = None


class _UsageLine(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    num_model_requests: int = 0
    input_cached_tokens: int | None = None
    input_cache_write_tokens: int | None = None
    input_cache_write_12h_tokens: int | None = None
    input_text_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    input_cached_text_tokens: int | None = None
    input_cached_audio_tokens: int | None = None
    input_cached_image_tokens: int | None = None
    output_text_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    batch: bool | None = None
    service_tier: str | None = None


class _UsageBucket(msgspec.Struct):
    start_time: int
    end_time: int
    results: list[_UsageLine]


class _UsagePage(msgspec.Struct):
    data: list[_UsageBucket]
    has_more: bool
    next_page: str | None = None


def read_costs(body: bytes) -> Page[BilledCost]:
    """A page of costs. A line without an amount costs nothing that is known and is left out."""
    page: _CostPage = decoded(body, _CostPage)
    found = [
        BilledCost(
            _VENDOR,
            day_of(bucket.start_time),
            group_of(line, _COST_GROUPS),
            pico(line.amount.value),
            (line.amount.currency or "usd").upper(),
        )
        for bucket in page.data
        for line in bucket.results
        if line.amount is not None and line.amount.value is not None
    ]
    return Page(found, following(page.has_more, page.next_page))


def read_usage(body: bytes) -> Page[BilledUsage]:
    """A page of usage."""
    page: _UsagePage = decoded(body, _UsagePage)
    found = [
        BilledUsage(
            _VENDOR, bucket.start_time * _MICRO, bucket.end_time * _MICRO, group_of(line, _USAGE_GROUPS), _usage(line)
        )
        for bucket in page.data
        for line in bucket.results
    ]
    return Page(found, following(page.has_more, page.next_page))


def _usage(line: _UsageLine) -> Usage:
    cached, written = line.input_cached_tokens or 0, line.input_cache_write_tokens or 0
    long = line.input_cache_write_12h_tokens or 0
    parts = [line.input_text_tokens, line.input_audio_tokens, line.input_image_tokens]
    parts += [line.input_cached_text_tokens, line.input_cached_audio_tokens, line.input_cached_image_tokens]
    text, audio, image, cached_text, cached_audio, cached_image = (part or 0 for part in parts)
    if sum(part or 0 for part in parts) + written != line.input_tokens:  # not told by modality, or in an older sense
        text, audio, image = line.input_tokens - cached - written, 0, 0
        cached_text, cached_audio, cached_image = cached, 0, 0
    spoken, drawn = line.output_audio_tokens or 0, line.output_image_tokens or 0
    if (line.output_text_tokens or 0) + spoken + drawn != line.output_tokens:
        spoken = drawn = 0
    counts = {
        "input_uncached": text,
        "cache_read": cached_text,
        "cache_write_5m": written - long,
        "cache_write_1h": long,
        "audio_input": audio,
        "audio_cache_read": cached_audio,
        "image_input": image,
        "image_cache_read": cached_image,
        "output": line.output_tokens - spoken - drawn,
        "audio_output": spoken,
        "image_output": drawn,
        "requests": line.num_model_requests,
    }
    if min(counts.values()) < 0:
        raise ProtocolError("the report's counts contradict one another: cached and written tokens exceed the input")
    return Usage(**counts)


def _seconds(day: date) -> str:
    return str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))


def _asked(groups: tuple[str, ...], first: date, end: date) -> list[tuple[str, str]]:
    days = str((end - first).days)
    fixed = [("start_time", _seconds(first)), ("end_time", _seconds(end)), ("bucket_width", "1d"), ("limit", days)]
    return fixed + [("group_by", name) for name in groups]


def _headers(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}


COSTS: Final = Report(
    name="openai_costs",
    path="/v1/organization/costs",
    most_days=180,
    asked=lambda first, end: _asked(_COST_GROUPS, first, end),
    read=read_costs,
    headers=_headers,
    total=Report(
        name="openai_costs_total",
        path="/v1/organization/costs",
        most_days=180,
        asked=lambda first, end: _asked((), first, end),
        read=read_costs,
        headers=_headers,
    ),
)
USAGE: Final = Report(
    name="openai_usage",
    path="/v1/organization/usage/completions",
    most_days=31,
    asked=lambda first, end: _asked(_USAGE_GROUPS, first, end),
    read=read_usage,
    headers=_headers,
)
