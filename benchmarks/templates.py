"""Bodies made cheaply: one template, in which ids, users and times are written over in place.

What a generator costs must not be mistaken for the server's cost, so numbers become text in one numpy pass.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Template:
    """A body whose places are written anew for each use."""

    def __init__(self, text: bytes, events: int, seed: int) -> None:
        self._text = text
        self._body = np.frombuffer(bytearray(text), np.uint8)
        self._events = events
        self._sent = np.uint64(random.Random(seed).getrandbits(40)) << np.uint64(20)

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._text)

    def places(self, mark: bytes) -> NDArray[np.int64]:
        """Where the mark stands, once for each event. Raises ValueError otherwise."""
        found, start = [], 0
        while (start := self._text.find(mark, start)) >= 0:
            found.append(start)
            start += len(mark)
        if len(found) != self._events:
            raise ValueError(f"{len(found)} places of {mark!r} in {self._events} events")
        return np.array(found)

    def fresh(self) -> NDArray[np.uint64]:
        """A number for each event that was never given before, in no order: ids of real callers are not in order."""
        numbers = np.arange(self._events, dtype=np.uint64) + self._sent
        self._sent += np.uint64(self._events)
        with np.errstate(over="ignore"):
            mixed: NDArray[np.uint64] = (numbers * np.uint64(0x9E3779B97F4A7C15)) ^ (numbers >> np.uint64(29))
        return mixed

    def write_hex(self, places: NDArray[np.int64], numbers: NDArray[np.uint64], digits: int) -> None:
        """Each number's lowest hexadecimal digits at its place."""
        shifts = np.arange(digits - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
        found = (numbers[:, None] >> shifts) & np.uint64(15)
        self._body[places[:, None] + np.arange(digits)] = _HEX[found.astype(np.int64)]

    def write_decimal(self, places: NDArray[np.int64], numbers: NDArray[np.int64], digits: int) -> None:
        """Each number in decimal digits at its place."""
        powers = 10 ** np.arange(digits - 1, -1, -1)
        self._body[places[:, None] + np.arange(digits)] = 48 + numbers[:, None] // powers % 10

    def write(self, places: NDArray[np.int64], text: bytes) -> None:
        """The same bytes at each place."""
        self._body[places[:, None] + np.arange(len(text))] = np.frombuffer(text, np.uint8)

    def body(self) -> bytes:
        """The body as it is now."""
        return self._body.tobytes()
