"""Corrections on both engines: what was stored stays, and every way of asking counts what changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from stackledger.ledger.engines.base import Engine
from stackledger.ledger.explain import explain
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.reprice import Repriced, reprice
from tests.integration.ledger.building import Ledger, PriceList, flat_rate, varied

WHOLE = (date(2026, 2, 27), date(2026, 3, 6))
UTC = ZoneInfo("UTC")
DEARER = PriceList("book-2", {f"m{n}": flat_rate(n * 7 + (4 if n == 3 else 1)) for n in range(11)})


def _in_march(engine: Engine, prices: PriceList, *, only_unpriced: bool) -> Repriced:
    from_us, until_us = 1_772_000_000_000_000, 1_773_000_000_000_000
    return reprice(
        engine, prices, from_us=from_us, until_us=until_us, only_unpriced=only_unpriced, cause="test", made_us=5
    )


def _asked(engine: Engine, by: tuple[str, ...]) -> list[tuple[tuple[str, ...], int, int, int]]:
    return [(one.keys, one.events, one.unpriced, one.cost) for one in ask(engine, Question(by, *WHOLE, UTC)).lines]


def test_repriced_calls_sum_alike_however_they_are_asked_for(engine: Engine) -> None:
    ledger = Ledger(engine)
    for batch in range(1, 4):
        ledger.put(varied(range(batch * 100, batch * 100 + 100)), batch)
    stored = "SELECT source_id, day, id, rate, cost FROM llm_call ORDER BY source_id, day, id"
    before = engine.query(stored)
    (whole,) = _asked(engine, ())
    done = _in_march(engine, DEARER, only_unpriced=False)
    assert done.newly_priced == whole[2] > 0
    assert done.changed > done.newly_priced
    assert engine.query(stored) == before
    (after,) = _asked(engine, ())
    assert after == ((), whole[1], 0, whole[3] + done.difference)
    for by in (("user",), ("model",), ("day", "team"), ("user", "model")):
        lines = _asked(engine, by)
        assert (sum(one[1] for one in lines), sum(one[2] for one in lines), sum(one[3] for one in lines)) == after[1:]
    told = explain(engine, Question((), *WHOLE, UTC))
    assert (told.calls, told.unpriced, told.cost) == after[1:]
    assert _in_march(engine, DEARER, only_unpriced=False).changed == 0


def test_only_what_had_no_price_is_priced_unless_all_is_asked_for(engine: Engine) -> None:
    Ledger(engine).put(varied(range(100)), 1)
    (whole,) = _asked(engine, ())
    done = _in_march(engine, DEARER, only_unpriced=True)
    assert done.changed == done.newly_priced == whole[2]


def test_views_for_people_with_sql_show_what_is_in_force(engine: Engine, kind: str) -> None:
    if kind != "postgres":
        return  # the embedded ledger is one process's own
    Ledger(engine).put(varied(range(100)), 1)
    _in_march(engine, DEARER, only_unpriced=False)
    (whole,) = _asked(engine, ())
    for view in ("call_cost", "quarter_cost"):
        ((told,),) = engine.query(f"SELECT sum(cost_usd) * 1000000000000 FROM {view}")
        assert Decimal(told) == whole[3]
    users = engine.query("SELECT user_name, count(*) FROM call_cost GROUP BY 1 ORDER BY 1")
    assert sum(count for _, count in users) == 100
