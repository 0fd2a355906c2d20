"""The vendors' bills of last month for the calls of the past, as a FOCUS 1.2 file.

Owns the vendors' side: list prices as these publish them, written here once more so that nothing of the ledger's own is
asked, a model that only the vendor has a price for, and two things that happen on bills: a day on which more is billed
than was called, and a credit.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from lab.llm import history
from lab.llm.company import UNKNOWN_MODEL

_RATES = {  # USD for a million tokens: input, cached input, output
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.60"),
    "gpt-5.2-2025-12-11": ("1.75", "0.175", "14"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
    UNKNOWN_MODEL: ("10", "1", "30"),
    "claude-sonnet-4-6": ("3", "0.30", "15"),
    "claude-haiku-4-5-20251001": ("1", "0.10", "5"),
}
_WRITTEN = Decimal("1.25")
"""A token written to Anthropic's cache for five minutes, in uncached ones."""
_WORDS = {  # how each vendor calls what is counted
    "openai": {
        "input_uncached": "{}, input",
        "cache_read": "{}, cached input",
        "output": "{}, output",
    },
    "anthropic": {
        "input_uncached": "{} Usage - Input Tokens",
        "cache_read": "{} Usage - Input Tokens, Cache Read",
        "cache_write_5m": "{} Usage - Input Tokens, Cache Write",
        "output": "{} Usage - Output Tokens",
    },
}
_TITLES = {"claude-sonnet-4-6": "Claude Sonnet 4.6", "claude-haiku-4-5-20251001": "Claude Haiku 4.5"}
_OVERBILLED_DAY, _OVERBILLED = 12, Decimal("0.5")
_CREDIT = Decimal("-5.00")
_CENTS = Decimal("0.01")

Key = tuple[date, str, str, str]
"""Day (UTC), vendor, model, kind of token."""


def write(path: Path, now: datetime) -> Decimal:
    """Write the bills of the calendar month before `now`; what they come to, in USD."""
    rows = list(_rows(now))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return sum((Decimal(row["BilledCost"]) for row in rows), Decimal())


def _rows(now: datetime) -> Iterator[dict[str, str]]:
    last = now.astimezone(UTC).date().replace(day=1) - timedelta(days=1)
    month = (last.replace(day=1), last + timedelta(days=1))
    for (day, vendor, model, kind), tokens in sorted(_used(now, month).items()):
        billed = tokens
        if (vendor, day.day, kind) == ("anthropic", _OVERBILLED_DAY, "input_uncached"):
            billed += int(tokens * _OVERBILLED)
        cost = (billed * _rate(model, kind) / 1_000_000).quantize(_CENTS, ROUND_HALF_EVEN)
        words = _WORDS[vendor][kind].format(_TITLES.get(model, model))
        yield _row(vendor, month, (day, day + timedelta(days=1)), words, cost=cost, tokens=billed)
    yield _row("openai", month, month, "Promotional credit", cost=_CREDIT, tokens=None)


def _used(now: datetime, month: tuple[date, date]) -> dict[Key, int]:
    """Tokens as a vendor counts them: reasoning is output."""
    found: dict[Key, int] = defaultdict(int)
    for event in history.events(now):
        day = datetime.fromisoformat(event["time"]).date()
        if month[0] <= day < month[1]:
            for kind, tokens in event["usage"].items():
                counted = "output" if kind == "reasoning" else kind
                found[day, event["provider"], event["model"], counted] += tokens
    return found


def _rate(model: str, kind: str) -> Decimal:
    fresh, cached, output = map(Decimal, _RATES[model])
    return {"input_uncached": fresh, "cache_read": cached, "cache_write_5m": fresh * _WRITTEN, "output": output}[kind]


def _row(
    vendor: str, month: tuple[date, date], days: tuple[date, date], words: str, *, cost: Decimal, tokens: int | None
) -> dict[str, str]:
    name = {"openai": "OpenAI", "anthropic": "Anthropic"}[vendor]
    return {
        "BilledCost": str(cost),
        "EffectiveCost": str(cost),
        "ListCost": str(cost),
        "BillingAccountId": f"{vendor}-shop",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _instant(month[0]),
        "BillingPeriodEnd": _instant(month[1]),
        "ChargePeriodStart": _instant(days[0]),
        "ChargePeriodEnd": _instant(days[1]),
        "ChargeCategory": "Usage" if tokens is not None else "Credit",
        "ChargeDescription": words,
        "ConsumedQuantity": "" if tokens is None else str(tokens),
        "ConsumedUnit": "" if tokens is None else "Tokens",
        "InvoiceId": f"{name}-{month[0]:%Y-%m}",
        "ProviderName": name,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{name} API",
    }


def _instant(day: date) -> str:
    return f"{day}T00:00:00Z"
