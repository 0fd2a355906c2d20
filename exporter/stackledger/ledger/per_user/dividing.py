"""From what a month cost and how many used it to what falls on one of each."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stackledger.ledger.per_user.arithmetic import THOUSAND, per, split_by_user
from stackledger.ledger.per_user.calls import Calls
from stackledger.ledger.per_user.definition import Definition, Part
from stackledger.ledger.per_user.values import PartTold, PerUserReply, UserRow


def divided(
    found: PerUserReply, amounts: Mapping[Part, int], calls: Calls, users: int, rows: Definition | None
) -> PerUserReply:
    """The values; with a definition also the rows by user."""
    each = list(amounts.values())
    columns = {
        "per_user": per(each, users),
        "per_request": per(each, calls.calls),
        "per_thousand_tokens": per(each, calls.tokens, THOUSAND),
    }
    parts = [
        PartTold(part, str(amount), *(None if column is None else str(column[place]) for column in columns.values()))
        for place, (part, amount) in enumerate(amounts.items())
    ]
    totals = {name: None if column is None else str(sum(column)) for name, column in columns.items()}
    by_user = list[UserRow]()
    if rows is not None:
        lines, rest = split_by_user(amounts, calls.users or (), users, rows.key)
        by_user = [
            UserRow(
                one.name, one.users, one.calls, {part: str(value) for part, value in one.parts.items()}, str(one.total)
            )
            for one in [*sorted(lines, key=lambda line: (-line.total, line.name)), *([rest] if rest else [])]
        ]
    return msgspec.structs.replace(found, parts=parts, total=str(sum(each)), rows=by_user, **totals)
