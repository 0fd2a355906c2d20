from __future__ import annotations

from datetime import date

import pytest

from stackledger.ledger.prices.book import PriceBook
from stackledger.ledger.prices.compile import compile_book
from stackledger.ledger.prices.resolve import Resolver


@pytest.fixture(scope="session")
def published() -> PriceBook:
    """The book of the pinned genai-prices, compiled once."""
    return compile_book(date(2026, 11, 26))


@pytest.fixture(scope="session")
def resolver(published: PriceBook) -> Resolver:
    """Lines at list price."""
    return Resolver(published)
