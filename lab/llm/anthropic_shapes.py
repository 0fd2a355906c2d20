"""Answers in the shape of Anthropic's messages API, whole or as a stream of events.

Shapes as documented at platform.claude.com/docs/en/api/messages and typed in the `anthropic` package (2.x). Input
tokens leave out both what was read from the cache and what was written to it; a stream tells its usage twice, first
with the few output tokens that there are when it begins and at the end with all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.llm.draws import Asked, Used

Body = dict[str, Any]
_AT_FIRST = 2


def user_of(request: Body) -> str:
    """Who the application says that it asks for."""
    return str((request.get("metadata") or {}).get("user_id") or "")


def asked(request: Body) -> Asked:
    """What of the request decides how much is used."""
    system = request.get("system")
    blocks = system if isinstance(system, list) else []
    controls = [block["cache_control"] for block in blocks if block.get("cache_control")]
    keep = "hour" if any(one.get("ttl") == "1h" for one in controls) else "minutes" if controls else ""
    may_search = any(str(tool.get("type", "")).startswith("web_search_") for tool in request.get("tools") or [])
    return Asked(keep=keep, may_search=may_search, most_output=request.get("max_tokens"))


def message(number: int, model: str, used: Used, text: str) -> Body:
    """A message."""
    return {
        "id": f"msg_{number:024x}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _usage(used),
    }


def events(whole: Body, used: Used, text: str) -> Iterator[Body]:
    """The same, piece by piece."""
    first = whole["usage"] | {"output_tokens": min(_AT_FIRST, used.output), "server_tool_use": None}
    yield {"type": "message_start", "message": whole | {"content": [], "stop_reason": None, "usage": first}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for word in text.split():
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{word} "}}
    yield {"type": "content_block_stop", "index": 0}
    told = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {name: whole["usage"][name] for name in (*told, "server_tool_use")},
    }
    yield {"type": "message_stop"}


def error(message: str, kind: str) -> Body:
    """A refusal."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def _usage(used: Used) -> Body:
    return {
        "input_tokens": used.fresh,
        "cache_creation_input_tokens": used.kept_minutes + used.kept_hour,
        "cache_read_input_tokens": used.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.kept_minutes,
            "ephemeral_1h_input_tokens": used.kept_hour,
        },
        "output_tokens": used.output,
        "server_tool_use": {"web_search_requests": used.searches, "web_fetch_requests": 0} if used.searches else None,
        "service_tier": "standard",
    }
