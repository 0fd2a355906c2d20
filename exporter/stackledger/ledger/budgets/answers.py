"""What can be asked of budgets: to set an amount aside, to settle it, to give it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stackledger import money
from stackledger.errors import QuestionError
from stackledger.ledger.asking import Nothing, ReleaseRequest, ReserveRequest, Settled, SettleRequest
from stackledger.ledger.buckets import INPUT_TOKENS, Usage
from stackledger.ledger.budgets.reservations import Granted, Reservations
from stackledger.ledger.prices.book import cost
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.pricing import Prices


class BudgetAnswers:
    """The answers about budgets. `pseudonym` is what the ledger keeps in place of a user."""

    def __init__(
        self,
        reservations: Reservations,
        prices: Callable[[], Prices],
        now_us: Callable[[], int],
        pseudonym: Callable[[str], str] | None,
    ) -> None:
        self._reservations = reservations
        self._prices = prices
        self._now_us = now_us
        self._pseudonym = pseudonym

    def reserve(self, request: ReserveRequest) -> Granted:
        """Set an amount aside in every hard budget that covers it, or say which has not enough.

        Raises QuestionError for an amount that is none, or a model whose price is not known: a budget that cannot be
        checked is not passed.
        """
        now_us = self._now_us()
        attributes = {"provider": request.provider, "model": request.model, **request.attributes}
        amount = self._bound(request, attributes, now_us)
        return self._reservations.reserve(request.id, self._hidden(attributes), amount, now_us, request.seconds)

    def settle(self, request: SettleRequest) -> Settled:
        """What the call did cost takes the place of what was set aside."""
        event = request.event
        at_us = round(event.time.timestamp() * 1e6)
        place = (event.provider, event.model, event.region, event.service_tier)
        amount = self._cost(event.usage, at_us, *place)
        self._reservations.settle(request.id, amount or 0, request.seq)
        return Settled(None if amount is None else str(amount))

    def release(self, request: ReleaseRequest) -> Nothing:
        """What was set aside is free again."""
        self._reservations.release(request.id)
        return Nothing()

    def _bound(self, request: ReserveRequest, attributes: Mapping[str, str], now_us: int) -> int:
        if request.usd:
            try:
                return money.parse(request.usd)
            except ValueError as error:
                raise QuestionError(f"usd: {error}") from None
        if request.usage is None:
            raise QuestionError("give `usd`, or `provider`, `model` and `usage` with the most that the call may use")
        place = (request.provider, request.model, attributes.get("region", ""), attributes.get("service_tier", ""))
        amount = self._cost(request.usage, now_us, *place)
        if amount is None:
            raise QuestionError(f"no price of {request.model} ({request.provider}) is known: give `usd`")
        return amount

    def _cost(self, usage: Usage, at_us: int, *place: str) -> int | None:
        """Pico-USD of a call at a time; `place` is provider, model, region and service tier."""
        line = self._prices().line(*place)
        if isinstance(line, Unpriced):
            return None
        tokens = sum(getattr(usage, name) for name in INPUT_TOKENS)
        return cost(line.rate_at(at_us, tokens), usage)

    def _hidden(self, attributes: dict[str, str]) -> dict[str, str]:
        """The attributes as the ledger keeps them."""
        user = attributes.get("user", "")
        return attributes | {"user": self._pseudonym(user)} if self._pseudonym is not None and user else attributes
