"""Where the book and a second source, LiteLLM's price map, disagree. The map is read as data, with exact decimals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import msgspec

from stackledger import money
from stackledger.errors import ConfigError, Mistake
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.prices.book import Line
from stackledger.ledger.prices.resolve import Resolver

_BUCKETS: Final = {
    "input_cost_per_token": "input_uncached",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
}
_SERVICE_TIERS: Final = {"batches": "batch", "priority": "priority", "flex": "flex"}
_ABOVE: Final = re.compile(r"_above_(\d+)k_tokens")


class Disagreement(msgspec.Struct, frozen=True):
    """One price that the two sources have otherwise. Amounts in pico-USD per unit."""

    provider: str
    model: str
    """As the other source names it."""
    service_tier: str
    above_input_tokens: int
    bucket: str
    ours: int | None
    """None where the book knows the model and not this price."""
    theirs: int

    @property
    def ratio(self) -> Fraction | None:
        """Theirs by ours; None where ours is unknown or 0."""
        return Fraction(self.theirs, self.ours) if self.ours else None


def disagreements(
    resolver: Resolver, price_map: Path, at_us: int, beyond: Fraction = Fraction(0)
) -> list[Disagreement]:
    """What LiteLLM's map has otherwise for calls at that time (microseconds UTC), for models that both know.

    Differences up to the share `beyond` of our price are left out. Raises ConfigError that names the file where it is
    missing or is no such map.
    """
    found: list[Disagreement] = []
    for model, entry in _entries(price_map).items():
        provider = entry.get("litellm_provider")
        if not isinstance(provider, str):
            continue
        for field, value in entry.items():
            told = _told(field)
            if told is None or isinstance(value, bool) or not isinstance(value, int | Decimal):
                continue
            bucket, service_tier, above = told
            line = resolver.line(provider, model, "", service_tier)
            if isinstance(line, Line):
                ours = line.rate_at(at_us, above + 1 if above else 0).per_unit[BUCKETS.index(bucket)]
                theirs = money.rounded(Fraction(value) * money.PICO)
                if _apart(ours, theirs, beyond):
                    found.append(Disagreement(provider, model, service_tier, above, bucket, ours, theirs))
    return found


def _apart(ours: int | None, theirs: int, beyond: Fraction) -> bool:
    if ours is None:
        return theirs != 0  # the map has 0 where a model has no such output, not only where it is free
    return abs(theirs - ours) > beyond * ours


def _told(field: str) -> tuple[str, str, int] | None:
    """(bucket, service tier, input tokens above which) of a field of the map; None for what is no such price."""
    limit = _ABOVE.search(field)
    plain = _ABOVE.sub("", field)
    name, _, last = plain.rpartition("_")
    service_tier = _SERVICE_TIERS.get(last, "")
    bucket = _BUCKETS.get(name if service_tier else plain)
    return None if bucket is None else (bucket, service_tier, int(limit[1]) * 1000 if limit else 0)


def _entries(path: Path) -> Mapping[str, Mapping[str, object]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError([Mistake("", f"cannot be read: {error.strerror}", file=str(path))]) from error
    except ValueError as error:
        raise ConfigError([Mistake("", f"is not JSON: {error}", file=str(path))]) from error
    if not isinstance(table, dict):
        raise ConfigError(
            [Mistake("", "is not a price map: model names and their prices are expected", file=str(path))]
        )
    return dict(_objects(table))


def _objects(table: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for model, entry in table.items():
        if model != "sample_spec" and isinstance(entry, dict):
            yield model, entry
