"""The cost per active user in a statement: of the same calls and the same deliveries as the rest of it."""

from __future__ import annotations

from stackledger.errors import QuestionError
from stackledger.ledger.asked import Open
from stackledger.ledger.per_user.answers import per_user
from stackledger.ledger.per_user.facts import facts_of
from stackledger.ledger.per_user.values import PerUserRequest
from stackledger.ledger.statements.facts import Facts


def prepare(ledger: Open, month: str) -> None:
    """Let the declared source of users tell its number, so that it is among the deliveries that are then counted."""
    if ledger.declared.definition is not None:
        per_user(ledger, PerUserRequest(month))


def per_user_facts(ledger: Open, month: str, delivery: int, calls: int) -> Facts:
    """What the statement says of it: nothing where nobody defined it.

    `calls` is how many the statement counts. Raises QuestionError where others came meanwhile.
    """
    if ledger.declared.definition is None:
        return {}
    reply = per_user(ledger, PerUserRequest(month), as_of=delivery)
    if reply.calls != calls:
        raise QuestionError(f"calls of {month} came while its statement was made: close it again")
    return {"per_user": facts_of(reply)}
