"""What the configuration declares for a ledger's answers: the rates of currencies, and the cost per active user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stackledger.ledger.per_user.definition import Definition
from stackledger.ledger.rates import Rates
from stackledger.ledger.reconcile.answers import Terms

AskPrometheus = Callable[[str, float], float]
"""The value of an expression at a Unix time. Raises UnreachableError, or QuestionError where it gives no one value."""


@dataclass(frozen=True, slots=True)
class Declared:
    """All of it. `rates` reads the table and raises QuestionError where it cannot; `terms` is how bills are read."""

    definition: Definition | None = None
    terms: Terms = field(default_factory=Terms)
    rates: Callable[[], Rates] = Rates
    prometheus: AskPrometheus | None = None
