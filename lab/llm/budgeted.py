"""Calls that ask a budget first: an amount is set aside, and what the vendor answered takes its place.

Owns the asking. What a budget refuses is not called; where nobody answers, the application goes on without, because its
users matter more to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from lab.llm.company import Attribution
from lab.llm.reports import Reports

_TIMEOUT_SECONDS = 6.0
_REFUSED = 402


class Answer(Protocol):
    """What a vendor's library gives."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """As it came."""


class Budgeted:
    """Calls of one application."""

    def __init__(self, source: str, intake: str, reports: Reports) -> None:
        self._source = source
        self._reports = reports
        self._client = httpx.Client(base_url=intake, timeout=_TIMEOUT_SECONDS, trust_env=False)
        self._numbers = itertools.count(1)
        self._run = f"{source}-{id(self):x}"

    def call(
        self, who: Attribution, provider: str, model: str, most: dict[str, int], make: Callable[[], Answer]
    ) -> Answer | None:
        """What `make` gives, or None where a budget does not hold `most`, the buckets that the call may use."""
        name = f"{self._run}-{next(self._numbers)}"
        attributes = {"user": who.user, "team": who.team, "feature": who.feature}
        asked = {"id": name, "attributes": attributes, "provider": provider, "model": model, "usage": most}
        held = self._post("reserve", asked)
        if held == _REFUSED:
            return None
        try:
            answer = make()
        except BaseException:
            self._post("release", {"id": name})
            raise
        event = self._reports.event(provider, answer.model_dump(mode="json"), who)
        if self._post("settle", {"id": name, "event": event}) != httpx.codes.OK:
            self._reports.send(event)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _post(self, what: str, body: dict[str, Any]) -> int:
        """The status; 0 where nobody answered."""
        try:
            return self._client.post(f"/api/v1/budgets/{what}", json=body).status_code
        except httpx.TransportError:
            return 0
