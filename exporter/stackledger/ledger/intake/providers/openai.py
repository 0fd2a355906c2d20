"""OpenAI's shapes and their many dialects: chat completions, responses, embeddings, realtime, images, transcription.

Facts: the types of the `openai` package 3.57 (CompletionUsage, ResponseUsage), `groq` 1.7, `mistralai` 3.7, `xai_sdk`
1.21 (usage.proto), and the extractors in the data of `genai-prices` 0.2.3.
"""

from __future__ import annotations

from typing import Final

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, divide, reasoning_apart, whole
from stackledger.ledger.intake.providers.reading import Body

_REASONING_APART: Final = frozenset({"x-ai", "perplexity"})
"""Whose completion_tokens leave the reasoning out, where total_tokens is not there to say so."""
_UNTOLD_REASONING: Final = frozenset({"google"})
"""Whose OpenAI-compatible answers tell thoughts by total_tokens alone: total = prompt + completion + thoughts."""


def read_chat(usage: Body, provider: str) -> Usage:
    """Chat completions, embeddings (no completion), and all who speak the same: prompt_tokens contain the caches."""
    prompt_details = usage.part("prompt_tokens_details", "prompt_token_details")
    completion_details = usage.part("completion_tokens_details")
    totals = Totals(input=_needed(usage, "prompt_tokens"), output=usage.count("completion_tokens"))
    _read_input(totals, usage, prompt_details)
    _read_output(totals, completion_details)
    totals.reasoning = totals.reasoning or usage.count("reasoning_tokens")
    totals.citation = usage.count("citation_tokens")  # Perplexity, beside completion_tokens
    searches = usage.part("server_tool_use").count("web_search_requests")  # LiteLLM, for Anthropic and Google
    totals.web_search = usage.count("num_search_queries") or searches or prompt_details.count("web_search_requests")
    totals.audio_input_ms = 1000 * usage.count("prompt_audio_seconds")  # Mistral
    total = usage.told("total_tokens")
    if total is not None and not totals.reasoning and provider in _UNTOLD_REASONING:
        totals.reasoning = max(0, total - totals.input - totals.output)
    apart = reasoning_apart(
        input=totals.input,
        output=totals.output,
        reasoning=totals.reasoning,
        total=total,
        usual=provider in _REASONING_APART,
    )
    totals.output += totals.citation + (totals.reasoning if apart else 0)
    _check_misses(usage, totals)
    return divide(totals, usage.path)


def read_responses(usage: Body, _provider: str) -> Usage:
    """Responses, realtime, images and transcription by tokens: input_tokens contain the caches."""
    details = usage.part("input_tokens_details", "input_token_details")
    totals = Totals(input=_needed(usage, "input_tokens"), output=usage.count("output_tokens"))
    _read_input(totals, usage, details)
    _read_output(totals, usage.part("output_tokens_details", "output_token_details"))
    return divide(totals, usage.path)


def read_duration(usage: Body, _provider: str) -> Usage:
    """Transcription billed by time: {"type": "duration", "seconds": 12.5}."""
    seconds = usage.fields.get("seconds")
    milliseconds = seconds * 1000 if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
    if isinstance(milliseconds, float) and -1 < milliseconds < 2.0**53:
        milliseconds = round(milliseconds)
    return Usage(audio_input_ms=whole(milliseconds, f"{usage.path}.seconds in milliseconds"))


def read_pages(usage: Body, _provider: str) -> Usage:
    """Mistral's OCR: `usage_info`."""
    return Usage(pages=usage.count("pages_processed"))


def tool_calls(response: Body, kind: str) -> int:
    """Calls of a built-in tool in a whole Responses answer; its usage does not count them, its bill does."""
    return sum(item.text("type") == kind for item in response.parts("output"))


def _needed(usage: Body, name: str) -> int:
    count = usage.told(name)
    if count is None:
        raise ReadingError(Reason.UNKNOWN_SHAPE, f"{usage.path}.{name} is missing: send the usage as it came.")
    return count


def _read_input(totals: Totals, usage: Body, details: Body) -> None:
    cached = details.told("cached_tokens", "cache_read_input_tokens")
    if cached is None:  # DeepSeek; Moonshot; Mistral and vLLM; xAI; LiteLLM and Databricks
        cached = usage.count(
            "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cached_prompt_text_tokens",
            "cache_read_input_tokens",
        )  # fmt: skip
    totals.cached = cached
    written = details.told("cache_write_tokens", "cache_creation_tokens")
    totals.written = usage.count("cache_creation_input_tokens") if written is None else written
    ages = details.part("cache_write_tokens_details", "cache_creation_token_details")
    # The long-lived bucket takes what stays for an hour or more; OpenAI's half hour is "minutes".
    totals.written_1h = ages.count("ttl_12h_tokens") + ages.count("ephemeral_1h_input_tokens")
    totals.written_1h += ages.count("ephemeral_12h_input_tokens")
    totals.audio, totals.image = details.count("audio_tokens"), details.count("image_tokens")
    totals.video = details.count("video_tokens")
    by_kind = details.part("cached_tokens_details")
    totals.audio_cached, totals.image_cached = by_kind.count("audio_tokens"), by_kind.count("image_tokens")


def _read_output(totals: Totals, details: Body) -> None:
    totals.reasoning = details.count("reasoning_tokens")
    totals.audio_output, totals.image_output = details.count("audio_tokens"), details.count("image_tokens")
    totals.video_output = details.count("video_tokens")


def _check_misses(usage: Body, totals: Totals) -> None:
    misses = usage.told("prompt_cache_miss_tokens")
    if misses is not None and totals.cached + misses != totals.input:  # DeepSeek tells both halves
        raise ReadingError(
            Reason.IMPOSSIBLE_COUNT,
            f"{usage.path}: {totals.cached} cached and {misses} missed do not make prompt_tokens of {totals.input}.",
        )
