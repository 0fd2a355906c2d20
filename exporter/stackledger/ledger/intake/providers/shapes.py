"""Which reader reads a body: by the names in it, by the provider where two share names, or by the sender's hint."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

import msgspec

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason, ServiceTier
from stackledger.ledger.intake.arithmetic import ReadingError
from stackledger.ledger.intake.names import canonical
from stackledger.ledger.intake.providers import anthropic, google, openai, others
from stackledger.ledger.intake.providers.reading import Body, Reading, shown, tier

Reader = Callable[[Body, str], Usage]

APIS: Final[dict[str, Reader]] = {
    "chat": openai.read_chat,
    "embeddings": openai.read_chat,
    "responses": openai.read_responses,
    "realtime": openai.read_responses,
    "images": openai.read_responses,
    "messages": anthropic.read_messages,
    "generate_content": google.read_metadata,
    "converse": others.read_converse,
    "cohere": others.read_cohere,
}
"""Names that a sender may give as `api`."""

_ANTHROPIC_MARKS: Final = (
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation",
    "server_tool_use",
)
_USAGE_FIELDS: Final = ("usage", "usageMetadata", "usage_metadata", "usage_info")
_WRAPPERS: Final = ("response", "x_groq", "meta")  # an event of a Responses stream, Groq's last chunk, Cohere's v1


def read(body: object, provider: str, api: str = "", path: str = "$.raw") -> Reading:
    """What a response, or its usage alone, tells. Raises ReadingError for what cannot be read or is impossible."""
    if not isinstance(body, dict):
        raise ReadingError(Reason.UNKNOWN_SHAPE, f"{path} is no object: send the provider's usage or response.")
    name = canonical(provider)
    response = Body(body, path)
    response, usage = _find(response)
    usage_read = _reader(usage, name, api)(usage, name)
    if "output" in response:
        usage_read = _with_tools(usage_read, response)
    return Reading(
        usage=usage_read,
        model=response.text("model", "modelVersion", "model_version"),
        id=response.text("id", "responseId", "response_id"),
        service_tier=_tier(response, usage),
        region=_region(usage),
    )


def _find(response: Body, depth: int = 2) -> tuple[Body, Body]:
    if response.text("type") in {"message_start", "message_delta"}:
        raise ReadingError(
            Reason.UNKNOWN_SHAPE, f"{response.path} is a piece of a stream: send the usage of the final message."
        )
    for name in _USAGE_FIELDS:
        if isinstance(response.fields.get(name), dict):
            return response, response.part(name)
    for name in _WRAPPERS if depth else ():
        if isinstance(response.fields.get(name), dict):
            inner, usage = _find(response.part(name), depth - 1)
            return (inner if name == "response" else response), usage
    return response, response


def _reader(usage: Body, provider: str, api: str) -> Reader:  # noqa: PLR0911 - one line a shape reads best
    if api:
        return _hinted(api)
    if usage.any_of(google.MARKS):
        return google.read_metadata
    if usage.any_of(("inputTokens", "outputTokens")):
        return others.read_converse
    if usage.any_of(("billed_units", "tokens")):
        return others.read_cohere
    if usage.any_of(("prompt_tokens", "completion_tokens")):
        return openai.read_chat
    if usage.any_of(("input_tokens", "output_tokens")):
        own = provider == "anthropic" and "input_tokens_details" not in usage
        return anthropic.read_messages if own or usage.any_of(_ANTHROPIC_MARKS) else openai.read_responses
    if "seconds" in usage:
        return openai.read_duration
    if "pages_processed" in usage:
        return openai.read_pages
    raise ReadingError(
        Reason.UNKNOWN_SHAPE,
        f"{usage.path} is no usage known here; it has {shown(usage.fields)}. Send the provider's usage as it came, "
        "or buckets in `usage`.",
    )


def _hinted(api: str) -> Reader:
    if api in APIS:
        return APIS[api]
    close = difflib.get_close_matches(api, APIS, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise ReadingError(Reason.MALFORMED, f"$.api is none of {', '.join(APIS)}.{meant}")


def _with_tools(usage: Usage, response: Body) -> Usage:
    searches, lookups = openai.tool_calls(response, "web_search_call"), openai.tool_calls(response, "file_search_call")
    if not searches and not lookups:
        return usage
    return msgspec.structs.replace(usage, web_search=usage.web_search or searches, file_search=lookups)


def _tier(response: Body, usage: Body) -> ServiceTier:
    if usage.text("speed") == "fast":  # Anthropic's fast mode has a price of its own
        return "fast"
    bedrock = response.fields.get("serviceTier")
    told = Body(bedrock, "").text("type") if isinstance(bedrock, dict) else ""
    return tier(usage.text("service_tier") or response.text("service_tier") or told or google.traffic(usage))


def _region(usage: Body) -> str:
    """Anthropic's price depends on where it was served; "not_available" and "global" are its usual price."""
    told = usage.text("inference_geo")
    return "" if told in {"not_available", "global"} else told[:200]
