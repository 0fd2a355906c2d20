"""A message of the topic as a record: its events, and what was refused with the reason. No message ever blocks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.intake import usage_api
from stackledger.ledger.intake.admission import admitted
from stackledger.ledger.intake.body import BodyError
from stackledger.ledger.record import Record

_LOG = logging.getLogger(__name__)
_NAME_LENGTH = 200
_SOURCE = "kafka"


@dataclass(frozen=True, slots=True)
class Message:
    """What stands at one place of the topic. Headers are those of HTTP: content-type, content-encoding."""

    topic: str
    part: int
    offset: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where to find it again."""
        return f"{self.topic}/{self.part}@{self.offset}"


def headers_of(told: Any) -> dict[str, str]:
    """Headers by their name in small letters; what is no text is left out."""
    found: dict[str, str] = {}
    for name, value in told.items() if isinstance(told, Mapping) else told or ():
        if isinstance(value, bytes):
            found[name.lower()] = value.decode("ascii", "replace")
        elif isinstance(value, str):
            found[name.lower()] = value
    return found


def record_of(message: Message, now: float, limit: int) -> Record:
    """What the ledger applies of a message; `now` is seconds UTC, `limit` the bytes of a body once decompressed."""
    try:
        taken = usage_api.take(
            message.body,
            content_type=message.headers.get("content-type", ""),
            content_encoding=message.headers.get("content-encoding", ""),
            limit=limit,
        )
        taken = admitted(taken, now)
    except BodyError as error:
        return Record((), [_refusal(message, str(error))])
    except Exception:  # noqa: BLE001 - a defect of ours must not hold up what is behind
        _LOG.exception("defect while reading a message", extra={"place": message.place})
        return Record((), [_refusal(message, "a defect kept the message from being read; the log tells more")])
    return Record(taken.events, [_placed(message, one.refusal) for one in taken.refused])


def _placed(message: Message, refusal: Refusal) -> Refusal:
    """The refusal of one event; without an id of its own it is found by the place of its message."""
    if refusal.id:
        return refusal
    return Refusal(refusal.reason, refusal.detail, message.place[-_NAME_LENGTH:], refusal.source or _SOURCE)


def _refusal(message: Message, detail: str) -> Refusal:
    return Refusal(Reason.MALFORMED, f"message {message.place}: {detail}", message.place[-_NAME_LENGTH:], _SOURCE)
