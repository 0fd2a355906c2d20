"""Answers in the shape of OpenAI's API: chat completions, responses and embeddings, whole or as a stream of events.

Shapes as documented at platform.openai.com/docs/api-reference and typed in the `openai` package (3.x).
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterator
from typing import Any

from lab.llm.draws import Asked, Used

Body = dict[str, Any]

_DATED = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5.2": "gpt-5.2-2025-12-11",
}
_DIMENSIONS = 1536


def answering(model: str) -> str:
    """The model that answers when this one is asked: names without a date stand for a dated one."""
    return _DATED.get(model, model)


def user_of(request: Body) -> str:
    """Who the application says that it asks for."""
    return str(request.get("safety_identifier") or request.get("user") or "")


def asked(request: Body, *, embeds: bool = False) -> Asked:
    """What of the request decides how much is used. Texts to embed are not cached, all other prompts are unasked."""
    most = request.get("max_completion_tokens") or request.get("max_output_tokens") or request.get("max_tokens")
    return Asked(automatic_cache=not embeds, most_output=most)


def chat(number: int, created: int, model: str, used: Used, text: str) -> Body:
    """A chat completion."""
    message: Body = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return {
        "id": f"chatcmpl-{number:024x}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_0",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _chat_usage(used),
    }


def wants_usage(request: Body) -> bool:
    """Whether a stream shall tell its usage."""
    return bool((request.get("stream_options") or {}).get("include_usage"))


def chat_events(whole: Body, text: str, *, with_usage: bool) -> Iterator[Body]:
    """The same, piece by piece. Usage comes last, and only where the request asks for it."""
    head = whole | {"object": "chat.completion.chunk"}
    usage = head.pop("usage")
    if with_usage:
        head["usage"] = None
    deltas: list[Body] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": f"{word} "} for word in text.split()]
    for delta in deltas:
        yield head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
    yield head | {"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
    if with_usage:
        yield head | {"choices": [], "usage": usage}


def response(number: int, created: int, model: str, used: Used, text: str) -> Body:
    """An answer of the responses API."""
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    message = {
        "type": "message",
        "id": f"msg_{number:024x}",
        "status": "completed",
        "role": "assistant",
        "content": content,
    }
    return {
        "id": f"resp_{number:032x}",
        "object": "response",
        "created_at": created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": model,
        "output": [message],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": used.input,
            "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": 0},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": used.reasoned},
            "total_tokens": used.input + used.output,
        },
        "user": None,
        "metadata": {},
    }


def response_events(whole: Body, text: str) -> Iterator[Body]:
    """The same, piece by piece; the usage is in the last event."""
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    item = whole["output"][0]["id"]
    place = {"item_id": item, "output_index": 0, "content_index": 0, "logprobs": []}
    events: list[Body] = [{"type": "response.created", "response": begun}]
    events += [{"type": "response.output_text.delta", **place, "delta": f"{word} "} for word in text.split()]
    events.append({"type": "response.completed", "response": whole})
    for order, event in enumerate(events):
        yield event | {"sequence_number": order}


def embeddings(model: str, used: Used, request: Body) -> Body:
    """An embedding of each text of the input."""
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    values = array("f", [0.0] * (request.get("dimensions") or _DIMENSIONS))
    told: object = values.tolist()
    if request.get("encoding_format") == "base64":
        told = base64.b64encode(values.tobytes()).decode()
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": place, "embedding": told} for place in range(len(texts))],
        "model": model,
        "usage": {"prompt_tokens": used.input, "total_tokens": used.input},
    }


def error(message: str, kind: str) -> Body:
    """A refusal."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _chat_usage(used: Used) -> Body:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoned,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
