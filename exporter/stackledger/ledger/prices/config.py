"""Negotiated prices, discounts and multipliers as a person writes them.

Decimals are exact: 0.1 in YAML is a tenth. Dates are days of UTC. Where several entries of one kind cover a call, the
last one listed holds.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stackledger import money
from stackledger.clients.settings import Settings
from stackledger.ledger.buckets import TOKENS
from stackledger.ledger.prices import terms, timeline

ChargedTier = Literal["standard", "batch", "priority", "flex", "fast"]


def _exactly(value: object) -> object:
    """A float as its shortest decimal text, which is what the person wrote."""
    return repr(value) if isinstance(value, float) else value


def _small_enough(value: Decimal) -> Decimal:
    if value and not -money.PLACES * 2 <= value.adjusted() <= money.PLACES:
        raise ValueError("a price or factor between 0 and a trillion is expected")
    return value


Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False), BeforeValidator(_exactly), AfterValidator(_small_enough)]

_UNITS: Final[dict[str, tuple[int, frozenset[str]]]] = {
    "usd_per_million": (1_000_000, frozenset({*TOKENS, "characters"})),
    "usd_per_thousand": (1_000, frozenset({"web_search", "file_search", "pages", "annotated_pages", "requests"})),
    "usd_per_hour": (3_600_000, frozenset({"audio_input_ms", "audio_output_ms"})),
}
"""Field to how many units of a bucket it is the price of, and the buckets that it may price."""


class Scope(Settings):
    """Which calls an entry covers."""

    provider: str = "*"
    """Provider by any name that a call may give it, or a pattern with `*` for the price book's name."""
    model: str = "*"
    """Model as the call or the book names it, or a pattern with `*`."""
    region: str = "*"
    """Region as the call names it, or a pattern with `*`."""
    from_: date | None = Field(default=None, alias="from")
    """First day, UTC. Default: always before."""
    until: date | None = None
    """First day on which it no longer holds, UTC. Default: open."""
    name: str = ""
    """What people call it, for `costs explain`: a contract, a ticket."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("`until` must be later than `from`")
        return self

    def scope(self) -> dict[str, Any]:
        """What the plain value of every entry has."""
        return {
            "provider": self.provider,
            "model": self.model,
            "region": self.region,
            "since_us": None if self.from_ is None else timeline.midnight_us(self.from_),
            "until_us": None if self.until is None else timeline.midnight_us(self.until),
            "name": self.name,
        }


class Negotiated(Scope):
    """Prices agreed with a provider. They are final: no discount applies to them, multipliers do."""

    service_tier: ChargedTier = "standard"
    """How the call was served."""
    above_input_tokens: int = Field(default=0, ge=0)
    """Holds for calls with more input tokens than this. Default: for calls of any size, also where the list has tiers.
    """
    usd_per_million: dict[str, Amount] = Field(default={})
    """USD for a million tokens or characters, by bucket. A bucket that is not named and costs as much as one that is
    (reasoning as output, say) follows it; others keep the list price."""
    usd_per_thousand: dict[str, Amount] = Field(default={})
    """USD for a thousand searches, pages or requests, by bucket."""
    usd_per_hour: dict[str, Amount] = Field(default={})
    """USD for an hour of audio, by bucket (`audio_input_ms`, `audio_output_ms`)."""

    @model_validator(mode="after")
    def _buckets(self) -> Self:
        for field, (_, allowed) in _UNITS.items():
            for bucket in getattr(self, field):
                if bucket not in allowed:
                    right = next((other for other, (_, names) in _UNITS.items() if bucket in names), None)
                    hint = f"its price stands in `{right}`" if right else f"there are {', '.join(sorted(allowed))}"
                    raise ValueError(f"`{field}` has no bucket {bucket!r}; {hint}")
        if not any(getattr(self, field) for field in _UNITS):
            raise ValueError(f"give a price in one of {', '.join(_UNITS)}")
        return self

    def value(self) -> terms.Negotiated:
        """The entry as a plain value."""
        agreed = tuple(
            (bucket, usd, units) for field, (units, _) in _UNITS.items() for bucket, usd in getattr(self, field).items()
        )
        return terms.Negotiated(
            **self.scope(), service_tier=self.service_tier, above_input_tokens=self.above_input_tokens, agreed=agreed
        )


class Discount(Scope):
    """A share off the list price."""

    service_tier: ChargedTier | None = None
    """How the call was served. Default: any."""
    percent: Annotated[Amount, Field(le=100)]
    """How much less than the list price, in percent."""

    def value(self) -> terms.Discount:
        """The entry as a plain value."""
        return terms.Discount(**self.scope(), service_tier=self.service_tier, percent=self.percent)


class Multiplier(Scope):
    """What a service tier or region costs in multiples of the standard price, where the book does not know."""

    service_tier: ChargedTier | None = None
    """The tier: its price is then the standard price times `factor`, whatever the book says. Default: any tier; the
    factor then multiplies the tier's own price, for a region or a reseller's surcharge."""
    factor: Amount
    """Times the standard price: 0.5 is half of it."""

    @model_validator(mode="after")
    def _for_something(self) -> Self:
        if self.service_tier == "standard":
            raise ValueError("the standard price is what a factor multiplies; name another `service_tier`, or none")
        if self.service_tier is None and {self.region, self.model, self.provider} == {"*"}:
            raise ValueError("name the `service_tier`, `region`, `model` or `provider` that it is for")
        return self

    def value(self) -> terms.Multiplier:
        """The entry as a plain value."""
        return terms.Multiplier(**self.scope(), service_tier=self.service_tier, factor=self.factor)


class Prices(Settings):
    """How list prices become ours."""

    negotiated: tuple[Negotiated, ...] = ()
    """Absolute prices."""
    multipliers: tuple[Multiplier, ...] = ()
    """Factors by service tier and region. One of each kind applies: they multiply."""
    discounts: tuple[Discount, ...] = ()
    """Percentages off the list price. The last that covers a call applies, they do not add up."""
    resold: bool = True
    """Whether a model that a provider resells (Azure of OpenAI) is priced at its maker's list where the provider has
    none in the book. Without it such calls are unpriced."""
    approval_above_percent: Annotated[Amount, Field(le=1000)] = Decimal(20)
    """An update that moves a price by more than this waits for approval."""

    def approval_share(self) -> Fraction:
        """The share of a price by which an update may move it unapproved."""
        return Fraction(self.approval_above_percent) / 100

    def agreed(self) -> terms.Terms:
        """What was agreed, as plain values."""
        return terms.Terms(
            tuple(entry.value() for entry in self.negotiated),
            tuple(entry.value() for entry in self.multipliers),
            tuple(entry.value() for entry in self.discounts),
            self.resold,
        )
