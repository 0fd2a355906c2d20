"""OpenAI's organization reports: usage of completions and embeddings, and costs. By days of UTC; the key is an admin's.

Costs know neither model nor user: `line_item` names the model in words. Amounts are JSON numbers of a currency's unit.
`input_tokens` holds cached tokens and those written to a cache; where the parts by modality sum to it they are taken.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from stackledger.ledger.charges.names import meaning, tokens_in
from stackledger.ledger.pulls.dialect import Dialect, reader
from stackledger.ledger.pulls.values import Billed, Used, counted, pico

VENDOR: Final = "openai"
ADDRESS: Final = "https://api.openai.com"


class _Amount(msgspec.Struct):
    value: Decimal | None = None
    currency: str | None = None


class _CostLine(msgspec.Struct):
    amount: _Amount | None = None
    project_id: str | None = None
    line_item: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None


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
    model: str | None = None


def _billed(day: date, line: _CostLine) -> Billed | None:
    """A line without an amount costs nothing that is known and is left out."""
    if line.amount is None or line.amount.value is None:
        return None
    words = line.line_item or ""
    told = meaning(VENDOR, words)
    return Billed(
        day=day,
        account=line.project_id or "",
        words=words,
        amount=pico(line.amount.value),
        currency=(line.amount.currency or "usd").upper(),
        model=told.model if told else "",
        bucket=told.bucket if told else "",
        quantity=_tokens(line),
    )


def _tokens(line: _CostLine) -> int | None:
    """The quantity where its unit says that it is tokens: without a unit nobody knows."""
    tokens = tokens_in(line.quantity_unit or "")
    return None if line.quantity is None or tokens is None else pico(line.quantity) * tokens


def _used(day: date, line: _UsageLine) -> Used:
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
    usage = counted(
        input_uncached=text,
        cache_read=cached_text,
        cache_write_5m=written - long,
        cache_write_1h=long,
        audio_input=audio,
        audio_cache_read=cached_audio,
        image_input=image,
        image_cache_read=cached_image,
        output=line.output_tokens - spoken - drawn,
        audio_output=spoken,
        image_output=drawn,
        requests=line.num_model_requests,
    )
    return Used(day, line.project_id or "", line.model or "", "", usage)


read_costs = reader(_CostLine, _billed)
read_usage = reader(_UsageLine, _used)
_DIALECT: Final = Dialect(
    begin="start_time",
    end="end_time",
    group="group_by",
    instant=lambda day: str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())),
    headers=lambda key: {"authorization": f"Bearer {key}"},
)
COSTS: Final = _DIALECT.report(
    "openai_costs", "/v1/organization/costs", 180, ("project_id", "line_item"), read_costs, accounts="project_ids",
    with_total=True,
)  # fmt: skip
USAGE: Final = tuple(
    _DIALECT.report(
        f"openai_{kind}",
        f"/v1/organization/usage/{kind}",
        31,
        ("project_id", "model"),
        read_usage,
        accounts="project_ids",
    )
    for kind in ("completions", "embeddings")
)
