"""Usage that an application tells by itself: the vendor's answers as they came, posted as usage events.

Owns the sending, and sending again: what was not acknowledged waits for the next time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from lab.llm.company import Attribution

_AGAIN_EVERY = 4
_TIMEOUT_SECONDS = 5.0
_LAST_ATTEMPTS = 5


class RefusedError(RuntimeError):
    """The intake refused an event; the message is its own."""


class Reports:
    """Events of one application. Every fourth is posted twice, as after a lost answer."""

    def __init__(self, source: str, intake: str) -> None:
        self._source = source
        self._client = httpx.Client(base_url=intake, timeout=_TIMEOUT_SECONDS, trust_env=False)
        self._waiting: list[dict[str, Any]] = []
        self._made = 0

    def add(self, provider: str, answer: dict[str, Any], who: Attribution) -> None:
        """Report one answer, and what waits from before."""
        self.send(self.event(provider, answer, who))

    def event(self, provider: str, answer: dict[str, Any], who: Attribution) -> dict[str, Any]:
        """The usage event of an answer."""
        return {
            "time": datetime.now(UTC).isoformat(),
            "provider": provider,
            "raw": answer,
            "source": self._source,
            "user": who.user,
            "team": who.team,
            "feature": who.feature,
            "environment": "production",
        }

    def send(self, event: dict[str, Any]) -> None:
        """Send an event, and what waits from before."""
        self._waiting.append(event)
        self._made += 1
        if self._made % _AGAIN_EVERY == 0:
            self._post([event])
        self._send_waiting()

    def close(self) -> None:
        """Send what waits. Raises RefusedError when the intake never took it."""
        for _ in range(_LAST_ATTEMPTS):
            self._send_waiting()
        self._client.close()
        if self._waiting:
            raise RefusedError(f"{len(self._waiting)} usage events were never acknowledged")

    def _send_waiting(self) -> None:
        if self._waiting and self._post(self._waiting):
            self._waiting = []

    def _post(self, events: list[dict[str, Any]]) -> bool:
        """Whether they were acknowledged. Raises RefusedError when one of them is wrong."""
        try:
            answer = self._client.post("/api/v1/usage", json={"events": events})
        except httpx.TransportError:
            return False
        if answer.status_code in {429, 503}:
            return False
        told = answer.raise_for_status().json()
        if told["refused"]:
            raise RefusedError(str(told["refused"]))
        return True
