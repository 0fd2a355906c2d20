"""The cost per active user as plain values with exact decimals: for programs, and for a month's statement."""

from __future__ import annotations

from typing import Any

from stackledger import money
from stackledger.ledger.per_user.values import PartTold, PerUserReply


def exact(pico: str | None) -> str | None:
    """An amount as an exact decimal; what is not known stays None."""
    return None if pico is None else money.exact(int(pico))


def amounts_of(one: PartTold) -> dict[str, str | None]:
    """A part's amount and what falls on one of each."""
    return {
        "cost_usd": exact(one.amount),
        "per_user_usd": exact(one.per_user),
        "per_request_usd": exact(one.per_request),
        "per_thousand_tokens_usd": exact(one.per_thousand_tokens),
    }


def facts_of(reply: PerUserReply) -> dict[str, Any]:
    """All but the users."""
    return {
        "month": reply.month,
        "zone": reply.zone,
        "definition": reply.definition,
        "known": reply.known,
        "provisional": reply.provisional,
        "reasons": [{"reason": str(one.reason), "words": one.words} for one in reply.reasons],
        "notes": reply.notes,
        "active_users": reply.users,
        "active_users_from": reply.users_told,
        "users_with_calls": reply.users_with_calls,
        "calls": reply.calls,
        "tokens": reply.tokens,
        "cost_usd": exact(reply.total),
        "per_user_usd": exact(reply.per_user),
        "per_request_usd": exact(reply.per_request),
        "per_thousand_tokens_usd": exact(reply.per_thousand_tokens),
        "target_usd": exact(reply.target),
        "parts": [{"part": str(one.part), **amounts_of(one)} for one in reply.parts],
        "sources": [
            {
                "kind": one.kind,
                "source": one.source,
                "currency": one.currency,
                "amount": exact(one.amount),
                "usd": exact(one.usd),
                "rates": one.rates,
                "status": one.status,
            }
            for one in reply.sources
        ],
    }
