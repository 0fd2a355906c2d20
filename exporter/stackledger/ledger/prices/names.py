"""The names under which a model may stand in the book, and finding it there as of any time."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from itertools import pairwise
from typing import Final

from stackledger.ledger.prices import timeline
from stackledger.ledger.prices.book import Model, Provider
from stackledger.ledger.prices.match import Match

_COMPACT_DATE: Final = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=[-:]|$)")
_GEOGRAPHY: Final = re.compile(r"^(?:us|us-gov|eu|apac|au|ca|in|jp|me|sa|uk)\.")
"""Bedrock's cross-region inference profiles. "global." is not among them: it has a price of its own, which is lower."""
_GEOGRAPHIES: Final = frozenset({"global", "us", "us-gov", "eu", "apac", "au", "ca", "in", "jp"})
_NAMED_BY_ARN: Final = frozenset({"foundation-model", "inference-profile"})
_ARN_PARTS: Final = 6

Target = tuple[str, str] | None
"""(provider, model) of a line."""


def bedrock(model: str, region: str) -> list[str]:
    """Names of a Bedrock model, most exact first; none where an ARN does not tell the model.

    A model id with its geography wins over the event's region, which only says where the caller was.
    """
    if model.startswith("arn:"):
        parts = model.split(":", _ARN_PARTS - 1)
        kind, _, name = parts[-1].partition("/")
        if len(parts) != _ARN_PARTS or kind not in _NAMED_BY_ARN:
            return []
        model = name
    model = model.rsplit("/", 1)[-1]  # LiteLLM: bedrock/converse/us-east-1/<id>
    found = [model]
    if region in _GEOGRAPHIES and not _GEOGRAPHY.match(model) and not model.startswith("global."):
        found = [f"{region}.{model}"] if region == "global" else [f"{region}.{model}", model]
    return [*found, *(shorter for name in found[-1:] if (shorter := _GEOGRAPHY.sub("", name)) != name)]


def google(model: str) -> list[str]:
    """Names of a model of Gemini's API or Vertex, whose ids may be whole resource paths."""
    return [model.rsplit("models/", 1)[-1]]


def dashed(name: str) -> str:
    """The name with a compact date written out, as gateways write it without: gpt-5-20250807 is gpt-5-2025-08-07."""

    def written(found: re.Match[str]) -> str:
        year, month, day = map(int, found.groups())
        try:
            return f"-{date(year, month, day).isoformat()}"
        except ValueError:
            return found[0]

    return _COMPACT_DATE.sub(written, name)


class Index:
    """The models of one provider by name."""

    def __init__(self, provider: Provider) -> None:
        self._models = provider.models
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._rules: list[tuple[int, Match]] = []
        for place, model in enumerate(provider.models):
            for name in model.match.exact():
                self._exact[name].append(place)
            self._rules.extend((place, rule) for rule in model.match.inexact())

    def hits(self, name: str) -> list[Model]:
        """The models that have the name at any time, in the order in which they are tried."""
        places = {*self._exact.get(name, ()), *(place for place, rule in self._rules if rule.hits(name))}
        return [self._models[place] for place in sorted(places)]

    def names(self) -> set[str]:
        """Every name that is known for sure."""
        return {*self._exact, *(model.id.lower() for model in self._models)}


class Catalogue:
    """All providers' models by name, with what a provider resells of others."""

    def __init__(self, providers: tuple[Provider, ...], *, resold: bool = True) -> None:
        self._fallbacks = {provider.id: provider.fallbacks if resold else () for provider in providers}
        self._indexes = {provider.id: Index(provider) for provider in providers}

    def find(self, provider: str, name: str, at_us: int) -> Target:
        """The line that has a lower-case name at that time, in microseconds UTC."""
        return _first(self._tried(provider, [name]), at_us)

    def through_time(self, provider: str, spellings: list[str]) -> list[tuple[int, Target]]:
        """Which line has a name from when on, the first spelling that has one winning.

        A name that had no line at a time has the next that it got: its price is known only since, but it is known.
        """
        tried = self._tried(provider, spellings)
        edges = {edge for _, model in tried for edge in (model.since_us, model.until_us) if edge is not None}
        found: list[tuple[int, Target]] = []
        later: Target = None
        for start in sorted({timeline.BEGIN, *edges}, reverse=True):
            later = _first(tried, start) or later
            found.append((start, later))
        found.reverse()
        return [found[0], *(entry for before, entry in pairwise(found) if entry[1] != before[1])]

    def names(self, provider: str) -> set[str]:
        """Every name of the provider's own models that is known for sure."""
        return self._indexes[provider].names() if provider in self._indexes else set()

    def _tried(self, provider: str, spellings: list[str]) -> list[tuple[str, Model]]:
        """Models that have one of the names at any time, with their provider, in the order in which they are tried."""
        owners = [owner for owner in (provider, *self._fallbacks.get(provider, ())) if owner in self._indexes]
        written = dict.fromkeys(form for name in spellings for form in (name, dashed(name)))
        return [(owner, model) for name in written for owner in owners for model in self._indexes[owner].hits(name)]


def _first(tried: list[tuple[str, Model]], at_us: int) -> Target:
    return next(((owner, model.id) for owner, model in tried if model.open_at(at_us)), None)
