"""How much a call uses: numbers of the size that real calls have, the same for the same seed.

They do not follow from the words of the prompt, which nobody here counts. A call's numbers depend on the seed, the
user, the model and how many calls that user made of it before; so they are the same in whatever order users come.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields
from random import Random
from typing import Self

_CACHE_BLOCK = 128  # OpenAI caches prompts from 1024 tokens on, in steps of 128
_CACHED_FROM = 1024
_EXPIRED = 0.15
_HALF = 0.5


@dataclass(frozen=True)
class Used:
    """What a call, or several, used. No token is in two places."""

    fresh: int = 0
    """Input that no cache knew and none keeps."""
    cached: int = 0
    """Input found in a cache."""
    kept_minutes: int = 0
    """Input written to a cache for five minutes."""
    kept_hour: int = 0
    """Input written to a cache for an hour."""
    answered: int = 0
    """Output that is shown."""
    reasoned: int = 0
    """Output that is thought."""
    searches: int = 0
    """Searches of the web."""

    def __add__(self, other: Self) -> Used:
        return Used(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def input(self) -> int:
        """Every input token."""
        return self.fresh + self.cached + self.kept_minutes + self.kept_hour

    @property
    def output(self) -> int:
        """Every output token."""
        return self.answered + self.reasoned


@dataclass(frozen=True)
class Asked:
    """What of a request decides how much is used."""

    keep: str = ""
    """How long the prompt's beginning shall be cached: `minutes`, `hour`; empty where nothing is said."""
    may_search: bool = False
    automatic_cache: bool = False
    most_output: int | None = None


@dataclass(frozen=True)
class _Size:
    input: int
    output: int
    reasoned: float = 0.0


_SIZES = (
    ("text-embedding", _Size(420, 0)),
    ("gpt-5", _Size(2_400, 700, reasoned=0.6)),
    ("gpt-4o-mini", _Size(1_300, 260)),
    ("gpt", _Size(1_600, 320)),
    ("claude-haiku", _Size(900, 240)),
    ("claude", _Size(700, 520)),
)
_OTHER_SIZE = _Size(900, 250)


class Draws:
    """The numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._calls: Counter[tuple[str, str]] = Counter()

    def next(self, user: str, model: str, asked: Asked) -> Used:
        """What this user's next call of the model uses."""
        self._calls[user, model] += 1
        number = self._calls[user, model]
        return draw(Random(f"{self._seed} {user} {model} {number}"), model, asked, first=number == 1)


def draw(chance: Random, model: str, asked: Asked, *, first: bool = False, scale: float = 1.0) -> Used:
    """What one call uses. The first finds nothing in the cache that it asks for; `scale` makes long prompts of it."""
    size = next((size for start, size in _SIZES if model.startswith(start)), _OTHER_SIZE)
    fresh, output = _around(chance, size.input * scale), _around(chance, size.output)
    if asked.most_output is not None:
        output = min(output, asked.most_output)
    reasoned = int(output * size.reasoned * chance.random())
    cached = kept = 0
    if asked.keep:
        beginning = _around(chance, 3_500 * scale)
        kept, cached = (beginning, 0) if first or chance.random() < _EXPIRED else (0, beginning)
    elif asked.automatic_cache and fresh >= _CACHED_FROM and chance.random() < _HALF:
        cached = max(_CACHED_FROM, int(fresh * chance.random()) // _CACHE_BLOCK * _CACHE_BLOCK)
        fresh -= cached
    return Used(
        fresh=fresh,
        cached=cached,
        kept_minutes=kept if asked.keep == "minutes" else 0,
        kept_hour=kept if asked.keep == "hour" else 0,
        answered=output - reasoned,
        reasoned=reasoned,
        searches=chance.randrange(1, 4) if asked.may_search else 0,
    )


def _around(chance: Random, middle: float) -> int:
    """Half of the calls are below the middle, and some are far above it, as with real prompts."""
    return max(1, round(middle * math.exp(chance.gauss(0, 0.5)))) if middle else 0
