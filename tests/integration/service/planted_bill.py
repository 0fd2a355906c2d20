"""The invoices of a month for the console: what our calls come to, with a few differences on purpose.

openai sends an invoice that rounds, has tax and credit, and bills ten thousand tokens more on one day. anthropic bills
one line that nobody understands. google's bill ends five days before the month does.
"""

from __future__ import annotations

import csv
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

MISSED_DAY, MISSED_MODEL = 10, "gpt-4.1"
TAX, CREDIT, UNKNOWN = "190.00", "-25.00", "6.66"
GOOGLE_UNTIL = 25


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """From the lines of `costs reconcile --json` of a month without bills."""
    rows: list[dict[str, str]] = []
    for line in lines:
        day, provider = int(line["first"][-2:]), line["provider"]
        if line["estimated_usd"] == "0.00" or (provider == "google" and day > GOOGLE_UNTIL):
            continue
        units, usd = Decimal(line["estimated_units"].replace(",", "")), Decimal(line["estimated_usd"])
        missed = provider == "openai" and (day, line["model"], line["unit"]) == (MISSED_DAY, MISSED_MODEL, "output")
        billed = units + 10_000 if missed else units
        amount = usd * billed / units
        rows.append(
            {
                "provider": provider, "day": line["first"], "model": line["model"], "unit": line["unit"],
                "quantity": str(billed), "amount": str(amount.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)),
                "invoice": "INV-7" if provider == "openai" else "",
            }
        )  # fmt: skip
    month = lines[0]["first"][:8]
    rows += [
        {"provider": "openai", "day": f"{month}28", "category": "tax", "amount": TAX, "invoice": "INV-7"},
        {"provider": "openai", "day": f"{month}28", "category": "credit", "amount": CREDIT, "invoice": "INV-7"},
        {"provider": "anthropic", "day": f"{month}20", "sku": "Platform usage", "amount": UNKNOWN},
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, ["provider", "day", "model", "unit", "sku", "quantity", "amount", "category", "invoice"]
        )
        writer.writeheader()
        writer.writerows(rows)
    return path
