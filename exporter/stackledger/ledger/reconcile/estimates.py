"""Our own side of the comparison: what calls used by day, as the ledger has them now or had them at a close."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from stackledger.ledger.attributes import TAG
from stackledger.ledger.charges.names import sender
from stackledger.ledger.dimensions import Context
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pages import contexts
from stackledger.ledger.periods import midnight
from stackledger.ledger.reconcile.values import Estimate
from stackledger.ledger.used import Close, Edges, by_bucket, rates, used

EPOCH: Final = date(1970, 1, 1)
UTC_ZONE: Final = ZoneInfo("UTC")


def estimates(
    engine: Engine,
    first_day: int,
    until_day: int,
    account: str = "",
    zones: Mapping[str, ZoneInfo] | None = None,
    *,
    close: Close | None = None,
) -> list[Estimate]:
    """Units and cost by day, provider, account, model and bucket.

    `account` is the attribute that names it. Days are UTC, but for providers with a zone, whose days are that zone's.
    """
    of_provider = zones or {}
    found = []
    for zone in {UTC_ZONE, *of_provider.values()}:
        edges = [(midnight(_date(day), zone), midnight(_date(day + 1), zone)) for day in range(first_day, until_day)]
        days = _Days(engine, first_day, account, close)
        found += [one for one in days.sums(edges) if of_provider.get(one.provider, UTC_ZONE) == zone]
    return sorted(found)


class _Days:
    """The sums of some days."""

    def __init__(self, engine: Engine, first_day: int, account: str, close: Close | None) -> None:
        self._engine = engine
        self._first = first_day
        self._account = account
        self._close = close

    def sums(self, edges: Edges) -> list[Estimate]:
        """Of all providers."""
        rows = used(self._engine, edges, close=self._close)
        known = contexts(self._engine, sorted({one.context for one in rows})) if rows else {}
        amounts = rates(self._engine, [one.rate for one in rows])
        sums: dict[tuple[str, str, int, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for one in rows:
            context = known[one.context]
            owner = (sender(context.provider), account_of(context, self._account))
            for bucket, units, cost in by_bucket(one.units, amounts[one.rate], one.cost):
                if bucket == "requests" and not cost:
                    continue  # calls are counted in it; hardly anybody bills them
                line = sums[*owner, self._first + one.period, context.model, bucket]
                line[0] += units
                line[1] += units if one.cost is None else 0
                line[2] += cost
        return [Estimate(*key, *line) for key, line in sums.items()]


def _date(day: int) -> date:
    return EPOCH + timedelta(day)


def account_of(context: Context, attribute: str) -> str:
    """The account that a call says it is of; empty where none is asked for."""
    if not attribute:
        return ""
    if attribute.startswith(TAG):
        tags: dict[str, str] = json.loads(context.tags) if context.tags else {}
        return tags.get(attribute.removeprefix(TAG), "")
    return str(getattr(context, attribute))
