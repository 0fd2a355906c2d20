"""The columns of FOCUS's Cost and Usage dataset, by version.

Source: github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec. 1.2: tag v1.2, specification/columns/*.md, feature level
"Mandatory". 1.4: specification/datasets/cost_and_usage/dataset.md, where ServiceProviderName and HostProviderName stand
in place of ProviderName and PublisherName.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ServiceCategory",
    "ServiceName",
)  # fmt: skip
_BY_VERSION: Final = {
    "1.2": ("ProviderName", "PublisherName"),
    "1.4": ("HostProviderName", "ServiceProviderName"),
}
VERSIONS: Final = tuple(_BY_VERSION)
MANDATORY: Final = {version: tuple(sorted((*_COMMON, *names))) for version, names in _BY_VERSION.items()}
"""What every file must have."""

_MORE: Final = (
    "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "PricingCategory", "RegionId",
    "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceId", "Tags",
)  # fmt: skip
"""Columns that the specification wants under a condition that holds for us, or recommends."""
OWN: Final = ("x_ApiKey", "x_Environment", "x_Feature", "x_PriceBook", "x_ServiceTier", "x_Source", "x_Team", "x_User")
DECIMALS: Final = frozenset(
    {"BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost"}
    | {"PricingQuantity"}
)
TIMES: Final = frozenset({"BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"})


def columns(version: str) -> tuple[str, ...]:
    """All columns of a file, FOCUS's own in the order of the specification."""
    return (*sorted((*MANDATORY[version], *_MORE)), *OWN)
