"""A month of calls and the bills that vendors sent for it, with differences planted by hand.

Nothing here uses the reconciler: calls, lines of bills and the expected amounts are written out, and every amount in
EXPECTED was worked out on paper from the rates in RATES. A number of tokens is written in thousands.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.prices.book import Line, Rate, Window
from tests.integration.ledger.building import PriceList

MONTH = "2026-09"

# USD for a million tokens. "old-model" has no price at all.
RATES = {
    "gpt-x-2026-01-01": {"input_uncached": 2, "cache_read": 1, "output": 8, "reasoning": 8},
    "gpt-y": {"input_uncached": 1, "output": 4},
    "claude-z-1": {"input_uncached": 3, "output": 15},
    "us.anthropic.claude-z-1-20260101-v1:0": {"input_uncached": 3, "output": 15, "cache_read": Decimal("0.3")},
    "gpt-w": {"input_uncached": 2, "output": 6},
    "mistral-q": {"input_uncached": 1},
}

# provider as the caller names it, account, model, bucket, day of the month, thousands of tokens
CALLS: list[tuple[str, str, str, str, int, int]] = [
    ("openai", "proj-a", "gpt-x-2026-01-01", "output", 3, 900),
    ("openai", "proj-a", "gpt-x-2026-01-01", "reasoning", 3, 100),  # the bill counts it with the output
    ("openai", "proj-a", "gpt-x-2026-01-01", "input_uncached", 5, 3000),
    ("openai", "proj-a", "gpt-x-2026-01-01", "cache_read", 19, 1000),
    ("openai", "proj-a", "gpt-x-2026-01-01", "cache_read", 20, 1000),
    *(("openai", "proj-b", "gpt-y", "output", day, 1000) for day in (14, 15, 16, 17)),
    ("openai", "proj-b", "gpt-y", "input_uncached", 7, 1234),
    ("openai", "proj-b", "old-model", "input_uncached", 8, 2000),
    ("anthropic", "ws-1", "claude-z-1", "input_uncached", 4, 2000),
    ("anthropic", "ws-1", "claude-z-1", "output", 4, 1000),
    *(("aws.bedrock", "111", "us.anthropic.claude-z-1-20260101-v1:0", "cache_read", day, 4000) for day in (10, 11, 12)),
    ("aws.bedrock", "111", "us.anthropic.claude-z-1-20260101-v1:0", "output", 10, 500),
    *(("azure.ai.openai", "sub-1", "gpt-w", "input_uncached", day, 700) for day in (2, 9, 23)),
    ("mistral", "m-1", "mistral-q", "input_uncached", 6, 1200),
]

# provider on the bill, account, day (or first and last), words, thousands of tokens, billed, list, category
LINES: list[tuple[str, str, Any, str, Any, str, str, str]] = [
    ("OpenAI", "proj-a", 3, "gpt-x-2026-01-01, output", 1250, "10.00", "", "Usage"),
    ("OpenAI", "proj-a", 5, "gpt-x-2026-01-01, input", 2500, "5.00", "", "Usage"),
    ("OpenAI", "proj-a", 19, "gpt-x-2026-01-01, cached input", 1600, "1.60", "", "Usage"),
    ("OpenAI", "proj-a", 20, "gpt-x-2026-01-01, cached input", 400, "0.40", "", "Usage"),
    ("OpenAI", "proj-a", 21, "assistants api | file search", None, "0.42", "", "Usage"),
    ("OpenAI", "proj-b", 14, "gpt-y, output", 1000, "4.00", "", "Usage"),
    ("OpenAI", "proj-b", 15, "gpt-y, output", 1000, "4.00", "", "Usage"),
    ("OpenAI", "proj-b", 16, "gpt-y, output", 1000, "5.00", "", "Usage"),
    ("OpenAI", "proj-b", 17, "gpt-y, output", 1000, "5.00", "", "Usage"),
    ("OpenAI", "proj-b", 7, "gpt-y, input", 1234, "1.23", "", "Usage"),
    ("OpenAI", "proj-b", 8, "old-model, input", 2000, "3.00", "", "Usage"),
    ("OpenAI", "proj-zzz", 5, "gpt-x-2026-01-01, input", 1000, "1.80", "2.00", "Usage"),
    ("OpenAI", "proj-a", (1, 30), "Promotional credit", None, "-25.00", "", "Credit"),
    ("Anthropic", "ws-1", 4, "Claude Z 1 Usage - Input Tokens", 2000, "5.40", "6.00", "Usage"),
    ("Anthropic", "ws-1", 4, "Claude Z 1 Usage - Output Tokens", 1000, "15.00", "15.00", "Usage"),
    ("Anthropic", "ws-1", (1, 30), "VAT", None, "7.77", "", "Tax"),
    ("Amazon Web Services", "111", 10, "USE1-ClaudeZ-1-output-tokens", 500, "7.5000000000", "", "Usage"),
    ("Amazon Web Services", "111", 10, "USE1-ClaudeZ-1-cache-read-input-token-count", 3000, "0.9", "", "Usage"),
    ("Amazon Web Services", "111", 11, "USE1-ClaudeZ-1-cache-read-input-token-count", 4500, "1.35", "", "Usage"),
    ("Amazon Web Services", "111", 12, "USE1-ClaudeZ-1-cache-read-input-token-count", 3500, "1.05", "", "Usage"),
    ("Amazon Web Services", "111", 13, "USE1-ClaudeZ-1-cache-read-input-token-count", 1000, "0.3", "", "Usage"),
    ("Amazon Web Services", "111", 13, "USE1-NovaPro-input-tokens", 500, "0.4", "", "Usage"),
    ("Amazon Web Services", "111", (1, 30), "Provisioned throughput", None, "200", "", "Purchase"),
    ("Amazon Web Services", "111", (1, 30), "Goodwill", None, "-3.5", "", "Adjustment"),
    ("Microsoft", "sub-1", (1, 30), "gpt-w Inp glbl Tokens", 2200, "4.4", "4.4", "Usage"),
    ("Microsoft", "sub-1", 25, "Euro line", None, "9", "", "Tax"),  # in another currency, below
]
IN_EURO = frozenset({"Euro line"})

GPT_X, GPT_Y = "gpt-x-2026-01-01", "gpt-y"
CLAUDE_AWS = "ClaudeZ-1"

# (provider, account, model or words, unit, first day): causes in USD
EXPECTED: dict[tuple[str, str, str, str, int], dict[str, str]] = {
    ("openai", "proj-a", GPT_X, "output", 3): {"missing": "2"},  # 250,000 x 8
    ("openai", "proj-a", GPT_X, "input_uncached", 5): {"duplicates": "-1"},  # 500,000 x 2
    ("openai", "proj-a", GPT_X, "cache_read", 19): {"day_boundary": "0.6"},  # 600,000 x 1, a day early
    ("openai", "proj-a", GPT_X, "cache_read", 20): {"day_boundary": "-0.6"},
    ("openai", "proj-a", "assistants api | file search", "", 21): {"unexplained": "0.42"},
    ("openai", "proj-b", GPT_Y, "output", 16): {"price": "1"},  # the vendor's price rose from 4 to 5 that day
    ("openai", "proj-b", GPT_Y, "output", 17): {"price": "1"},
    ("openai", "proj-b", GPT_Y, "input_uncached", 7): {"rounding": "-0.004"},  # 1.234 as 1.23
    ("openai", "proj-b", "old-model", "input_uncached", 8): {"unpriced": "3"},  # we know no price
    ("openai", "proj-zzz", GPT_X, "input_uncached", 5): {"not_ours": "1.8"},
    ("openai", "proj-a", "credit", "", 1): {"credits": "-25"},
    ("anthropic", "ws-1", "Claude Z 1", "input_uncached", 4): {"discount": "-0.6"},
    ("anthropic", "ws-1", "tax", "", 1): {"tax": "7.77"},
    ("aws", "111", CLAUDE_AWS, "cache_read", 10): {"day_boundary": "-0.3"},  # 1,000,000 x 0.3 to the 11th
    ("aws", "111", CLAUDE_AWS, "cache_read", 11): {"day_boundary": "0.15"},  # 500,000 on to the 12th
    ("aws", "111", CLAUDE_AWS, "cache_read", 12): {"day_boundary": "-0.15"},  # 1,000,000 on to the 13th
    ("aws", "111", CLAUDE_AWS, "cache_read", 13): {"day_boundary": "0.3"},
    ("aws", "111", "NovaPro", "input_uncached", 13): {"not_ours": "0.4"},
    ("aws", "111", "purchase", "", 1): {"fees": "200"},
    ("aws", "111", "adjustment", "", 1): {"adjustments": "-3.5"},
    ("azure", "sub-1", "gpt-w", "input_uncached", 1): {"missing": "0.2"},  # 100,000 x 2, on a line for the month
    ("mistral", "m-1", "mistral-q", "input_uncached", 6): {"not_billed": "-1.2"},
}


def prices() -> PriceList:
    """The rates as a price list of ours; pico-USD for one token are the millions' USD times a million."""
    lines = {}
    for model, usd in RATES.items():
        amounts = tuple(int(Decimal(usd[name]) * 10**6) if name in usd else None for name in BUCKETS)
        free = tuple(0 if name == "requests" else value for name, value in zip(BUCKETS, amounts, strict=True))
        lines[model] = Line("any", model, (Window(((0, Rate(free, "list")),)),))
    return PriceList(models=lines)


