"""The published price data of the package genai-prices (MIT, Pydantic) as a price book.

Its rules are worked out here once, so that none of its code runs per call: conditions by date and time of day, price
variants, tiers, and the ancestor at whose price a unit without its own price is billed. The package is imported when
`compile_book` is called: that takes a second, and a process that only reads a book must start in a fifth of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from stackledger import money
from stackledger.ledger.buckets import BUCKETS, TOKENS
from stackledger.ledger.prices import source, timeline
from stackledger.ledger.prices.book import UNKNOWN, Line, PriceBook, Rate, Tiers, Window, sealed

if TYPE_CHECKING:
    from genai_prices import types as genai

_UNIT: Final[dict[str, tuple[str, int]]] = {
    "input_uncached": ("input_text_tokens", 1),
    "cache_read": ("cache_text_read_tokens", 1),
    "cache_write_5m": ("cache_text_write_5m_tokens", 1),
    "cache_write_1h": ("cache_text_write_1h_tokens", 1),
    "output": ("output_text_tokens", 1),
    "reasoning": ("output_text_reasoning_tokens", 1),
    "audio_input": ("input_audio_tokens", 1),
    "audio_cache_read": ("cache_audio_read_tokens", 1),
    "audio_output": ("output_audio_tokens", 1),
    "image_input": ("input_image_tokens", 1),
    "image_cache_read": ("cache_image_read_tokens", 1),
    "image_output": ("output_image_tokens", 1),
    "video_input": ("input_video_tokens", 1),
    "video_output": ("output_video_tokens", 1),
    "citation": ("output_text_citation_tokens", 1),
    "web_search": ("web_searches", 1),
    "file_search": ("storage_searches", 1),
    "pages": ("input_document_pages", 1),
    "annotated_pages": ("input_annotated_document_pages", 1),
    "characters": ("input_characters", 1),
    "audio_input_ms": ("input_audio_seconds", 1000),
    "audio_output_ms": ("output_audio_seconds", 1000),
    "requests": ("requests", 1),
}
"""The package's most specific unit for each bucket, and how many of the bucket make one of it."""

_LIMITS: Final = (
    "groq: a call is billed for at least 10 s of sound; a shorter one is priced by its own length",
    "x-ai voice: text messages sent to a voice model are billed by the message; they are not counted",
    "perplexity: the fee per request is that of the smallest search context",
    "deepseek: prices by the hour hold on all days, as the source cannot tell from which day on",
)
"""What is known to be left out, for whoever reads a bill."""


def compile_book(today: date) -> PriceBook:
    """The book of the installed genai-prices; `as_of` is its newest price change that is not after `today`."""
    import genai_prices  # noqa: PLC0415 - see above
    from genai_prices.data import providers  # noqa: PLC0415
    from genai_prices.data_units import unit_data  # noqa: PLC0415

    return compile_from(providers, unit_data, f"genai-prices {genai_prices.__version__}", today)


def compile_from(providers: Sequence[genai.Provider], units: Mapping[str, Any], told: str, today: date) -> PriceBook:
    """The book of these providers, in the package's own types."""
    work = _Compiler(units, told)
    models = [(provider, model) for provider in providers for model in provider.models]
    lines = tuple(line for provider, model in models for line in work.lines(provider.id, model))
    known = [day for _, model in models for day in source.days(model) if day <= today]
    return sealed(
        PriceBook(
            source=told,
            as_of=max(known, default=today),
            lines=lines,
            providers=tuple(map(source.provider_of, providers)),
            notes=(*_LIMITS, *work.notes),
        )
    )


class _Compiler:
    def __init__(self, units: Mapping[str, Any], told: str) -> None:
        self._units = units
        self._key_of = {unit.get("price_key", key): key for key, unit in units.items()}
        self._basis = f"{told} list price"
        self._billed_at = cache(self._nearest)
        self.notes: list[str] = []

    def lines(self, provider: str, model: genai.ModelInfo) -> Iterator[Line]:
        """The model's standard line, and one for each service tier and region with a price of its own."""
        yield Line(provider, model.id, self._windows(model, None))
        places: dict[source.Place, None] = {}
        for when in source.whens(model):
            if (place := source.place(when)) is not None:
                places[place] = None
            elif not source.is_standard(when):
                told = ", ".join(f"{key} {value}" for key, value in when.items())
                self.notes.append(
                    f"{provider}/{model.id}: the price for {told} is left out; the standard price is used"
                )
        for place in places:
            yield Line(provider, model.id, self._windows(model, place), *place)

    def _windows(self, model: genai.ModelInfo, place: source.Place | None) -> tuple[Window, ...]:
        def ask(start: int, second: int) -> Tiers | None:
            amounts = source.standard(model, start, second)
            if place is not None:
                own = source.variant(model, place, start, second)
                if own is None:  # before the first price of the tier: unknown, not the standard price
                    return None
                amounts = {**amounts, **own}
            return self._tiers(model.id, amounts)

        day_cuts = (edge for constraint in source.constraints(model) for edge in source.day_part(constraint) or ())
        return timeline.build(map(timeline.midnight_us, source.days(model)), day_cuts, ask)

    def _tiers(self, model: str, amounts: source.Amounts) -> Tiers:
        limits = {tier.start for price in amounts.values() for tier in getattr(price, "tiers", ())}
        return timeline.simplest(
            tuple(
                (above, self._rate(model, {key: source.price_above(price, above) for key, price in amounts.items()}))
                for above in (-1, *sorted(limits))
            )
        )

    def _rate(self, model: str, amounts: Mapping[str, Decimal]) -> Rate:
        if not amounts:
            if not model.endswith(":free"):
                return Rate(UNKNOWN, f"{self._basis}: none")
            return Rate(tuple(0 if name in {*TOKENS, "requests"} else None for name in BUCKETS), "free by its name")
        billed_at = self._billed_at(frozenset(amounts))
        return Rate(tuple(self._pico(name, billed_at[name], amounts) for name in BUCKETS), self._basis)

    def _pico(self, bucket: str, price_key: str | None, amounts: Mapping[str, Decimal]) -> int | None:
        if price_key is None:
            return 0 if bucket == "requests" else None  # a vendor that prices tokens asks nothing for the call itself
        per = self._units[self._key_of[price_key]]["per"] * _UNIT[bucket][1]
        return money.rounded(Fraction(amounts[price_key]) * money.PICO / per)

    def _nearest(self, priced: frozenset[str]) -> dict[str, str | None]:
        """For each bucket the price key it is billed at: of its unit, or of the nearest unit that contains it."""
        found: dict[str, str | None] = {}
        for bucket, (unit, _) in _UNIT.items():
            whole = self._units[unit]["dimensions"].items()
            ranked = sorted(
                (len(inside), key)
                for key in priced
                if key in self._key_of and (inside := self._units[self._key_of[key]]["dimensions"].items()) <= whole
            )
            clear = ranked and (len(ranked) == 1 or ranked[-1][0] > ranked[-2][0])
            found[bucket] = ranked[-1][1] if clear else None
        return found
