"""LiteLLM's spend logs (its database's table, or the API's page) and standard logging payloads.

Facts: StandardLoggingPayload, SpendLogsPayload and Usage in `litellm` 1.110. Its usage has OpenAI's names with the
caches inside prompt_tokens, for every provider, and is kept whole in metadata.usage_object; spend logs before 1.60
have the three sums only, so that what was cached is priced in full. Its own response cache costs nothing.
"""

from __future__ import annotations

from typing import Any, Final

from stackledger.ledger.event import Refusal, UsageEvent
from stackledger.ledger.intake import providers
from stackledger.ledger.intake.arithmetic import ReadingError, check_told
from stackledger.ledger.intake.build import build, refusal
from stackledger.ledger.intake.exports.rows import Row, first, instant, nested, rows
from stackledger.ledger.intake.names import bare, served_by
from stackledger.ledger.intake.result import Outcomes, Taken

SOURCE: Final = "litellm"
_SUMS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def take(body: bytes, source: str = SOURCE) -> Taken:
    """The events of one file. Failed calls without tokens and hits of LiteLLM's own cache are not billed."""
    outcomes = Outcomes()
    for row in rows(body):
        outcomes.add(row if isinstance(row, Refusal) else _take(row, source))
    return outcomes.taken()


def _take(row: Row, source: str) -> UsageEvent | Refusal | None:
    if str(row.get("cache_hit", "")).lower() == "true":
        return None
    if first(row, "status") == "failure" and not row.get("total_tokens"):
        return None
    metadata = nested(row.get("metadata"))
    model = first(row, "model")
    provider = served_by(first(row, "custom_llm_provider"), model)
    fields: dict[str, Any] = {
        "id": first(row, "id", "request_id", "litellm_call_id"),
        "source": source,
        "provider": provider,
        "model": bare(model, provider),
        "user": first(row, "end_user", "user") or first(metadata, "user_api_key_end_user_id", "user_api_key_user_id"),
        "team": first(metadata, "user_api_key_team_alias", "team_alias", "user_api_key_team_id")
        or first(row, "team_id"),
        "api_key": first(metadata, "user_api_key_alias"),
    }
    told = nested(metadata.get("usage_object")) or {name: _number(row[name]) for name in _SUMS if name in row}
    try:
        reading = providers.read(told, provider, path="$.metadata.usage_object")
        check_told(reading.usage, "$.metadata.usage_object")
        fields["time"] = instant(row.get("endTime"), "endTime")
    except ReadingError as error:
        return refusal(fields, [(error.reason, error.detail)])
    fields["usage"] = reading.usage
    fields["service_tier"] = reading.service_tier
    return build(fields)


def _number(cell: object) -> object:
    return int(cell) if isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) < 16 else cell  # noqa: PLR2004 - 2^50
