"""Anthropic's Admin reports: usage of messages, and costs. Both by days of UTC; the key is an admin's.

An amount is text with a decimal number of cents: "123.45" is 1.2345 USD. Priority Tier stands in usage and never in
costs, code execution only in costs. A workspace that is null is the default one. Calls are not counted. Costs cannot be
asked for by workspace.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from stackledger.ledger.charges.names import meaning
from stackledger.ledger.pulls.dialect import Dialect, reader
from stackledger.ledger.pulls.values import Billed, Used, counted, pico

VENDOR: Final = "anthropic"
ADDRESS: Final = "https://api.anthropic.com"
UNBILLED_TIER: Final = "priority"
"""Of usage: it is paid for by commitment, and no line of costs has it."""
_VERSION: Final = "2023-06-01"
_CENTS: Final = 100
_MOST_DAYS: Final = 31
_BUCKETS: Final = {
    "uncached_input_tokens": "input_uncached",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}
"""Their token_type."""


class _CostLine(msgspec.Struct):
    amount: str
    currency: str
    workspace_id: str | None = None
    description: str | None = None
    model: str | None = None
    token_type: str | None = None
    service_tier: str | None = None


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
    service_tier: str | None = None


def _billed(day: date, line: _CostLine) -> Billed:
    words = line.description or ""
    told = meaning(VENDOR, words)
    bucket = _BUCKETS.get(line.token_type or "")
    return Billed(
        day=day,
        account=line.workspace_id or "",
        words=words,
        amount=pico(line.amount, _CENTS),
        currency=line.currency.upper(),
        model=line.model or (told.model if told else ""),
        bucket=bucket or (told.bucket if told else ""),
        tier=line.service_tier or "",
    )


def _used(day: date, line: _UsageLine) -> Used:
    created, tools = line.cache_creation or _Created(), line.server_tool_use or _Tools()
    usage = counted(
        input_uncached=line.uncached_input_tokens,
        cache_read=line.cache_read_input_tokens,
        cache_write_5m=created.ephemeral_5m_input_tokens,
        cache_write_1h=created.ephemeral_1h_input_tokens,
        output=line.output_tokens,
        web_search=tools.web_search_requests,
        requests=0,
    )
    return Used(day, line.workspace_id or "", line.model or "", line.service_tier or "", usage)


read_costs = reader(_CostLine, _billed)
read_usage = reader(_UsageLine, _used)
_DIALECT: Final = Dialect(
    begin="starting_at",
    end="ending_at",
    group="group_by[]",
    instant=lambda day: f"{day.isoformat()}T00:00:00Z",
    headers=lambda key: {"x-api-key": key, "anthropic-version": _VERSION},
)
COSTS: Final = _DIALECT.report(
    "anthropic_costs", "/v1/organizations/cost_report", _MOST_DAYS, ("workspace_id", "description"), read_costs,
    with_total=True,
)  # fmt: skip
USAGE: Final = (
    _DIALECT.report(
        "anthropic_usage", "/v1/organizations/usage_report/messages", _MOST_DAYS,
        ("workspace_id", "model", "service_tier"), read_usage, accounts="workspace_ids[]",
    ),
)  # fmt: skip
