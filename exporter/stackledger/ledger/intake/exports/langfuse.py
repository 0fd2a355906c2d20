"""Langfuse's observations: of the API (camelCase), of the blob storage export (snake_case), in JSON, JSON lines or CSV.

Facts: Langfuse's export field reference (2026-10) and ObservationV2 in `langfuse` 5.0. Keys of usage_details are free,
and by Langfuse's rule they do not overlap; some senders pass OpenAI's sums on all the same. `total` tells which: it is
the sum of all keys, or of input and output alone. Anything else does not add up and is refused.
"""

from __future__ import annotations

from typing import Any, Final

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, check_told, divide, whole
from stackledger.ledger.intake.build import build, refusal
from stackledger.ledger.intake.exports.rows import Row, first, instant, nested, rows
from stackledger.ledger.intake.names import bare, guess
from stackledger.ledger.intake.providers.reading import shown
from stackledger.ledger.intake.result import Outcomes, Taken

SOURCE: Final = "langfuse"
_CALLS: Final = frozenset({"GENERATION", "EMBEDDING"})
_PATH: Final = "$.usage_details"

_PARTS: Final = {
    # OpenAI's details as Langfuse's SDKs flatten them; Anthropic's names; LangChain's; Google's
    "input_cached_tokens": "cached",
    "cache_read_input_tokens": "cached",
    "input_cache_read": "cached",
    "cached_content_token_count": "cached",
    "input_cache_write_tokens": "written",
    "cache_creation_input_tokens": "written",
    "input_cache_creation": "written",
    "input_cache_creation_5m": "written",
    "ephemeral_5m_input_tokens": "written",
    "input_cache_creation_1h": "written_1h",
    "ephemeral_1h_input_tokens": "written_1h",
    "input_audio_tokens": "audio",
    "input_audio": "audio",
    "input_image_tokens": "image",
    "output_reasoning_tokens": "reasoning",
    "output_reasoning": "reasoning",
    "reasoning_tokens": "reasoning",
    "thoughts_token_count": "reasoning",
    "output_audio_tokens": "audio_output",
    "output_audio": "audio_output",
    "output_image_tokens": "image_output",
}
_INPUT_PARTS: Final = ("cached", "written", "audio", "image")
_OUTPUT_PARTS: Final = ("reasoning", "audio_output", "image_output")
_INSIDE: Final = frozenset({"output_accepted_prediction_tokens", "output_rejected_prediction_tokens"})
_SUMS: Final = frozenset({"input", "output", "total"})


def take(body: bytes, source: str = SOURCE) -> Taken:
    """The events of one file. Only generations and embeddings without another below them are calls."""
    read = list(rows(body))
    calls = [row for row in read if isinstance(row, dict) and _is_call(row)]
    covered = _above(calls, [row for row in read if isinstance(row, dict)])
    outcomes = Outcomes()
    for row in read:
        if isinstance(row, Refusal):
            outcomes.add(row)
        else:
            outcomes.add(None if not _is_call(row) or first(row, "id") in covered else _take(row, source))
    return outcomes.taken()


def usage_of(details: Row) -> Usage:
    """Buckets of one usage_details."""
    told: dict[str, int] = dict.fromkeys(_SUMS, 0)
    parts: dict[str, int] = {}
    for name, value in details.items():
        count = 0 if value is None else whole(value, f"{_PATH}.{shown([name])}")
        if name in _SUMS:
            told[name] = count
        elif name in _PARTS:
            parts[_PARTS[name]] = parts.get(_PARTS[name], 0) + count
        elif name in _INSIDE:
            told["output"] += count
        elif count:
            raise ReadingError(Reason.UNKNOWN_SHAPE, f"{_PATH} has {shown([name])}, which is unknown here.")
    parts["written"] = parts.get("written", 0) + parts.get("written_1h", 0)
    inputs, outputs = (sum(parts.get(name, 0) for name in names) for names in (_INPUT_PARTS, _OUTPUT_PARTS))
    plain = told["input"] + told["output"]
    if inputs + outputs and told["total"] not in {0, plain, plain + inputs + outputs}:
        text = f"{_PATH}: a total of {told['total']} is neither input + output ({plain}) nor the sum of all keys."
        raise ReadingError(Reason.IMPOSSIBLE_COUNT, text)
    apart = told["total"] != plain
    totals = Totals(input=told["input"] + inputs * apart, output=told["output"] + outputs * apart, **parts)
    return divide(totals, _PATH)


def _is_call(row: Row) -> bool:
    return first(row, "type").upper() in _CALLS


def _above(calls: list[Row], all_rows: list[Row]) -> set[str]:
    parents = {first(row, "id"): _parent(row) for row in all_rows}
    above: set[str] = set()
    for row in calls:
        parent = _parent(row) if nested(_details(row)) else ""
        while parent and parent in parents and parent not in above:
            above.add(parent)
            parent = parents[parent]
    return above


def _parent(row: Row) -> str:
    return first(row, "parent_observation_id", "parentObservationId")


def _details(row: Row) -> object:
    return row.get("usage_details") or row.get("usageDetails")


def _take(row: Row, source: str) -> UsageEvent | Refusal | None:
    details = nested(_details(row))
    if not details and first(row, "level") == "ERROR":
        return None
    model = first(row, "provided_model_name", "providedModelName", "model")
    provider = guess(model)
    fields: dict[str, Any] = {
        "id": first(row, "id"),
        "source": source,
        "provider": provider or "unknown",  # Langfuse does not keep who served a model
        "model": bare(model, provider),
        "user": first(row, "user_id", "userId"),
        "feature": first(row, "trace_name", "traceName"),
        "environment": first(row, "environment"),
    }
    try:
        fields["usage"] = usage_of(details)
        check_told(fields["usage"], f"{_PATH} (Langfuse exports it in a field group of its own)")
        fields["time"] = instant(row.get("end_time") or row.get("endTime"), "end_time")
    except ReadingError as error:
        return refusal(fields, [(error.reason, error.detail)])
    return build(fields)
