"""How Slack's incoming webhooks and PagerDuty's Events API v2 answer, well-formed and malformed bodies alike.

Owns those answers, as pure functions; the server is lab.receiver's. Shapes: Slack's "Sending messages using incoming
webhooks" (plain text errors) and PagerDuty's "Events API v2 overview" (202, or 400 with the list of errors).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_SUMMARY_LIMIT = 1_024
_KEY_LIMIT = 255
_EVENT_LIMIT_BYTES = 512 << 10


@dataclass(frozen=True)
class Answer:
    """Status and body to send back; `accepted` is the decoded message when the service would have taken it."""

    status: int
    body: str
    accepted: Mapping[str, Any] | None = None


def slack(content: bytes) -> Answer:
    """What an incoming webhook of Slack answers."""
    message = _object(content)
    if message is None:
        return Answer(400, "invalid_payload")
    if not any(message.get(key) for key in ("text", "attachments", "blocks")):
        return Answer(400, "no_text")
    return Answer(200, "ok", message)


def pagerduty(content: bytes) -> Answer:
    """What POST /v2/enqueue of PagerDuty answers."""
    if len(content) > _EVENT_LIMIT_BYTES:
        return Answer(413, "")
    event = _object(content)
    errors = ["Event is not a JSON object"] if event is None else _event_errors(event)
    if event is None or errors:
        refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        return Answer(400, json.dumps(refusal))
    key = event.get("dedup_key") or hashlib.sha256(content).hexdigest()[:32]
    answer = {"status": "success", "message": "Event processed", "dedup_key": key}
    return Answer(202, json.dumps(answer), {**event, "dedup_key": key})


def _event_errors(event: Mapping[str, Any]) -> list[str]:
    errors = [] if _filled(event.get("routing_key")) else ["'routing_key' is missing or blank"]
    action = event.get("event_action")
    if action not in _ACTIONS:
        errors.append(f"'event_action' must be one of {', '.join(_ACTIONS)}")
    key = event.get("dedup_key")
    if action in ("acknowledge", "resolve") and not _filled(key):
        errors.append("'dedup_key' is missing or blank")
    if isinstance(key, str) and len(key) > _KEY_LIMIT:
        errors.append(f"'dedup_key' is longer than {_KEY_LIMIT} characters")
    return errors + (_payload_errors(event.get("payload")) if action == "trigger" else [])


def _payload_errors(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{key}' is missing or blank" for key in ("summary", "source") if not _filled(payload.get(key))]
    if payload.get("severity") not in _SEVERITIES:
        errors.append(f"'payload.severity' must be one of {', '.join(_SEVERITIES)}")
    if len(str(payload.get("summary"))) > _SUMMARY_LIMIT:
        errors.append(f"'payload.summary' is longer than {_SUMMARY_LIMIT} characters")
    return errors


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        decoded = json.loads(content)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None