def events() -> list[UsageEvent]:
    """The calls: each line of CALLS as several."""
    found = []
    for number, (provider, account, model, bucket, day, thousands) in enumerate(CALLS):
        parts = (thousands * 600, thousands * 400)
        for part, tokens in enumerate(parts):
            found.append(
                UsageEvent(
                    id=f"{number}-{part}",
                    time=datetime(2026, 9, day, 3 + 9 * part, tzinfo=UTC),
                    source="app",
                    provider=provider,
                    model=model,
                    usage=Usage(**{bucket: tokens}),
                    tags={"account": account},
                )
            )
    return found


def write_focus(path: Path, *, only: str = "") -> Path:
    """The bills as one FOCUS 1.2 file."""
    rows = []
    for provider, account, days, words, thousands, billed, listed, category in LINES:
        if only and provider != only:
            continue
        first, last = days if isinstance(days, tuple) else (days, days)
        quantity = {} if thousands is None else {"ConsumedQuantity": str(thousands), "ConsumedUnit": "1K tokens"}
        rows.append(
            {
                "ProviderName": provider, "PublisherName": provider, "InvoiceIssuerName": provider,
                "BillingAccountId": "org", "SubAccountId": account,
                "BillingCurrency": "EUR" if words in IN_EURO else "USD", "BillingPeriodStart": "2026-09-01T00:00:00Z",
                "BillingPeriodEnd": "2026-10-01T00:00:00Z", "ChargePeriodStart": f"2026-09-{first:02d}T00:00:00Z",
                "ChargePeriodEnd": f"{date(2026, 9, last) + timedelta(days=1)}T00:00:00Z", "ChargeCategory": category,
                "ServiceCategory": "AI and Machine Learning", "ChargeDescription": words, "BilledCost": billed,
                "ListCost": listed, "ConsumedQuantity": "", "ConsumedUnit": "", **quantity,
            }
        )  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
