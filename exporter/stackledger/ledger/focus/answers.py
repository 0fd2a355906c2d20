"""A day of calls as lines of FOCUS: one for each context, user, rate and bucket, whose costs sum to the report's.

A month that was closed is shown as it was closed; what came or changed since stands on lines of its own, as
corrections. Calls without a known price are on no line: a cost that is not known cannot be billed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from stackledger.ledger.asked import Open
from stackledger.ledger.buckets import TOKENS
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pages import contexts
from stackledger.ledger.periods import whole, zone_named
from stackledger.ledger.statements.store import close_of, frontier
from stackledger.ledger.used import Changed, Close, Edges, Used, by_bucket, changed, rates, used

_UNITS: Final = {
    "web_search": "Searches",
    "file_search": "Searches",
    "pages": "Pages",
    "annotated_pages": "Pages",
    "characters": "Characters",
    "audio_input_ms": "Milliseconds",
    "audio_output_ms": "Milliseconds",
    "requests": "Requests",
}
_MANY: Final = 500


class FocusRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day of a zone. Without `users` the lines of all users are one."""

    day: date
    zone: str
    users: bool = True


class FocusLine(msgspec.Struct, frozen=True, array_like=True):
    """A line. Amounts are pico-USD in decimal digits; a correction of an amount alone has no units and no price."""

    context: tuple[str, ...]
    user: str
    bucket: str
    unit: str
    units: int | None
    price: str | None
    cost: str
    book: str
    correction: bool


class FocusReply(msgspec.Struct, frozen=True):
    """The day's lines, and how many calls have no known price and so are on none."""

    lines: list[FocusLine]
    unpriced: int


def unit_of(bucket: str) -> str:
    """The unit of a bucket, as FOCUS writes units."""
    return "Tokens" if bucket in TOKENS else _UNITS[bucket]


def focus_day(ledger: Open, request: FocusRequest) -> FocusReply:
    """The lines of a day."""
    zone = zone_named(request.zone)
    span = whole(request.day, request.day, zone)
    edges = [(span.from_us, span.until_us)]
    engine = ledger.engine
    close = close_of(engine, f"{request.day:%Y-%m}", request.zone)
    base = used(engine, edges, people=request.users, close=close)
    late = used(engine, edges, people=request.users, close=close, late=frontier(engine)) if close else []
    changes = changed(engine, edges, close, people=request.users) if close else []
    lines = _Lines(engine, [*base, *late], changes, users=request.users)
    found = [line for one in base for line in lines.of_used(one, correction=False)]
    found += [line for one in late for line in lines.of_used(one, correction=True)]
    found += [line for one in changes if (line := lines.of_changed(one)) is not None]
    unpriced = sum(one.calls for one in [*base, *late] if one.cost is None)
    return FocusReply(found, unpriced - _priced_since(engine, edges, close))


def _priced_since(engine: Engine, edges: Edges, close: Close | None) -> int:
    """Calls that got, less those that lost, a price by corrections since the close."""
    if close is None:
        return 0
    (row,) = engine.query(
        "SELECT coalesce(sum(CASE WHEN cost_before IS NULL THEN 1 ELSE 0 END - CASE WHEN cost IS NULL THEN 1 ELSE 0"
        " END), 0) FROM correction WHERE ts >= ? AND ts < ? AND number > ?",
        [edges[0][0], edges[-1][1], close.correction],
    )
    return int(row[0])


class _Lines:
    """What the numbers in rows mean."""

    def __init__(self, engine: Engine, rows: list[Used], changes: list[Changed], *, users: bool) -> None:
        numbers = sorted({one.context for one in rows} | {one.context for one in changes})
        self._contexts = contexts(engine, numbers) if numbers else {}
        self._rates = rates(engine, [one.rate for one in rows])
        self._books = _named(engine, "rate", "book", {one.rate for one in rows} | {one.rate for one in changes})
        people = {one.person for one in rows} | {one.person for one in changes}
        self._people = _named(engine, "person", "name", people) if users else {}

    def of_used(self, one: Used, *, correction: bool) -> Iterator[FocusLine]:
        """A line for each bucket that was used; none where no price is known."""
        if one.cost is None:
            return
        rate = self._rates[one.rate]
        for bucket, units, cost in by_bucket(one.units, rate, one.cost):
            if bucket == "requests" and not cost:
                continue  # calls are no unit that anybody sells, unless they have a price
            yield FocusLine(
                context=tuple(self._contexts[one.context]),
                user=self._people.get(one.person, ""),
                bucket=bucket,
                unit=unit_of(bucket),
                units=units,
                price=str(rate.get(bucket, 0)),
                cost=str(cost),
                book=self._books.get(one.rate, ""),
                correction=correction,
            )

    def of_changed(self, one: Changed) -> FocusLine | None:
        """One line for what a new price changed; none where it changed nothing."""
        cost = (one.after or 0) - (one.before or 0)
        if not cost:
            return None
        context = tuple(self._contexts[one.context])
        user = self._people.get(one.person, "")
        return FocusLine(context, user, "", "", None, None, str(cost), self._books.get(one.rate, ""), correction=True)


def _named(engine: Engine, table: str, column: str, numbers: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _MANY):
        some = wanted[start : start + _MANY]
        marks = ", ".join("?" for _ in some)
        found |= dict(engine.query(f"SELECT id, {column} FROM {table} WHERE id IN ({marks})", some))
    return found
