"""Bodies of usage events as NDJSON, made cheaply: one template, whose ids, users and times are written over in place.

What a generator costs must not be mistaken for the server's cost, so numbers become text in one numpy pass.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

USERS = 100_000
_TEAMS = ("search", "chat", "ops", "data", "risk")
_FEATURES = ("answer", "summary", "rank", "tag")
_MODELS = (
    ("openai", "gpt-5"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
)
_ID_DIGITS, _USER_DIGITS = 16, 5
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Bodies:
    """`next()` is a body of `events` events that were never sent before; ids are UUIDs in all but their version."""

    def __init__(self, events: int, seed: int = 0) -> None:
        chance = random.Random(seed)
        self._chance = np.random.default_rng(seed)
        self._events = events
        self._sent = np.uint64(chance.getrandbits(40)) << np.uint64(20)
        lines = [self._line(chance, number) for number in range(events)]
        text = "\n".join(lines).encode()
        self._body = np.frombuffer(bytearray(text), np.uint8)
        self._ids = _places(text, b"@" * _ID_DIGITS, events)
        self._users = _places(text, b"#" * _USER_DIGITS, events)
        self._second = _places(text, b"2026-01-01T00:00:00", events)
        self.size = len(text)

    @staticmethod
    def _line(chance: random.Random, number: int) -> str:
        provider, model = chance.choice(_MODELS)
        head = f"{chance.getrandbits(32):08x}-{number % 65536:04x}-4000-"
        event = {
            "id": f"{head}{'@' * _ID_DIGITS}",
            "time": f"2026-01-01T00:00:00.{chance.randrange(10**6):06d}+00:00",
            "source": "gateway",
            "provider": provider,
            "model": model,
            "user": f"user-{'#' * _USER_DIGITS}",
            "team": chance.choice(_TEAMS),
            "feature": chance.choice(_FEATURES),
            "environment": "production",
            "usage": {
                "input_uncached": chance.randrange(1, 4_000),
                "cache_read": chance.choice((0, 0, chance.randrange(8_000))),
                "output": chance.randrange(1, 900),
            },
        }
        return json.dumps(event, separators=(",", ":"))

    def next(self, at: float) -> bytes:
        """The next body, of calls that ended in the second before `at` (seconds since 1970-01-01 UTC)."""
        numbers = self._scrambled(np.arange(self._events, dtype=np.uint64) + self._sent)
        self._sent += np.uint64(self._events)
        shifts = np.arange(_ID_DIGITS - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
        digits = (numbers[:, None] >> shifts) & np.uint64(15)
        self._body[self._ids[:, None] + np.arange(_ID_DIGITS)] = _HEX[digits.astype(np.int64)]
        users = self._chance.integers(0, USERS, self._events)
        powers = 10 ** np.arange(_USER_DIGITS - 1, -1, -1)
        self._body[self._users[:, None] + np.arange(_USER_DIGITS)] = 48 + users[:, None] // powers % 10
        second = datetime.fromtimestamp(at - 1, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        self._body[self._second[:, None] + np.arange(len(second))] = np.frombuffer(second, np.uint8)
        return self._body.tobytes()

    @staticmethod
    def _scrambled(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Different numbers for different numbers, in no order: ids of real callers are not in order either."""
        with np.errstate(over="ignore"):
            mixed: NDArray[np.uint64] = (numbers * np.uint64(0x9E3779B97F4A7C15)) ^ (numbers >> np.uint64(29))
        return mixed


def _places(text: bytes, mark: bytes, count: int) -> NDArray[np.int64]:
    found, start = [], 0
    while (start := text.find(mark, start)) >= 0:
        found.append(start)
        start += len(mark)
    if len(found) != count:
        raise ValueError(f"{len(found)} places of {mark!r} in {count} events")
    return np.array(found)
