"""A bill in FOCUS, the FinOps Open Cost and Usage Specification: 1.0 to 1.4, Cost and Usage dataset.

1.3 brought ServiceProviderName and HostProviderName in place of ProviderName and PublisherName, which 1.4 dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stackledger.ledger.charges.charge import Category, Charge, Kind
from stackledger.ledger.charges.names import meaning, sender, tokens_in
from stackledger.ledger.charges.reading import Row, RowError, collected

_REQUIRED: Final = (
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory",
    "ChargePeriodStart", "ChargePeriodEnd",
)  # fmt: skip
_PROVIDERS: Final = ("ServiceProviderName", "ProviderName")
_CATEGORIES: Final = {
    "usage": Category.USAGE,
    "purchase": Category.PURCHASE,
    "credit": Category.CREDIT,
    "tax": Category.TAX,
    "adjustment": Category.ADJUSTMENT,
    "refund": Category.REFUND,  # 1.0-preview
}
_AI: Final = "ai and machine learning"
_ONLY_MODELS: Final = frozenset(
    {"openai", "anthropic", "mistral", "cohere", "groq", "x-ai", "deepseek", "together", "fireworks", "perplexity"}
)
"""Who sells nothing else, so that every line is about models, also where it has another service category."""


def charges(path: str, source: str = "", kind: str = "") -> Iterator[Charge]:
    """The lines of a file, not yet identified. Raises QuestionError with every row that is wrong."""
    yield from collected(path, _missing, lambda row: _charge(row, path, source, kind))


def _missing(columns: set[str]) -> list[str]:
    missing = [name for name in _REQUIRED if name not in columns]
    return missing if any(name in columns for name in _PROVIDERS) else [*missing, " or ".join(_PROVIDERS)]


def _charge(row: Row, path: str, source: str, kind: str) -> Charge:
    provider = _provider(row)
    account = row.needed("BillingAccountId")
    category = _category(row)
    words, model, bucket = _meaning(row, provider)
    quantity, unit = _quantity(row)
    billed = row.pico("BilledCost")
    if billed is None:
        raise RowError("BilledCost is empty: every line needs it")
    start, end = row.instant("ChargePeriodStart"), row.instant("ChargePeriodEnd")
    if end <= start:
        raise RowError(f"ChargePeriodEnd {row.text('ChargePeriodEnd')!r} is not after ChargePeriodStart")
    return Charge(
        kind=kind or _kind(row, provider),
        source=source or f"{provider}/{account}",
        file=Path(path).name,
        provider=provider,
        account=row.text("SubAccountId") or account,
        from_us=start,
        until_us=end,
        period_from_us=row.instant("BillingPeriodStart"),
        period_until_us=row.instant("BillingPeriodEnd"),
        sku=words,
        model=model,
        unit=bucket or unit,
        quantity=quantity,
        billed=billed,
        effective=row.pico("EffectiveCost"),
        listed=row.pico("ListCost"),
        currency=row.needed("BillingCurrency").upper(),
        category=category,
        corrects=row.text("ChargeClass").lower() == "correction",
        invoice=row.text("InvoiceId"),
        row_id="",
    )


def _provider(row: Row) -> str:
    """Who was called: the service's provider, but its host where the host also sends the bill, as for Bedrock."""
    service = sender(row.needed(*_PROVIDERS))
    host = sender(row.text("HostProviderName"))
    return host if host and host == sender(row.text("InvoiceIssuerName")) else service


def _category(row: Row) -> Category:
    told = row.needed("ChargeCategory")
    found = _CATEGORIES.get(told.lower())
    if found is None:
        raise RowError(f"ChargeCategory {told!r} is unknown: FOCUS has Usage, Purchase, Tax, Credit and Adjustment")
    return found


def _kind(row: Row, provider: str) -> Kind:
    is_model = provider in _ONLY_MODELS or row.text("ServiceCategory").lower() == _AI
    return Kind.BILL if is_model else Kind.INFRASTRUCTURE


def _meaning(row: Row, provider: str) -> tuple[str, str, str]:
    """The line's own words, and the model and bucket that they mean, where they are known."""
    told = [row.text(name) for name in ("SkuMeter", "SkuId", "ChargeDescription", "SkuPriceId")]
    for words in filter(None, told):
        if (found := meaning(provider, words)) is not None:
            return words, found.model, found.bucket
    return next(filter(None, told), row.text("ServiceName")), "", ""


def _quantity(row: Row) -> tuple[int | None, str]:
    """How many units, tokens as single ones, and the unit."""
    for amount, unit in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")):
        quantity = row.pico(amount)
        if quantity is not None:
            told = row.text(unit)
            tokens = tokens_in(told)
            return (quantity, told) if tokens is None else (quantity * tokens, "tokens")
    return None, ""
