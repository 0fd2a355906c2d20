"""When a provider's bill no longer changes.

Sources: Anthropic's usage and cost reports are complete within minutes, in daily buckets, and OpenAI's costs come in
daily buckets; a day is added for either. AWS restates a month until it is finalised after its end. Google Cloud gives
no guarantee, and says up to 5 days for the first export. For the others it is our assumption. An invoice is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.rows import DAY_US

SETTLE_DAYS: Final[Mapping[str, float]] = {"anthropic": 1, "openai": 1, "aws": 10, "azure": 5, "google": 5}
OTHER_DAYS: Final = 3.0
BY_MONTH: Final = frozenset({"aws", "azure", "google"})
"""Whose days are counted from the end of the billing period, not from that of the charge."""


def settled(charge: Charge, now_us: int, days: Mapping[str, float]) -> bool:
    """Whether the line is final."""
    if charge.invoice:
        return True
    end = charge.period_until_us if charge.provider in BY_MONTH else charge.until_us
    lag = days.get(charge.provider, SETTLE_DAYS.get(charge.provider, OTHER_DAYS))
    return now_us >= end + round(lag * DAY_US)
