"""What the answers in other modules need of an open ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stackledger.ledger.engines.base import Engine

if TYPE_CHECKING:
    from stackledger.ledger.per_user.declared import Declared


class Open(Protocol):
    """An open ledger, the time, and what is said about both."""

    @property
    def engine(self) -> Engine:
        """The store."""

    def now_us(self) -> int:
        """Microseconds UTC."""

    def book(self) -> str:
        """The version of the price book in force."""

    def waiting(self) -> tuple[int, float]:
        """How many events wait to be applied, and for how many seconds the oldest has."""

    @property
    def declared(self) -> Declared:
        """What the configuration declares: rates of currencies, the cost per active user."""
