"""What the tests of the ledger build: events, batches of rows, a price list, and what a ledger should then hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from stackledger.ledger.apply import Applier, Gathered
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.engines.base import Applied, Engine, Refused
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.prices.book import Line, PriceBook, Rate, Window
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.record import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ATTRIBUTES = ("source", "provider", "model", "team", "feature", "environment", "api_key", "region", "service_tier")


def flat_rate(pico: int) -> Line:
    """The same price for every unit of every bucket."""
    return Line("any", "any", (Window(((0, Rate((pico,) * len(BUCKETS), f"{pico} a unit")),)),))


@dataclass
class PriceList:
    """Pico-USD for one unit by model; a model that is not in it has no price."""

    version: str = "book-1"
    models: dict[str, Line] = field(default_factory=lambda: {f"m{n}": flat_rate(n * 7 + 1) for n in range(9)})

    def with_book(self, book: PriceBook) -> PriceList:
        return self

    def line(self, provider: str, model: str, region: str, service_tier: str) -> Line | Unpriced:
        return self.models.get(model) or Unpriced(f"no price for {model}")


PRICES = PriceList()


def event(number: int | str, *, minutes: float = 0, tokens: int = 10, **attributes: Any) -> UsageEvent:
    """A call. Its id comes from `number`, its time is noon plus some minutes."""
    known = {"provider": "p", "model": "m1", "source": "s", "user": "u"} | attributes
    name = number if isinstance(number, str) else f"call-{number}"
    usage = known.pop("usage", None) or Usage(input_uncached=tokens, output=tokens // 2)
    return UsageEvent(id=name, time=NOON + timedelta(minutes=minutes), usage=usage, **known)


def varied(numbers: Sequence[int]) -> list[UsageEvent]:
    """Calls that differ in every attribute."""
    return [
        event(
            n, minutes=n % 4000, tokens=n % 977, source=f"s{n % 2}", provider=f"p{n % 3}", model=f"m{n % 11}",
            team=f"t{n % 5}", feature=f"f{n % 4}", environment=f"e{n % 2}", api_key=f"k{n % 7}", region=f"r{n % 3}",
            service_tier=("", "batch")[n % 2], user=f"u{n % 13}", tags={"x": str(n % 3)} if n % 3 else {},
        )
        for n in numbers
    ]  # fmt: skip


class Ledger:
    """An engine with the applier's own way of making rows, but no inbox: a batch's number is given."""

    def __init__(self, engine: Engine, prices: Any = PRICES) -> None:
        self.engine = engine
        self._applier = Applier(_NoInbox(), engine, lambda: prices)  # type: ignore[arg-type]

    def put(self, events: Sequence[UsageEvent], batch: int, refused: Sequence[Refused] = ()) -> Applied:
        """Apply events as the batch of this number."""
        gathered = Gathered(list(events), [batch] * len(events), list(refused), batch)
        rows = self._applier.rows(gathered, {batch: batch * 1000}) if events else _empty(self._applier)
        return self.engine.apply(rows, gathered.refused, batch)

    def by_topic(self, events: Sequence[UsageEvent], offset: int) -> Applied:
        """Apply events as the message before this offset of a topic."""
        return self._applier.take([Record(events)], 1000, {("usage", 0): offset})

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        (row,) = self.engine.query(sql, parameters)
        return row[0] if len(row) == 1 else row

    def state(self) -> dict[str, Any]:
        """All that must not depend on how the events came: calls with what they mean, and the sums."""
        names = ", ".join(f"x.{name}" for name in (*ATTRIBUTES, "tags"))
        buckets = ", ".join(BUCKETS)
        calls = self.engine.query(
            f"SELECT c.day, c.id, c.ts, {names}, p.name, c.cost, {buckets} FROM llm_call c"
            " JOIN context x ON x.id = c.context JOIN person p ON p.id = c.person ORDER BY x.source, c.day, c.id"
        )
        sums = ", ".join(f"sum({name})" for name in ("events", "unpriced", "cost", *BUCKETS))
        quarters = self.engine.query(
            f"SELECT q.quarter, {names}, {sums} FROM quarter q JOIN context x ON x.id = q.context"
            f" GROUP BY q.quarter, {names} ORDER BY q.quarter, {names}"
        )
        return {"calls": calls, "quarters": quarters, "consistent": self.consistent()}

    def consistent(self) -> bool:
        """The sums by quarter are those of the calls."""
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in ("cost", *BUCKETS))
        calls = self.one(f"SELECT count(*), count(*) - count(cost), {sums} FROM llm_call")
        kept = self.one(f"SELECT coalesce(sum(events), 0), coalesce(sum(unpriced), 0), {sums} FROM quarter")
        assert calls == kept
        assert all(type(value) is int for value in (*calls, *kept))
        return True


class _NoInbox:
    def read(self, after: int, events: int) -> list[Any]:
        return []


def _empty(applier: Applier) -> Any:
    return applier.rows(Gathered([event(0)], [0], [], 0), {}).take(np.zeros(1, np.bool_))


def reference(batches: Sequence[Sequence[UsageEvent]], prices: PriceList = PRICES) -> dict[Any, tuple[Any, int | None]]:
    """What a ledger should hold: for each key the first body and its cost."""
    found: dict[Any, tuple[Any, int | None]] = {}
    for one in (one for batch in batches for one in batch):
        line = prices.line(one.provider, one.model, one.region, one.service_tier)
        units = sum(getattr(one.usage, name) for name in BUCKETS)
        cost = line.rate_at(0, 0).per_unit[0] * units if isinstance(line, Line) else None
        found.setdefault((one.source, one.time.date(), one.id), (one, cost))
    return found


OpenEngine = Callable[[], Engine]


def facts_of(ledger: Ledger) -> list[dict[str, Any]]:
    """What the rates that are stored are made of."""
    return [json.loads(facts) for (facts,) in ledger.engine.query("SELECT facts FROM rate ORDER BY id")]
