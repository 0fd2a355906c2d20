"""Bodies of POST /api/v1/usage: a JSON array, {"events": [...]} or NDJSON of usage events.

A batch in which every event is valid is decoded in one typed pass. Otherwise each event is read by itself, so that a
bad one refuses only itself. An event has either `usage`, our buckets, or `raw`, the provider's own usage or response
(with `api` as a hint where its shape is ambiguous); what the response tells of model, id, tier and region then fills
what the event leaves out.

Counts in `usage` are JSON integers: 12.0 is refused like 12.5, because a sender that computes tokens as floats will
sooner or later send one that is rounded. In `raw` 12.0 is taken, since Cohere's own client types counts as floats.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from stackledger.ledger.event import Reason, Refusal, UsageEvent
from stackledger.ledger.intake import providers
from stackledger.ledger.intake.arithmetic import ReadingError
from stackledger.ledger.intake.body import BodyError, Fault, decompress
from stackledger.ledger.intake.build import build, problems, refusal
from stackledger.ledger.intake.names import canonical
from stackledger.ledger.intake.result import Outcomes, Taken

LARGEST_BODY: Final = 64 << 20
"""Bytes of one body once decompressed: about 200,000 events."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    events: list[UsageEvent]


class _RawEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


_ARRAY: Final = msgspec.json.Decoder(list[UsageEvent])
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_LINES: Final = msgspec.json.Decoder(UsageEvent)
_RAW_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_RAW_ENVELOPE: Final = msgspec.json.Decoder(_RawEnvelope)
_ANY: Final = msgspec.json.Decoder()
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NDJSON_TYPES: Final = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "jsonlines", "x-jsonlines", "json-lines")
)
_OURS: Final = ("raw", "api")


def take(body: bytes, *, content_type: str = "", content_encoding: str = "", limit: int = LARGEST_BODY) -> Taken:
    """The events of one body and the refused ones. Raises BodyError where the body as a whole cannot be read."""
    data = decompress(body, content_encoding, limit=limit)
    form = _form(data, content_type)
    # PostgreSQL cannot hold NUL, and JSON can write it only in this way; a body without a backslash has none.
    if b"\\" not in data or b"\\u0000" not in data:
        try:
            return Taken(_decode(data, form))
        except _UNREADABLE:
            pass
    outcomes = Outcomes()
    for event in _one_by_one(data, form):
        outcomes.add(_take_one(event))
    return outcomes.taken()


def take_object(event: object) -> UsageEvent | Refusal:
    """One parsed event of the documented form."""
    if not isinstance(event, dict):
        return Refusal(Reason.MALFORMED, "The event is no JSON object.")
    if "raw" in event or "api" in event:
        return _take_raw(event)
    return build(event, _OURS)


def _decode(data: bytes, form: str) -> list[UsageEvent]:
    if form == "array":
        return _ARRAY.decode(data)
    return _LINES.decode_lines(data) if form == "lines" else _ENVELOPE.decode(data).events


def _form(data: bytes, content_type: str) -> str:
    """How the events are laid out. "application/json" is looked into; so is a type that says nothing of JSON."""
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if kind in _NDJSON_TYPES:
        return "lines"
    start = data[:64].lstrip()
    if start.startswith(b"["):
        return "array"
    if not start.startswith(b"{"):
        raise BodyError(
            Fault.MALFORMED, 'The body is no JSON array, no {"events": [...]} and no NDJSON of usage events.'
        )
    return "envelope" if kind == "application/json" or start[1:].lstrip().startswith(b'"events"') else "lines"


def _one_by_one(data: bytes, form: str) -> Sequence[object]:
    """Each event: as bytes where the body can be split without reading it, parsed otherwise."""
    if form == "lines":
        return [line for line in data.split(b"\n") if line.strip()]
    try:
        return _RAW_ARRAY.decode(data) if form == "array" else _RAW_ENVELOPE.decode(data).events
    except _UNREADABLE:
        return _lenient(data, form)


def _lenient(data: bytes, form: str) -> list[object]:
    """NaN and Infinity are not JSON, and make the strict decoder give up on the whole array."""
    try:
        whole = json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise BodyError(Fault.MALFORMED, f"The body is not UTF-8 at byte {error.start}.") from None
    except RecursionError:
        raise BodyError(Fault.MALFORMED, "The body is nested too deeply.") from None
    except ValueError as error:
        place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BodyError(
            Fault.MALFORMED, f"The body is not valid JSON{place}. NDJSON needs Content-Type application/x-ndjson."
        ) from None
    events = whole.get("events") if form == "envelope" and len(whole) == 1 else whole
    if not isinstance(events, list):
        raise BodyError(
            Fault.MALFORMED,
            'The body has to be {"events": [...]} and nothing else, a JSON array, or NDJSON with Content-Type '
            "application/x-ndjson.",
        )
    return events


def _take_one(event: object) -> UsageEvent | Refusal:
    if not isinstance(event, bytes | msgspec.Raw):
        return take_object(event)
    try:
        return take_object(_ANY.decode(event))
    except _UNREADABLE:
        return _take_invalid(bytes(event))


def _take_invalid(event: bytes) -> UsageEvent | Refusal:
    """What the strict decoder cannot read: perhaps only for a NaN, which deserves its own reason."""
    try:
        parsed = json.loads(event.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return Refusal(Reason.MALFORMED, "The event is not valid JSON in UTF-8.")
    return take_object(parsed)


def _take_raw(event: dict[str, Any]) -> UsageEvent | Refusal:
    fields = {name: value for name, value in event.items() if name not in _OURS}
    api = event.get("api", "")
    if "raw" not in event or "usage" in event or not isinstance(api, str):
        text = "Send either $.usage, or $.raw with the provider's usage and perhaps its API's name in $.api."
        return refusal(fields, [(Reason.MALFORMED, text)])
    provider = fields.get("provider")
    if not isinstance(provider, str):
        return refusal(fields, problems({"usage": {}, **fields}, _OURS))
    try:
        reading = providers.read(event["raw"], provider, api)
    except ReadingError as error:
        return refusal(fields, [(error.reason, error.detail)])
    for name in ("model", "id", "service_tier", "region"):
        if not fields.get(name) and getattr(reading, name):
            fields[name] = getattr(reading, name)
    fields["provider"] = canonical(provider)
    fields["usage"] = reading.usage
    return build(fields, _OURS)
