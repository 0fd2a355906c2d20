"""How many active users a month had, as the declared source tells; what Prometheus told is kept in the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from stackledger.errors import QuestionError, StorageError, UnreachableError
from stackledger.ledger.asked import Open
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import deliver
from stackledger.ledger.per_user.counts import KIND, MOST, Count, counted, line_of
from stackledger.ledger.per_user.definition import Definition, Reason, Source, Why
from stackledger.ledger.periods import Period

MONTH: Final = "$month"
"""Stands in an expression for the month's length, as 2678400s."""
_INSTANT_US: Final = 1000


class Users(NamedTuple):
    """How many, and where it is from; or why nobody knows."""

    number: int | None
    told: str
    why: Why | None = None


def told_users(
    ledger: Open, definition: Definition, days: tuple[date, date], month: Period, as_of: int | None = None
) -> Users:
    """The number that somebody else than the ledger tells.

    Prometheus is asked once a month is over, unless its answer is in the ledger already.
    """
    query = expression(definition.query, month)
    found = counted(ledger.engine, definition.users, days, query, as_of)
    if found is not None:
        return Users(found.users, _told(definition.users, found))
    if definition.users is Source.IMPORTED:
        words = f"nobody told the active users of {month.label}: `costs import --format users` with month,users"
        return Users(None, "", Why(Reason.USERS_NOT_TOLD, words))
    if ledger.now_us() < month.until_us or as_of is not None:
        words = f"Prometheus is asked once {month.label} is over, and has not told its number yet"
        return Users(None, "", Why(Reason.USERS_NOT_TOLD, words))
    try:
        return Users(_asked(ledger, query, days, month), f"Prometheus, asked now: {query}")
    except (QuestionError, UnreachableError, StorageError) as error:
        return Users(None, "", Why(Reason.USERS_NOT_TOLD, str(error)))


def expression(query: str, month: Period) -> str:
    """The expression for a month."""
    return query.replace(MONTH, f"{(month.until_us - month.from_us) // 1_000_000}s")


def _asked(ledger: Open, query: str, days: tuple[date, date], month: Period) -> int:
    """What Prometheus says, which is then in the ledger."""
    ask = ledger.declared.prometheus
    if ask is None:
        raise QuestionError("nobody knows where Prometheus is: set prometheus.url")
    value = ask(query, (month.until_us - _INSTANT_US) / 1e6)  # the last instant of the month
    if not 0 <= value < MOST or value != int(value):
        raise QuestionError(f"{query} gives {value:g}, which is no number of users: round it in the expression")
    line = line_of(Source.PROMETHEUS, days, int(value), query=query)
    deliver(ledger.engine, identified([line]), ledger.now_us())
    return int(value)


def _told(source: Source, found: Count) -> str:
    at = datetime.fromtimestamp(found.imported_us / 1e6, UTC).isoformat(timespec="seconds")
    return f"{'imported' if source is Source.IMPORTED else 'Prometheus'}, {KIND} of delivery {found.delivery} at {at}"
