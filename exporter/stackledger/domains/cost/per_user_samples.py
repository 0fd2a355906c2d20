"""From a month's cost per active user to samples: values only where all of it is known."""

from __future__ import annotations

from stackledger.collect.snapshot import Part
from stackledger.domains.cost import per_user_metrics as m
from stackledger.ledger.per_user.values import PerUserReply
from stackledger.money import to_float


def add_per_user(part: Part, reply: PerUserReply) -> None:
    """The last month as it was computed."""
    for reason in {one.reason for one in reply.reasons}:
        part.add(m.PER_USER_KNOWN, 0, reason)
    if reply.definition:
        facts = reply.facts
        part.add(m.MONTH_END, reply.until_us / 1e6)
        part.add(
            m.PER_USER_INFO, 1, reply.month, reply.zone, facts["llm"], facts["infrastructure"], facts["engineering"],
            facts["users"], facts["key"],
        )  # fmt: skip
        part.add(m.PER_USER_TARGET, _usd(reply.target))
    if not reply.known:
        return
    part.add(m.PER_USER_KNOWN, 1, m.KNOWN)
    part.add(m.ACTIVE_USERS, reply.users)
    for one in reply.parts:
        part.add(m.LOADED_COST, _usd(one.amount), one.part)
        part.add(m.PER_USER_COST, _usd(one.per_user), one.part)
        part.add(m.PER_REQUEST_COST, _usd(one.per_request), one.part)
        part.add(m.PER_TOKENS_COST, _usd(one.per_thousand_tokens), one.part)


def _usd(pico: str | None) -> float | None:
    return None if pico is None else to_float(int(pico))
