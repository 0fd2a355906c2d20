"""Pricing must not cost a start: what is slow to import stays out of it."""

from __future__ import annotations

import subprocess
import sys


def test_a_process_that_prices_calls_does_not_import_the_source_of_prices() -> None:
    code = (
        "import sys, stackledger.ledger.prices.resolve, stackledger.ledger.prices.history, "
        "stackledger.ledger.prices.compile, stackledger.ledger.prices.compare; "
        "print({m.split('.')[0] for m in sys.modules} & {'genai_prices', 'pydantic', 'fastapi', 'duckdb', 'httpx'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
